//! What `gyrus export` and `gyrus conformance --export` write: all that a player needs, and nothing over what was there. That
//! browsers play it is shown by `scripts/browser`.

mod common;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use common::command::errors;
use common::onnx_suite;
use serde_json::Value;

/// Runs `gyrus` in the project's folder.
fn gyrus(arguments: &[&str]) -> Output {
    common::command::gyrus(Path::new(env!("CARGO_MANIFEST_DIR")), arguments)
}

fn stderr(output: &Output) -> String {
    errors(output).join("\n")
}

fn json(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Holds a plan to what lies beside it: its kernels' texts, and a span of numbers for each of its weights.
fn check_plan(root: &Path, plan: &Value, weights: &Value, numbers: usize) {
    for step in plan["steps"].as_array().expect("steps") {
        let shader = step["shader"].as_str().expect("a shader");
        let text = fs::read_to_string(root.join(format!("shaders/{shader}.wgsl"))).expect("its text");
        assert!(text.contains("@compute"), "{shader}");
        assert_eq!(step["subgroups"].as_bool(), Some(text.contains("@builtin(subgroup")), "{shader}");
    }
    let (weights, packed) =
        (weights.as_array().expect("spans"), plan["weights"].as_array().expect("weights"));
    assert_eq!(weights.len(), packed.len());
    for (span, packed) in weights.iter().zip(packed) {
        let [start, count] = ["start", "count"].map(|key| span[key].as_u64().expect("a number") as usize);
        assert!(start + count <= numbers, "{span} of {numbers}");
        let of_f32 = count as u64 * 4;
        assert!([of_f32, of_f32 / 2].contains(&packed["bytes"].as_u64().expect("bytes")), "{packed}");
    }
}

#[test]
fn a_site_holds_all_that_a_browser_needs() {
    let folder = tempfile::tempdir().expect("a folder");
    for (model, samples) in [("alzheimer", 3), ("tumor", 1)] {
        let site = folder.path().join(model);
        let path = site.display().to_string();
        let done = gyrus(&["export", "--web", &format!("weights/{model}"), &path]);
        assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
        let described = json(&site.join("model.json"));
        let numbers = fs::metadata(site.join("weights.bin")).expect("weights").len() as usize / 4;
        check_plan(&site, &described["plan"], &described["weights"], numbers);
        assert_eq!(described["card"]["name"], model);
        assert!(described["card"]["metrics"].is_null(), "what was measured is megabytes of no use there");
        let listed = described["samples"].as_array().expect("samples");
        assert_eq!(listed.len(), samples);
        for sample in listed {
            let bytes = fs::read(site.join("samples").join(sample["file"].as_str().expect("a name")))
                .expect("a picture");
            assert!(bytes.starts_with(b"\x89PNG"));
        }
        // Nothing is written over.
        let again = gyrus(&["export", "--web", &format!("weights/{model}"), &path]);
        assert_eq!(again.status.code(), Some(2));
        assert!(stderr(&again).contains("is not empty"), "{}", stderr(&again));
    }
}

#[test]
fn models_that_say_nothing_of_their_answers_are_not_exported() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = folder.path().join("site");
    let path = site.display().to_string();
    let done = gyrus(&["export", "--web", "weights/alzheimer/model.onnx", &path]);
    assert_eq!(done.status.code(), Some(2));
    assert!(stderr(&done).contains("card.toml"), "{}", stderr(&done));
    assert!(!site.exists(), "nothing is begun");
    let unknown = gyrus(&["export", "--web", "no-such-model", &path]);
    assert_eq!(unknown.status.code(), Some(2));
}

