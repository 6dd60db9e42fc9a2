//! `gyrus classify` over volumes.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::{judge, scans};
use crate::common::command::{DEVICES, arg, gyrus, lines, network};
use crate::common::docs::{is_writing, replace_section, section};

fn slices() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    judge(&["slices".as_ref(), folder.path().as_os_str()]);
    folder
}

/// The tests' classifier, its card changed.
fn model(folder: &Path, volume: &str, gate: &str) -> String {
    let (from, to) = (network("classifier"), folder.join("model"));
    fs::create_dir_all(&to).expect("a folder");
    fs::copy(from.join("model.onnx"), to.join("model.onnx")).expect("a network");
    let card = fs::read_to_string(from.join("card.toml")).expect("a card");
    let tables = format!("[volume]\n{volume}\n[gate]\n{gate}");
    fs::write(to.join("card.toml"), card.replace("[gate]", &tables)).expect("a card");
    arg(&to)
}

fn classify(folder: &Path, device: &str, model: &str, arguments: &[&str]) -> Output {
    let start = ["classify", "--model", model, "--device", device, "--format", "json"];
    gyrus(folder, &[&start, arguments].concat())
}

/// The slices' answers, and the volume's.
fn volume(folder: &Path, device: &str, model: &str, arguments: &[&str]) -> (Vec<Value>, Value) {
    let output = classify(folder, device, model, arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut all = lines(&output);
    let last = all.pop().expect("a volume's answer");
    (all, last)
}

fn probabilities(answer: &Value) -> Vec<f64> {
    answer["probabilities"].as_object().into_iter().flatten().filter_map(|(_, p)| p.as_f64()).collect()
}

fn codes(answer: &Value) -> Vec<&str> {
    answer["warnings"].as_array().into_iter().flatten().filter_map(|w| w["code"].as_str()).collect()
}

#[test]
fn a_volume_has_the_answers_of_its_slices_in_any_order_of_axes() {
    let folder = slices();
    let plain = arg(&network("classifier"));
    for device in DEVICES {
        let pictures = lines(&classify(folder.path(), device, &plain, &["pictures"]));
        assert_eq!(pictures.len(), 6);
        // All 48 on one device; a turned one tells whether the other sees the same.
        let files: Vec<String> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
            .filter(|name| name.ends_with(".nii.gz") && (device == "cpu" || name.starts_with("PSL")))
            .collect();
        assert_eq!(files.len(), if device == "cpu" { 48 } else { 1 });
        for file in files {
            let (slices, whole) = volume(folder.path(), device, &plain, &[&file]);
            assert_eq!(slices.len(), 6, "{file}");
            for (slice, picture) in slices.iter().zip(&pictures) {
                for (a, b) in probabilities(slice).iter().zip(probabilities(picture)) {
                    assert!((a - b).abs() < 1e-5, "{file}: {slice} {picture}");
                }
                assert_eq!(slice["prediction"], picture["prediction"], "{file}");
            }
            // The rule that the answer names.
            assert_eq!((&whole["rule"], &whole["passed"]), (&"mean".into(), &6.into()), "{whole}");
            for (n, p) in probabilities(&whole).iter().enumerate() {
                let mean = slices.iter().map(|slice| probabilities(slice)[n]).sum::<f64>() / 6.0;
                assert!((p - mean).abs() < 1e-9, "{file}: {whole}");
            }
        }
    }
}

#[test]
fn slices_and_axes_are_chosen() {
    let folder = slices();
    let plain = arg(&network("classifier"));
    let chosen = |arguments: &[&str]| -> (Vec<u64>, Value) {
        let (slices, whole) = volume(folder.path(), "cpu", &plain, &[arguments, &["RAS.nii.gz"]].concat());
        (slices.iter().filter_map(|slice| slice["slice"].as_u64()).collect(), whole)
    };
    assert_eq!(chosen(&["--slices", "middle"]).0, [3]);
    // However few are wanted, all are looked at to judge the volume.
    let shy = model(&folder.path().join("m"), "least_slices = 7", "");
    let (one, whole) = volume(folder.path(), "cpu", &shy, &["--slices", "middle", "RAS.nii.gz"]);
    assert_eq!((codes(&one[0]), codes(&whole)), (vec!["not_aligned"], vec!["not_aligned"]), "{whole}");
    assert_eq!((&whole["slices"], &whole["passed"]), (&1.into(), &1.into()), "{whole}");
    assert_eq!(chosen(&["--slices", "1..4"]).0, [1, 2, 3]);
    let refused = classify(folder.path(), "cpu", &plain, &["--slices", "4..7", "RAS.nii.gz"]);
    assert_eq!(refused.status.code(), Some(2));
    let error = lines(&refused)[0]["error"].as_str().unwrap_or_default().to_string();
    assert!(error.contains("4..7 go beyond its 6 axial slices"), "{error}");
    // Six slices make a picture of six rows when they are cut across.
    let thin = classify(folder.path(), "cpu", &plain, &["--axis", "coronal", "RAS.nii.gz"]);
    let error = lines(&thin)[0]["error"].as_str().unwrap_or_default().to_string();
    assert!(thin.status.code() == Some(2) && error.contains("--axis axial"), "{error}");
}

#[test]
fn a_volume_that_the_model_was_not_made_for_has_no_label() {
    let folder = slices();
    // Name, the card's words, the file, the code of the warning.
    let cases = [
        (
            "whole",
            "least_slices = 6\nmax_section_cm2 = 4.0\nmax_tilt_degrees = 5.0\npixel_mm = 1.0",
            "RAS",
            None,
        ),
        ("skull", "max_section_cm2 = 1.6", "LIP", Some("skull")),
        ("section", "max_section_cm2 = 2.1", "LIP", None),
        ("plane", "plane = \"sagittal\"", "RAS", Some("plane")),
    ];
    for (name, words, file, code) in cases {
        let place = folder.path().join(name);
        let model = model(&place, words, "");
        let arguments = if name == "plane" { vec!["--axis", "axial"] } else { vec![] };
        let file = format!("{file}.nii.gz");
        let (slices, whole) = volume(folder.path(), "cpu", &model, &[&arguments[..], &[&file]].concat());
        let expected: Vec<&str> = code.into_iter().collect();
        assert_eq!(codes(&whole), expected, "{name}: {whole}");
        assert_eq!(whole["prediction"].is_null(), code.is_some(), "{name}: {whole}");
        // No slice of it has one either; the probabilities stay.
        for slice in &slices {
            assert_eq!(
                (codes(slice), slice["prediction"].is_null()),
                (expected.clone(), code.is_some()),
                "{slice}"
            );
            assert_eq!(probabilities(slice).len(), 3);
        }
    }
}

#[test]
fn a_turned_volume_and_one_of_which_few_slices_pass_have_no_label() {
    let folder = slices();
    judge(&["heads".as_ref(), folder.path().as_os_str()]);
    let tilted = model(&folder.path().join("m1"), "max_tilt_degrees = 15.0", "");
    let (_, whole) = volume(folder.path(), "cpu", &tilted, &["oblique/flair.nii.gz"]);
    assert!(codes(&whole).contains(&"tilted"), "{whole}");
    assert!(whole["warnings"][0]["text"].as_str().is_some_and(|t| t.contains("19 degrees")), "{whole}");
    let upright = model(&folder.path().join("m2"), "max_tilt_degrees = 20.0", "");
    let (_, whole) = volume(folder.path(), "cpu", &upright, &["oblique/flair.nii.gz"]);
    assert!(!codes(&whole).contains(&"tilted"), "{whole}");
    // What does not say how the head lies may be turned.
    judge(&["unplaced".as_ref(), folder.path().as_os_str()]);
    let (slices, whole) = volume(folder.path(), "cpu", &upright, &["unplaced.nii"]);
    assert_eq!((codes(&whole), codes(&slices[0])), (vec!["unplaced"], vec!["unplaced"]), "{whole}");
    assert!(whole["notes"][0].as_str().is_some_and(|note| note.contains("sides are assumed")), "{whole}");
    // To this gate no slice is what the model was made for.
    let shy = model(&folder.path().join("m3"), "least_slices = 3", "max_foreground = 0.06");
    let (slices, whole) = volume(folder.path(), "cpu", &shy, &["RAS.nii.gz"]);
    assert_eq!((codes(&whole), &whole["passed"]), (vec!["not_aligned"], &0.into()), "{whole}");
    assert!(slices.iter().all(|slice| slice["prediction"].is_null()), "{slices:?}");
}

/// What the shipped classifier takes and what not, on the average brain of ICBM, whole and moved, and on heads.
#[test]
fn the_shipped_classifier_wants_brains_that_are_stripped_and_aligned() {
    let Some(scans) = scans() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let icbm = scans.join("nifti/mni_icbm152_t1_tal_nlin_sym_09a_converted.nii.gz");
    judge(&["misaligned".as_ref(), folder.path().as_os_str(), icbm.as_os_str()]);
    let weights = arg(&Path::new(env!("CARGO_MANIFEST_DIR")).join("weights/alzheimer"));
    let of = |path: &Path| volume(folder.path(), "cpu", &weights, &[&arg(path)]).1;
    let mut rows =
        vec!["| volume | slices that pass | label |".to_string(), "| --- | --: | --- |".to_string()];
    let mut row = |name: &str, whole: &Value| {
        let label = if whole["prediction"].is_null() { "none" } else { "given" };
        rows.push(format!("| {name} | {} of {} | {label} |", whole["passed"], whole["slices"]));
    };
    let moved = [
        ("as it is", true),
        ("shift 5 mm", false),
        ("nod 5 degrees", true),
        ("nod 10 degrees", false),
        ("turn 10 degrees", true),
        ("turn 20 degrees", false),
        ("back to front", false),
    ];
    for (name, is_labelled) in moved {
        let whole = of(&folder.path().join(format!("{name}.nii.gz")));
        assert_eq!(whole["prediction"].is_string(), is_labelled, "{name}: {whole}");
        row(name, &whole);
    }
    // With their skulls, whatever else they are.
    for name in ["nifti/niivue_avg152T1_RL_nifti.nii.gz", "dicom/series"] {
        let whole = of(&scans.join(name));
        assert_eq!((codes(&whole)[0], whole["prediction"].is_null()), ("skull", true), "{name}: {whole}");
        row(&format!("`{name}`"), &whole);
    }
    if is_writing() {
        replace_section("docs/scans.md", "alignment", &rows.join("\n"));
    }
    // How many slices pass may differ by a few from processor to processor.
    let labels = |text: &str| -> Vec<String> {
        let columns = |line: &str| line.split('|').map(str::trim).map(String::from).collect::<Vec<_>>();
        text.lines().map(|line| [&columns(line)[1], "|", &columns(line)[3]].concat()).collect()
    };
    let found = section("docs/scans.md", "alignment");
    assert_eq!(labels(&found), labels(&rows.join("\n")), "GYRUS_WRITE_DOCS=1 writes it");
}
