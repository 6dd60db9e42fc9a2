//! Every JSON that the commands print, held against the schemas in `docs/schema`.

mod common;

use std::path::Path;
use std::process::Output;

use common::command::{DEVICES, arg, gyrus, gyrus_remembering, lines, network};
use common::images::{Encoding, encode};
use common::onnx_suite;
use common::volumes::{nifti, put};
use serde_json::Value;
use tempfile::TempDir;

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schema/{name}.schema.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).expect("JSON")
}

/// Holds every line of stdout to a schema and returns the lines.
fn check(name: &str, output: &Output, code: i32) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(code), "{name}: {output:?}");
    let validator = jsonschema::validator_for(&schema(name)).expect("a schema");
    let lines = lines(output);
    assert!(!lines.is_empty(), "{name}: {output:?}");
    for line in &lines {
        let problems: Vec<String> = validator.iter_errors(line).map(|e| format!("{e} in {line}")).collect();
        assert!(problems.is_empty(), "{name}: {}", problems.join("\n"));
    }
    lines
}

/// A slice, a coloured picture and a damaged file.
fn slices() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).expect("a file");
    put("a.png", &encode(Encoding::Png8));
    put("b.jpg", &encode(Encoding::JpegRgb));
    put("c.png", &encode(Encoding::Png8)[..60]);
    folder
}

#[test]
fn schemas_are_closed_and_described() {
    let names = [
        "classify",
        "segment",
        "evaluate",
        "inspect",
        "devices",
        "ops",
        "models",
        "bench",
        "conformance",
        "tune",
        "view",
    ];
    for name in names {
        let schema = schema(name);
        jsonschema::meta::validate(&schema).unwrap_or_else(|e| panic!("{name}: {e}"));
        let mut faults = Vec::new();
        walk(&schema, name, &mut faults);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

/// Objects refuse other properties, and every property says what it is.
fn walk(schema: &Value, place: &str, faults: &mut Vec<String>) {
    if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            faults.push(format!("{place}: takes any property"));
        }
        for (name, property) in properties {
            if property.get("description").is_none() && property.get("$ref").is_none() {
                faults.push(format!("{place}/{name}: has no description"));
            }
        }
    }
    match schema {
        Value::Object(map) => {
            map.iter().for_each(|(key, value)| walk(value, &format!("{place}/{key}"), faults))
        }
        Value::Array(list) => list.iter().for_each(|value| walk(value, place, faults)),
        _ => {}
    }
}

#[test]
fn classify() {
    let folder = slices();
    let model = arg(&network("classifier"));
    for device in DEVICES {
        let arguments = ["classify", "--model", &model, "--device", device, "--format", "json", "."];
        let lines = check("classify", &gyrus(folder.path(), &arguments), 1);
        assert_eq!(lines.len(), 3, "{lines:?}");
        let sum: f64 =
            lines[0]["probabilities"].as_object().into_iter().flatten().filter_map(|p| p.1.as_f64()).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{lines:?}");
        assert!(lines[0]["prediction"].is_string() && lines[1]["prediction"].is_null(), "{lines:?}");
        assert_eq!(lines[1]["warnings"][0]["code"], "colour");
        assert!(lines[2]["error"].as_str().is_some_and(|e| e.contains("c.png: damaged")), "{lines:?}");
    }
}

#[test]
fn segment() {
    let folder = slices();
    let stack = folder.path().join("stack");
    std::fs::create_dir(&stack).expect("a folder");
    let scans = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/segment/scans/stack");
    for name in ["3.png", "9.png", "10.png"] {
        std::fs::copy(scans.join(name), stack.join(name)).expect("a copy");
    }
    let model = arg(&network("segmenter"));
    for device in DEVICES {
        let start = ["segment", "--model", &model, "--device", device, "--format", "json", "--force"];
        // Grey is refused, the damaged file too.
        let lines = check("segment", &gyrus(folder.path(), &[&start[..], &["."]].concat()), 1);
        let errors: Vec<&str> = lines.iter().filter_map(|l| l["error"].as_str()).collect();
        assert_eq!((lines.len(), errors.len()), (6, 2), "{lines:?}");
        assert!(errors.iter().any(|e| e.contains("c.png: damaged")), "{lines:?}");
        let all = ["--overlay", "--probabilities", "--spacing", "1,1,1", "--allow-missing-sequences"];
        let arguments = [&start[..], &all, &["stack", "a.png"]].concat();
        let lines = check("segment", &gyrus(folder.path(), &arguments), 0);
        assert!(lines[0]["stack"]["volume_ml"].is_number() && lines[3]["stack"].is_null(), "{lines:?}");
        assert!(lines.iter().all(|l| l["overlay"].is_string() && l["area_mm2"].is_number()), "{lines:?}");
    }
}

