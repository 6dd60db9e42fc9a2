//! `gyrus segment` over volumes.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::judge;
use crate::common::command::{DEVICES, arg, errors, gyrus, lines, network};

/// As the judge's.
const CASES: [&str; 5] = ["plain", "turned", "oblique", "mixed", "high"];

fn heads() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    judge(&["heads".as_ref(), folder.path().as_os_str()]);
    folder
}

fn segment(folder: &Path, device: &str, arguments: &[&str]) -> Output {
    let model = arg(&network("segmenter"));
    let start = ["segment", "--model", &model, "--device", device, "--format", "json"];
    gyrus(folder, &[&start, arguments].concat())
}

const SEQUENCES: [&str; 6] = ["--pre", "pre.nii.gz", "--flair", "flair.nii.gz", "--post", "post.nii.gz"];

/// The slices' answers, and the volume's.
fn split(output: &Output) -> (Vec<Value>, Value) {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut all = lines(output);
    let volume = all.pop().expect("a volume's answer");
    (all, volume)
}

#[test]
fn masks_are_the_judges_in_the_scans_own_space() {
    let folder = heads();
    for device in DEVICES {
        let found = folder.path().join(device);
        for case in CASES {
            let out = arg(&found.join(case));
            let arguments = [&SEQUENCES[..], &["--probabilities", "--out", &out]].concat();
            let (slices, volume) = split(&segment(&folder.path().join(case), device, &arguments));
            let expected = fs::read(folder.path().join(case).join("expected.json")).expect("a file");
            let expected: Value = serde_json::from_slice(&expected).expect("JSON");
            assert_eq!(volume["pixels"], expected["voxels"], "{case} {volume}");
            let ml = |value: &Value| value["volume_ml"].as_f64().expect("a number");
            assert!((ml(&volume) - ml(&expected)).abs() < 1e-4 * ml(&expected), "{case} {volume}");
            let pixels: u64 = slices.iter().filter_map(|slice| slice["pixels"].as_u64()).sum();
            assert_eq!(Some(pixels), volume["pixels"].as_u64(), "{case}");
            let resampled = volume["warnings"].as_array().into_iter().flatten();
            let resampled = resampled.filter(|warning| warning["code"] == "resampled").count();
            assert_eq!(resampled, if case == "mixed" { 2 } else { 0 }, "{volume}");
            for (number, slice) in slices.iter().enumerate() {
                assert_eq!((&slice["axis"], &slice["slice"]), (&"axial".into(), &number.into()));
                let picture =
                    image::open(slice["mask"].as_str().expect("a path")).expect("a PNG").into_luma8();
                let set = picture.pixels().filter(|pixel| pixel.0 == [255]).count();
                assert_eq!(slice["pixels"].as_u64(), u64::try_from(set).ok(), "{slice}");
            }
        }
        judge(&["masks".as_ref(), folder.path().as_os_str(), found.as_os_str()]);
    }
}

#[test]
fn slices_are_chosen_and_the_rest_is_empty() {
    let folder = heads();
    let place = folder.path().join("plain");
    let arguments = [&SEQUENCES[..], &["--slices", "4..6", "--overlay"]].concat();
    let (slices, volume) = split(&segment(&place, "cpu", &arguments));
    assert_eq!(slices.iter().map(|s| s["slice"].as_u64()).collect::<Vec<_>>(), [Some(4), Some(5)]);
    assert_eq!(volume["warnings"][0]["code"], "partial");
    assert_eq!((&volume["slices"], &volume["axis"]), (&2.into(), &"axial".into()));
    let written = place.join("gyrus-out");
    let mut names: Vec<_> =
        fs::read_dir(&written).expect("results").flatten().map(|e| e.file_name()).collect();
    names.sort();
    assert_eq!(names, ["flair_mask.nii.gz", "flair_montage.png", "flair_slices"]);
    for slice in &slices {
        let number = slice["slice"].as_u64().expect("a number");
        for what in ["mask", "overlay"] {
            assert!(written.join(format!("flair_slices/axial_{number:03}_{what}.png")).is_file());
        }
    }
    // Nothing is written over, and what was written is not taken for a scan.
    let again = segment(&place, "cpu", &arguments);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    assert!(lines(&again)[0]["error"].as_str().is_some_and(|e| e.contains("exists already")), "{again:?}");
    // A run that fails takes nothing of an earlier one away; one that succeeds leaves nothing of it.
    let mask = fs::read(written.join("flair_mask.nii.gz")).expect("a mask");
    let beyond = segment(&place, "cpu", &[&SEQUENCES[..], &["--slices", "4..99", "--force"]].concat());
    assert_eq!(beyond.status.code(), Some(2), "{beyond:?}");
    assert_eq!(fs::read(written.join("flair_mask.nii.gz")).expect("a mask"), mask);
    let fewer = [&SEQUENCES[..], &["--slices", "5..6", "--force"]].concat();
    split(&segment(&place, "cpu", &fewer));
    let left: Vec<_> = fs::read_dir(written.join("flair_slices")).expect("slices").flatten().collect();
    assert_eq!(left.iter().map(|e| e.file_name()).collect::<Vec<_>>(), ["axial_005_mask.png"]);
    let others = segment(&place, "cpu", &["--allow-missing-sequences", "--out", "others", "."]);
    let files: Vec<Value> = lines(&others).into_iter().filter(|line| line["slices"].is_u64()).collect();
    let names: Vec<_> = files.iter().map(|line| line["file"].as_str().expect("a name")).collect();
    assert_eq!(names, ["./expected.nii.gz", "./flair.nii.gz", "./post.nii.gz", "./pre.nii.gz"]);
    // The warning says what stands for what.
    assert!(files.iter().all(|line| line["warnings"][0]["code"] == "missing_sequences"), "{files:?}");
}

