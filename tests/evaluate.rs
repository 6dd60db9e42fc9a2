//! `gyrus evaluate` against scipy, scikit-learn and numpy, and on everything that can be wrong with its files.
//!
//! `GYRUS_PYTHON` names a Python with these; `scripts/test` sets it. Without it the tests fail: a judge that is left
//! out judges nothing.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::command::{arg, errors, gyrus, lines};
use image::{GrayImage, Luma};
use serde_json::{Value, json};
use tempfile::TempDir;

const TOLERANCE: f64 = 1e-9;

fn reference() -> TempDir {
    let python = std::env::var_os("GYRUS_PYTHON")
        .expect("GYRUS_PYTHON must name a Python with scipy and scikit-learn; scripts/test makes one");
    let folder = tempfile::tempdir().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/evaluate/reference.py");
    let output = Command::new(python).arg(script).arg(folder.path()).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder
}

fn expected(folder: &TempDir, name: &str) -> Value {
    let text = fs::read_to_string(folder.path().join(name)).expect("what is expected");
    serde_json::from_str(&text).expect("JSON")
}

/// Where what was found is not what is expected; what is not expected is not looked at.
fn differences(place: &str, found: &Value, wanted: &Value, faults: &mut Vec<String>) {
    match (found, wanted) {
        (_, Value::Object(map)) => {
            map.iter().for_each(|(k, v)| differences(&format!("{place}/{k}"), &found[k], v, faults));
        }
        (Value::Array(a), Value::Array(b)) if place.ends_with("interval_95") => {
            let ends = |list: &[Value]| [0, 1].map(|i| list[i].as_f64().unwrap_or(f64::NAN));
            let ([low, high], [a, b]) = (ends(a), ends(b));
            // Other draws: the ends are as sure as that.
            let slack = 0.3 * (b - a) + 1e-12;
            if !((low - a).abs() <= slack && (high - b).abs() <= slack) {
                faults.push(format!("{place}: {low} to {high} instead of {a} to {b}"));
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            let pairs = a.iter().zip(b).enumerate();
            pairs.for_each(|(i, (a, b))| differences(&format!("{place}/{i}"), a, b, faults));
        }
        (Value::Number(a), Value::Number(b)) => {
            let (a, b) = (a.as_f64().unwrap_or(f64::NAN), b.as_f64().unwrap_or(f64::NAN));
            let close = (a - b).abs() <= TOLERANCE * b.abs().max(1.0);
            if !close {
                faults.push(format!("{place}: {a} instead of {b}"));
            }
        }
        _ if found == wanted => {}
        _ => faults.push(format!("{place}: {found} instead of {wanted}")),
    }
}

fn report(output: &Output, code: i32) -> Value {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    lines(output).remove(0)
}

#[test]
fn masks_are_scored_as_scipy_scores_them() {
    let folder = reference();
    let mut faults = Vec::new();
    let all = expected(&folder, "masks.json");
    for (spacing, wanted) in all.as_object().expect("spacings") {
        let mut arguments = vec!["evaluate", "--truth", "truth", "results", "--format", "json"];
        if !spacing.is_empty() {
            arguments.extend(["--spacing", spacing]);
        }
        let mut found = report(&gyrus(folder.path(), &arguments), 0);
        let unit = if spacing.is_empty() { ["pixels", "voxels"] } else { ["mm", "ml"] };
        assert_eq!(found["units"], json!({"distance": unit[0], "volume": unit[1]}));
        let patients = found["patients"].take();
        let by_name = |p: &Value| Some((p["patient"].as_str()?.to_string(), p.clone()));
        found["patients"] = patients.as_array().into_iter().flatten().filter_map(by_name).collect();
        differences(spacing, &found, wanted, &mut faults);
        assert_eq!(found["patients"].as_object().map(|p| p.len()), Some(19));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn classes_are_scored_as_scikit_learn_scores_them() {
    let folder = reference();
    let arguments = ["evaluate", "--truth", "truth.csv", "answers.jsonl", "--format", "json"];
    let found = report(&gyrus(folder.path(), &arguments), 0);
    let mut faults = Vec::new();
    differences("", &found, &expected(&folder, "answers.json"), &mut faults);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!((&found["intervals_over"], &found["files_without_result"]), (&"persons".into(), &0.into()));
    let again = report(&gyrus(folder.path(), &arguments), 0);
    assert_eq!(found, again, "the draws are the same at every run");
}

/// A mask of 6x4 pixels, white where `white` says.
fn put(path: &Path, white: impl Fn(u32, u32) -> bool) {
    put_grey(path, 6, |x, y| if white(x, y) { 255 } else { 0 });
}

fn put_grey(path: &Path, width: u32, value: impl Fn(u32, u32) -> u8) {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    GrayImage::from_fn(width, 4, |x, y| Luma([value(x, y)])).save(path).expect("a mask");
}

/// Two patients of three slices, with results that are right.
fn two_patients() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for set in ["truth", "out"] {
        for patient in ["a", "b"] {
            for slice in ["1", "2", "10"] {
                let path = folder.path().join(format!("{set}/{patient}/{slice}_mask.png"));
                put(&path, |x, _| slice != "1" && x < 3);
            }
        }
    }
    // Scans beside the truth, and overlays beside the results, are no masks.
    put_grey(&folder.path().join("truth/a/1.png"), 6, |x, _| 40 * x as u8);
    put_grey(&folder.path().join("out/a/1_overlay.png"), 6, |x, _| 40 * x as u8);
    folder
}

fn evaluate(folder: &TempDir, arguments: &[&str], code: i32) -> Value {
    let arguments = [&["evaluate", "--format", "json"], arguments].concat();
    report(&gyrus(folder.path(), &arguments), code)
}

fn messages(report: &Value) -> Vec<&str> {
    report["errors"].as_array().into_iter().flatten().filter_map(|e| e["error"].as_str()).collect()
}

/// Makes a mask unusable.
type Spoil<'a> = &'a dyn Fn(&Path);

#[test]
fn one_bad_patient_costs_the_others_nothing() {
    let bad: [(&str, Spoil, &str); 6] = [
        (
            "out/a/2_mask.png",
            &|path| fs::write(path, &fs::read(path).expect("a file")[..60]).expect("a file"),
            "damaged Png",
        ),
        ("truth/a/2_mask.png", &|path| fs::write(path, "no image").expect("a file"), "not an image"),
        (
            "out/a/2_mask.png",
            &|path| put_grey(path, 5, |_, _| 0),
            "is 5x4 pixels where the truth of its patient is 6x4",
        ),
        ("out/a/2_mask.png", &|path| fs::write(path, "").expect("a file"), "the file is empty"),
        (
            "truth/a/2_mask.png",
            &|path| {
                ["2", "10"].iter().for_each(|n| {
                    put_grey(&path.with_file_name(format!("{n}_mask.png")), 6, |x, _| x as u8 % 3)
                })
            },
            "numbers of labels",
        ),
        (
            "out/a/2_mask.png",
            &|path| {
                image::RgbImage::from_fn(6, 4, |x, _| image::Rgb([x as u8, 9, 200]))
                    .save(path)
                    .expect("a file")
            },
            "a coloured picture",
        ),
    ];
    for (file, spoil, reason) in bad {
        let folder = two_patients();
        spoil(&folder.path().join(file));
        let found = evaluate(&folder, &["--truth", "truth", "out"], 1);
        assert_eq!((&found["patients_failed"], &found["patients"][0]["patient"]), (&1.into(), &"b".into()));
        let [message] = messages(&found)[..] else { panic!("{found}") };
        assert!(message.contains(file) && message.contains(reason), "{message}");
    }
}

#[test]
fn what_does_not_match_is_named() {
    let folder = two_patients();
    let root = folder.path();
    fs::remove_file(root.join("out/a/10_mask.png")).expect("a file");
    put(&root.join("out/b/11_mask.png"), |_, _| true);
    put(&root.join("out/c/1_mask.png"), |_, _| true);
    put(&root.join("out/c/2_mask.png"), |_, _| true);
    put(&root.join("truth/d/1_mask.png"), |_, _| true);
    put(&root.join("truth/b/1_mask.bmp"), |_, _| true);
    let found = evaluate(&folder, &["--truth", "truth", "out"], 1);
    assert_eq!((&found["missing_slices"], &found["patients_without_result"]), (&1.into(), &1.into()));
    let missing = &found["patients"][0];
    assert_eq!((&missing["missing_slices"], &missing["warnings"][0]["code"]), (&1.into(), &"missing".into()));
    // It counts as unmarked: 12 of the 24 pixels are found.
    assert_eq!((&missing["dice"], &missing["truth_volume"]), (&(2.0 / 3.0).into(), &24.0.into()));
    let messages = messages(&found);
    assert_eq!(messages.len(), 3, "{messages:?}");
    for (file, reason) in [
        ("1_mask.png", "second truth"),
        ("11_mask.png", "has no truth"),
        ("out/c", "its 2 masks have no truth"),
    ] {
        assert!(messages.iter().any(|m| m.contains(file) && m.contains(reason)), "{reason}: {messages:?}");
    }
    let twice = evaluate(&folder, &["--truth", "truth", "out", "out"], 1);
    assert!(twice["errors"].to_string().contains("same truth as"), "{twice}");
    let table = gyrus(root, &["evaluate", "--truth", "truth", "out"]);
    let text = String::from_utf8_lossy(&table.stdout);
    assert!(text.contains("a: 1 of 3 slices have no result"), "{text}");
    assert!(
        text.contains("2 patient(s): 2 scored (1 slice(s) without a result), 0 failed; 1 more"),
        "{text}"
    );
    assert_eq!(errors(&table).len(), 3);
}

#[test]
fn grey_masks_are_cut_at_half_with_a_warning() {
    let folder = two_patients();
    put_grey(&folder.path().join("out/a/2_mask.png"), 6, |x, _| [255, 200, 128, 127, 3, 0][x as usize]);
    let found = evaluate(&folder, &["--truth", "truth", "out"], 0);
    let patient = &found["patients"][0];
    assert_eq!((&patient["dice"], &patient["warnings"][0]["code"]), (&1.0.into(), &"grey".into()));
}

#[test]
fn lists_of_masks_are_taken_too() {
    let folder = two_patients();
    let root = folder.path();
    fs::create_dir(root.join("elsewhere")).expect("a folder");
    let line = |mask: &str| json!({"file": "x", "model": "tumour", "device": "cpu", "mask": mask, "pixels": 1, "fraction": 0.1, "area_mm2": null, "warnings": []});
    let mut list: Vec<String> = ["out/a/1_mask.png", "out/a/2_mask.png", "out/a/10_mask.png"]
        .map(|mask| line(mask).to_string())
        .into();
    fs::write(root.join("list.jsonl"), format!("\u{feff}{}\r\n\n", list.join("\r\n"))).expect("a file");
    let found = evaluate(&folder, &["--truth", "truth", "list.jsonl"], 0);
    assert_eq!(
        (&found["summary"]["dice"]["mean"]["value"], &found["patients_without_result"]),
        (&1.0.into(), &1.into())
    );
    // Seen from the list as well as from here.
    let elsewhere = root.join("elsewhere");
    let output = gyrus(&elsewhere, &["evaluate", "--truth", "../truth", "../list.jsonl", "--format", "json"]);
    assert_eq!(report(&output, 0)["patients"], found["patients"]);
    list.push(json!({"file": "x.png", "error": "x.png: damaged Png image; export it again"}).to_string());
    list.push("{\"file\": \"y.png\", ".into());
    list.push(line("out/zz/1_mask.png").to_string());
    list.push(json!({"file": "z.png"}).to_string());
    fs::write(root.join("list.jsonl"), list.join("\n")).expect("a file");
    let found = evaluate(&folder, &["--truth", "truth", "list.jsonl"], 1);
    let messages = messages(&found);
    assert_eq!(messages.len(), 4, "{messages:?}");
    let wanted = [
        "x.png: damaged",
        "list.jsonl: line 5 is broken",
        "line 7 has neither",
        "zz/1_mask.png: has no truth",
    ];
    for (message, wanted) in messages.iter().zip(wanted) {
        assert!(message.contains(wanted), "{message}");
    }
}

/// Answers about two classes: files, predictions, probabilities of `sick`. Here the labels are sorted by name.
fn answers(rows: &[(&str, Option<&str>, Value)]) -> String {
    let line = |(file, prediction, p): &(&str, Option<&str>, Value)| {
        let q = p.as_f64().map(|p| 1.0 - p);
        json!({"file": file, "model": "m", "device": "cpu", "prediction": prediction, "probabilities": {"well": q, "sick": p}, "warnings": [], "milliseconds": 1.0}).to_string()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn folders_are_classes() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for file in
        ["well/1.png", "well/2.png", "deep/sick/3.png", "sick/4.png", "odd/5.png", "sick/6.png", "well/6.png"]
    {
        put(&root.join("truth").join(file), |_, _| true);
    }
    let rows = [
        ("truth/well/1.png", Some("well"), json!(0.2)),
        // A folder of files that are not sorted by class.
        ("flat/2.png", Some("sick"), json!(0.6)),
        ("sick/3.png", Some("sick"), json!(0.7)),
        ("truth/sick/4.png", None, json!(0.5)),
        ("truth/odd/5.png", Some("well"), json!(0.1)),
        ("flat/6.png", Some("well"), json!(0.1)),
        ("truth/well/2.png", Some("well"), json!(0.1)),
        ("flat/7.png", Some("well"), json!(0.1)),
    ];
    fs::write(root.join("r.jsonl"), answers(&rows)).expect("a file");
    let found = evaluate(&folder, &["--truth", "truth", "r.jsonl"], 1);
    let level = &found["per_slice"];
    assert_eq!(level["confusion_matrix"], json!([[1, 0], [1, 1]]));
    assert_eq!((&level["no_prediction"], &level["accuracy"]["value"]), (&json!([1, 0]), &0.5.into()));
    assert_eq!((&found["per_person"], &found["intervals_over"]), (&Value::Null, &"files".into()));
    let wanted = [
        "6.png: stands for several",
        "2.png: has the truth of another",
        "7.png: is not among",
        "'odd', which is none of the labels sick, well",
    ];
    let messages = messages(&found);
    assert_eq!(messages.len(), wanted.len(), "{messages:?}");
    messages.iter().zip(wanted).for_each(|(m, w)| assert!(m.contains(w), "{m}"));
    let table = gyrus(root, &["evaluate", "--truth", "truth", "r.jsonl"]);
    let text = String::from_utf8_lossy(&table.stdout);
    assert!(text.contains("no prediction") && text.contains("names no persons"), "{text}");
}

#[test]
fn answers_that_say_nothing_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [
        ("1.png", Some("well"), json!(0.2)),
        ("2.png", Some("well"), Value::Null),
        ("3.png", Some("well"), json!(1.5)),
        ("4.png", Some("other"), json!(0.5)),
        ("5.png", Some("sick"), json!(0.8)),
    ];
    let other = r#"{"file":"6.png","prediction":"sick","probabilities":{"sick":1.0}}"#;
    let nan = r#"{"file":"7.png","prediction":"sick","probabilities":{"well":0.0,"sick":NaN}}"#;
    let text = [answers(&rows), other.into(), nan.into(), String::from("null")].join("\n");
    fs::write(folder.path().join("r.jsonl"), text).expect("a file");
    let truth: String =
        (1..8).map(|i| format!("{i}.png,{},s{}\n", if i < 5 { "well" } else { "sick" }, i % 6)).collect();
    fs::write(folder.path().join("t.csv"), format!("path,class,subject\n{truth}")).expect("a file");
    let found = evaluate(&folder, &["--truth", "t.csv", "r.jsonl"], 1);
    assert_eq!((&found["per_slice"]["cases"], &found["per_person"]["cases"]), (&2.into(), &2.into()));
    let messages = messages(&found);
    let wanted = [
        "line 7 is broken",
        "line 8 is broken",
        "2.png: its probability of sick is NaN",
        "3.png: its probability of",
        "4.png: its prediction 'other'",
        "6.png: has other labels",
    ];
    assert_eq!(messages.len(), wanted.len(), "{messages:?}");
    messages.iter().zip(wanted).for_each(|(m, w)| assert!(m.contains(w), "{m}"));
}

#[test]
fn persons_have_one_class() {
    let folder = tempfile::tempdir().expect("a folder");
    let rows = [
        ("1.png", Some("well"), json!(0.2)),
        ("2.png", Some("sick"), json!(0.9)),
        ("3.png", Some("sick"), json!(0.9)),
    ];
    fs::write(folder.path().join("r.jsonl"), answers(&rows)).expect("a file");
    fs::write(folder.path().join("t.csv"), "path,class,subject\n1.png,well,p\n2.png,sick,p\n3.png,sick,q\n")
        .expect("a file");
    let found = evaluate(&folder, &["--truth", "t.csv", "r.jsonl"], 1);
    assert_eq!((&found["per_slice"]["cases"], &found["per_person"]["cases"]), (&3.into(), &1.into()));
    assert!(messages(&found)[0].starts_with("p: is a person of several classes"), "{found}");
}

#[test]
fn what_is_no_result_or_no_truth_is_refused() {
    let folder = two_patients();
    let root = folder.path();
    let file = |name: &str, text: &[u8]| fs::write(root.join(name), text).expect("a file");
    fs::create_dir(root.join("nothing")).expect("a folder");
    file("empty.jsonl", b"");
    file("text.txt", b"hello\nworld");
    file("utf16.jsonl", b"\xff\xfe{\0");
    file("bytes.bin", b"\x89PNG\xfe");
    file("good.jsonl", answers(&[("a/1.png", Some("well"), json!(0.2))]).as_bytes());
    let second = answers(&[("a/2.png", Some("well"), json!(0.2))]).replace("\"m\"", "\"n\"");
    file("second.jsonl", second.as_bytes());
    file("failed.jsonl", br#"{"file":"x.png","error":"x.png: is broken"}"#);
    file("no-class.csv", b"path,label\n1.png,a\n");
    file("ragged.csv", b"path,class\n1.png\n");
    file("blank.csv", b"path,class\na/1.png,\n");
    file("none.csv", b"path,class\n");
    let cases: [(&[&str], &str); 17] = [
        (&["--truth", "truth", "nothing"], "nothing: the folder holds no mask"),
        (&["--truth", "truth", "missing"], "missing: cannot be read"),
        (&["--truth", "truth", "empty.jsonl"], "empty.jsonl: is empty"),
        (&["--truth", "truth", "text.txt"], "text.txt: does not hold the lines"),
        (&["--truth", "truth", "utf16.jsonl"], "UTF-16"),
        (&["--truth", "truth", "bytes.bin"], "no text in UTF-8"),
        (&["--truth", "truth", "out/a/1_mask.png"], "no text in UTF-8"),
        (&["--truth", "truth", "out", "good.jsonl"], "of another kind"),
        (&["--truth", "truth", "good.jsonl", "second.jsonl"], "line 1 is of the model 'n'"),
        (&["--truth", "truth", "failed.jsonl"], "x.png: is broken"),
        (&["--truth", "nothing", "out"], "nothing: the folder holds no mask"),
        (&["--truth", "missing", "out"], "missing: does not exist"),
        (&["--truth", "no-class.csv", "good.jsonl"], "has no columns path and class"),
        (&["--truth", "ragged.csv", "good.jsonl"], "ragged.csv: CSV error"),
        (&["--truth", "blank.csv", "good.jsonl"], "line 2 has no class"),
        (&["--truth", "none.csv", "good.jsonl"], "none.csv: has no rows"),
        (&["--truth", "nothing", "good.jsonl"], "no folder in it holds an image"),
    ];
    for (arguments, reason) in cases {
        let output = gyrus(root, &[&["evaluate"], arguments].concat());
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(errors.len() == 1 && errors[0].contains(reason), "{arguments:?}: {errors:?}");
    }
    let unmatched = evaluate(&folder, &["--truth", "out/a", "out"], 2);
    assert_eq!((&unmatched["patients"], &unmatched["summary"]["dice"]["mean"]), (&json!([]), &Value::Null));
}

#[test]
fn rows_and_plots() {
    let folder = two_patients();
    let root = folder.path();
    fs::rename(root.join("truth/b"), root.join("truth/b & <c>")).expect("a folder");
    fs::rename(root.join("out/b"), root.join("out/b & <c>")).expect("a folder");
    let arguments =
        ["evaluate", "--truth", "truth", "out", "--format", "csv", "--spacing", "1,2,5", "--plot", "p.svg"];
    let output = gyrus(root, &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        text.starts_with("patient,slices,missing_slices,dice,iou,hausdorff_95_mm,truth_volume_ml"),
        "{text}"
    );
    assert_eq!(text.lines().nth(1), Some("a,3,0,1,1,0,0.24,0.24,0,1,1,0,0,1,0,0,0,"));
    let plot = fs::read_to_string(root.join("p.svg")).expect("a plot");
    assert!(plot.contains("b &amp; &lt;c&gt;") && plot.contains("volume in ml"), "{plot}");
    fs::write(root.join("r.jsonl"), answers(&[("a/1.png", Some("well"), json!(0.2))])).expect("a file");
    fs::write(root.join("t.csv"), "path,class\n1.png,well\n").expect("a file");
    let arguments = ["evaluate", "--truth", "t.csv", "r.jsonl", "--format", "csv", "--plot", "p.svg"];
    let output = gyrus(root, &arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.starts_with("level,figure,class,value,low,high\nslice,accuracy,,1,,\n"), "{text}");
    assert!(text.contains("\nslice,predicted_sick,well,0,,\n"), "{text}");
    assert!(fs::read_to_string(root.join("p.svg")).expect("a plot").contains("calibration error"));
    let output =
        gyrus(root, &["evaluate", "--truth", "t.csv", "r.jsonl", "--plot", &arg(&root.join("no/p.svg"))]);
    assert_eq!((output.status.code(), errors(&output).len()), (Some(2), 1), "{output:?}");
}
