//! Every kernel of every operator against the operator's twin, on the software adapter: a shader that
//! computes wrong fails here, whichever kernel a plan would choose.

use std::collections::BTreeSet;
use std::sync::Arc;

use gyrus::gpu::{Gpu, Player, WeightStore};
use gyrus::graph::attributes::Attribute;
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::Network;
use gyrus::graph::{self, Graph, input_shapes};
use gyrus::ops::case::Case;
use gyrus::ops::{OPS, Operator, Tolerance};
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Plan, plan};
use gyrus::{Data, Device, Tensor};

fn software() -> Arc<Gpu> {
    let device =
        Device::open("software").expect("the kernels are tested on a software adapter: run scripts/test");
    device.as_gpu().expect("a software adapter is a GPU to wgpu").clone()
}

fn graph(network: &Network) -> Result<Graph, gyrus::Error> {
    let mut graph = graph::build(network, &input_shapes(network, &Default::default(), 1)?)?;
    graph::fuse(&mut graph);
    Ok(graph)
}

/// The case with the absolute values of all its numbers: its result bounds the sums of absolute products.
fn absolute(network: &Network, inputs: &[Tensor]) -> (Network, Vec<Tensor>) {
    let abs = |tensor: &Tensor| match tensor.data() {
        Data::F32(v) => {
            Tensor::from_f32(tensor.shape().to_vec(), v.iter().map(|x| x.abs()).collect()).unwrap()
        }
        _ => tensor.clone(),
    };
    let mut network = network.clone();
    network.constants.values_mut().for_each(|c| *c = Arc::new(abs(c)));
    // Factors such as Gemm's alpha would bring back cancellation.
    for attribute in network.nodes.iter_mut().flat_map(|n| n.attributes.values_mut()) {
        if let Attribute::Float(value) = attribute {
            *value = value.abs();
        }
    }
    (network, inputs.iter().map(abs).collect())
}

fn bounds(network: &Network, inputs: &[Tensor], expected: &Tensor) -> Vec<f32> {
    let graph = graph(network).unwrap();
    let tolerance = graph.nodes.first().map_or(Tolerance::Exact, |n| n.op.tolerance(&graph.infos(n)));
    let values = expected.as_f32().unwrap();
    match tolerance {
        Tolerance::Exact => vec![0.0; values.len()],
        Tolerance::Ulps(ulps) => {
            values.iter().map(|v| (v.abs() * f32::EPSILON * ulps).max(f32::MIN_POSITIVE)).collect()
        }
        Tolerance::Products { terms } => {
            let (network, inputs) = absolute(network, inputs);
            let sums = interpret(&self::graph(&network).unwrap(), &inputs).unwrap();
            sums[0].as_f32().unwrap().iter().map(|s| s.abs() * f32::EPSILON * terms as f32 + 1e-30).collect()
        }
    }
}

/// The worst error of the run in units of its bound, with the place where it is.
fn judge(actual: &Tensor, expected: &Tensor, bounds: &[f32]) -> Result<(), String> {
    if actual.shape() != expected.shape() {
        return Err(format!("shape {} instead of {}", actual.shape(), expected.shape()));
    }
    let pairs = actual.as_f32().unwrap().iter().zip(expected.as_f32().unwrap()).zip(bounds).enumerate();
    for (i, ((a, e), bound)) in pairs {
        let close = a == e || (a - e).abs() <= *bound;
        if !close {
            return Err(format!("element {i} is {a}, expected {e} within {bound:e}"));
        }
    }
    Ok(())
}

fn run(gpu: &Arc<Gpu>, plan: Plan, inputs: &[Tensor]) -> Result<Tensor, String> {
    let player = Player::new(gpu, plan, &mut WeightStore::default()).map_err(|e| e.to_string())?;
    // The second run starts on memory full of the first one's values.
    player.run(inputs).map_err(|e| e.to_string())?;
    let mut outputs = player.run(inputs).map_err(|e| e.to_string())?;
    outputs.pop().ok_or_else(|| "no output".to_string())
}

/// Runs one case with every kernel; returns the kernels that took part.
fn check(gpu: &Arc<Gpu>, operator: &Operator, case: &Case, failures: &mut Vec<String>) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut fail = |kernel: &str, reason: String| {
        failures.push(format!("{} '{}' {kernel}: {reason}", operator.name, case.name));
    };
    let (network, inputs) = case.network().unwrap();
    let graph = match graph(&network) {
        Ok(graph) => graph,
        Err(e) => {
            fail("", e.to_string());
            return used;
        }
    };
    let expected = interpret(&graph, &inputs).unwrap().remove(0);
    let bounds = bounds(&network, &inputs, &expected);
    let mut plans: Vec<Plan> = Vec::new();
    for force in operator.kernels.iter().map(|k| Some(k.name.to_string())).chain([None]) {
        match plan(&graph, gpu.target(), &Choice { force }) {
            Ok(plan) if !plans.iter().any(|p| kernels(p) == kernels(&plan)) => plans.push(plan),
            Ok(_) => {}
            Err(e) => fail("", e.to_string()),
        }
    }
    for plan in plans {
        let names = kernels(&plan);
        match run(gpu, plan, &inputs).and_then(|actual| judge(&actual, &expected, &bounds)) {
            Ok(()) => used.extend(names),
            Err(reason) => fail(&names.join(", "), reason),
        }
    }
    used
}

fn kernels(plan: &Plan) -> Vec<String> {
    plan.steps.iter().map(|s| s.kernel.to_string()).collect()
}

#[test]
fn every_kernel_agrees_with_its_twin() {
    let gpu = software();
    let mut failures = Vec::new();
    let mut used = BTreeSet::new();
    let mut cases = 0;
    let only = std::env::var("GYRUS_OPERATOR").ok();
    for operator in OPS.iter().filter(|o| only.as_deref().is_none_or(|name| name == o.name)) {
        for case in (operator.cases)() {
            used.extend(check(&gpu, operator, &case, &mut failures));
            cases += 1;
        }
    }
    println!("{cases} cases, kernels: {used:?}");
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
    let known = OPS.iter().flat_map(|o| o.kernels).map(|k| k.name.to_string());
    let unused: Vec<String> = known.filter(|k| !used.contains(k)).collect();
    assert!(only.is_some() || unused.is_empty(), "kernels that no case reached: {unused:?}");
}
