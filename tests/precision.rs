//! f16 storage: how far the shipped networks' answers are from those of f32, and that nobody gets it unasked or unseen.

mod common;

use std::fs;
use std::path::Path;

use common::command::{arg, errors, gyrus, lines};
use gyrus::plan::Precision;
use gyrus::{Classifier, Device, Error, Model, Segmenter, segment};

const PRECISIONS: [Precision; 2] = [Precision::F32, Precision::F16];

fn software(precision: Precision) -> Device {
    Device::open_storing("software", precision).expect("tested on a software adapter: run scripts/test")
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn shipped(name: &str) -> Model {
    Model::load(&root().join("weights").join(name)).unwrap()
}

fn tolerance(model: &Model) -> f64 {
    let output = model.card.as_ref().unwrap().output.clone().unwrap();
    output.f16_tolerance.expect("the card of a shipped model allows f16")
}

/// Two answers to the same question: neither the same to the last bit, which would not be f16, nor further apart than
/// the card says.
fn check(name: &str, whole: &[f64], half: &[f64], tolerance: f64) {
    let worst = whole.iter().zip(half).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    println!("{name}: {worst:.1e} apart, {tolerance} allowed");
    assert_eq!(whole.len(), half.len());
    assert!(worst > 0.0, "{name}: what was to be f16 is f32");
    assert!(worst <= tolerance, "{name}: {worst} apart, {tolerance} allowed");
}

#[test]
fn probabilities_of_slices_are_those_of_f32_within_what_the_card_says() {
    let model = shipped("alzheimer");
    let [whole, half] = PRECISIONS.map(|precision| {
        let mut classifier = Classifier::new(&model, &software(precision)).unwrap();
        let files = ["icbm152_z00.png", "icbm152_z10.png", "icbm152_z20.png"];
        let reports =
            files.map(|f| classifier.classify_file(&root().join("samples/slices").join(f)).unwrap());
        reports.into_iter().flat_map(|report| report.probabilities).map(|(_, p)| p).collect::<Vec<f64>>()
    });
    check("alzheimer", &whole, &half, tolerance(&model));
}

#[test]
fn probabilities_of_pixels_are_those_of_f32_within_what_the_card_says() {
    let model = shipped("tumor");
    let options = segment::Options { probabilities: true, ..Default::default() };
    let [whole, half] = PRECISIONS.map(|precision| {
        let mut segmenter = Segmenter::new(&model, &software(precision), options).unwrap();
        let files = ["05.png", "09.png", "13.png"];
        let answers =
            files.map(|f| segmenter.segment_file(&root().join("samples/patients/drawn").join(f)).unwrap());
        let pixels = answers.into_iter().flat_map(|answer| answer.probabilities.unwrap());
        pixels.map(|p| f64::from(p) / 65_535.0).collect::<Vec<f64>>()
    });
    check("tumor", &whole, &half, tolerance(&model));
}

#[test]
fn a_model_whose_card_does_not_allow_f16_is_not_run_so() {
    let mut model = shipped("alzheimer");
    let card = model.card.as_mut().and_then(std::sync::Arc::get_mut).unwrap();
    card.output.as_mut().unwrap().f16_tolerance = None;
    assert!(Classifier::new(&model, &software(Precision::F32)).is_ok());
    let refused = Classifier::new(&model, &software(Precision::F16)).err();
    assert!(matches!(&refused, Some(Error::File { .. })), "{refused:?}");
    let text = refused.unwrap().to_string();
    assert!(text.contains("f16_tolerance") && text.contains("--precision f32"), "{text}");
}

#[test]
fn every_report_says_that_f16_was_stored_and_the_cpu_engine_that_it_was_not() {
    let folder = std::env::temp_dir().join(format!("gyrus-precision-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let slice = arg(&root().join("samples/slices/icbm152_z10.png"));
    let model = arg(&root().join("weights/alzheimer"));
    let classify = |device: &str| {
        let words =
            ["classify", "--format", "json", "--model", &model, "--precision", "f16", "--device", device];
        let output = gyrus(&folder, &[&words[..], &[&slice]].concat());
        assert!(output.status.success(), "{:?}", errors(&output));
        let notes = String::from_utf8_lossy(&output.stderr).to_string();
        (lines(&output)[0]["device"].as_str().unwrap().to_string(), notes)
    };
    let (device, _) = classify("software");
    assert!(device.ends_with(", storing f16)"), "{device}");
    let (device, notes) = classify("cpu");
    assert!(device == "cpu" && notes.contains("stores f32"), "{device}: {notes}");
    fs::remove_dir_all(folder).unwrap();
}
