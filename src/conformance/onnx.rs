//! The ONNX project's test data (`onnx/backend/test/data` of its Python package): networks of mostly one node, with
//! inputs and expected outputs that others computed.
//!
//! A case is tried as its file states it, with every input given at run time; then with all inputs but the first
//! floating-point one as constants, as weights and sizes are in real networks; and, where both are refused, with
//! all inputs as constants, which is computed when the network is loaded. Every variant that is accepted must be
//! right, and a case passes if one was. Why a case is skipped is the error's to say.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::engine::{Answer, Candidates, Problem};
use super::judge::{Bounds, Worst, compare, worse};
use super::skip::{Reason, reasons};
use super::{Engine, NETWORK, Outcome, Question, Suite, Trial, Verdict};
use crate::error::{Error, Result};
use crate::graph;
use crate::graph::attributes::{AttributeReader, Attributes};
use crate::graph::network::{Dim, Network};
use crate::onnx::{self, OnnxFile, Survey};
use crate::ops;
use crate::plan::Precision;
use crate::tensor::{DType, Tensor};

/// The suite's name where the caller gives none.
pub const NAME: &str = "onnx";

/// The groups of the suite.
pub const GROUPS: [&str; 5] = ["node", "simple", "pytorch-operator", "pytorch-converted", LIGHT];

/// Whole networks with made-up weights: a file of each, and one for each output.
const LIGHT: &str = "light";

/// What to do about test data that is not whole.
const REMEDY: &str = "install the Python package onnx again (see scripts/test)";

/// The cases of these groups in a folder; a group that is missing is a case that fails.
///
/// # Errors
/// A folder that is not there or holds none of the groups; a group that the suite does not have.
pub fn suite(name: &str, folder: &Path, groups: &[&str]) -> Result<Suite> {
    if let Some(unknown) = groups.iter().find(|group| !GROUPS.contains(group)) {
        let remedy = format!("there are: {}", GROUPS.join(", "));
        return Err(Error::Unknown { kind: "group", name: unknown.to_string(), remedy });
    }
    let remedy = "give the folder onnx/backend/test/data of the Python package onnx";
    if !folder.is_dir() {
        return Err(Error::file(folder, "no such folder", remedy));
    }
    if !groups.iter().any(|group| folder.join(group).is_dir()) {
        return Err(Error::file(folder, format!("holds no folder {}", groups.join(" or ")), remedy));
    }
    let trials = groups.iter().flat_map(|group| match trials(group, &folder.join(group)) {
        Ok(trials) => trials,
        Err(error) => vec![Box::new(Missing { group: group.to_string(), error }) as Box<dyn Trial>],
    });
    Ok(Suite { name: name.into(), trials: trials.collect() })
}

fn trials(group: &str, folder: &Path) -> Result<Vec<Box<dyn Trial>>> {
    let unreadable = |e: std::io::Error| Error::file(folder, format!("cannot be read: {e}"), REMEDY);
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        paths.push(entry.map_err(unreadable)?.path());
    }
    let is_case = |path: &PathBuf| match group {
        LIGHT => path.extension().is_some_and(|extension| extension == "onnx"),
        _ => path.is_dir(),
    };
    paths.retain(is_case);
    paths.sort();
    if paths.is_empty() {
        return Err(Error::file(folder, "holds no cases", REMEDY));
    }
    let trial = |path: PathBuf| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let operator = OnceLock::new();
        Box::new(OfFile { group: group.to_string(), name, path, operator }) as Box<dyn Trial>
    };
    Ok(paths.into_iter().map(trial).collect())
}

/// A group that should be there.
struct Missing {
    group: String,
    error: Error,
}

impl Trial for Missing {
    fn group(&self) -> &str {
        &self.group
    }

    fn name(&self) -> &str {
        "(the whole group)"
    }

    fn run(&self, _: &Engine) -> Result<Verdict> {
        Ok(Verdict::failed(NETWORK, None, self.error.to_string()))
    }

    fn questions(&self) -> Result<Result<Vec<Question<'_>>, Vec<Reason>>> {
        Err(Error::Graph(self.error.to_string()))
    }
}

/// A case: a folder with `model.onnx` and test data beside it, or a file of the light group.
struct OfFile {
    group: String,
    name: String,
    path: PathBuf,
    /// What it is booked to, read from the file once somebody asks.
    operator: OnceLock<String>,
}

