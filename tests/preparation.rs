//! Input preparation against NumPy and Pillow (`fixtures/prepare/make.py`).

use gyrus::error::Result;
use gyrus::imaging::{Channels, Samples, Scan};
use gyrus::model::{ChannelsWanted, Fit, Input, Intensity};
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
