//! Every kernel of every operator against the operator's twin, on the software adapter: a shader that
//! computes wrong fails here, whichever kernel a plan would choose.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use gyrus::gpu::{Gpu, Player, WeightStore};
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::Network;
use gyrus::graph::{self, Graph, input_shapes};
use gyrus::ops::case::Case;
use gyrus::ops::{OPS, Operator, Tolerance};
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Plan, Target, plan};
use gyrus::{Device, Tensor};

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

fn bounds(graph: &Graph, inputs: &[Tensor], output: usize, expected: &Tensor) -> Vec<f32> {
    let values = expected.to_device().unwrap();
    let Some(node) = graph.nodes.first() else { return vec![0.0; values.len()] };
    match node.op.tolerance(&graph.infos(node)) {
        Tolerance::Exact => vec![0.0; values.len()],
        Tolerance::Ulps(ulps) => {
            values.iter().map(|v| (v.abs() * f32::EPSILON * ulps).max(f32::MIN_POSITIVE)).collect()
        }
        Tolerance::Products { terms } => {
            let given: BTreeMap<usize, &Tensor> = graph.inputs.iter().copied().zip(inputs).collect();
            let find = |id: usize| given.get(&id).copied().or(graph.values[id].constant.as_deref());
            let operands: Vec<Option<&Tensor>> = node.inputs.iter().map(|id| id.and_then(find)).collect();
            let sums = node.op.magnitudes(&operands).unwrap();
            sums[output]
                .as_f32()
                .unwrap()
                .iter()
                .map(|s| s.abs() * f32::EPSILON * terms as f32 + 1e-30)
                .collect()
        }
    }
}

/// The worst error of the run in units of its bound, with the place where it is.
fn judge(actual: &Tensor, expected: &Tensor, bounds: &[f32]) -> Result<(), String> {
    if actual.shape() != expected.shape() {
        return Err(format!("shape {} instead of {}", actual.shape(), expected.shape()));
    }
    let pairs = actual
        .to_device()
        .unwrap()
        .into_owned()
        .into_iter()
        .zip(expected.to_device().unwrap().into_owned())
        .zip(bounds)
        .enumerate();
    for (i, ((a, e), bound)) in pairs {
        let close = a == e || (a - e).abs() <= *bound;
        if !close {
            return Err(format!("element {i} is {a}, expected {e} within {bound:e}"));
        }
    }
    Ok(())
}

fn run(gpu: &Arc<Gpu>, plan: Plan, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
    let player = Player::new(gpu, plan, &mut WeightStore::default()).map_err(|e| e.to_string())?;
    // The second run starts on memory full of the first one's values.
    player.run(inputs).map_err(|e| e.to_string())?;
    player.run(inputs).map_err(|e| e.to_string())
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
    let expected = interpret(&graph, &inputs).unwrap();
    let bounds: Vec<Vec<f32>> =
        expected.iter().enumerate().map(|(i, e)| bounds(&graph, &inputs, i, e)).collect();
    let mut plans: Vec<Plan> = Vec::new();
    for force in operator.kernels.iter().map(|k| Some(k.name.to_string())).chain([None]) {
        let narrow = Target { max_binding: 4096, max_groups: 3, ..gpu.target().clone() };
        if let Ok(plan) = plan(&graph, &narrow, &Choice { force: force.clone() }) {
            plans.push(plan);
        }
        match plan(&graph, gpu.target(), &Choice { force }) {
            Ok(plan) if !plans.iter().any(|p| kernels(p) == kernels(&plan)) => plans.push(plan),
            Ok(_) => {}
            Err(e) => fail("", e.to_string()),
        }
    }
    for plan in plans {
        let names = kernels(&plan);
        let judge_all = |actual: Vec<Tensor>| {
            let triples = actual.iter().zip(&expected).zip(&bounds);
            triples.map(|((a, e), b)| judge(a, e, b)).collect::<Result<Vec<()>, String>>()
        };
        match run(gpu, plan, &inputs).and_then(judge_all) {
            Ok(_) => used.extend(names),
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
