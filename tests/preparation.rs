//! Input preparation against NumPy and Pillow (`fixtures/prepare/make.py`).

use gyrus::error::Result;
use gyrus::imaging::{Channels, Samples, Scan};
use gyrus::model::{ChannelsWanted, Fit, Histogram, Input, Intensity, Level};
use serde::Deserialize;

/// Pillow's weights and ours are rounded differently.
const TOLERANCE: f32 = 3e-6;

#[derive(Deserialize)]
struct Fixture {
    height: usize,
    width: usize,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    width: usize,
    height: usize,
    maximum: usize,
    fit: Fit,
    intensity: Intensity,
    percentile: Option<f64>,
    expected: Vec<f32>,
}

/// The picture of `make.py`.
fn picture(case: &Case) -> Vec<usize> {
    let (width, height) = (case.width, case.height);
    let value = |x: usize, y: usize| {
        let border = x < width / 8 || y < height / 8;
        let pattern = (x * 37 + y * 91 + (x * y) % 53 * 11) % 251;
        if border { 0 } else { pattern * case.maximum / 250 }
    };
    (0..height).flat_map(|y| (0..width).map(move |x| value(x, y))).collect()
}

fn scan(case: &Case) -> Result<Scan> {
    let values = picture(case);
    let samples = match case.maximum {
        255 => Samples::U8(values.iter().map(|&v| u8::try_from(v).expect("8 bits")).collect()),
        _ => Samples::U16(values.iter().map(|&v| u16::try_from(v).expect("16 bits")).collect()),
    };
    Scan::new(case.width, case.height, Channels::Grey, samples)
}

#[test]
fn preparation_agrees_with_numpy_and_pillow() -> Result<()> {
    let fixture: Fixture =
        serde_json::from_str(include_str!("fixtures/prepare/expected.json")).expect("the fixture");
    assert_eq!(fixture.cases.len(), 7);
    for case in &fixture.cases {
        let input = Input {
            channels: ChannelsWanted::Grey,
            height: fixture.height,
            width: fixture.width,
            fit: case.fit,
            intensity: case.intensity,
            percentile: case.percentile,
            sequences: None,
            shown: None,
        };
        let tensor = input.prepare(&scan(case)?, None)?;
        let found = tensor.as_f32()?;
        assert_eq!(found.len(), case.expected.len());
        let worst = found.iter().zip(&case.expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(worst <= TOLERANCE, "{}x{}: off by {worst}", case.width, case.height);
    }
    Ok(())
}

#[derive(Deserialize)]
struct StackFixture {
    height: usize,
    width: usize,
    stacks: Vec<Stack>,
}

#[derive(Deserialize)]
struct Stack {
    width: usize,
    height: usize,
    maximum: usize,
    fit: Fit,
    /// What each slice becomes with the levels of all.
    together: Vec<Vec<f32>>,
    /// With its own.
    alone: Vec<Vec<f32>>,
}

impl Stack {
    /// A slice of `make.py`.
    fn slice(&self, number: usize) -> Result<Scan> {
        let (width, height) = (self.width, self.height);
        let value = |x: usize, y: usize, c: usize| {
            if x + 4 > width && y + 3 > height {
                240 - 20 * c
            } else if x < width / 5 || y < height / 5 {
                (x * 3 + y + c + number) % 34
            } else {
                90 + (x * 7 + y * 5 + c * 31 + number * 17) % 60 + 10 * number
            }
        };
        let place = |i: usize| (i / 3 % width, i / 3 / width, i % 3);
        let stored = (0..width * height * 3).map(place).map(|(x, y, c)| value(x, y, c) * self.maximum / 255);
        let samples = match self.maximum {
            255 => Samples::U8(stored.map(|v| u8::try_from(v).expect("8 bits")).collect()),
            _ => Samples::U16(stored.map(|v| u16::try_from(v).expect("16 bits")).collect()),
        };
        Scan::new(width, height, Channels::Rgb, samples)
    }
}

#[test]
fn deviations_over_a_stack_agree_with_numpy() -> Result<()> {
    let fixture: StackFixture =
        serde_json::from_str(include_str!("fixtures/prepare/stacks.json")).expect("the fixture");
    assert_eq!(fixture.stacks.len(), 3);
    for stack in &fixture.stacks {
        let input = Input {
            channels: ChannelsWanted::Rgb,
            height: fixture.height,
            width: fixture.width,
            fit: stack.fit,
            intensity: Intensity::ZScore,
            percentile: None,
            sequences: None,
            shown: None,
        };
        let scans: Vec<Scan> = (0..stack.alone.len()).map(|n| stack.slice(n)).collect::<Result<_>>()?;
        let mut whole = Histogram::default();
        scans.iter().for_each(|scan| whole.merge(&Histogram::of(scan, &input)));
        let levels = whole.levels();
        let compare = |scan: &Scan, levels: Option<&[Level; 3]>, expected: &[f32]| -> Result<()> {
            let tensor = input.prepare(scan, levels)?;
            let pairs = tensor.as_f32()?.iter().zip(expected);
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert_eq!(tensor.as_f32()?.len(), expected.len());
            // Five times as wide a range as that of the other preparations.
            assert!(worst <= 5.0 * TOLERANCE, "{}x{}, {levels:?}: off by {worst}", stack.width, stack.height);
            Ok(())
        };
        for ((scan, together), alone) in scans.iter().zip(&stack.together).zip(&stack.alone) {
            compare(scan, Some(&levels), together)?;
            compare(scan, None, alone)?;
        }
    }
    Ok(())
}
