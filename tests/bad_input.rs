//! Bad input: one line that names the file, the reason and what would work; the other files still run; the
//! exit code tells.

mod common;

use std::fs;
use std::path::Path;
use std::process::Output;

use common::command::{DEVICES, arg, errors, gyrus, lines, network, no_cache};
use common::images::{Encoding, encode, with_size};
use gyrus::Tensor;
use serde_json::Value;
use tempfile::TempDir;

/// A command that must stop: its arguments, its exit code, and what its one line must hold.
struct Case {
    arguments: Vec<String>,
    code: i32,
    expected: Vec<String>,
}

fn case(arguments: &[&str], code: i32, expected: &[&str]) -> Case {
    let owned = |texts: &[&str]| texts.iter().map(|t| (*t).to_string()).collect();
    Case { arguments: owned(arguments), code, expected: owned(expected) }
}

/// Runs every case and reports all that is wrong together.
fn check(folder: &Path, cases: &[Case]) {
    let mut faults = Vec::new();
    for Case { arguments, code, expected } in cases {
        let output = gyrus(folder, arguments);
        let errors = errors(&output);
        let right = output.status.code() == Some(*code)
            && errors.len() == 1
            && errors[0].starts_with("error: ")
            && expected.iter().all(|e| errors[0].contains(e));
        if !right {
            faults.push(format!(
                "{arguments:?}, wanted {code} and {expected:?}: {:?} {errors:?}",
                output.status.code()
            ));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn put(folder: &TempDir, name: &str, bytes: &[u8]) {
    fs::write(folder.path().join(name), bytes).expect("a file");
}

/// The commands that answer file by file, each with a network for it and what lets it take these pictures. Its
/// masks are hidden, so that no later command takes them for scans.
const ANSWERING: [(&str, &str, &[&str]); 2] = [
    ("classify", "classifier", &[]),
    ("segment", "segmenter", &["--allow-missing-sequences", "--force", "--out", ".out"]),
];

/// Runs each of [`ANSWERING`] for JSON.
fn answers(folder: &Path, device: &str, paths: &[&str]) -> Vec<Output> {
    let answer = |(command, model, more): (&str, &str, &[&str])| {
        let model = arg(&network(model));
        let start = [command, "--model", &model, "--device", device, "--format", "json"];
        gyrus(folder, &[&start[..], more, paths].concat())
    };
    ANSWERING.map(answer).into()
}

/// The error of each line that is one, by file.
fn failures(output: &Output) -> Vec<(String, String)> {
    let text = |line: &Value, key: &str| line[key].as_str().map(str::to_string);
    lines(output).iter().filter_map(|l| Some((text(l, "file")?, text(l, "error")?))).collect()
}

#[test]
fn bad_images_cost_the_others_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "good.png", &encode(Encoding::Png8));
    put(&folder, "cut.png", &encode(Encoding::Png8)[..60]);
    put(&folder, "empty.png", b"");
    put(&folder, "text.png", b"this is no picture");
    let zero = with_size(0, 10);
    let giant = with_size(60_000, 60_000);
    for (kind, bytes) in &zero {
        put(&folder, &format!("zero-{kind}.png"), bytes);
    }
    for (kind, bytes) in &giant {
        put(&folder, &format!("giant-{kind}.png"), bytes);
    }
    // The name lies, the content does not.
    put(&folder, "jpeg.png", &encode(Encoding::Jpeg));
    fs::create_dir(folder.path().join("nothing")).expect("a folder");
    put(&folder, "nothing/notes.txt", b"notes");
    for output in DEVICES.iter().flat_map(|d| answers(folder.path(), d, &[".", "missing.png", "nothing"])) {
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let failures = failures(&output);
        let answers = lines(&output).len() - failures.len();
        assert_eq!((answers, failures.len()), (2, 3 + zero.len() + giant.len() + 2), "{output:?}");
        for (file, error) in &failures {
            assert!(
                error.contains(file.as_str()) && error.contains("; ") && !error.contains('\n'),
                "{error}"
            );
        }
        let said =
            |file: &str, words: &str| failures.iter().any(|(f, e)| f.ends_with(file) && e.contains(words));
        assert!(said("cut.png", "damaged") && said("missing.png", "cannot be read"), "{failures:?}");
        assert!(said("giant-PNG.png", "too large") && said("nothing", "holds no image"), "{failures:?}");
    }
}

#[test]
fn nothing_that_could_run_is_two() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "cut.png", &encode(Encoding::Png8)[..60]);
    let codes = |path: &str| -> Vec<Option<i32>> {
        answers(folder.path(), "cpu", &[path]).iter().map(|output| output.status.code()).collect()
    };
    assert_eq!(codes("."), [Some(2); 2]);
    assert_eq!(codes("missing.png"), [Some(2); 2]);
    put(&folder, "good.png", &encode(Encoding::Png8));
    assert_eq!(codes("good.png"), [Some(0); 2]);
    assert_eq!(codes("."), [Some(1); 2]);
}

