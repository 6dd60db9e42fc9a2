//! The operators' own cases: every kernel that applies, held against the operator's twin. And those of fusions, held
//! against the twins of the nodes that they replace.

use std::sync::LazyLock;

use super::engine::{Answer, Candidates, Problem};
use super::judge::{Bounds, bounds, bounds_after, compare, worse};
use super::skip::{Reason, reasons};
use super::{Engine, NETWORK, Outcome, Question, Suite, Trial, Verdict, chains};
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
use crate::ops::{FUSIONS, OPS, Tolerance};
use crate::plan::Precision;
use crate::tensor::Tensor;
use crate::tuning::alone;

/// The suite's name.
pub const NAME: &str = "builtin";

/// The cases of all operators and fusions, or of one.
///
/// # Errors
/// An operator that Gyrus does not know.
pub fn suite(operator: Option<&str>) -> Result<Suite> {
    let trials = known_cases(operator)?.into_iter().map(|case| Box::new(case) as Box<dyn Trial>);
    Ok(Suite { name: NAME.into(), trials: trials.collect() })
}

/// The cases of all operators and fusions, or of one, with the kernels that they are for.
///
/// # Errors
/// As [`suite`].
pub(super) fn known_cases(operator: Option<&str>) -> Result<Vec<OfKernels>> {
    let cases = cases(operator);
    if let (Some(name), true) = (operator, cases.is_empty()) {
        let remedy = "`gyrus ops` lists them".into();
        return Err(Error::Unknown { kind: "operator", name: name.into(), remedy });
    }
    Ok(cases)
}

fn cases(operator: Option<&str>) -> Vec<OfKernels> {
    let is_wanted = |name: &str| operator.is_none_or(|wanted| wanted == name);
    let of_operators = OPS.iter().filter(|o| is_wanted(o.name)).flat_map(|operator| {
        let of = |case| OfKernels { of: operator.name, kernels: operator.kernels, case: Source::Node(case) };
        (operator.cases)().into_iter().map(of)
    });
    let of_fusions = FUSIONS.iter().filter(|f| is_wanted(f.name)).flat_map(|fusion| {
        let of = |case| OfKernels { of: fusion.name, kernels: fusion.kernels, case: Source::Fused(case) };
        (fusion.cases)().into_iter().map(of)
    });
    of_operators.chain(of_fusions).chain(of_chains(is_wanted(NETWORK))).collect()
}

/// What shows the steps between operators.
fn of_chains(wanted: bool) -> impl Iterator<Item = OfKernels> {
    static KERNELS: LazyLock<Vec<&Kernel>> = LazyLock::new(|| chains::kernels().collect());
    let of = |case| OfKernels { of: NETWORK, kernels: &KERNELS, case: Source::Fused(case) };
    let cases = if wanted { chains::cases() } else { vec![] };
    cases.into_iter().map(of)
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
pub(super) struct OfKernels {
    /// The operator or fusion.
    of: &'static str,
    pub(super) kernels: &'static [&'static Kernel],
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
pub(super) struct Judged {
    network: Network,
    pub graph: Graph,
    pub inputs: Vec<Tensor>,
    precision: Precision,
    pub expected: Vec<Tensor>,
    pub bounds: Vec<Bounds>,
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
        let mut judged_answers = Vec::new();
        for precision in self.precisions() {
            let judged = match self.judged(precision) {
                Ok(judged) => judged,
                Err(reason) => return Ok(failed(reason)),
            };
            match self.answers(engine, &judged) {
                Ok(answers) => judged_answers.push((judged, answers)),
                Err(lost @ Error::DeviceLost { .. }) => return Err(lost),
                Err(error @ Error::TooLarge { .. }) => {
                    let reasons = reasons(&error, &judged.network).unwrap_or_default();
                    let outcome = Outcome::Skipped { reasons };
                    return Ok(Verdict::new(self.of, self.case.opset(), outcome));
                }
                Err(error) => return Ok(failed(error.to_string())),
            }
        }
        Ok(self.verdict(judged_answers))
    }

    fn questions(&self) -> Result<Result<Vec<Question<'_>>, Vec<Reason>>> {
        let question = |precision| {
            let Judged { graph, inputs, expected, bounds, .. } =
                self.judged(precision).map_err(Error::Graph)?;
            let bounds = Box::new(move |kernels: &[String]| self.bounds(&bounds, kernels));
            Ok(Question { graph, inputs, precision, kernels: self.kernels, expected, bounds })
        };
        self.precisions().into_iter().map(question).collect::<Result<_>>().map(Ok)
    }
}

impl OfKernels {
    /// The operator or fusion, and the case's name.
    pub(super) fn path(&self) -> (&str, &str) {
        (self.of, self.case.name())
    }