#[test]
fn view() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("scan.nii"), nifti(|_| {})).expect("a file");
    let report = check("view", &gyrus(folder.path(), &["view", "scan.nii", "--format", "json"]), 0).remove(0);
    assert_eq!((&report["stored"], &report["largest"]), (&"int16".into(), &23.0.into()), "{report}");
}

/// The slices of a volume, and the volume as a whole.
#[test]
fn volumes() {
    let folder = tempfile::tempdir().expect("a folder");
    let volume = nifti(|bytes| {
        for (n, size) in [20i16, 24, 3].into_iter().enumerate() {
            put(bytes, 42 + 2 * n, &size.to_le_bytes());
        }
        bytes.truncate(352);
        bytes.extend((0..20 * 24 * 3).flat_map(|n: i16| (n % 400).to_le_bytes()));
    });
    std::fs::write(folder.path().join("scan.nii"), volume).expect("a file");
    let classifier = arg(&network("classifier"));
    let start = ["classify", "--model", &classifier, "--device", "cpu", "--format", "json"];
    let lines = check("classify", &gyrus(folder.path(), &[&start[..], &["scan.nii"]].concat()), 0);
    assert_eq!(
        (lines.len(), &lines[3]["slices"], &lines[3]["slice"]),
        (4, &3.into(), &Value::Null),
        "{lines:?}"
    );
    assert_eq!(lines[3]["warnings"][0]["code"], "unplaced", "{lines:?}");
    let segmenter = arg(&network("segmenter"));
    let start = ["segment", "--model", &segmenter, "--device", "cpu", "--format", "json"];
    let more = ["--allow-missing-sequences", "--probabilities", "--overlay", "--slices", "1..3", "scan.nii"];
    let lines = check("segment", &gyrus(folder.path(), &[&start[..], &more].concat()), 0);
    assert_eq!((lines.len(), &lines[2]["slices"]), (3, &2.into()), "{lines:?}");
    let mask = lines[2]["mask"].as_str().expect("a mask");
    assert!(folder.path().join(mask).is_file() && lines[0]["slice"] == 1, "{lines:?}");
}

#[test]
fn inspect() {
    let here = Path::new(".");
    for (name, planned) in [("deep.onnx", false), ("classifier", true), ("unsupported.onnx", false)] {
        let model = arg(&network(name));
        for plan in [&[][..], &["--plan"]] {
            let arguments = [&["inspect", &model, "--format", "json"], plan].concat();
            let report = check("inspect", &gyrus(here, &arguments), 0).remove(0);
            assert_eq!(report["multiply_adds"].is_u64(), planned, "{report}");
            assert_eq!(report["peak_device_bytes"].is_u64(), planned, "{report}");
            assert_eq!(report.get("plan").is_some(), planned && !plan.is_empty(), "{report}");
        }
    }
    let model = arg(&network("deep.onnx"));
    let arguments =
        ["inspect", &model, "--format", "json", "--plan", "--input", "x=2x3x16x12", "--device", "software"];
    let report = check("inspect", &gyrus(here, &arguments), 0).remove(0);
    assert!(report["plan"]["steps"].as_array().is_some_and(|s| s.len() >= 4), "{report}");
}

#[test]
fn every_unsupported_node_is_listed() {
    let model = arg(&network("unsupported.onnx"));
    let output = gyrus(Path::new("."), &["inspect", &model, "--format", "json"]);
    let report = check("inspect", &output, 0).remove(0);
    let nodes: Vec<&str> =
        report["unsupported"].as_array().into_iter().flatten().filter_map(|n| n["node"].as_str()).collect();
    assert_eq!(nodes, ["first", "second", "third"]);
    assert!(report["multiply_adds"].is_null() && report["problem"].is_string(), "{report}");
}

