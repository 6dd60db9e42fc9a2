//! Masks, probabilities and figures as NumPy and Pillow have them.

use std::path::Path;

use image::DynamicImage;
use serde::Deserialize;
use serde_json::Value;

use super::common::command::{DEVICES, lines};
use super::{codes, fixture, mask, read, segment, text};

/// Of 65535: shaders and engines round exponentials in their own ways, and Pillow's weights differ from ours
/// in the last places. Devices that are this close to one judge are twice as close to each other.
const TOLERANCE: u16 = 8;
/// A pixel whose probability is this close to the threshold, of 65535, may fall on either side.
const NEAR: f64 = 65.535;

#[derive(Deserialize)]
struct Fixture {
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    model: String,
    threshold: f64,
    arguments: Vec<String>,
    slices: Vec<Slice>,
}

#[derive(Deserialize)]
struct Slice {
    file: String,
    warnings: Vec<String>,
    pixels: i64,
    area_mm2: Option<f64>,
    stack: Option<Stack>,
}

#[derive(Deserialize)]
struct Stack {
    slices: usize,
    pixels: i64,
    volume_ml: Option<f64>,
}

/// The values of probabilities, which must be 16-bit grey.
fn probabilities(path: &Path) -> image::ImageBuffer<image::Luma<u16>, Vec<u16>> {
    let DynamicImage::ImageLuma16(grey) = read(path) else { panic!("{}: not 16-bit grey", path.display()) };
    grey
}

