//! The conformance suites: every kernel on the software adapter, what is wrong never passes, and bad input or a lost
//! device costs no result that is already there.

mod common;

use std::fs;
use std::path::Path;

use common::command::{arg, errors, gyrus, lines};
use common::onnx_suite::{case, model, relu, tensor, whole};
use gyrus::Device;
use gyrus::conformance::report::{DeviceReport, Report};
use gyrus::conformance::{Engine, Outcome, Record, Suite, builtin, junit, onnx, run};
use tempfile::TempDir;

fn engine(device: &str) -> Engine {
    Engine::new(&Device::open(device).expect("needs a software adapter: run scripts/test"))
}

fn ran(suite: &Suite, engine: &mut Engine) -> Vec<Record> {
    run(suite, engine, &mut |_, _| {})
}

fn onnx_suite(folder: &TempDir) -> Suite {
    onnx::suite("onnx", folder.path(), &onnx::GROUPS).expect("a suite")
}

fn failed(records: &[Record]) -> Vec<(String, String)> {
    let reason = |record: &Record| match &record.verdict.outcome {
        Outcome::Failed { reason } => Some((record.case.clone(), reason.clone())),
        _ => None,
    };
    records.iter().filter_map(reason).collect()
}

fn passed(records: &[Record]) -> usize {
    records.iter().filter(|record| record.verdict.outcome == Outcome::Passed).count()
}

#[test]
fn every_kernel_agrees_with_its_twin() {
    let mut engine = engine("software");
    let records = ran(&builtin::suite(None).expect("a suite"), &mut engine);
    assert_eq!(failed(&records), []);
    assert_eq!(passed(&records), records.len(), "no case is outside of what a software adapter can do");
    let report = DeviceReport::new(&engine, records, true);
    assert_eq!(report.unreached_kernels, [] as [String; 0], "kernels that no case reached");
}

#[test]
fn the_cpu_engine_agrees_with_the_twins() {
    let records = ran(&builtin::suite(None).expect("a suite"), &mut engine("cpu"));
    assert_eq!(failed(&records), []);
    assert_eq!(passed(&records), records.len());
}

#[test]
fn a_whole_suite_passes_and_a_wrong_value_does_not() {
    let folder = whole();
    for device in ["software", "cpu"] {
        let records = ran(&onnx_suite(&folder), &mut engine(device));
        assert_eq!((passed(&records), records.len()), (5, 5), "{records:?}");
    }
    relu(&case(&folder, "node", "test_wrong"), &[-1.0, 2.0], &[0.0, 2.003]);
    for device in ["software", "cpu"] {
        let records = ran(&onnx_suite(&folder), &mut engine(device));
        let failed = failed(&records);
        assert_eq!(passed(&records), 5);
        assert_eq!(failed.len(), 1);
        assert!(failed[0].1.contains("element 1 is 2, expected 2.00"), "{failed:?}");
    }
}

#[test]
fn what_is_outside_is_skipped_with_the_reason() {
    let folder = whole();
    let path = case(&folder, "node", "test_outside");
    relu(&path, &[1.0], &[1.0]);
    fs::write(path.join("model.onnx"), model("Nonsense", 1)).expect("a file");
    let records = ran(&onnx_suite(&folder), &mut engine("cpu"));
    let skipped: Vec<String> = records
        .iter()
        .filter_map(|record| match &record.verdict.outcome {
            Outcome::Skipped { reasons } => Some(reasons.iter().map(ToString::to_string).collect()),
            _ => None,
        })
        .collect();
    assert_eq!(skipped, ["Nonsense: operator not supported"]);
}