#[test]
fn an_answer_that_is_no_number_is_an_error_of_its_file() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "good.png", &encode(Encoding::Png8));
    let model = arg(&network("not-a-number"));
    for device in DEVICES {
        let arguments = ["classify", "--model", &model, "--device", device, "--format", "json", "."];
        let output = gyrus(folder.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(failures(&output)[0].1.contains("NaN"), "{output:?}");
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_utf8_are_opened_by_their_real_path() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let name = std::ffi::OsStr::from_bytes(b"sc\xffan.png");
    fs::write(folder.path().join(name), encode(Encoding::Png8)).expect("a file");
    for output in answers(folder.path(), "cpu", &["."]) {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(lines(&output)[0]["file"].as_str().is_some_and(|f| f.contains("sc\u{fffd}an.png")));
    }
    let mask = std::ffi::OsStr::from_bytes(b".out/sc\xffan_mask.png");
    assert!(folder.path().join(mask).is_file());
}

#[cfg(unix)]
#[test]
fn a_reader_that_has_gone_away_ends_it_quietly() {
    use std::process::{Command, Stdio};
    let folder = tempfile::tempdir().expect("a folder");
    for i in 0..80 {
        put(&folder, &format!("{i}.png"), &encode(Encoding::Png8));
    }
    let each = ANSWERING.iter().flat_map(|command| ["json", "table", "csv"].map(|format| (command, format)));
    for ((command, model, more), format) in each {
        let model = arg(&network(model));
        let mut child = Command::new(env!("CARGO_BIN_EXE_gyrus"))
            .current_dir(folder.path())
            .env("GYRUS_CACHE_DIR", no_cache())
            .args([command, "--model", &model, "--device", "cpu", "--format", format])
            .args(*more)
            .arg(".")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("gyrus runs");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("gyrus ends");
        assert!(output.stderr.is_empty(), "{output:?}");
        assert!(output.status.code().is_some_and(|code| code < 2), "{output:?}");
    }
}

#[test]
fn unknown_models_and_devices() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "good.png", &encode(Encoding::Png8));
    let (model, segmenter) = (arg(&network("classifier")), arg(&network("segmenter")));
    let bare = arg(&network("relu.onnx"));
    let unsupported = arg(&network("unsupported.onnx"));
    let relu = ["run", &bare, "--input", "x.npy", "--output-dir", "out"];
    check(
        folder.path(),
        &[
            case(
                &["classify", "--model", "no-such-model", "good.png"],
                2,
                &["no-such-model", "no such model"],
            ),
            case(
                &["classify", "--model", &model, "--device", "no-such-device", "good.png"],
                2,
                &["no-such-device", "there are: cpu"],
            ),
            case(
                &["classify", "--model", &model, "--device", "99", "good.png"],
                2,
                &["'99'", "there are: cpu"],
            ),
            case(&["classify", "--model", &bare, "good.png"], 2, &["without a card", "gyrus run"]),
            case(
                &["segment", "--model", "no-such-model", "good.png"],
                2,
                &["no-such-model", "no such model"],
            ),
            case(
                &["segment", "--model", &segmenter, "--device", "no-such-device", "good.png"],
                2,
                &["no-such-device", "there are: cpu"],
            ),
            case(&["segment", "--model", &bare, "good.png"], 2, &["without a card", "gyrus run"]),
            case(&["inspect", "missing.onnx"], 2, &["missing.onnx", "no such model"]),
            case(&["inspect", "good.png"], 2, &["good.png", "not an ONNX file"]),
            case(
                &["bench", &unsupported],
                2,
                &["3 unsupported node(s)", "'first'", "'second'", "unknown_attribute"],
            ),
            case(&relu, 2, &["x.npy", "cannot be read"]),
        ],
    );
}

