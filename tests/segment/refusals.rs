//! What cannot be segmented, and what the others of its folder lose by it: nothing.

use std::fs;

use super::common::command::{DEVICES, arg, errors, gyrus, lines, network};
use super::{ONE, codes, copies, fixture, mask, only, segment, text, tree};

#[test]
fn one_channel_is_refused_where_sequences_are_due() {
    // Grey in a folder and grey by name; black is no picture either.
    let folder =
        copies(&[("grey/g1.png", "s/g1.png"), ("grey/g2.png", "s/g2.png"), ("stack/3.png", "black.png")]);
    let output = segment(folder.path(), "cpu", "segmenter", &["s", "s/g1.png", "black.png"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert_eq!(lines(&output).len(), 4, "{output:?}");
    for line in lines(&output) {
        let error = text(&line, "error");
        let said =
            ["one channel", "takes 3: pre-contrast, FLAIR, post-contrast; ", "--allow-missing-sequences"];
        assert!(error.starts_with(text(&line, "file")) || text(&line, "file") == "s/g1.png", "{line}");
        assert!(said.iter().all(|words| error.contains(words)) || error.contains("take the name"), "{line}");
    }
    assert!(tree(&folder.path().join("gyrus-out")).is_empty());
    let allowed = segment(folder.path(), "cpu", "segmenter", &["--allow-missing-sequences", "s"]);
    assert_eq!(allowed.status.code(), Some(0), "{allowed:?}");
    assert!(lines(&allowed).iter().all(|l| codes(l)[0] == "missing_sequences"), "{allowed:?}");
}

#[test]
fn grey_beside_colour_is_a_stack_of_its_own() {
    let folder =
        copies(&[("foreign/f3.png", "s/1.png"), ("stack/3.png", "s/2.png"), ("stack/1.png", "s/3.png")]);
    let grey = image::open(folder.path().join("s/1.png")).expect("a scan").to_luma8();
    grey.save(folder.path().join("s/4.png")).expect("a file");
    let output = segment(folder.path(), "cpu", "segmenter", &["s"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines = lines(&output);
    let refused: Vec<&str> =
        lines.iter().filter(|l| l.get("error").is_some()).map(|l| text(l, "file")).collect();
    assert_eq!((lines.len(), refused), (4, vec!["s/4.png"]), "{output:?}");
    // The black slice belongs to the stack in colour, and counts as one of it.
    assert!(
        lines.iter().filter(|l| l.get("error").is_none()).all(|l| l["stack"]["slices"] == 3),
        "{output:?}"
    );
}

#[test]
fn a_damaged_slice_costs_the_others_nothing() {
    for device in DEVICES {
        let stack = ["1.png", "2.png", "3.png", "9.png", "10.png"];
        let names: Vec<(String, String)> =
            stack.iter().map(|name| (format!("stack/{name}"), format!("s/{name}"))).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
        let folder = copies(&pairs);
        let whole = fs::read(fixture("scans/stack/9.png")).expect("a scan");
        fs::write(folder.path().join("s/5.png"), &whole[..whole.len() / 2]).expect("a file");
        fs::write(folder.path().join("s/notes.txt"), b"notes").expect("a file");
        let output = segment(folder.path(), device, "segmenter", &["s"]);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let lines = lines(&output);
        let failed: Vec<_> = lines.iter().filter(|l| l.get("error").is_some()).collect();
        assert_eq!((lines.len(), failed.len()), (6, 1), "{output:?}");
        assert!(text(failed[0], "error").starts_with("s/5.png: damaged Png image"), "{output:?}");
        for name in ["1", "2", "9", "10"] {
            let expected = mask(&fixture(&format!("expected/stack/{name}_mask.png")), (32, 32));
            let found = mask(&folder.path().join(format!("gyrus-out/{name}_mask.png")), (32, 32));
            assert_eq!(found, expected, "{name} on {device}");
        }
    }
}

#[test]
fn models_for_other_tasks_name_the_right_command() {
    let folder = copies(&[(ONE, "x.png")]);
    let output = segment(folder.path(), "cpu", "classifier", &["x.png"]);
    assert_eq!((output.status.code(), errors(&output).len()), (Some(2), 1), "{output:?}");
    let error = &errors(&output)[0];
    assert!(error.contains("the card's task is classification; use `gyrus classify`"), "{error}");
    let model = arg(&network("segmenter"));
    let output = gyrus(folder.path(), &["classify", "--model", &model, "--device", "cpu", "x.png"]);
    assert_eq!((output.status.code(), errors(&output).len()), (Some(2), 1), "{output:?}");
    let error = &errors(&output)[0];
    assert!(error.contains("the card's task is segmentation; use `gyrus segment`"), "{error}");
    let bare = segment(folder.path(), "cpu", "relu.onnx", &["x.png"]);
    assert_eq!(bare.status.code(), Some(2), "{bare:?}");
    assert!(errors(&bare)[0].contains("without a card"), "{bare:?}");
}

#[test]
fn spacings_are_three_positive_numbers() {
    let folder = copies(&[(ONE, "x.png")]);
    for wrong in ["1,1", "1,1,1,1", "1,1,0", "1,-1,1", "a,b,c", "1,1,nan", "1,inf,1", "", "1;1;1"] {
        let output = segment(folder.path(), "cpu", "segmenter", &[&format!("--spacing={wrong}"), "x.png"]);
        assert_eq!(output.status.code(), Some(2), "{wrong}: {output:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            said.contains("three positive numbers of millimetres") && said.contains("--spacing"),
            "{said}"
        );
    }
    let output = segment(folder.path(), "cpu", "segmenter", &["--spacing", " 0.5, 0.8 ,3", "x.png"]);
    let line = only(&output);
    let area = line["pixels"].as_f64().expect("pixels") * 0.5 * 0.8;
    assert!(line["area_mm2"].as_f64().is_some_and(|found| (found - area).abs() < 1e-9), "{line}");
}

#[test]
fn places_that_cannot_be_written() {
    let folder = copies(&[(ONE, "s/1.png"), ("stack/1.png", "s/2.png")]);
    fs::write(folder.path().join("file"), b"no folder").expect("a file");
    for out in ["file", "file/deeper"] {
        let output = segment(folder.path(), "cpu", "segmenter", &["--overlay", "--out", out, "s"]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        for line in lines(&output) {
            let error = text(&line, "error");
            assert!(error.contains("cannot be written") && error.contains("; "), "{error}");
        }
        assert_eq!(lines(&output).len(), 2, "{output:?}");
    }
    assert_eq!(fs::read(folder.path().join("file")).expect("the file"), b"no folder");
    // A folder of a mask's name stays what it is, also under --force, and no part of a file is left.
    fs::create_dir_all(folder.path().join("out/1_mask.png")).expect("a folder");
    let output = segment(folder.path(), "cpu", "segmenter", &["--force", "--out", "out", "s"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&lines(&output)[0], "error").contains("1_mask.png: is a folder"), "{output:?}");
    assert_eq!(tree(&folder.path().join("out")), ["2_mask.png"]);
}

#[test]
fn folders_without_scans() {
    let folder = copies(&[(ONE, "old/x_mask.png")]);
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    for name in ["empty", "old"] {
        let output = segment(folder.path(), "cpu", "segmenter", &[name]);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(text(&only(&output), "error").contains("the folder holds no image"), "{output:?}");
    }
    let output = segment(folder.path(), "cpu", "segmenter", &["missing.png"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(text(&only(&output), "error").contains("cannot be read"), "{output:?}");
}