#[test]
fn bench() {
    let model = arg(&network("classifier"));
    for device in DEVICES {
        let arguments = [
            "bench", &model, "--device", device, "--batch", "2", "--runs", "3", "--layers", "--format",
            "json",
        ];
        let report = check("bench", &gyrus(Path::new("."), &arguments), 0).remove(0);
        assert_eq!((&report["batch"], &report["runs"]), (&2.into(), &3.into()));
        let layers = report["layers"].as_array().map_or(0, Vec::len);
        assert_eq!(layers == 0, device == "cpu", "{report}");
        assert_eq!(report["kernels"].as_array().map_or(0, Vec::len) == 0, device == "cpu", "{report}");
        for key in ["ceilings", "outside_ms"] {
            assert_eq!(report[key].is_null(), device == "cpu", "{report}");
        }
        let ms = |key: &str| report[key].as_f64().expect("a time");
        assert!(
            ms("min_ms") <= ms("p10_ms")
                && ms("p10_ms") <= ms("median_ms")
                && ms("median_ms") <= ms("p90_ms")
        );
    }
    for (runs, has_p99) in [("99", false), ("100", true)] {
        let arguments = ["bench", &model, "--device", "cpu", "--runs", runs, "--format", "json"];
        let plain = check("bench", &gyrus(Path::new("."), &arguments), 0).remove(0);
        assert_eq!(plain["p99_ms"].is_number(), has_p99, "{plain}");
        assert!(plain.get("layers").is_none() && plain.get("ceilings").is_none(), "{plain}");
    }
}

#[test]
fn tune() {
    let cache = tempfile::tempdir().expect("a folder");
    let run = |arguments: &[&str]| gyrus_remembering(cache.path(), Path::new("."), arguments);
    let model = arg(&network("classifier"));
    let nothing = check("tune", &run(&["tune", "--show", "--device", "software", "--format", "json"]), 0);
    assert_eq!((nothing.len(), &nothing[0]["sites"]), (1, &Value::Array(vec![])));
    let batches =
        ["tune", &model, "--device", "software", "--batch", "1", "--batch", "2", "--format", "json"];
    let tuned = check("tune", &run(&batches), 0);
    assert_eq!(tuned.len(), 2, "{tuned:?}");
    for (report, batch) in tuned.iter().zip(1..) {
        let inputs = report["networks"][0]["inputs"][0].as_str();
        assert!(inputs.is_some_and(|i| i.contains(&format!("={batch}x"))), "{report}");
        assert!(report["sites"].as_array().is_some_and(|s| !s.is_empty()), "{report}");
        assert!(report["sites"][0]["winner"].is_string() && report["dropped"][0].is_null(), "{report}");
    }
    let shown =
        check("tune", &run(&["tune", &model, "--show", "--device", "software", "--format", "json"]), 0);
    assert_eq!((shown.len(), shown[0]["networks"].as_array().map(Vec::len)), (1, Some(2)));
    let table = run(&["tune", "--show", "--device", "software"]);
    let text = String::from_utf8_lossy(&table.stdout);
    for said in ["loser", "winner", "default", "conv_grouped_f32", "remembered in"] {
        assert!(text.contains(said), "{said}: {text}");
    }
    // A damaged file is told of and replaced.
    let file = shown[0]["cache"].as_str().expect("a file");
    std::fs::write(file, "damaged").expect("a file");
    let output = run(&["tune", "--show", "--device", "software", "--format", "json"]);
    assert!(check("tune", &output, 0)[0]["networks"][0].is_null());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.starts_with("note: ") && told.contains("is damaged") && told.lines().count() == 1, "{told}");
    let table = run(&["tune", &model, "--device", "software"]);
    assert!(String::from_utf8_lossy(&table.stdout).contains("speed-up"), "{table:?}");
    assert!(table.status.success() && run(&["tune", "--show", "--device", "software"]).stderr.is_empty());
}

#[test]
fn there_is_nothing_to_tune_on_the_cpu() {
    for show in [&[][..], &["--show"]] {
        let output = gyrus(Path::new("."), &[&["tune", "--device", "cpu"], show].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains("nothing to tune"), "{output:?}");
    }
}

#[test]
fn devices() {
    let lines = check("devices", &gyrus(Path::new("."), &["devices", "--format", "json"]), 0);
    assert!(lines.iter().any(|d| d["class"] == "software"), "no software adapter: {lines:?}");
    assert_eq!(lines.iter().filter(|d| d["auto"] == true).count(), 1, "{lines:?}");
    assert_eq!(lines.last().expect("the CPU engine")["device"], "cpu");
}

#[test]
fn ops() {
    let lines = check("ops", &gyrus(Path::new("."), &["ops", "--format", "json"]), 0);
    assert_eq!(lines.len(), gyrus::ops::OPS.len());
}