/// Tensors to run a network on, and those that must come out.
struct Data {
    inputs: Vec<Tensor>,
    expected: Vec<Tensor>,
    /// A network too large to be tried with its inputs as constants.
    large: bool,
}

impl Trial for OfFile {
    fn group(&self) -> &str {
        &self.group
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn operator(&self) -> &str {
        self.operator.get_or_init(|| self.survey().as_ref().map_or(NETWORK, booked).to_string())
    }

    fn run(&self, engine: &Engine) -> Result<Verdict> {
        let survey = match self.survey() {
            Ok(survey) => survey,
            Err(error) => return Ok(Verdict::failed(NETWORK, None, error.to_string())),
        };
        let verdict = Verdict::new(booked(&survey), survey.opset, Outcome::Passed);
        if !survey.outside.is_empty() {
            let reasons = outside(&survey);
            return Ok(Verdict { outcome: Outcome::Skipped { reasons }, ..verdict });
        }
        match self.load() {
            Ok((file, sets)) => judge(engine, &file, &sets, verdict),
            Err(error) => Ok(Verdict { outcome: Outcome::Failed { reason: error.to_string() }, ..verdict }),
        }
    }

    fn questions(&self) -> Result<Result<Vec<Question<'_>>, Vec<Reason>>> {
        let survey = self.survey()?;
        if !survey.outside.is_empty() {
            return Ok(Err(outside(&survey)));
        }
        let (file, sets) = self.load()?;
        let mut questions = Vec::new();
        for set in sets {
            match questions_of(&file.network, &set)? {
                Ok(found) => questions.extend(found),
                Err(reasons) => return Ok(Err(reasons)),
            }
        }
        Ok(Ok(questions))
    }
}

impl OfFile {
    fn model(&self) -> PathBuf {
        if self.group == LIGHT { self.path.clone() } else { self.path.join("model.onnx") }
    }

    fn survey(&self) -> Result<Survey> {
        let path = self.model();
        onnx::survey(&read(&path)?).map_err(|e| in_file(&path, e))
    }

    fn load(&self) -> Result<(OnnxFile, Vec<Data>)> {
        let file = onnx::read(&self.model())?;
        let network = &file.network;
        if self.group == LIGHT {
            let inputs =
                network.inputs.iter().map(|input| dummy(input.dims.as_deref())).collect::<Result<_>>()?;
            let output = |i| tensor(&self.path.with_file_name(format!("{}_output_{i}.pb", self.name)));
            let expected = (0..network.outputs.len()).map(output).collect::<Result<_>>()?;
            return Ok((file, vec![Data { inputs, expected, large: true }]));
        }
        let sets = self.sets()?.iter().map(|folder| data(network, folder)).collect::<Result<_>>()?;
        Ok((file, sets))
    }

    fn sets(&self) -> Result<Vec<PathBuf>> {
        let sets = (0..).map(|i| self.path.join(format!("test_data_set_{i}"))).take_while(|set| set.is_dir());
        let sets: Vec<PathBuf> = sets.collect();
        if sets.is_empty() {
            return Err(Error::file(&self.path, "holds no folder test_data_set_0", REMEDY));
        }
        Ok(sets)
    }
}

fn data(network: &Network, folder: &Path) -> Result<Data> {
    let all = |kind: &str, count: usize| -> Result<Vec<Tensor>> {
        (0..count).map(|i| tensor(&folder.join(format!("{kind}_{i}.pb")))).collect()
    };
    let (inputs, expected) = (all("input", network.inputs.len())?, all("output", network.outputs.len())?);
    for (input, tensor) in network.inputs.iter().zip(&inputs) {
        if input.dtype != tensor.dtype() {
            let reason =
                format!("input '{}' is {}, the model wants {}", input.name, tensor.dtype(), input.dtype);
            return Err(Error::file(folder, reason, REMEDY));
        }
    }
    Ok(Data { inputs, expected, large: false })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|e| Error::file(path, format!("cannot be read: {e}"), REMEDY))
}

fn tensor(path: &Path) -> Result<Tensor> {
    onnx::read_tensor(&read(path)?).map_err(|e| in_file(path, e))
}