#[test]
fn cards_that_disagree_with_their_network() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "good.png", &encode(Encoding::Png8));
    let card = fs::read_to_string(network("classifier/card.toml")).expect("the card");
    let changes = [
        ("sha", "sha256 = \"", "sha256 = \"00", "model.sha256"),
        ("other-file", "sha256 = \"", "", "SHA-256"),
        ("label", "\"left\", ", "", "2 labels, the network's output has 3"),
        ("input", "input = \"image\"", "input = \"picture\"", "names the input 'picture'"),
        ("output", "output = \"logits\"", "output = \"scores\"", "names the output 'scores'"),
        ("shape", "height = 24", "height = 32", "the network wants another shape"),
        ("gone", "file = \"model.onnx\"", "file = \"gone.onnx\"", "gone.onnx"),
        ("escape", "file = \"model.onnx\"", "file = \"../model.onnx\"", "plain name"),
        ("gate", "limit = 1000.0", "limit = -1.0", "gate.features"),
    ];
    let mut cases = Vec::new();
    for (name, from, to, expected) in changes {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        let mut network = fs::read(network("classifier/model.onnx")).expect("the network");
        let changed = match name {
            // The card is right, the file is another.
            "other-file" => {
                network.push(0);
                card.clone()
            }
            _ => card.replace(from, to),
        };
        put(&folder, &format!("{name}/model.onnx"), &network);
        put(&folder, &format!("{name}/card.toml"), changed.as_bytes());
        cases.push(case(
            &["classify", "--model", name, "--device", "cpu", "good.png"],
            2,
            &[name, expected, "; "],
        ));
    }
    let card = fs::read_to_string(network("segmenter/card.toml")).expect("the card");
    let changes = [
        ("mask-input", "input = \"image\"", "input = \"picture\"", "names the input 'picture'"),
        ("mask-output", "output = \"probability\"", "output = \"mask\"", "names the output 'mask'"),
        ("mask-shape", "height = 32", "height = 48", "the network wants another shape"),
        ("mask-task", "\"segmentation\"", "\"classification\"", "output.threshold"),
        ("mask-shown", "shown = 1", "shown = 7", "input.shown"),
    ];
    for (name, from, to, expected) in changes {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        let network = fs::read(network("segmenter/model.onnx")).expect("the network");
        put(&folder, &format!("{name}/model.onnx"), &network);
        put(&folder, &format!("{name}/card.toml"), card.replace(from, to).as_bytes());
        let arguments = ["segment", "--model", name, "--device", "cpu", "good.png"];
        cases.push(case(&arguments, 2, &[name, expected, "; "]));
    }
    check(folder.path(), &cases);
}