/// Whatever is cut off or missing, that case alone fails, in words, and the others run.
#[test]
fn damaged_cases_fail_alone() {
    let folder = whole();
    let path = case(&folder, "node", "test_cut");
    let model = model("Relu", 2);
    let tensor = tensor(&[1.0, 2.0]);
    let files = [
        ("model.onnx", &model),
        ("test_data_set_0/input_0.pb", &tensor),
        ("test_data_set_0/output_0.pb", &tensor),
    ];
    let mut engine = engine("cpu");
    let mut check = |what: String| {
        let records = ran(&onnx_suite(&folder), &mut engine);
        let failed = failed(&records);
        assert_eq!((failed.len(), passed(&records)), (1, 5), "{what}: {records:?}");
        assert!(failed[0].0 == "test_cut" && failed[0].1.lines().count() == 1, "{what}: {failed:?}");
        assert!(failed[0].1.contains("install the Python package onnx again"), "{what}: {failed:?}");
    };
    for (name, bytes) in files {
        for length in 0..bytes.len() {
            relu(&path, &[1.0, 2.0], &[1.0, 2.0]);
            fs::write(path.join(name), &bytes[..length]).expect("a file");
            check(format!("{name} cut at {length}"));
        }
        relu(&path, &[1.0, 2.0], &[1.0, 2.0]);
        fs::remove_file(path.join(name)).expect("a file");
        check(format!("{name} missing"));
    }
    relu(&path, &[1.0, 2.0], &[1.0, 2.0]);
    fs::remove_dir_all(path.join("test_data_set_0")).expect("a folder");
    check("no test data".into());
}

#[test]
fn missing_folders_are_named() {
    let empty = tempfile::tempdir().expect("a folder");
    let gone = empty.path().join("gone");
    for (folder, expected) in [(gone.as_path(), "no such folder"), (empty.path(), "holds no folder node")] {
        let error = onnx::suite("onnx", folder, &onnx::GROUPS).err().expect("an error").to_string();
        assert!(error.contains(expected) && error.contains("give the folder onnx/backend"), "{error}");
    }
    assert!(
        onnx::suite("onnx", empty.path(), &["real"]).err().expect("an error").to_string().contains("'real'")
    );

    let partial = whole();
    fs::remove_dir_all(partial.path().join("simple")).expect("a folder");
    fs::remove_dir_all(partial.path().join("light")).expect("a folder");
    fs::create_dir(partial.path().join("light")).expect("a folder");
    let records = ran(&onnx_suite(&partial), &mut engine("cpu"));
    let reasons = failed(&records);
    assert_eq!((passed(&records), reasons.len()), (3, 2), "{records:?}");
    assert!(
        reasons[0].1.contains("simple: cannot be read") && reasons[1].1.contains("light: holds no cases")
    );
}

#[test]
fn a_device_that_is_lost_once_is_opened_again() {
    let suite = builtin::suite(Some("Add")).expect("a suite");
    let mut engine = engine("software");
    let mut seen = 0;
    let records = run(&suite, &mut engine, &mut |_, engine| {
        seen += 1;
        if seen == 3 {
            engine.gpu().expect("a GPU").destroy();
        }
    });
    assert_eq!(passed(&records), suite.trials.len(), "{:?}", failed(&records));
    assert!(engine.notices()[0].contains("opened again"), "{:?}", engine.notices());
}

#[test]
fn a_device_that_is_lost_twice_keeps_what_is_done() {
    let suite = builtin::suite(Some("Add")).expect("a suite");
    let mut engine = engine("software");
    let mut seen = 0;
    let records = run(&suite, &mut engine, &mut |_, engine| {
        seen += 1;
        if seen == 3 || seen == 6 {
            engine.gpu().expect("a GPU").destroy();
        }
    });
    assert_eq!((seen, records.len()), (suite.trials.len(), suite.trials.len()));
    assert_eq!(passed(&records), 6);
    assert_eq!(failed(&records).len(), 1, "the case that hit the loss");
    let report = Report::new(vec![DeviceReport::new(&engine, records, false)]);
    assert_eq!(report.totals.not_run, suite.trials.len() - 7);
    assert!(!report.totals.all_good());
    assert!(junit::write(&report).expect("XML").contains("lost twice"));
}

