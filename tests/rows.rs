//! Operators that walk rows, on inputs that lie channels-last: dense, or as a part of a concatenation; and
//! results that are written as such a part. The kernels' own cases only see row-major inputs.

#[path = "common/network.rs"]
mod builder;

use std::sync::Arc;

use builder::Builder;
use gyrus::gpu::{Player, WeightStore};
use gyrus::graph;
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::Network;
use gyrus::ops::case::values;
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Plan, plan};
use gyrus::{Device, Shape, Tensor};

/// Operator, attributes, axes (the second input of reductions), sizes of scale and bias.
type Problem = (&'static str, &'static [(&'static str, i64)], &'static [i64], &'static [usize]);

const PROBLEMS: &[Problem] = &[
    ("ReduceSum", &[], &[1], &[]),
    ("ReduceMean", &[], &[2, 3], &[]),
    ("ReduceMax", &[("keepdims", 0)], &[3], &[]),
    ("ReduceL2", &[], &[0, 1, 2, 3], &[]),
    ("GlobalMaxPool", &[], &[], &[]),
    ("ArgMax", &[("axis", 1)], &[], &[]),
    ("Softmax", &[("axis", 1)], &[], &[]),
    ("LogSoftmax", &[("axis", -1)], &[], &[]),
    ("InstanceNormalization", &[], &[], &[8]),
    ("GroupNormalization", &[("num_groups", 2)], &[], &[8]),
    ("GroupNormalization", &[("num_groups", 8)], &[], &[8]),
    ("LayerNormalization", &[("axis", 2)], &[], &[5, 7]),
    ("LpNormalization", &[("axis", 1)], &[], &[]),
    ("LRN", &[("size", 5)], &[], &[]),
];

/// What tells the two ways to walk rows apart in a kernel's name.
const WALKS: [&str; 2] = ["_lane_f32", "_group_f32"];

/// Two pools of `x`, channels-last both: `p` as it is, `q` another.
fn pools() -> Builder {
    let b = Builder::new(&[2, 8, 5, 7]).node("MaxPool", &["x"], "p").ints("kernel_shape", &[1, 1]);
    b.node("MaxPool", &["x"], "q").ints("kernel_shape", &[3, 3]).ints("pads", &[1, 1, 1, 1])
}

fn add(b: Builder, problem: &Problem, input: &str) -> Builder {
    let (operator, attributes, axes, parameters) = *problem;
    let mut inputs = vec![input];
    if !axes.is_empty() {
        inputs.push("axes");
    }
    if !parameters.is_empty() {
        inputs.extend(["scale", "bias"]);
    }
    let b = b.node(operator, &inputs, "y");
    attributes.iter().fold(b, |b, (name, value)| b.int(name, *value))
}

fn finish(b: Builder, problem: &Problem, outputs: &[&str]) -> Network {
    let (_, _, axes, parameters) = *problem;
    let mut network = b.finish(outputs);
    network.opset = 22;
    network.constants.insert("axes".into(), Arc::new(Tensor::from_i64s(axes)));
    network.constants.insert("scale".into(), Arc::new(values(parameters, 5)));
    network.constants.insert("bias".into(), Arc::new(values(parameters, 6)));
    network
}

fn concat(b: Builder, parts: &[&str]) -> Builder {
    b.node("Concat", parts, "cat").int("axis", 1).node("MaxPool", &["cat"], "z").ints("kernel_shape", &[1, 1])
}

/// As a number whatever the type, for comparison.
fn numbers(tensor: &Tensor) -> Vec<f32> {
    match tensor.as_f32() {
        Ok(values) => values.to_vec(),
        Err(_) => tensor.to_i64s().unwrap().iter().map(|&v| v as f32).collect(),
    }
}

fn check(network: &Network, force: Option<&str>) -> Plan {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    let shape = Shape::new([2, 8, 5, 7]).unwrap();
    let inputs = vec![values(&shape, 3)];
    let graph = graph::build(network, &[shape]).unwrap();
    let expected = interpret(&graph, &inputs).unwrap();
    let plan = plan(&graph, gpu.target(), &force.map_or_else(Choice::default, Choice::forcing)).unwrap();
    let player = Player::new(gpu, plan.clone(), &mut WeightStore::default()).unwrap();
    // The second run starts on memory full of the first one's values.
    player.run(&inputs).unwrap();
    for (actual, expected) in player.run(&inputs).unwrap().iter().zip(&expected) {
        assert_eq!(actual.shape(), expected.shape());
        for (i, (a, e)) in numbers(actual).iter().zip(numbers(expected)).enumerate() {
            let operator = &network.nodes[2].operator;
            assert!((a - e).abs() <= 1e-5 + 1e-4 * e.abs(), "{operator}: element {i} is {a}, expected {e}");
        }
    }
    plan
}

#[test]
fn inputs_may_lie_channels_last() {
    for problem in PROBLEMS {
        let alone = add(pools(), problem, "q");
        let plan = check(&finish(alone, problem, &["y", "p"]), None);
        let first = plan.steps.iter().find(|s| s.node == "y").map(|s| s.operator.clone());
        assert_eq!(first.as_deref(), Some(problem.0), "the input is converted");
        let family = plan.steps.iter().find(|s| WALKS.iter().any(|walk| s.kernel.contains(walk)));
        for walk in WALKS {
            let kernel = family.map(|s| WALKS.iter().fold(s.kernel.to_string(), |k, w| k.replace(w, walk)));
            let part = concat(add(pools(), problem, "q"), &["p", "q"]);
            check(&finish(part, problem, &["y", "z"]), kernel.as_deref());
        }
    }
}

#[test]
fn results_may_be_parts_of_a_concatenation() {
    let keeps_shape = |p: &&Problem| p.0.contains("Norm") || p.0.contains("oftmax") || p.0 == "LRN";
    for problem in PROBLEMS.iter().filter(keeps_shape) {
        let b = add(pools(), problem, "p");
        check(&finish(concat(b, &["q", "y"]), problem, &["z"]), None);
    }
}