#[test]
fn hostile_networks() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "x.npy", b"");
    gyrus::npy::write(
        &folder.path().join("x.npy"),
        &Tensor::from_f32([1, 3], vec![0.0; 3]).expect("a tensor"),
    )
    .expect("a file");
    let deep = fs::read(network("deep.onnx")).expect("the network");
    put(&folder, "cut.onnx", &deep[..deep.len() / 2]);
    put(&folder, "empty.onnx", b"");
    let hostile = [
        ("cycle", "part of a cycle"),
        ("missing-initialiser", "neither computed nor stored"),
        ("huge-dims", "too many elements"),
        ("large-dims", "bytes of data"),
        ("negative-dims", "negative size"),
        ("raw-length", "needs 12 bytes of data, the file has 11"),
        ("field-length", "holds 3 elements, 1 given"),
        ("external-parent", "outside the model's folder"),
        ("external-absolute", "outside the model's folder"),
        ("no-outputs", "no outputs"),
        ("huge-constant", "node 'fill' (ConstantOfShape)"),
        ("huge-input", "x.npy"),
    ];
    let mut cases = Vec::new();
    for (name, expected) in hostile {
        let path = arg(&network(&format!("hostile/{name}.onnx")));
        let file = if expected == "x.npy" { "x.npy" } else { name };
        for device in ["cpu", "software"] {
            let arguments = ["run", &path, "--input", "x=x.npy", "--output-dir", "out", "--device", device];
            cases.push(case(&arguments, 2, &[file, expected, "; "]));
        }
    }
    for name in ["cut.onnx", "empty.onnx"] {
        cases.push(case(&["inspect", name], 2, &[name, "; "]));
    }
    check(folder.path(), &cases);
    // A hundred tebibytes of input: refused with numbers on any device, before anything is allocated.
    let huge = arg(&network("hostile/huge-input.onnx"));
    let output = gyrus(folder.path(), &["bench", &huge, "--device", "software", "--runs", "1"]);
    assert_eq!((output.status.code(), errors(&output).len()), (Some(2), 1), "{output:?}");
}

#[cfg(unix)]
#[test]
fn external_data_behind_a_link_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, values: Vec<f32>| {
        let tensor = Tensor::from_f32([1, 3], values).expect("a tensor");
        gyrus::npy::write(&folder.path().join(name), &tensor).expect("a file");
    };
    write("x.npy", vec![1.0, 2.0, 3.0]);
    fs::copy(network("hostile/external-beside.onnx"), folder.path().join("m.onnx")).expect("a copy");
    let run = ["run", "m.onnx", "--input", "x.npy", "--output-dir", "out", "--device", "cpu"];
    fs::copy(network("hostile/data.bin"), folder.path().join("data.bin")).expect("a copy");
    let output = gyrus(folder.path(), &run);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let sum = gyrus::npy::read(&folder.path().join("out/y.npy")).expect("the output");
    assert_eq!(sum.as_f32().expect("f32"), [2.0, 3.0, 4.0]);
    fs::write(folder.path().join("data.bin"), [0; 11]).expect("a file");
    check(folder.path(), &[case(&run, 2, &["m.onnx", "too few", "; "])]);
    fs::remove_file(folder.path().join("data.bin")).expect("removed");
    check(folder.path(), &[case(&run, 2, &["m.onnx", "data.bin", "; "])]);
    std::os::unix::fs::symlink(network("hostile/data.bin"), folder.path().join("data.bin")).expect("a link");
    check(folder.path(), &[case(&run, 2, &["m.onnx", "is a link", "; "])]);
}