#[test]
fn conformance() {
    let suite = onnx_suite::whole();
    let wrong = onnx_suite::case(&suite, "node", "test_wrong");
    onnx_suite::relu(&wrong, &[1.0], &[f32::NAN]);
    let outside = onnx_suite::case(&suite, "node", "test_outside");
    onnx_suite::relu(&outside, &[1.0], &[1.0]);
    std::fs::write(outside.join("model.onnx"), onnx_suite::model("Nonsense", 1)).expect("a file");
    for device in DEVICES {
        let arguments =
            ["conformance", "--suite", "onnx", "--cases", ".", "--device", device, "--format", "json"];
        let report = check("conformance", &gyrus(suite.path(), &arguments), 1).remove(0);
        assert_eq!((&report["totals"]["passed"], &report["totals"]["skipped"]), (&5.into(), &1.into()));
    }
    let arguments = ["conformance", "--operator", "Conv", "--device", "all", "--format", "json"];
    let report = check("conformance", &gyrus(Path::new("."), &arguments), 0).remove(0);
    assert!(report["devices"].as_array().is_some_and(|devices| devices.len() >= 2), "{report}");
}

#[test]
fn models() {
    let folder = tempfile::tempdir().expect("a folder");
    let broken = folder.path().join("broken");
    std::fs::create_dir(&broken).expect("a folder");
    std::fs::write(broken.join("card.toml"), "name = 3").expect("a card");
    let models = arg(folder.path());
    check("models", &gyrus(Path::new("."), &["models", "--format", "json", "--models", &models]), 1);
    let good = arg(&network("."));
    let lines =
        check("models", &gyrus(Path::new("."), &["models", "--format", "json", "--models", &good]), 0);
    assert_eq!(lines.len(), 4, "{lines:?}");
}

#[test]
fn evaluate() {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path();
    for set in ["truth/p", "out/p", "out/q"] {
        std::fs::create_dir_all(root.join(set)).expect("a folder");
        for slice in ["1.png", "2.png"].iter().skip(usize::from(set == "out/p")) {
            std::fs::write(root.join(set).join(slice), encode(Encoding::Png8)).expect("a mask");
        }
    }
    for spacing in [&[][..], &["--spacing", "1,1,2"]] {
        let arguments = [&["evaluate", "--truth", "truth", "out", "--format", "json"], spacing].concat();
        let report = check("evaluate", &gyrus(root, &arguments), 1).remove(0);
        assert_eq!((&report["kind"], &report["missing_slices"]), (&"segmentation".into(), &1.into()));
    }
    let none = ["evaluate", "--truth", "truth/p", "out/q", "--format", "json"];
    check("evaluate", &gyrus(root, &none), 0);
    let model = arg(&network("classifier"));
    let answers = ["classify", "--model", &model, "--device", "cpu", "--format", "json", "truth"];
    std::fs::write(root.join("answers"), gyrus(root, &answers).stdout).expect("a file");
    std::fs::write(root.join("truth.csv"), "path,class,subject\np/1.png,left,a\np/2.png,odd,b\n")
        .expect("a file");
    let arguments = ["evaluate", "--truth", "truth.csv", "answers", "--format", "json"];
    let report = check("evaluate", &gyrus(root, &arguments), 1).remove(0);
    assert_eq!((&report["kind"], &report["per_person"]["cases"]), (&"classification".into(), &1.into()));
}

#[test]
fn tables_are_for_people() {
    let folder = slices();
    let model = arg(&network("classifier"));
    let segmenter = arg(&network("segmenter"));
    let masks = ["segment", "--model", &segmenter, "--device", "cpu", "--allow-missing-sequences"];
    let commands: [(&[&str], &str); 9] = [
        (&[&masks[..], &["."]].concat(), "For research use only"),
        (&[&masks[..], &["--force", "--format", "csv", "."]].concat(), "volume_ml"),
        (&["classify", "--model", &model, "--device", "cpu", "."], "For research use only"),
        (&["classify", "--model", &model, "--device", "cpu", "--format", "csv", "."], "probability_left"),
        (&["inspect", &model, "--plan"], "conv_"),
        (&["bench", &model, "--device", "software", "--runs", "2", "--layers"], "GFLOP/s"),
        (&["devices"], "CPU engine"),
        (&["ops"], "GlobalAveragePool"),
        (&["conformance", "--operator", "Relu", "--device", "cpu"], "computes right"),
    ];
    for (arguments, expected) in commands {
        let output = gyrus(folder.path(), arguments);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(expected), "{arguments:?}: {output:?}");
    }
}