#[test]
fn the_junit_file_is_read_back() {
    let folder = whole();
    relu(&case(&folder, "node", "test_<wrong> & \"more\""), &[1.0], &[2.0]);
    let mut engine = engine("cpu");
    let records = ran(&onnx_suite(&folder), &mut engine);
    let report = Report::new(vec![DeviceReport::new(&engine, records, false)]);
    let text = junit::write(&report).expect("XML");
    let read = quick_junit::Report::deserialize_from_str(&text).expect("JUnit XML");
    assert_eq!((read.tests, read.failures), (6, 1));
    assert_eq!(read.test_suites.len(), 5);
}

fn conformance(folder: &TempDir, arguments: &[&str]) -> std::process::Output {
    gyrus(folder.path(), &[&["conformance", "--device", "cpu"], arguments].concat())
}

#[test]
fn the_command_writes_all_it_found_and_tells_by_its_exit_code() {
    let folder = whole();
    let arguments = ["--suite", "onnx", "--cases", "small=.", "--junit", "j.xml", "--format", "json"];
    let output = conformance(&folder, &[&arguments[..], &["--record", "expected.toml"]].concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(lines(&output)[0]["totals"]["passed"], 5);

    let again = conformance(&folder, &[&arguments[..], &["--expect", "expected.toml"]].concat());
    assert_eq!(again.status.code(), Some(0), "{again:?}");

    fs::remove_dir_all(case(&folder, "simple", "test_right")).expect("a folder");
    let fewer = conformance(&folder, &[&arguments[..], &["--expect", "expected.toml"]].concat());
    assert_eq!(fewer.status.code(), Some(1));
    assert_eq!(lines(&fewer)[0]["totals"]["passed"], 4);
    assert!(fs::read_to_string(folder.path().join("j.xml")).expect("a file").contains("holds no cases"));
    assert_eq!(errors(&fewer), ["error: small on cpu: Relu passes 4, expected 5"]);
}

#[test]
fn what_cannot_run_is_one_line() {
    let folder = whole();
    let cases: [(&[&str], &str); 9] = [
        (&["--suite", "onnx"], "needs --cases"),
        (&["--suite", "onnx", "--cases", "gone"], "gone: no such folder"),
        (&["--suite", "onnx", "--cases", ".", "--cases", "."], "give each a name"),
        (&["--suite", "onnx", "--cases", ".", "--group", "odd"], "no group 'odd'"),
        (&["--cases", "."], "belong to --suite onnx"),
        (&["--operator", "Odd"], "no operator 'Odd'"),
        (&["--suite", "onnx", "--cases", ".", "--operator", "Relu"], "--operator belongs to --suite builtin"),
        (&["--group", "node"], "--group belong to --suite onnx"),
        (&["--expect", "gone.toml"], "gone.toml: cannot be read"),
    ];
    for (arguments, expected) in cases {
        let output = conformance(&folder, arguments);
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        assert!(errors.len() == 1 && errors[0].contains(expected), "{arguments:?}: {errors:?}");
    }
    let none = gyrus(Path::new("."), &["conformance", "--device", "no such device"]);
    assert_eq!(none.status.code(), Some(2), "{none:?}");
}

#[test]
fn a_file_that_cannot_be_written_costs_the_others_nothing() {
    let folder = whole();
    let junit = arg(&folder.path().join("gone/j.xml"));
    let output = conformance(
        &folder,
        &["--operator", "Relu", "--junit", &junit, "--docs", "d.md", "--format", "json"],
    );
    assert_eq!(output.status.code(), Some(2), "--docs is of all operators: {output:?}");
    let output = conformance(
        &folder,
        &["--suite", "onnx", "--cases", ".", "--junit", &junit, "--docs", "d.md", "--format", "json"],
    );
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(errors(&output)[0].contains("j.xml: cannot be written"), "{output:?}");
    assert_eq!(lines(&output)[0]["totals"]["failed"], 0);
    assert!(fs::read_to_string(folder.path().join("d.md")).expect("a file").contains("| Relu |"));
}
