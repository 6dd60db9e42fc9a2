//! What `gyrus export` and `gyrus conformance --export` write: all that a player needs, and nothing over what was there. That
//! browsers play it is shown by `scripts/browser`.

mod common;
#[path = "common/network.rs"]
mod network;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use common::command::errors;
use common::onnx_suite;
use network::Builder;
use serde_json::Value;
use sha2::{Digest, Sha256};

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

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The numbers of a file, which is held to what is said of it.
fn numbers(root: &Path, said: &Value) -> Vec<f32> {
    let name = said["file"].as_str().expect("a name");
    let bytes = fs::read(root.join(name)).expect("a file");
    let sha256 = sha256(&bytes);
    assert_eq!(said["bytes"], bytes.len());
    assert_eq!(said["sha256"], sha256);
    assert!(name.contains(&sha256[..16]), "{name} is {sha256}");
    bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
}

/// Holds the known answer to the ports of the plan, and to being an answer at all.
fn check_known(root: &Path, known: &Value, plan: &Value) {
    let numbers = numbers(root, &known["file"]);
    let [outputs, ports] = [known, plan].map(|of| of["outputs"].as_array().expect("outputs"));
    let names = |list: &[Value]| list.iter().map(|one| one["name"].clone()).collect::<Vec<_>>();
    assert_eq!(names(outputs), names(ports));
    for (span, port) in outputs.iter().zip(ports).chain([(&known["input"], &plan["inputs"][0])]) {
        let [start, count] = ["start", "count"].map(|key| span[key].as_u64().expect("a number") as usize);
        let sizes = port["shape"].as_array().expect("a shape").iter();
        assert_eq!(sizes.map(|size| size.as_u64().expect("a size") as usize).product::<usize>(), count);
        let values = &numbers[start..start + count];
        assert!(values.iter().all(|value| value.is_finite()));
        assert!(values.iter().any(|value| *value != values[0]));
    }
    assert_eq!(known["tolerance"], 1e-3);
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
        let numbers = numbers(&site, &described["weights_file"]).len();
        check_plan(&site, &described["plan"], &described["weights"], numbers);
        check_known(&site, &described["known"], &described["plan"]);
        assert_eq!(described["card"]["name"], model);
        assert!(described["card"]["metrics"].is_null(), "what was measured is megabytes of no use there");
        let listed = described["samples"].as_array().expect("samples");
        assert_eq!(listed.len(), samples);
        for sample in listed {
            let bytes = fs::read(site.join("samples").join(sample["file"].as_str().expect("a name")))
                .expect("a picture");
            assert!(bytes.starts_with(b"\x89PNG"));
        }
        let notice = fs::read_to_string(site.join("samples/NOTICE.txt")).expect("a notice");
        assert!(notice.contains("McConnell Brain Imaging Centre"), "{notice}");
        // Nothing is written over.
        let again = gyrus(&["export", "--web", &format!("weights/{model}"), &path]);
        assert_eq!(again.status.code(), Some(2));
        assert!(stderr(&again).contains("is not empty"), "{}", stderr(&again));
    }
}

/// Writes the folder of a model with an input of these sizes; -1 leaves one open.
fn write_model(folder: &Path, sizes: &[i64]) {
    let network = Builder::new(sizes)
        .conv("x", "a", 1, 4)
        .node("GlobalAveragePool", &["a"], "b")
        .node("Flatten", &["b"], "y")
        .finish(&["y"]);
    let bytes = gyrus::onnx::write(&network);
    let card = format!(
        "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"classification\"\n\
         [model]\nfile = \"model.onnx\"\nsha256 = \"{}\"\ninput = \"x\"\noutput = \"y\"\n\
         [input]\nchannels = \"grey\"\nheight = 16\nwidth = 12\nfit = \"pad\"\nintensity = \"unit\"\n\
         [output]\nactivation = \"softmax\"\nlabels = [\"a\", \"b\", \"c\", \"d\"]\n",
        sha256(&bytes)
    );
    fs::create_dir(folder).expect("a folder");
    fs::write(folder.join("model.onnx"), bytes).expect("a file");
    fs::write(folder.join("card.toml"), card).expect("a file");
}

#[test]
fn open_sizes_are_the_cards_and_several_scans_at_a_time_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    write_model(&path("open"), &[-1, 1, -1, -1]);
    write_model(&path("four"), &[4, 1, 16, 12]);
    let export = |model: &str, site: &str| {
        let [model, site] = [model, site].map(|name| path(name).display().to_string());
        gyrus(&["export", "--web", &model, &site])
    };
    let done = export("open", "site");
    assert_eq!(done.status.code(), Some(0), "{}", stderr(&done));
    let described = json(&path("site").join("model.json"));
    assert_eq!(described["plan"]["inputs"][0]["shape"], serde_json::json!([1, 1, 16, 12]));
    let refused = export("four", "other");
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("takes 4 scans at a time"), "{}", stderr(&refused));
    assert!(!path("other").exists(), "nothing is begun");
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
        assert_eq!(trial["operator"], "MaxPool");
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
        assert_eq!(trial["operator"], if is_outside { "Rexu" } else { "Relu" });
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