#[test]
fn a_suite_is_exported_with_all_ways_to_compute_its_cases() {
    let folder = tempfile::tempdir().expect("a folder");
    let suite = folder.path().join("suite");
    let path = suite.display().to_string();
    let done = gyrus(&["conformance", "--operator", "MaxPool", "--export", &path]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let index = json(&suite.join("index.json"));
    let trials = index["trials"].as_array().expect("trials");
    assert!(trials.len() >= 5, "{index}");
    let mut kernels = BTreeSet::new();
    for trial in trials {
        let file = trial["file"].as_str().expect("a file");
        let case = json(&suite.join(format!("{file}.json")));
        let numbers = fs::metadata(suite.join(format!("{file}.bin"))).expect("numbers").len() as usize / 4;
        for run in case["runs"].as_array().expect("runs") {
            check_plan(&suite, &run["plan"], &run["weights"], numbers);
            for (list, ports) in [("inputs", "inputs"), ("expected", "outputs"), ("bounds", "outputs")] {
                let spans = run[list].as_array().expect("spans").len();
                assert_eq!(spans, run["plan"][ports].as_array().expect("ports").len(), "{list}");
            }
            kernels.extend(run["kernels"].as_array().expect("names").iter().map(ToString::to_string));
        }
    }
    assert!(kernels.iter().any(|name| name.contains("texels")) && kernels.len() > 1, "{kernels:?}");
    let unknown = gyrus(&["conformance", "--operator", "NoSuch", "--export", &format!("{path}2")]);
    assert_eq!(unknown.status.code(), Some(2), "{}", stderr(&unknown));
    assert!(!Path::new(&format!("{path}2")).exists());
}

#[test]
fn cases_of_files_are_exported_and_those_outside_with_their_reason() {
    let folder = tempfile::tempdir().expect("a folder");
    let cases = onnx_suite::whole();
    let outside = onnx_suite::case(&cases, "node", "test_outside");
    onnx_suite::relu(&outside, &[1.0], &[1.0]);
    let model = fs::read(outside.join("model.onnx")).expect("a file");
    let at = model.windows(4).position(|bytes| bytes == b"Relu").expect("the operator's name");
    fs::write(outside.join("model.onnx"), [&model[..at], b"Rexu", &model[at + 4..]].concat())
        .expect("a file");
    let [suite, data] = [&folder.path().join("suite"), cases.path()].map(|path| path.display().to_string());
    let done = gyrus(&["conformance", "--suite", "onnx", "--cases", &data, "--export", &suite]);
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let index = json(&Path::new(&suite).join("index.json"));
    let trials = index["trials"].as_array().expect("trials");
    assert_eq!(trials.len(), 6, "{index}");
    for trial in trials {
        let file = format!("{suite}/{}", trial["file"].as_str().expect("a file"));
        let case = json(Path::new(&format!("{file}.json")));
        let is_outside = trial["case"] == "test_outside";
        assert_eq!(case["runs"].as_array().expect("runs").is_empty(), is_outside, "{case}");
        let reason = case["skipped"][0]["reason"].as_str();
        assert_eq!(reason, is_outside.then_some("outside of Gyrus: Rexu: operator not supported"));
        if trial["case"] == "test_right" {
            let bytes = fs::read(format!("{file}.bin")).expect("numbers");
            let expected = case["runs"][0]["expected"][0]["start"].as_u64().expect("a place") as usize * 4;
            assert_eq!(bytes[expected..expected + 8], little_endian([0.0, 2.0]), "as the file says");
        }
    }
}

fn little_endian(numbers: [f32; 2]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

/// The files that a text of a page's asks for, as paths within the folder of the site.
fn wanted(file: &Path, text: &str) -> Vec<std::path::PathBuf> {
    let marks: &[&str] = match file.extension().and_then(|extension| extension.to_str()) {
        Some("js") => &["from \"", "import \""],
        Some("html") => &["src=\"", "href=\""],
        _ => &[],
    };
    let named =
        marks.iter().flat_map(|mark| text.match_indices(mark).map(|(at, _)| &text[at + mark.len()..]));
    let names = named.filter_map(|rest| rest.split('"').next()).filter(|name| !name.starts_with(['#', '/']));
    let beside = file.parent().unwrap_or(Path::new(""));
    names.map(|name| beside.join(name)).collect()
}

#[test]
fn pages_ask_for_nothing_that_was_left_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let paths = ["site", "suite"].map(|name| folder.path().join(name));
    let [site, suite] = paths.each_ref().map(|path| path.display().to_string());
    assert_eq!(gyrus(&["export", "--web", "weights/alzheimer", &site]).status.code(), Some(0));
    assert_eq!(gyrus(&["conformance", "--operator", "Relu", "--export", &suite]).status.code(), Some(0));
    let mut asked = 0;
    for root in &paths {
        for entry in walkdir::WalkDir::new(root) {
            let path = entry.expect("a readable folder").into_path();
            let Ok(text) = fs::read_to_string(&path) else { continue };
            for file in wanted(&path, &text) {
                assert!(file.exists(), "{} wants {}", path.display(), file.display());
                asked += 1;
            }
            assert!(
                !text.contains("https://") || path.extension().is_none_or(|e| e != "html"),
                "{}",
                path.display()
            );
        }
    }
    assert!(asked > 40, "only {asked} are asked for");
}
