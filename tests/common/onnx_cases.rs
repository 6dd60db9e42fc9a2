//! The ONNX project's own test data: networks of mostly one node, with inputs and expected outputs.
//!
//! It ships in the PyPI wheel `onnx==1.22.0`. A case is run in up to three variants: with all floating-point
//! inputs given at run time, with all but the first as constants (weights), and with all as constants.
//! What every variant refuses is outside of what Gyrus supports and counted by the reason given; what runs
//! must be right.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gyrus::error::{Error, Result};
use gyrus::graph::attributes::{Attribute, Attributes};
use gyrus::graph::network::{Network, NodeDef};
use gyrus::graph::{self, Graph};
use gyrus::onnx;
use gyrus::tensor::{DType, Tensor};

/// What the suite's own runner allows.
const RELATIVE: f32 = 1e-3;
const ABSOLUTE: f32 = 1e-7;

/// Runs a graph on its inputs: the interpreter, or an engine.
pub type Run<'a> = dyn FnMut(&Graph, &[Tensor]) -> Result<Vec<Tensor>> + 'a;

/// The suite's folder.
///
/// # Panics
/// When the environment does not name it: a missing judge must not pass for a verdict.
pub fn folder() -> PathBuf {
    let folder = std::env::var_os("GYRUS_ONNX_CASES").map(PathBuf::from);
    let folder =
        folder.expect("GYRUS_ONNX_CASES is not set: run scripts/test, which installs the ONNX test data");
    assert!(folder.join("node").is_dir(), "{} holds no folder 'node'", folder.display());
    folder
}

/// One network with the tensors to run it on.
struct Case {
    network: Network,
    inputs: Vec<Tensor>,
    expected: Vec<Tensor>,
}

/// What came of all cases.
#[derive(Default)]
pub struct Report {
    /// Cases that passed, by operator.
    pub passed: BTreeMap<String, usize>,
    /// Cases outside of what is supported, by reason.
    pub outside: BTreeMap<String, usize>,
    /// Everything that went wrong.
    pub failures: Vec<String>,
}

enum Outcome {
    Passed(String),
    Outside(String),
    Failed(String),
}

/// Runs all cases of these groups (folders of the suite).
pub fn run_all(folder: &Path, groups: &[&str], run: &mut Run) -> Report {
    let mut report = Report::default();
    for group in groups {
        for path in subfolders(&folder.join(group)) {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            match attempt(&path, run) {
                Outcome::Passed(operator) => *report.passed.entry(operator).or_default() += 1,
                Outcome::Outside(reason) => *report.outside.entry(reason).or_default() += 1,
                Outcome::Failed(reason) => report.failures.push(format!("{name}: {reason}")),
            }
        }
    }
    report
}

impl Report {
    /// The report as lines, for the test's output.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let mut section = |title: &str, counts: &BTreeMap<String, usize>| {
            let total: usize = counts.values().sum();
            let _ = writeln!(text, "{total} {title}");
            counts.iter().for_each(|(key, count)| {
                let _ = writeln!(text, "  {count:4} {key}");
            });
        };
        section("passed", &self.passed);
        section("outside", &self.outside);
        text
    }
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut folders: Vec<PathBuf> = entries.flatten().map(|e| e.path()).filter(|p| p.is_dir()).collect();
    folders.sort();
    folders
}

fn attempt(path: &Path, run: &mut Run) -> Outcome {
    let network = match fs::read(path.join("model.onnx")).map(|bytes| onnx::parse_bytes(&bytes)) {
        Ok(Ok(network)) => network,
        Ok(Err(error)) => return Outcome::Outside(reason(&error)),
        Err(error) => return Outcome::Failed(format!("model.onnx: {error}")),
    };
    let operator = match network.nodes.as_slice() {
        [node] => node.operator.clone(),
        _ => "(several nodes)".to_string(),
    };
    for set in subfolders(path) {
        let case = match read_case(&network, &set) {
            Ok(case) => case,
            Err(error) => return Outcome::Outside(reason(&error)),
        };
        match attempt_variants(&case, run) {
            Outcome::Passed(_) => {}
            other => return other,
        }
    }
    Outcome::Passed(operator)
}