fn in_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Graph(reason) | Error::Tensor { reason, .. } => Error::file(path, reason, REMEDY),
        other => other,
    }
}

/// The input that the expected outputs of the light networks belong to: `arange(n) / n`, as the suite's own runner
/// makes it, with open sizes taken as 1.
fn dummy(dims: Option<&[Dim]>) -> Result<Tensor> {
    let size = |dim: &Dim| if let Dim::Fixed(size) = dim { *size } else { 1 };
    let shape = crate::tensor::Shape::new(dims.unwrap_or_default().iter().map(size).collect::<Vec<_>>())?;
    let count = shape.elements();
    let values = (0..count).map(|i| (i as f64 / count as f64) as f32).collect();
    Tensor::from_f32(shape.to_vec(), values)
}

/// The operator of the one node that there is.
fn booked(survey: &Survey) -> &str {
    if let [only] = survey.operators.as_slice() { only } else { NETWORK }
}

/// Why a file is outside, unknown operators before all else: with one of those, types do not matter.
fn outside(survey: &Survey) -> Vec<Reason> {
    let attributes = Attributes::new();
    let reader = AttributeReader::new(&attributes, survey.opset.unwrap_or_default());
    let unknown = survey.operators.iter().filter(|name| !ops::OPS.iter().any(|o| o.name == name.as_str()));
    let unknown = unknown.filter_map(|name| {
        let reason = ops::load(name, &reader).err()?.0;
        Some(Reason { operator: Some(name.clone()), reason })
    });
    let mut reasons: Vec<Reason> = unknown.collect();
    if reasons.is_empty() {
        let whole = |reason: &String| Reason { operator: None, reason: reason.clone() };
        reasons = survey.outside.iter().map(whole).collect();
    }
    reasons.sort();
    reasons.dedup();
    reasons
}

fn judge(engine: &Engine, file: &OnnxFile, sets: &[Data], mut verdict: Verdict) -> Result<Verdict> {
    let mut faults = Vec::new();
    let mut given = false;
    for set in sets {
        match attempt_all(engine, file, set)? {
            Err(reasons) => return Ok(Verdict { outcome: Outcome::Skipped { reasons }, ..verdict }),
            Ok(ran) => {
                verdict.kernels.extend(ran.kernels);
                given |= ran.given;
                verdict.worst = worse(verdict.worst.take(), ran.worst);
                faults.extend(ran.faults);
            }
        }
    }
    verdict.kernels.sort();
    verdict.kernels.dedup();
    verdict.at_load = !given && verdict.kernels.is_empty();
    if !faults.is_empty() {
        verdict.outcome = Outcome::Failed { reason: faults.join("; ") };
    }
    Ok(verdict)
}

/// What came of the variants that were accepted.
#[derive(Default)]
struct Ran {
    kernels: Vec<String>,
    /// Whether any input was given at run time.
    given: bool,
    worst: Option<Worst>,
    faults: Vec<String>,
}

/// Runs every variant that is accepted; the reasons of the last refusal where none is.
fn attempt_all(engine: &Engine, file: &OnnxFile, set: &Data) -> Result<Result<Ran, Vec<Reason>>> {
    let (mut ran, mut refusal) = (None, Vec::new());
    for variant in variants(&file.network, set) {
        if variant.last_resort && ran.is_some() {
            break;
        }
        match attempt(engine, file, &variant, &set.expected)? {
            Ok(next) => {
                let ran: &mut Ran = ran.get_or_insert_default();
                ran.kernels.extend(next.kernels);
                ran.given |= next.given;
                ran.worst = worse(ran.worst.take(), next.worst);
                ran.faults.extend(next.faults);
            }
            Err(reasons) => refusal = reasons,
        }
    }
    Ok(ran.ok_or(refusal))
}

/// The variants that are accepted, as [`attempt_all`] runs them.
fn questions_of(network: &Network, set: &Data) -> Result<Result<Vec<Question<'static>>, Vec<Reason>>> {
    let (mut found, mut refusal) = (Vec::new(), Vec::new());
    for variant in variants(network, set) {
        if variant.last_resort && !found.is_empty() {
            break;
        }
        match question(&variant, &set.expected) {
            Ok(question) => found.push(question),
            Err(error) => refusal = reasons(&error, &variant.network).ok_or(error)?,
        }
    }
    Ok(if found.is_empty() { Err(refusal) } else { Ok(found) })
}

