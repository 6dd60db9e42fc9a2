//! Which files are read, and where what is written goes.

use std::fs;

use super::common::command::{errors, lines};
use super::{ONE, copies, mask, only, segment, text, tree};

#[test]
fn results_lie_as_their_scans_do() {
    let scans = [
        (ONE, "given/top.png"),
        (ONE, "given/a/x.png"),
        (ONE, "given/a/b c/x.png"),
        (ONE, "elsewhere/lone.scan.png"),
    ];
    let folder = copies(&scans);
    let arguments = ["--overlay", "--probabilities", "given", "elsewhere/lone.scan.png"];
    let output = segment(folder.path(), "cpu", "segmenter", &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut expected = Vec::new();
    for stem in ["a/b c/x", "a/x", "lone.scan", "top"] {
        for kind in ["mask", "overlay", "probabilities"] {
            expected.push(format!("{stem}_{kind}.png"));
        }
    }
    assert_eq!(tree(&folder.path().join("gyrus-out")), expected);
    for line in lines(&output) {
        for kind in ["mask", "overlay", "probabilities"] {
            assert!(folder.path().join(text(&line, kind)).is_file(), "{line}");
        }
    }
    let inner = lines(&output).into_iter().find(|l| text(l, "file") == "given/a/b c/x.png").expect("a line");
    assert_eq!(text(&inner, "mask"), "gyrus-out/a/b c/x_mask.png");
    assert_eq!(text(&inner["stack"], "folder"), "given/a/b c");
}

#[test]
fn only_what_is_asked_for_is_written() {
    let folder = copies(&[(ONE, "x.png")]);
    let line = only(&segment(folder.path(), "cpu", "segmenter", &["--out", "deep/out", "x.png"]));
    assert_eq!(tree(&folder.path().join("deep")), ["out/x_mask.png"]);
    assert!(
        line["overlay"].is_null() && line["probabilities"].is_null() && line["stack"].is_null(),
        "{line}"
    );
    assert!(line["area_mm2"].is_null(), "{line}");
}

#[test]
fn nothing_is_overwritten_unless_forced() {
    for kind in ["mask", "overlay", "probabilities"] {
        let folder = copies(&[(ONE, "s/x.png"), (ONE, "s/y.png")]);
        let old = folder.path().join(format!("gyrus-out/x_{kind}.png"));
        fs::create_dir(folder.path().join("gyrus-out")).expect("a folder");
        fs::write(&old, b"old").expect("a file");
        let arguments = ["--overlay", "--probabilities", "s"];
        let output = segment(folder.path(), "cpu", "segmenter", &arguments);
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let lines = lines(&output);
        let (refused, answered) = (&lines[0], &lines[1]);
        assert_eq!((text(refused, "file"), text(answered, "file")), ("s/x.png", "s/y.png"));
        let error = text(refused, "error");
        assert!(error.contains(&format!("x_{kind}.png: exists already; ")), "{error}");
        assert!(error.contains("--force") && error.contains("--out"), "{error}");
        assert_eq!(fs::read(&old).expect("the old file"), b"old");
        // Nothing of the refused slice, everything of the other.
        assert_eq!(tree(&folder.path().join("gyrus-out")).len(), 4);
        let forced = segment(folder.path(), "cpu", "segmenter", &[&["--force"], &arguments[..]].concat());
        assert_eq!(forced.status.code(), Some(0), "{forced:?}");
        assert_ne!(fs::read(&old).expect("the new file"), b"old");
        assert_eq!(tree(&folder.path().join("gyrus-out")).len(), 6);
    }
}

#[test]
fn a_whole_stack_that_is_there_already_costs_nothing() {
    let folder = copies(&[(ONE, "s/x.png"), (ONE, "s/y.png")]);
    assert_eq!(segment(folder.path(), "cpu", "segmenter", &["s"]).status.code(), Some(0));
    let again = segment(folder.path(), "cpu", "segmenter", &["s"]);
    assert_eq!(again.status.code(), Some(2), "{again:?}");
    let lines = lines(&again);
    let files: Vec<&str> = lines.iter().map(|l| text(l, "file")).collect();
    assert_eq!(files, ["s/x.png", "s/y.png"], "an error is about the scan, not its mask");
    assert!(lines.iter().all(|l| text(l, "error").contains("exists already")), "{again:?}");
    // An overlay was not asked for, so that it is there does not matter.
    fs::remove_file(folder.path().join("gyrus-out/x_mask.png")).expect("removed");
    fs::write(folder.path().join("gyrus-out/x_overlay.png"), b"old").expect("a file");
    assert_eq!(segment(folder.path(), "cpu", "segmenter", &["s"]).status.code(), Some(1));
    assert_eq!(fs::read(folder.path().join("gyrus-out/x_overlay.png")).expect("the file"), b"old");
}

#[test]
fn two_answers_of_one_name_are_told_before_the_work() {
    let folder = copies(&[(ONE, "a/x.png"), (ONE, "b/x.png"), ("stack/1.png", "b/y.png")]);
    let output = segment(folder.path(), "cpu", "segmenter", &["a", "b"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines = lines(&output);
    let refused: Vec<_> = lines.iter().filter(|l| l.get("error").is_some()).collect();
    assert_eq!((lines.len(), refused.len()), (3, 1), "{output:?}");
    assert_eq!(text(refused[0], "file"), "b/x.png");
    let error = text(refused[0], "error");
    assert!(error.contains("take the name of that of a/x.png; ") && error.contains("--out"), "{error}");
    // The folder above both keeps them apart.
    let output = segment(folder.path(), "cpu", "segmenter", &["--force", "."]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

#[test]
fn a_slice_that_is_found_twice_is_counted_once() {
    let folder = copies(&[(ONE, "all/p/1.png"), ("stack/10.png", "all/p/2.png")]);
    let once = segment(folder.path(), "cpu", "segmenter", &["--spacing", "1,1,1", "--out", "once", "all"]);
    let whole = lines(&once)[0]["stack"].clone();
    assert!(whole["pixels"].as_i64().is_some_and(|n| n > 0) && whole["slices"] == 2, "{once:?}");
    for given in [["all", "all"], ["all", "all/p"], ["all", "./all"]] {
        let arguments = [&["--spacing", "1,1,1", "--force"], &given[..]].concat();
        let output = segment(folder.path(), "cpu", "segmenter", &arguments);
        for line in lines(&output).iter().filter(|l| l.get("error").is_none()) {
            for key in ["slices", "pixels", "volume_ml"] {
                assert_eq!(line["stack"][key], whole[key], "{given:?}: {line}");
            }
        }
    }
}

#[test]
fn results_are_never_taken_for_scans() {
    let folder = copies(&[(ONE, "x.png"), ("stack/1.png", "y_mask.png"), ("stack/1.png", "z_overlay.PNG")]);
    let arguments = ["--overlay", "--probabilities", "."];
    let first = segment(folder.path(), "cpu", "segmenter", &arguments);
    assert_eq!((first.status.code(), only(&first)["file"].as_str()), (Some(0), Some("./x.png")));
    // Its own results now lie in the folder that it searches.
    let again = segment(folder.path(), "cpu", "segmenter", &[&["--force"], &arguments[..]].concat());
    assert_eq!((again.status.code(), only(&again)["file"].as_str()), (Some(0), Some("./x.png")));
    // A file that is given by name is meant.
    let named = segment(folder.path(), "cpu", "segmenter", &["y_mask.png"]);
    assert_eq!(text(&only(&named), "mask"), "gyrus-out/y_mask_mask.png");
}

#[test]
fn files_can_be_left_out() {
    let folder = copies(&[(ONE, "s/x.png"), (ONE, "s/x_label.png"), (ONE, "s/old/y.png")]);
    let files = |patterns: &[&str]| -> Vec<String> {
        let exclude = patterns.iter().flat_map(|p| ["--exclude", p]);
        let arguments: Vec<&str> = exclude.chain(["--force", "s"]).collect();
        let output = segment(folder.path(), "cpu", "segmenter", &arguments);
        lines(&output).iter().map(|l| text(l, "file").to_string()).collect()
    };
    assert_eq!(files(&["*_label.png"]), ["s/old/y.png", "s/x.png"]);
    assert_eq!(files(&["*_label.png", "old/*"]), ["s/x.png"]);
    let wrong = segment(folder.path(), "cpu", "segmenter", &["--exclude", "[", "s"]);
    assert_eq!((wrong.status.code(), errors(&wrong).len()), (Some(2), 1), "{wrong:?}");
}

#[test]
fn masks_have_the_scans_own_size() {
    let folder = copies(&[("sizes/b1.png", "x.png")]);
    let output = segment(folder.path(), "software", "segmenter-logits", &["x.png"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert!(mask(&folder.path().join("gyrus-out/x_mask.png"), (45, 61)).contains(&true));
}