#[test]
fn answers_are_numpys_and_pillows() {
    let fixture: Fixture =
        serde_json::from_str(include_str!("../fixtures/segment/cases.json")).expect("JSON");
    assert_eq!(fixture.cases.len(), 9);
    let mut faults = Vec::new();
    for case in &fixture.cases {
        for device in DEVICES {
            compare(case, device, &mut faults);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn compare(case: &Case, device: &str, faults: &mut Vec<String>) {
    let out = tempfile::tempdir().expect("a folder");
    let place = out.path().to_str().expect("UTF-8");
    let mut arguments = vec!["--probabilities", "--out", place];
    arguments.extend(case.arguments.iter().map(String::as_str));
    let output = segment(&fixture("scans"), device, &case.model, &arguments);
    assert_eq!(output.status.code(), Some(0), "{} on {device}: {output:?}", case.name);
    let lines = lines(&output);
    assert_eq!(lines.len(), case.slices.len(), "{} on {device}: {output:?}", case.name);
    for (line, slice) in lines.iter().zip(&case.slices) {
        let name = format!("{} on {device}, {}", case.name, slice.file);
        let near = pictures(case, slice, out.path(), line, &name, faults);
        figures(slice, line, near, &name, faults);
    }
}

/// Compares what was written, and returns how many pixels may fall on either side of the threshold.
fn pictures(
    case: &Case,
    slice: &Slice,
    out: &Path,
    line: &Value,
    name: &str,
    faults: &mut Vec<String>,
) -> i64 {
    let stem = Path::new(&slice.file).file_stem().and_then(|s| s.to_str()).expect("a stem");
    let expected = |kind: &str| fixture(&format!("expected/{}/{stem}_{kind}.png", case.name));
    let written = |kind: &str| out.join(format!("{stem}_{kind}.png"));
    assert_eq!(text(line, "mask"), written("mask").to_str().expect("UTF-8"), "{name}");
    assert_eq!(text(line, "probabilities"), written("probabilities").to_str().expect("UTF-8"), "{name}");
    assert!(line["overlay"].is_null(), "{name}: {line}");
    let (found, wanted) =
        (probabilities(&written("probabilities")), probabilities(&expected("probabilities")));
    assert_eq!(found.dimensions(), wanted.dimensions(), "{name}");
    let off = found.as_raw().iter().zip(wanted.as_raw()).map(|(f, w)| f.abs_diff(*w)).max().unwrap_or(0);
    if off > TOLERANCE {
        faults.push(format!("{name}: a probability is off by {off} of 65535"));
    }
    let size = wanted.dimensions();
    let (found, sure) = (mask(&written("mask"), size), mask(&expected("mask"), size));
    let is_near = |w: u16| (f64::from(w) - case.threshold * 65535.0).abs() <= NEAR;
    let wrong = found.iter().zip(&sure).zip(wanted.as_raw()).filter(|((f, s), w)| f != s && !is_near(**w));
    let (wrong, all) = (wrong.count(), sure.len());
    if wrong > 0 {
        faults.push(format!("{name}: {wrong} of {all} pixels of the mask are wrong"));
    }
    let set = found.iter().filter(|&&set| set).count();
    assert_eq!(line["pixels"], set, "{name}: the mask has {set}");
    assert_eq!(line["fraction"], set as f64 / all as f64, "{name}");
    wanted.as_raw().iter().filter(|w| is_near(**w)).count() as i64
}

fn figures(slice: &Slice, line: &Value, near: i64, name: &str, faults: &mut Vec<String>) {
    let pixels = line["pixels"].as_i64().expect("pixels");
    let close = |found: &Value, wanted: Option<f64>, tolerance: f64| match (found.as_f64(), wanted) {
        (Some(found), Some(wanted)) => (found - wanted).abs() <= tolerance * wanted + 1e-9,
        (found, wanted) => found == wanted,
    };
    let slack = near as f64 / slice.pixels.max(1) as f64;
    let stack = &line["stack"];
    let stack_is_right = match &slice.stack {
        None => stack.is_null(),
        Some(whole) => {
            Path::new(&slice.file).parent() == Path::new(text(stack, "folder")).into()
                && stack["slices"] == whole.slices
                && (stack["pixels"].as_i64().expect("pixels") - whole.pixels).abs() <= near
                && close(&stack["volume_ml"], whole.volume_ml, slack)
        }
    };
    let is_right = text(line, "file") == slice.file
        && (pixels - slice.pixels).abs() <= near
        && close(&line["area_mm2"], slice.area_mm2, slack)
        && codes(line) == slice.warnings
        && stack_is_right;
    if !is_right {
        let codes = &slice.warnings;
        faults.push(format!("{name}: {} pixels and {codes:?} are due: {line}", slice.pixels));
    }
}

#[test]
fn missing_sequences_are_named() {
    let out = tempfile::tempdir().expect("a folder");
    let place = out.path().to_str().expect("UTF-8");
    let arguments = ["--allow-missing-sequences", "--out", place, "grey/g1.png"];
    let output = segment(&fixture("scans"), "cpu", "segmenter", &arguments);
    let line = super::only(&output);
    assert_eq!(codes(&line), ["missing_sequences"]);
    let said = text(&line["warnings"][0], "text");
    assert!(said.contains("pre-contrast, FLAIR, post-contrast") && said.contains("grey"), "{said}");
}

#[test]
fn stacks_go_on_from_batch_to_batch() {
    // A batch has at most 32 slices: the first stack is in two, the second in two, the third alone.
    let names: Vec<(&str, String)> = (0..77)
        .map(|i| {
            let scan = ["stack/9.png", "stack/10.png"][i % 2];
            let stack = ["a", "b", "c"][usize::from(i >= 40) + usize::from(i >= 76)];
            (scan, format!("given/{stack}/{i}.png"))
        })
        .collect();
    let scans: Vec<(&str, &str)> = names.iter().map(|(scan, name)| (*scan, name.as_str())).collect();
    let folder = super::copies(&scans);
    for device in DEVICES {
        let output = segment(folder.path(), device, "segmenter", &["--force", "given"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let lines = lines(&output);
        assert!(lines.iter().map(|l| text(l, "file")).eq(names.iter().map(|(_, name)| name.as_str())));
        let slices: Vec<u64> =
            [0, 40, 76].iter().filter_map(|i| lines[*i]["stack"]["slices"].as_u64()).collect();
        assert_eq!(slices, [40, 36, 1]);
        for (i, line) in lines.iter().enumerate() {
            let (pixels, edge) = if i % 2 == 0 { (37, vec![]) } else { (18, vec!["touches_border"]) };
            assert_eq!((line["pixels"].as_u64(), codes(line)), (Some(pixels), edge), "{line}");
        }
    }
}
