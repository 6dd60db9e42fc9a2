//! Whole networks against ONNX Runtime, which shares nothing with Gyrus.
//!
//! `GYRUS_PYTHON` names a Python with numpy and onnxruntime; `scripts/test` sets it. Without it the
//! tests fail: a judge that is left out judges nothing.

mod common;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::command::{DEVICES, network};
use gyrus::{Device, Model, Session, Shape, Tensor, npy};

/// max|e| / max|reference|.
const TOLERANCE: f32 = 1e-4;
const BATCHES: &[usize] = &[1, 3, 8];

/// A network, and its open sizes other than the batch.
struct Case {
    model: PathBuf,
    /// Name and shape of each input without the batch.
    inputs: &'static [(&'static str, &'static [usize])],
    batches: &'static [usize],
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> Vec<Case> {
    let fixture = |name: &str, inputs| Case { model: network(name), inputs, batches: BATCHES };
    let outside_fixture = |path: &str, inputs| Case { model: root().join(path), inputs, batches: BATCHES };
    // Their inputs are large, and a batch of them says nothing that others do not.
    let once = |path: &str, inputs| Case { model: root().join(path), inputs, batches: &[1] };
    let mut cases = vec![
        fixture("classifier/model.onnx", &[("image", &[1, 24, 20])]),
        fixture("deep.onnx", &[("x", &[3, 19, 14])]),
        fixture("arithmetic.onnx", &[("x", &[2, 3, 4])]),
        fixture("shape.onnx", &[("x", &[2, 3])]),
        fixture("two-inputs.onnx", &[("a", &[4]), ("b", &[4])]),
        fixture("odd-name.onnx", &[("x", &[3])]),
        fixture("boxes.onnx", &[("x", &[3, 4])]),
    ];
    let outside = [
        outside_fixture("weights/alzheimer/model.onnx", &[("image", &[1, 208, 176])]),
        outside_fixture("../shared/models/keras/rulee_alzheimer_model.onnx", &[]),
        once("../shared/models/multiaxial/axial_model.onnx", &[]),
        once("../shared/models/multiaxial/consensus_layer.onnx", &[("input_1", &[13, 10, 7, 22])]),
    ];
    for case in outside {
        if case.model.is_file() {
            cases.push(case);
        } else {
            println!("{} is not on this machine: not compared", case.model.display());
        }
    }
    cases
}

/// Inputs and outputs as ONNX Runtime read and computed them.
fn reference(model: &Path, folder: &Path, shapes: &[(String, Shape)]) -> Vec<Tensor> {
    let python = std::env::var_os("GYRUS_PYTHON")
        .expect("GYRUS_PYTHON must name a Python with numpy and onnxruntime; scripts/test makes one");
    let arguments = shapes.iter().map(|(name, shape)| format!("{name}={shape}"));
    let output = Command::new(python)
        .arg(root().join("tests/ort/reference.py"))
        .arg(model)
        .arg(folder)
        .args(arguments)
        .output()
        .expect("Python runs");
    assert!(output.status.success(), "{}: {}", model.display(), String::from_utf8_lossy(&output.stderr));
    let outputs = (0..).map(|i| folder.join(format!("out_{i}.npy"))).take_while(|p| p.is_file());
    outputs.map(|p| npy::read(&p).expect("an output")).collect()
}

/// The shapes of a case's inputs at a batch; a network that says them all itself needs none given.
fn shapes(case: &Case, model: &Model, batch: usize) -> Vec<(String, Shape)> {
    let given: BTreeMap<String, Shape> = case
        .inputs
        .iter()
        .map(|(name, rest)| ((*name).to_string(), Shape::new([&[batch], *rest].concat()).expect("a shape")))
        .collect();
    let shapes = gyrus::graph::input_shapes(model.network(), &given, batch).expect("shapes");
    model.network().inputs.iter().map(|i| i.name.clone()).zip(shapes).collect()
}

fn compare(case: &Case, faults: &mut Vec<String>) {
    // What the user of this machine has tuned must not matter here.
    gyrus::tuning::use_folder(std::env::temp_dir().join(format!("gyrus-test-cache-{}", std::process::id())));
    let model = Model::load(&case.model).unwrap_or_else(|e| panic!("{e}"));
    let mut sessions: Vec<Session> = DEVICES
        .iter()
        .map(|device| {
            let device = Device::open(device).unwrap_or_else(|e| panic!("{e}"));
            Session::new(&model, &device).unwrap_or_else(|e| panic!("{e}"))
        })
        .collect();
    for &batch in case.batches {
        let folder = tempfile::tempdir().expect("a folder");
        let shapes = shapes(case, &model, batch);
        let expected = reference(&case.model, folder.path(), &shapes);
        let read = |i: usize| npy::read(&folder.path().join(format!("in_{i}.npy"))).expect("an input");
        let inputs: BTreeMap<String, Tensor> =
            shapes.iter().enumerate().map(|(i, (name, _))| (name.clone(), read(i))).collect();
        for session in &mut sessions {
            let name = format!("{} at batch {batch} on {}", case.model.display(), session.device_name());
            let outputs = match session.run(inputs.clone()) {
                Ok(outputs) => outputs,
                Err(e) => {
                    faults.push(format!("{name}: {e}"));
                    continue;
                }
            };
            assert_eq!(outputs.len(), expected.len(), "{name}");
            for ((output, found), wanted) in outputs.iter().zip(&expected) {
                faults.extend(difference(found, wanted).map(|d| format!("{name}, output {output}: {d}")));
            }
        }
    }
}

fn difference(found: &Tensor, wanted: &Tensor) -> Option<String> {
    if found.shape() != wanted.shape() {
        return Some(format!("shape {} instead of {}", found.shape(), wanted.shape()));
    }
    let (found, wanted) = (found.as_f32().expect("f32"), wanted.as_f32().expect("f32"));
    let largest = wanted.iter().map(|w| w.abs()).fold(0.0, f32::max);
    let pairs = found.iter().zip(wanted);
    // A NaN must not pass for a small difference.
    let error =
        pairs.map(|(f, w)| (f - w).abs()).fold(0.0, |a: f32, e| if e.is_nan() { e } else { a.max(e) });
    let close = error <= TOLERANCE * largest;
    (!close).then(|| format!("off by {error:e} of {largest:e}"))
}

#[test]
fn networks_agree_with_onnx_runtime() {
    let mut faults = Vec::new();
    cases().iter().for_each(|case| compare(case, &mut faults));
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