#[test]
fn sequences_must_be_of_one_head() {
    let folder = heads();
    let place = folder.path().join("plain");
    let judged = |arguments: &[&str]| {
        let output = segment(&place, "cpu", &[arguments, &["--force"]].concat());
        (output.status.code(), lines(&output).pop().unwrap_or_default())
    };
    // Without the first or the last FLAIR stands for it, and that is said.
    let (code, volume) = judged(&["--flair", "flair.nii.gz", "--post", "post.nii.gz"]);
    assert_eq!(code, Some(0), "{volume}");
    let text = volume["warnings"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("no pre-contrast volume: FLAIR stands for it"), "{volume}");
    // One is not enough.
    let (code, refused) = judged(&["--flair", "flair.nii.gz"]);
    let error = refused["error"].as_str().unwrap_or_default();
    assert!(code == Some(2) && error.contains("one sequence, where the model takes 3"), "{refused}");
    assert_eq!(judged(&["flair.nii.gz"]).0, Some(2));
    assert_eq!(judged(&["--flair", "flair.nii.gz", "--allow-missing-sequences"]).0, Some(0));
    // Another place.
    let bytes = fs::read(place.join("pre.nii.gz")).expect("a file");
    let mut nifti = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&bytes[..]), &mut nifti).expect("gzip");
    for (shift, said) in [(300f32, "0 %"), (24.0, "14 %")] {
        let mut moved = nifti.clone();
        let x = f32::from_le_bytes([nifti[292], nifti[293], nifti[294], nifti[295]]) + shift;
        moved[292..296].copy_from_slice(&x.to_le_bytes());
        fs::write(place.join("moved.nii"), moved).expect("a file");
        let (code, refused) = judged(&["--flair", "flair.nii.gz", "--pre", "moved.nii"]);
        let error = refused["error"].as_str().unwrap_or_default();
        assert!(
            code == Some(2) && error.contains(&format!("and the FLAIR volume share {said} of their fields")),
            "{refused}"
        );
    }
    // --flair-series is nothing alone, nor for a file.
    assert_eq!(segment(&place, "cpu", &["--flair-series", "1", "flair.nii.gz"]).status.code(), Some(2));
    // Sequences are not slices, and --pre is nothing alone.
    for wrong in [&["--pre", "pre.nii.gz"][..], &[], &["--slices", "2-5", "flair.nii.gz"]] {
        assert_eq!(segment(&place, "cpu", wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn sequences_are_chosen_out_of_one_folder() {
    let folder = heads();
    let place = folder.path();
    judge(&["study".as_ref(), place.as_os_str()]);
    let study = ["--pre", "study", "--flair", "study", "--post", "study"];
    let chosen = [&study[..], &["--pre-series", "2", "--flair-series", "3", "--series", "1"]].concat();
    let (_, volume) = split(&segment(place, "cpu", &chosen));
    let mask = volume["mask"].as_str().expect("a path");
    judge(&["same".as_ref(), place.join(mask).as_os_str(), place.join("plain/expected.nii.gz").as_os_str()]);
    // Another choice is another mask.
    let (_, other) = split(&segment(place, "cpu", &[&study[..], &["--series", "1", "--force"]].concat()));
    assert_ne!(other["pixels"], volume["pixels"]);
    let refused = segment(place, "cpu", &[&study[..], &["--flair-series", "4", "--force"]].concat());
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let error = lines(&refused).pop().unwrap_or_default();
    assert!(error["error"].as_str().unwrap_or_default().contains("3 series lie here"), "{error}");
}

#[test]
fn what_people_read_says_what_was_found() {
    let folder = heads();
    let place = folder.path().join("oblique");
    let model = arg(&network("segmenter"));
    let start = ["segment", "--model", &model, "--device", "cpu"];
    let output = gyrus(&place, &[&start, &SEQUENCES[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(errors(&output).is_empty(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let ml = text.lines().find(|line| line.contains("  = flair.nii.gz: ")).unwrap_or_default();
    assert!(ml.contains("of 7 slices marked") && ml.ends_with(" ml"), "{text}");
    // Numbers stand below their headings.
    let heading = text.lines().find(|line| line.starts_with("file ")).unwrap_or_default();
    let row = text.lines().find(|line| line.starts_with("flair.nii.gz axial 3 ")).unwrap_or_default();
    assert_eq!(
        row.chars().take(heading.chars().count()).last().map(|c| c.is_ascii_digit()),
        Some(true),
        "{text}"
    );
    assert!(
        text.contains("flair.nii.gz axial 3 ") && text.contains("mask gyrus-out/flair_mask.nii.gz"),
        "{text}"
    );
    let csv = gyrus(&place, &[&start, &SEQUENCES[..], &["--format", "csv", "--force"]].concat());
    let mut reader = csv::Reader::from_reader(&csv.stdout[..]);
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    assert_eq!(rows.len(), 8);
    assert_eq!(rows[7].get(3), Some("gyrus-out/flair_mask.nii.gz"));
}
