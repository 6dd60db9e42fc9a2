//! `gyrus preprocess` and `gyrus models` as a user runs them.

mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use common::images::{Encoding, encode};
use serde_json::Value;
use tempfile::TempDir;

const CARD: &str = "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"classification\"\n\
    [input]\nchannels = \"grey\"\nheight = 30\nwidth = 20\nfit = \"pad\"\nintensity = \"percentile\"\npercentile = 99.5\n";

fn gyrus(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gyrus"))
        .current_dir(folder)
        .env_remove("GYRUS_MODELS")
        .env("GYRUS_CACHE_DIR", folder.join("no cache"))
        .args(arguments)
        .output()
        .expect("gyrus runs")
}

fn errors(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stderr).lines().map(str::to_string).collect()
}

/// A card and a folder of slices: two good ones, one cut, one hidden, one of another kind, a loop.
fn project() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("a file");
    fs::create_dir_all(folder.path().join("scans/deep")).expect("folders");
    put("card.toml", CARD.as_bytes());
    put("scans/b.png", &encode(Encoding::Png16));
    put("scans/deep/a.JPG", &encode(Encoding::JpegRgb));
    put("scans/cut.png", &encode(Encoding::Png8)[..60]);
    put("scans/.hidden.png", &encode(Encoding::Png8));
    put("scans/notes.txt", b"notes");
    #[cfg(unix)]
    std::os::unix::fs::symlink("..", folder.path().join("scans/deep/loop")).expect("a link");
    folder
}