    /// What the twin says of the case, on inputs that lose nothing when they are stored.
    pub(super) fn judged(&self, precision: Precision) -> Result<Judged, String> {
        judged(&self.case, precision)
    }

    /// The case at its inputs' shapes.
    pub(super) fn graph(&self) -> Result<Graph> {
        let (network, _) = self.case.network()?;
        graph::build(&network, &input_shapes(&network, &Default::default(), 1)?)
    }

    /// How textures are to store numbers, where kernels use textures at all.
    pub(super) fn precisions(&self) -> Vec<Precision> {
        match self.kernels.iter().any(|kernel| kernel.is_of_texels()) {
            true => vec![Precision::F32, Precision::F16],
            false => vec![Precision::F32],
        }
    }

    fn answers(&self, engine: &Engine, judged: &Judged) -> Result<Vec<Answer>> {
        let bytes = || write(&judged.network);
        let problem = Problem {
            network: &judged.network,
            graph: &judged.graph,
            inputs: &judged.inputs,
            precision: judged.precision,
            bytes: &bytes,
        };
        engine.answers(&problem, &Candidates::Every(self.kernels))
    }

    fn verdict(&self, judged: Vec<(Judged, Vec<Answer>)>) -> Verdict {
        let mut verdict = Verdict::new(self.of, self.case.opset(), Outcome::Passed);
        let mut faults = Vec::new();
        let answers = judged.iter().flat_map(|(judged, answers)| answers.iter().map(move |a| (judged, a)));
        for (judged, Answer { kernels, outputs }) in answers {
            let result = outputs.as_ref().map_err(|e| e.to_string()).and_then(|outputs| {
                let bounds = self.bounds(&judged.bounds, kernels);
                let (worst, result) = compare(&judged.expected, outputs, &bounds);
                // What is reported is the error of f32: that of f16 would hide it.
                if judged.precision == Precision::F32 {
                    verdict.worst = worse(verdict.worst.take(), worst);
                }
                result
            });
            if let Err(fault) = result {
                let stored = if judged.precision == Precision::F16 { " storing f16" } else { "" };
                faults.push(format!("{}{stored}: {fault}", kernels.join(", ")));
            }
            verdict.kernels.extend(kernels.iter().cloned());
        }
        verdict.kernels.sort();
        verdict.kernels.dedup();
        if !faults.is_empty() {
            verdict.outcome = Outcome::Failed { reason: faults.join("; ") };
        }
        verdict
    }

    /// Shaders are held to what the operator allows; rten is known to approximate some.
    pub(super) fn bounds(&self, own: &[Bounds], kernels: &[String]) -> Vec<Bounds> {
        let by_rten = kernels.iter().any(|name| name == Cpu::RTEN);
        let least = if by_rten { approximation(self.of) } else { 0.0 };
        let spread = kernels.iter().map(|name| spread(name)).fold(0.0, f64::max);
        let bounds = own.iter().map(|bounds| bounds.or_at_least(least, Cpu::RTEN));
        bounds.map(|bounds| bounds.spread(spread)).collect()
    }
}

fn judged(case: &Source, precision: Precision) -> Result<Judged, String> {
    let told = |e: Error| e.to_string();
    let (mut network, inputs) = case.network().map_err(told)?;
    let inputs: Vec<Tensor> = inputs.into_iter().map(|input| precision.stored(input)).collect();
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
    let bounds = match fused.nodes.len() {
        0 | 1 => bounds(&fused, &inputs, &expected, precision)?,
        _ => bounds_of_last(fused, &inputs, &expected, precision)?,
    };
    Ok(Judged { network, graph, inputs, precision, expected, bounds })
}

/// What the last node of a chain allows, where all others are exact, or pointwise in front of a sum of products.
fn bounds_of_last(
    mut chain: Graph,
    inputs: &[Tensor],
    expected: &[Tensor],
    precision: Precision,
) -> Result<Vec<Bounds>, String> {
    let last = chain.nodes.pop().ok_or("no node is left")?;
    let mut ulps = 0.0;
    for node in &chain.nodes {
        ulps += match node.op.tolerance(&chain.infos(node)) {
            Tolerance::Exact => 0.0,
            Tolerance::Ulps(ulps) => ulps,
            _ => {
                let reason = "is neither exact nor pointwise nor the last, nor became one with the last";
                return Err(format!("node '{}' {reason}", node.name));
            }
        };
    }
    let alone = alone(&chain, &last);
    let named = |id: &usize| chain.values.iter().position(|value| value.name == alone.values[*id].name);
    chain.outputs = alone.inputs.iter().filter_map(named).collect();
    let operands = interpret(&chain, inputs).map_err(|e| format!("the twin: {e}"))?;
    bounds_after(ulps, &alone, &operands, expected, precision)
}
