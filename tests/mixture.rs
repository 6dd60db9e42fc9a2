//! Plans of any mixture of kernels, whatever holds their values, compute what the twins do.

#[path = "common/network.rs"]
mod network;

use std::collections::BTreeMap;

use gyrus::gpu::{Player, WeightStore};
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::Network;
use gyrus::graph::{Graph, build, fuse, input_shapes};
use gyrus::ops::case::values;
use gyrus::plan::lowering::Choice;
use gyrus::plan::plan_and_decisions;
use gyrus::{Device, Tensor};
use network::{Builder, mixed};

/// Concatenations of what others read too, and of what other concatenations are made of.
fn dense_block() -> Network {
    Builder::new(&[-1, 4, 9, 9])
        .conv("x", "a", 4, 8)
        .node("Concat", &["x", "a"], "b")
        .int("axis", 1)
        .conv("b", "c", 12, 8)
        .node("Concat", &["b", "c"], "d")
        .int("axis", 1)
        .node("MaxPool", &["d"], "e")
        .ints("kernel_shape", &[2, 2])
        .ints("strides", &[2, 2])
        .conv("e", "y", 20, 5)
        .finish(&["y", "d"])
}

#[test]
fn any_mixture_computes_what_the_twins_do() {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    for (name, network) in [("mixed", mixed()), ("dense block", dense_block())] {
        let shapes = input_shapes(&network, &Default::default(), 2).unwrap();
        let built = build(&network, &shapes).unwrap();
        let mut fused = built.clone();
        fuse(&mut fused);
        let input = [values(&shapes[0], 7)];
        let expected = interpret(&built, &input).unwrap();
        let (_, decisions) = plan_and_decisions(&fused, gpu.target(), &Choice::default()).unwrap();
        let mut random = fastrand::Rng::with_seed(11);
        for round in 0..40 {
            let mut winners = BTreeMap::new();
            for decision in &decisions {
                let kernel = decision.candidates[random.usize(..decision.candidates.len())];
                winners.insert(decision.site.clone(), kernel.to_string());
            }
            let choice = Choice { winners: winners.clone(), ..Choice::default() };
            check(&format!("{name}, mixture {round}: {winners:?}"), gpu, &fused, &choice, &input, &expected);
        }
    }
}

fn check(
    what: &str,
    gpu: &std::sync::Arc<gyrus::gpu::Gpu>,
    graph: &Graph,
    choice: &Choice,
    input: &[Tensor],
    expected: &[Tensor],
) {
    let (plan, _) = plan_and_decisions(graph, gpu.target(), choice).unwrap();
    let player =
        Player::new(gpu, plan, &mut WeightStore::default()).unwrap_or_else(|e| panic!("{what}: {e}"));
    let actual = player.run_poisoned(input).unwrap_or_else(|e| panic!("{what}: {e}"));
    for (want, have) in expected.iter().zip(&actual) {
        let (want, have) = (want.as_f32().unwrap(), have.as_f32().unwrap());
        let largest = want.iter().fold(0f32, |m, v| m.max(v.abs()));
        let worst = want.iter().zip(have).map(|(w, h)| (w - h).abs()).fold(0f32, f32::max);
        assert!(worst <= 1e-4 * largest, "{what}: {worst} off of {largest}");
    }
}