#[test]
fn good_files_become_rows_in_order_and_bad_ones_are_named() {
    let folder = project();
    let output = gyrus(folder.path(), &["preprocess", "--card", "card.toml", "--out", "x.npy", "scans"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let errors = errors(&output);
    assert_eq!(errors.len(), 1, "{errors:?}");
    assert!(errors[0].starts_with("error: scans/cut.png: damaged Png image"), "{errors:?}");
    let array = gyrus::npy::read(&folder.path().join("x.npy")).expect("the array");
    assert_eq!(array.shape().to_vec(), [2, 1, 30, 20]);
    let sidecar = fs::read_to_string(folder.path().join("x.npy.json")).expect("the sidecar");
    let sidecar: Value = serde_json::from_str(&sidecar).expect("JSON");
    assert_eq!(sidecar["input"]["height"], 30);
    let rows = sidecar["rows"].as_array().expect("rows");
    let files: Vec<&str> = rows.iter().filter_map(|r| r["file"].as_str()).collect();
    assert_eq!(files, ["scans/b.png", "scans/deep/a.JPG"]);
    assert_eq!(
        (&rows[0]["width"], &rows[0]["height"], &rows[0]["colour"]),
        (&43.into(), &29.into(), &0.0.into())
    );
    assert!(rows[1]["colour"].as_f64().is_some_and(|c| c > 0.01), "{rows:?}");
}

#[test]
fn a_folder_without_images_runs_nothing_and_writes_nothing() {
    let folder = project();
    fs::create_dir(folder.path().join("empty")).expect("a folder");
    let output = gyrus(folder.path(), &["preprocess", "--card", "card.toml", "--out", "x.npy", "empty"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(errors(&output)[0].contains("empty: the folder holds no image"), "{output:?}");
    let all_bad = ["preprocess", "--card", "card.toml", "--out", "x.npy", "scans/cut.png", "missing.png"];
    let output = gyrus(folder.path(), &all_bad);
    assert_eq!((output.status.code(), errors(&output).len()), (Some(2), 2), "{output:?}");
    let left: Vec<_> = fs::read_dir(folder.path()).expect("the folder").filter_map(Result::ok).collect();
    let names: Vec<_> =
        left.iter().map(|e| e.file_name()).filter(|n| n.to_string_lossy().contains("npy")).collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn what_stops_the_whole_command_is_one_line() {
    let folder = project();
    fs::write(folder.path().join("bad.toml"), CARD.replace("20", "0")).expect("a card");
    let cases: &[(&[&str], &str)] = &[
        (&["--card", "none.toml", "--out", "x.npy", "scans"], "none.toml: the card cannot be read"),
        (&["--card", "bad.toml", "--out", "x.npy", "scans"], "bad.toml: input.width: must be from 1"),
        (&["--card", "card.toml", "--out", "no/x.npy", "scans"], "no/x.npy: cannot be written"),
        (&["--card", "card.toml", "--out", "scans", "scans"], "scans: is a folder"),
    ];
    for (arguments, expected) in cases {
        let output = gyrus(folder.path(), &[&["preprocess"], *arguments].concat());
        assert_eq!((output.status.code(), errors(&output).len()), (Some(2), 1), "{output:?}");
        assert!(errors(&output)[0].contains(expected), "{output:?}");
    }
}

#[test]
fn models_are_listed_with_their_state() {
    let folder = project();
    for (name, card) in [("good", CARD), ("broken", "name = 3")] {
        let model = folder.path().join("weights").join(name);
        fs::create_dir_all(&model).expect("a folder");
        fs::write(model.join("card.toml"), card).expect("a card");
    }
    let output = gyrus(folder.path(), &["models", "--format", "json"]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let lines: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((&lines[0]["name"], &lines[0]["usable"]), (&"broken".into(), &false.into()));
    assert!(lines[0]["error"].as_str().is_some_and(|e| e.contains("card.toml: the card is wrong in line 1")));
    assert_eq!(
        (&lines[1]["name"], &lines[1]["title"], &lines[1]["usable"]),
        (&"good".into(), &"T".into(), &true.into())
    );
    let table = gyrus(folder.path(), &["models"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("good v1  T"), "{table:?}");
}

/// A card for tumours' three sequences.
const SEQUENCES: &str = "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"segmentation\"\n\
    [input]\nchannels = \"rgb\"\nheight = 16\nwidth = 24\nfit = \"pad\"\nintensity = \"z-score\"\n\
    sequences = [\"a\", \"b\", \"c\"]\nshown = 1\n";

/// The rows of `x.npy` by their files' names in the sidecar, and what it says of the input.
fn rows(folder: &Path) -> (Vec<(String, Vec<f32>)>, Value) {
    let array = gyrus::npy::read(&folder.join("x.npy")).expect("the array");
    let sidecar = fs::read_to_string(folder.join("x.npy.json")).expect("the sidecar");
    let sidecar: Value = serde_json::from_str(&sidecar).expect("JSON");
    let files = sidecar["rows"].as_array().expect("rows").iter();
    let files: Vec<String> = files.filter_map(|r| r["file"].as_str().map(str::to_string)).collect();
    assert_eq!(array.shape().to_vec(), [files.len(), 3, 16, 24]);
    let values = array.as_f32().expect("f32").chunks_exact(3 * 16 * 24).map(<[f32]>::to_vec);
    (files.into_iter().zip(values).collect(), sidecar["input"].clone())
}

#[test]
fn slices_of_a_folder_share_their_levels() {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir(folder.path().join("p")).expect("a folder");
    fs::write(folder.path().join("card.toml"), SEQUENCES).expect("a card");
    let scans = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/segment/scans");
    for (scan, name) in
        [("stack/9.png", "9.png"), ("stack/10.png", "10.png"), ("foreign/f1.png", "9_mask.png")]
    {
        fs::copy(scans.join(scan), folder.path().join("p").join(name)).expect("a copy");
    }
    let run = |arguments: &[&str]| {
        let start = ["preprocess", "--card", "card.toml", "--out", "x.npy"];
        let output = gyrus(folder.path(), &[&start[..], arguments].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        rows(folder.path())
    };
    let card = gyrus::model::Card::load(&folder.path().join("card.toml")).expect("the card");
    let scan = |name: &str| gyrus::imaging::decode_file(&folder.path().join("p").join(name)).expect("a scan");
    let prepared = |name: &str, of: &[&str]| {
        let mut whole = gyrus::model::Histogram::default();
        of.iter().for_each(|n| whole.merge(&gyrus::model::Histogram::of(&scan(n), &card.input)));
        let tensor = card.prepare(&scan(name), Some(&whole.levels())).expect("a tensor");
        tensor.as_f32().expect("f32").to_vec()
    };
    let (two, input) = run(&["--exclude", "*_mask.png", "p"]);
    assert_eq!((&input["intensity"], &input["shown"]), (&"z-score".into(), &1.into()));
    let both = ["9.png", "10.png"];
    let expected = [("p/10.png", prepared("10.png", &both)), ("p/9.png", prepared("9.png", &both))];
    assert!(two.iter().map(|(f, v)| (f.as_str(), v)).eq(expected.iter().map(|(f, v)| (*f, v))));
    // What is left out has no part in the levels, and what is given by name has its own.
    let (three, _) = run(&["p"]);
    assert_eq!(three.len(), 3);
    assert_ne!(three[1].1, two[1].1);
    let (alone, _) = run(&["p/9.png"]);
    assert_eq!(alone, [("p/9.png".to_string(), prepared("9.png", &["9.png"]))]);
    assert_ne!(alone[0].1, two[1].1);
}