fn read_case(network: &Network, set: &Path) -> Result<Case> {
    let read = |kind: &str, count: usize| -> Result<Vec<Tensor>> {
        (0..count)
            .map(|i| {
                let path = set.join(format!("{kind}_{i}.pb"));
                let bytes =
                    fs::read(&path).map_err(|e| Error::file(&path, e.to_string(), "reinstall the suite"))?;
                onnx::read_tensor(&bytes)
            })
            .collect()
    };
    let inputs = read("input", network.inputs.len())?;
    let mut expected = read("output", network.outputs.len())?;
    let mut network = network.clone();
    for (i, tensor) in expected.iter_mut().enumerate() {
        if tensor.dtype() != DType::F32 {
            *tensor = cast_output(&mut network, i, tensor)?;
        }
    }
    Ok(Case { network, inputs, expected })
}

/// Networks answer in f32; integer results of shape arithmetic are compared after a cast.
fn cast_output(network: &mut Network, position: usize, expected: &Tensor) -> Result<Tensor> {
    let output = &mut network.outputs[position];
    let to = format!("{} as f32", output.name);
    let from = std::mem::replace(&mut output.name, to.clone());
    output.dtype = DType::F32;
    let attributes = Attributes::from([("to".to_string(), Attribute::Int(1))]);
    let (name, operator) = (to.clone(), "Cast".to_string());
    network.nodes.push(NodeDef { name, operator, inputs: vec![from], outputs: vec![to], attributes });
    let values = expected.to_i64s()?.iter().map(|&v| v as f32).collect();
    Tensor::from_f32(expected.shape().to_vec(), values)
}

fn attempt_variants(case: &Case, run: &mut Run) -> Outcome {
    let mut refusal = None;
    let mut has_passed = false;
    for given in [usize::MAX, 1, 0] {
        let (network, inputs) = variant(case, given);
        let shapes: Vec<_> = inputs.iter().map(|t| t.shape().clone()).collect();
        let graph = match graph::build(&network, &shapes) {
            Ok(graph) => graph,
            Err(error) => {
                refusal = Some(reason(&error));
                continue;
            }
        };
        let mut fused = graph.clone();
        graph::fuse(&mut fused);
        for (kind, graph) in [("built", &graph), ("fused", &fused)] {
            let result = run(graph, &inputs).map_err(|e| e.to_string());
            if let Err(error) = result.and_then(|outputs| compare(&case.expected, &outputs)) {
                return Outcome::Failed(format!("{kind} graph with {} inputs given: {error}", inputs.len()));
            }
        }
        has_passed = true;
    }
    match (has_passed, refusal) {
        (false, Some(reason)) => Outcome::Outside(reason),
        _ => Outcome::Passed(String::new()),
    }
}

/// The network with all inputs but the first few floating-point ones turned into constants.
fn variant(case: &Case, given: usize) -> (Network, Vec<Tensor>) {
    let mut network = case.network.clone();
    let mut inputs = Vec::new();
    let declared = std::mem::take(&mut network.inputs);
    for (input, tensor) in declared.into_iter().zip(&case.inputs) {
        if tensor.dtype() == DType::F32 && inputs.len() < given {
            network.inputs.push(input);
            inputs.push(tensor.clone());
        } else {
            network.constants.insert(input.name, Arc::new(tensor.clone()));
        }
    }
    (network, inputs)
}

fn compare(expected: &[Tensor], outputs: &[Tensor]) -> Result<(), String> {
    for (i, (want, have)) in expected.iter().zip(outputs).enumerate() {
        if want.shape() != have.shape() {
            return Err(format!("output {i} is {}, expected {}", have.shape(), want.shape()));
        }
        let (want, have) = (want.as_f32(), have.as_f32());
        let (Ok(want), Ok(have)) = (want, have) else { return Err(format!("output {i} is not f32")) };
        let close = |a: f32, b: f32| {
            a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= ABSOLUTE + RELATIVE * b.abs()
        };
        if let Some(at) = (0..want.len()).find(|&at| !close(have[at], want[at])) {
            return Err(format!("output {i}, element {at} is {}, expected {}", have[at], want[at]));
        }
    }
    Ok(())
}

/// Why a case was refused, without the names that tell it from others of its kind.
fn reason(error: &Error) -> String {
    match error {
        Error::Unsupported(nodes) => {
            let mut reasons: Vec<String> =
                nodes.iter().map(|n| format!("{}: {}", n.operator, n.reason)).collect();
            reasons.sort();
            reasons.dedup();
            reasons.join("; ")
        }
        Error::Node { operator, reason, .. } => format!("{operator}: {reason}"),
        Error::Tensor { reason, .. } => reason.clone(),
        other => other.to_string(),
    }
}
