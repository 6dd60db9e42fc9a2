//! The operators' own cases: every kernel that applies, held against the operator's twin. And those of fusions, held
//! against the twins of the nodes that they replace.

use super::engine::{Answer, Candidates, Problem};
use super::judge::{Bounds, bounds, compare, worse};
use super::skip::reasons;
use super::{Engine, Outcome, Suite, Trial, Verdict};
use crate::cpu::{Cpu, approximation};
use crate::error::{Error, Result};
use crate::graph::interpret::interpret;
use crate::graph::network::Network;
use crate::graph::{self, Graph, input_shapes};
use crate::onnx::write;
use crate::ops::case::Case;
use crate::ops::conv::kernels::spread;
use crate::ops::fusion::FusedCase;
use crate::ops::kernel::Kernel;
use crate::ops::{FUSIONS, OPS};
use crate::tensor::Tensor;

/// The suite's name.
pub const NAME: &str = "builtin";

/// The cases of all operators and fusions, or of one.
///
/// # Errors
/// An operator that Gyrus does not know.
pub fn suite(operator: Option<&str>) -> Result<Suite> {
    let is_wanted = |name: &str| operator.is_none_or(|wanted| wanted == name);
    let mut trials: Vec<Box<dyn Trial>> = Vec::new();
    for operator in OPS.iter().filter(|o| is_wanted(o.name)) {
        let of = |case| OfKernels { of: operator.name, kernels: operator.kernels, case: Source::Node(case) };
        trials.extend((operator.cases)().into_iter().map(|case| Box::new(of(case)) as Box<dyn Trial>));
    }
    for fusion in FUSIONS.iter().filter(|f| is_wanted(f.name)) {
        let of = |case| OfKernels { of: fusion.name, kernels: fusion.kernels, case: Source::Fused(case) };
        trials.extend((fusion.cases)().into_iter().map(|case| Box::new(of(case)) as Box<dyn Trial>));
    }
    if let (Some(name), true) = (operator, trials.is_empty()) {
        let remedy = "`gyrus ops` lists them".into();
        return Err(Error::Unknown { kind: "operator", name: name.into(), remedy });
    }
    Ok(Suite { name: NAME.into(), trials })
}

/// The kernels of all operators and fusions that did not take part in these records: no case reached them, or they do not apply
/// on the device.
pub fn unreached(kernels: &[&str]) -> Vec<String> {
    let mut missing: Vec<String> = OPS
        .iter()
        .flat_map(|operator| operator.kernels)
        .chain(FUSIONS.iter().flat_map(|fusion| fusion.kernels))
        .filter(|kernel| !kernels.contains(&kernel.name))
        .map(|kernel| kernel.name.to_string())
        .collect();
    missing.sort();
    missing.dedup();
    missing
}

/// A case with the kernels that it is to be run on.
struct OfKernels {
    /// The operator or fusion.
    of: &'static str,
    kernels: &'static [&'static Kernel],
    case: Source,
}

enum Source {
    Node(Case),
    Fused(FusedCase),
}

impl Source {
    fn network(&self) -> Result<(Network, Vec<Tensor>)> {
        match self {
            Source::Node(case) => case.network(),
            Source::Fused(case) => Ok((case.network.clone(), case.inputs.clone())),
        }
    }

    fn name(&self) -> &str {
        match self {
            Source::Node(case) => &case.name,
            Source::Fused(case) => &case.network.name,
        }
    }

    fn opset(&self) -> Option<i64> {
        match self {
            Source::Node(case) => Some(case.opset),
            Source::Fused(case) => Some(case.network.opset),
        }
    }
}

/// A case with what the twin says of it.
struct Judged {
    network: Network,
    graph: Graph,
    inputs: Vec<Tensor>,
    expected: Vec<Tensor>,
    bounds: Vec<Bounds>,
}

impl Trial for OfKernels {
    fn group(&self) -> &str {
        self.of
    }

    fn name(&self) -> &str {
        self.case.name()
    }

    fn operator(&self) -> &str {
        self.of
    }

    fn run(&self, engine: &Engine) -> Result<Verdict> {
        let failed = |reason: String| Verdict::failed(self.of, self.case.opset(), reason);
        let judged = match judged(&self.case) {
            Ok(judged) => judged,
            Err(reason) => return Ok(failed(reason)),
        };
        let bytes = || write(&judged.network);
        let problem =
            Problem { network: &judged.network, graph: &judged.graph, inputs: &judged.inputs, bytes: &bytes };
        match engine.answers(&problem, &Candidates::Every(self.kernels)) {
            Ok(answers) => Ok(self.verdict(&judged, answers)),
            Err(lost @ Error::DeviceLost { .. }) => Err(lost),
            Err(error @ Error::TooLarge { .. }) => {
                let reasons = reasons(&error, &judged.network).unwrap_or_default();
                let outcome = Outcome::Skipped { reasons };
                Ok(Verdict::new(self.of, self.case.opset(), outcome))
            }
            Err(error) => Ok(failed(error.to_string())),
        }
    }
}

impl OfKernels {
    fn verdict(&self, judged: &Judged, answers: Vec<Answer>) -> Verdict {
        let mut verdict = Verdict::new(self.of, self.case.opset(), Outcome::Passed);
        let mut faults = Vec::new();
        for Answer { kernels, outputs } in answers {
            let result = outputs.map_err(|e| e.to_string()).and_then(|outputs| {
                let bounds = self.bounds(judged, &kernels);
                let (worst, result) = compare(&judged.expected, &outputs, &bounds);
                verdict.worst = worse(verdict.worst.take(), worst);
                result
            });
            if let Err(fault) = result {
                faults.push(format!("{}: {fault}", kernels.join(", ")));
            }
            verdict.kernels.extend(kernels);
        }
        verdict.kernels.sort();
        verdict.kernels.dedup();
        if !faults.is_empty() {
            verdict.outcome = Outcome::Failed { reason: faults.join("; ") };
        }
        verdict
    }
}

impl OfKernels {
    /// Shaders are held to what the operator allows; rten is known to approximate some.
    fn bounds(&self, judged: &Judged, kernels: &[String]) -> Vec<Bounds> {
        let by_rten = kernels.iter().any(|name| name == Cpu::RTEN);
        let least = if by_rten { approximation(self.of) } else { 0.0 };
        let spread = kernels.iter().map(|name| spread(name)).fold(0.0, f64::max);
        let bounds = judged.bounds.iter().map(|bounds| bounds.or_at_least(least, Cpu::RTEN));
        bounds.map(|bounds| bounds.spread(spread)).collect()
    }
}

fn judged(case: &Source) -> Result<Judged, String> {
    let told = |e: Error| e.to_string();
    let (mut network, inputs) = case.network().map_err(told)?;
    let shapes = input_shapes(&network, &Default::default(), 1).map_err(told)?;
    let graph = graph::build(&network, &shapes).map_err(told)?;
    // A case does not say what type its outputs are; a file must.
    for (output, &id) in network.outputs.iter_mut().zip(&graph.outputs) {
        output.dtype = graph.values[id].dtype;
    }
    let expected = interpret(&graph, &inputs).map_err(|e| format!("the twin: {e}"))?;
    // What several nodes become says for itself how exact it is.
    let mut fused = graph.clone();
    graph::fuse(&mut fused);
    if fused.nodes.len() > 1 {
        return Err(format!("{} nodes are left of what should become one", fused.nodes.len()));
    }
    let bounds = bounds(&fused, &inputs, &expected)?;
    Ok(Judged { network, graph, inputs, expected, bounds })
}