fn question(variant: &Variant, expected: &[Tensor]) -> Result<Question<'static>> {
    let shapes: Vec<_> = variant.given.iter().map(|tensor| tensor.shape().clone()).collect();
    let graph = graph::build(&variant.network, &shapes)?;
    // Integers that no device holds.
    variant.given.iter().chain(expected).try_for_each(|tensor| tensor.to_device().map(|_| ()))?;
    let count = expected.len();
    Ok(Question {
        graph,
        inputs: variant.given.clone(),
        precision: Precision::F32,
        kernels: &[],
        expected: expected.to_vec(),
        bounds: Box::new(move |_| vec![Bounds::of_onnx(); count]),
    })
}

/// A network with some of its inputs turned into constants.
struct Variant {
    network: Network,
    given: Vec<Tensor>,
    as_stated: bool,
    /// Only of use where all others were refused.
    last_resort: bool,
}

fn variants(network: &Network, set: &Data) -> Vec<Variant> {
    let all = if set.large { 0 } else { set.inputs.len() };
    let first = set.inputs.iter().position(|tensor| tensor.dtype() == DType::F32);
    let mut variants = vec![variant(network, set, |_| true)];
    if let Some(first) = first.filter(|_| all > 1) {
        variants.push(variant(network, set, |i| i == first));
    }
    if all > 0 {
        variants.push(Variant { last_resort: true, ..variant(network, set, |_| false) });
    }
    variants
}

fn variant(network: &Network, set: &Data, is_given: impl Fn(usize) -> bool) -> Variant {
    let mut network = network.clone();
    let mut given = Vec::new();
    let declared = std::mem::take(&mut network.inputs);
    for (i, (input, tensor)) in declared.into_iter().zip(&set.inputs).enumerate() {
        if is_given(i) {
            network.inputs.push(input);
            given.push(tensor.clone());
        } else {
            network.constants.insert(input.name, Arc::new(tensor.clone()));
        }
    }
    let as_stated = given.len() == set.inputs.len();
    Variant { network, given, as_stated, last_resort: false }
}

fn attempt(
    engine: &Engine,
    file: &OnnxFile,
    variant: &Variant,
    expected: &[Tensor],
) -> Result<Result<Ran, Vec<Reason>>> {
    let Variant { network, given, as_stated, .. } = variant;
    let shapes: Vec<_> = given.iter().map(|tensor| tensor.shape().clone()).collect();
    let fault = |error: Error| Ok(Ok(Ran { faults: vec![error.to_string()], ..Default::default() }));
    let graph = match graph::build(network, &shapes) {
        Ok(graph) => graph,
        Err(error) => {
            return reasons(&error, network).map_or_else(|| fault(error), |reasons| Ok(Err(reasons)));
        }
    };
    let bytes = || if *as_stated { file.bytes.clone() } else { onnx::write(network) };
    let precision = Precision::F32;
    let problem = Problem { network, graph: &graph, inputs: given, precision, bytes: &bytes };
    match engine.answers(&problem, &Candidates::Chosen) {
        Ok(answers) => Ok(Ok(compared(answers, expected, given.len()))),
        Err(lost @ Error::DeviceLost { .. }) => Err(lost),
        // A network that was accepted and cannot be planned is a fault of the planner's.
        Err(error @ (Error::Node { .. } | Error::Unsupported(_))) => fault(error),
        Err(error) => reasons(&error, network).map_or_else(|| fault(error), |reasons| Ok(Err(reasons))),
    }
}

fn compared(answers: Vec<Answer>, expected: &[Tensor], given: usize) -> Ran {
    let mut ran = Ran { given: given > 0, ..Default::default() };
    let bounds: Vec<Bounds> = expected.iter().map(|_| Bounds::of_onnx()).collect();
    for Answer { kernels, outputs } in answers {
        let result = outputs.map_err(|e| e.to_string()).and_then(|outputs| {
            let (worst, result) = compare(expected, &outputs, &bounds);
            ran.worst = worse(ran.worst.take(), worst);
            result
        });
        if let Err(fault) = result {
            ran.faults.push(format!("{} with {given} inputs given: {fault}", kernels.join(", ")));
        }
        ran.kernels.extend(kernels);
    }
    ran
}
