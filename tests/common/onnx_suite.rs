//! A small suite in the form of the ONNX project's test data.

// Each test uses its own part.
#![allow(dead_code)]

use std::fs;
use std::path::{Path, PathBuf};

use gyrus::onnx::write;
use gyrus::ops::case::Case;
use tempfile::TempDir;

/// The groups that a whole suite has.
pub const GROUPS: [&str; 5] = ["node", "simple", "pytorch-operator", "pytorch-converted", "light"];

/// A tensor as the bytes of a `.pb` file: dimensions (field 1), f32 (field 2), raw data (field 9).
pub fn tensor(values: &[f32]) -> Vec<u8> {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    let length = |n: usize| u8::try_from(n).ok().filter(|n| *n < 128).expect("a short tensor");
    [&[0x08, length(values.len()), 0x10, 1, 0x4A, length(bytes.len())], bytes.as_slice()].concat()
}

/// Writes a case of one Relu with its input and the output that it is said to have.
pub fn relu(folder: &Path, input: &[f32], output: &[f32]) {
    let set = folder.join("test_data_set_0");
    fs::create_dir_all(&set).expect("a folder");
    fs::write(folder.join("model.onnx"), model("Relu", input.len())).expect("a file");
    fs::write(set.join("input_0.pb"), tensor(input)).expect("a file");
    fs::write(set.join("output_0.pb"), tensor(output)).expect("a file");
}

/// A network of one node with one input, as the bytes of a file.
pub fn model(operator: &'static str, size: usize) -> Vec<u8> {
    write(&Case::new(operator, "case").given(&[size]).network().expect("a network").0)
}

/// A suite with one right case in every group.
pub fn whole() -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for group in &GROUPS[..4] {
        relu(&case(&folder, group, "test_right"), &[-1.0, 2.0], &[0.0, 2.0]);
    }
    let light = folder.path().join("light");
    fs::create_dir(&light).expect("a folder");
    fs::write(light.join("light_right.onnx"), model("Relu", 4)).expect("a file");
    fs::write(light.join("light_right_output_0.pb"), tensor(&[0.0, 0.25, 0.5, 0.75])).expect("a file");
    folder
}

/// The folder of a case.
pub fn case(suite: &TempDir, group: &str, name: &str) -> PathBuf {
    suite.path().join(group).join(name)
}