#[test]
fn tensors_that_the_network_cannot_take() {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, shape: &[usize], values: Vec<f32>| {
        let tensor = Tensor::from_f32(shape, values).expect("a tensor");
        gyrus::npy::write(&folder.path().join(name), &tensor).expect("a file");
    };
    write("good.npy", &[1, 3], vec![0.0; 3]);
    write("nan.npy", &[1, 3], vec![0.0, f32::NAN, 0.0]);
    write("wide.npy", &[1, 4], vec![0.0; 4]);
    write("flat.npy", &[3], vec![0.0; 3]);
    write("none.npy", &[0, 3], vec![]);
    gyrus::npy::write(&folder.path().join("ints.npy"), &Tensor::from_i64s(&[1, 2, 3])).expect("a file");
    put(&folder, "text.npy", b"no array");
    let relu = arg(&network("relu.onnx"));
    let run = |input: &'static str, expected: &[&str]| {
        case(&["run", &relu, "--input", input, "--output-dir", "out", "--device", "cpu"], 2, expected)
    };
    let two = arg(&network("two-inputs.onnx"));
    let same = arg(&network("same-file.onnx"));
    check(
        folder.path(),
        &[
            run("x=nan.npy", &["nan.npy", "; "]),
            run("nan.npy", &["nan.npy", "; "]),
            run("x=wide.npy", &["wide.npy: axis 1 is 4, the network wants 3; ", "f32 Nx3"]),
            run("x=flat.npy", &["flat.npy", "rank 1", "; "]),
            run("x=none.npy", &["none.npy", "; "]),
            run("x=ints.npy", &["ints.npy: holds i64", "; "]),
            run("x=text.npy", &["text.npy: not a .npy file", "; "]),
            run("x=missing.npy", &["missing.npy", "cannot be read", "; "]),
            run("z=good.npy", &["z=good.npy", "a NAME of: x"]),
            case(
                &["run", &two, "--input", "a=good.npy", "--output-dir", "out"],
                2,
                &["'b' (f32 Nx4) is missing"],
            ),
            case(
                &["run", &two, "--input", "good.npy", "--output-dir", "out"],
                2,
                &["good.npy", "a NAME of: a, b"],
            ),
            case(
                &["run", &relu, "--input", "good.npy", "--input", "x=good.npy", "--output-dir", "out"],
                2,
                &["twice"],
            ),
            case(
                &["run", &same, "--input", "good.npy", "--output-dir", "out"],
                2,
                &["'a/b' and 'a b'", "a_b.npy"],
            ),
            case(
                &["run", &relu, "--input", "good.npy", "--output-dir", "text.npy", "--device", "cpu"],
                2,
                &["text.npy", "cannot be made", "; "],
            ),
        ],
    );
    assert!(!folder.path().join("out").exists(), "a refused run left files");
}

#[test]
fn outputs_are_named_and_reported() {
    let folder = tempfile::tempdir().expect("a folder");
    let tensor = Tensor::from_f32([2, 3], vec![-1.0, 2.0, -3.0, 4.0, -5.0, 6.0]).expect("a tensor");
    gyrus::npy::write(&folder.path().join("x=1.npy"), &tensor).expect("a file");
    let odd = arg(&network("odd-name.onnx"));
    for device in DEVICES {
        for input in ["x=1.npy", "x=x=1.npy"] {
            let out = format!("out-{device}-{}/deep", input.len());
            let output = gyrus(
                folder.path(),
                &["run", &odd, "--input", input, "--output-dir", &out, "--device", device],
            );
            // The first is FILE 1.npy for the input x, which is not there: names win over files.
            if input == "x=1.npy" {
                assert_eq!(output.status.code(), Some(2), "{output:?}");
                continue;
            }
            assert_eq!(output.status.code(), Some(0), "{output:?}");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains("a/b:0") && text.contains("2x3") && text.contains("a_b_0.npy"), "{text}");
            let written = gyrus::npy::read(&folder.path().join(out).join("a_b_0.npy")).expect("the output");
            assert_eq!(written.as_f32().expect("f32"), [0.0, 2.0, 0.0, 4.0, 0.0, 6.0]);
        }
    }
}

#[test]
fn logs_are_quiet_and_name_no_files() {
    let folder = tempfile::tempdir().expect("a folder");
    put(&folder, "jane-doe.png", &encode(Encoding::Png8));
    let model = arg(&network("classifier"));
    let arguments = ["classify", "--model", &model, "--device", "cpu", "--format", "json", "."];
    assert!(answers(folder.path(), "cpu", &["."]).iter().all(|output| output.stderr.is_empty()));
    let segmenter = arg(&network("segmenter"));
    let masks =
        ["segment", "--model", &segmenter, "--device", "cpu", "--allow-missing-sequences", "--force", "."];
    for arguments in [&arguments[..], &masks] {
        let output = gyrus(folder.path(), &[&["--verbose"], arguments].concat());
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(log.contains("a batch was computed") && !log.contains("jane-doe"), "{log}");
    }
}
