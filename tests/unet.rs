//! An attention residual U-Net: in how few dispatches it runs, and that nothing is lost by that.

#[path = "common/network.rs"]
mod network;
#[path = "common/unet.rs"]
mod unet;

use std::sync::Arc;

use gyrus::gpu::{Player, WeightStore};
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::Network;
use gyrus::graph::{Graph, build, fuse};
use gyrus::ops::case::values;
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Plan, Target, plan};
use gyrus::{Device, Shape, Tensor};
use network::{Builder, mixed};
use unet::{block, gate, unet};

fn graphs(network: &Network, shape: &[usize]) -> [Graph; 2] {
    let built = build(network, &[Shape::new(shape).unwrap()]).unwrap();
    let mut fused = built.clone();
    fuse(&mut fused);
    [built, fused]
}

fn compile(network: &Network, shape: &[usize]) -> Plan {
    plan(&graphs(network, shape)[1], &Target::portable(), &Choice::default()).unwrap()
}

fn operators(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|step| step.operator.as_str()).collect()
}

/// Runs the fused network on the software adapter, on every kernel in turn, against the twins of the one as built.
fn check(name: &str, network: &Network, shape: &[usize]) {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    let [built, fused] = graphs(network, shape);
    let input = [values(shape, 42)];
    let expected = interpret(&built, &input).unwrap();
    for force in [
        None,
        Some("conv_subgroup_f32"),
        Some("conv_tile_f32"),
        Some("attention_gate_tile_f32"),
        Some("attention_gate_shared_f32"),
    ] {
        let plan = plan(&fused, gpu.target(), &force.map_or_else(Choice::default, Choice::forcing)).unwrap();
        let player = Player::new(gpu, plan, &mut WeightStore::default()).unwrap();
        let actual = player.run_poisoned(&input).unwrap();
        for (want, have) in expected.iter().zip(&actual) {
            let (want, have) = (want.as_f32().unwrap(), have.as_f32().unwrap());
            let largest = want.iter().fold(0f32, |m, v| m.max(v.abs()));
            let worst = want.iter().zip(have).map(|(w, h)| (w - h).abs()).fold(0f32, f32::max);
            assert!(worst <= 1e-5 * largest, "{name}, {force:?}: {worst} off of {largest}");
        }
    }
}

#[test]
fn two_levels_take_twelve_dispatches() {
    let plan = compile(&unet(&[8, 16], 16), &[1, 3, 16, 16]);
    let convolution = "Conv+BatchNormalization";
    let (first, second) = (format!("{convolution}+Relu"), format!("{convolution}+{convolution}+Add+Relu"));
    // A concatenation whose parts lie in it takes none.
    assert_eq!(
        operators(&plan),
        [
            "layout",
            &first,
            &second,
            "MaxPool",
            &first,
            &second,
            "ConvTranspose",
            "Conv+Conv+Add+Relu+Conv+Sigmoid+Mul",
            &first,
            &second,
            "Conv+Sigmoid",
            "layout"
        ]
    );
}

#[test]
fn a_level_more_takes_seven_dispatches_more() {
    let steps = |filters: &[usize]| compile(&unet(filters, 32), &[2, 3, 32, 32]).steps.len();
    assert_eq!((steps(&[8, 16]), steps(&[8, 16, 32]), steps(&[8, 16, 32, 64])), (12, 19, 26));
}

#[test]
fn it_computes_what_its_nodes_do() {
    check("whole groups of channels", &unet(&[8, 16], 16), &[1, 3, 16, 16]);
    check("three samples", &unet(&[4, 8, 8], 12), &[3, 3, 12, 12]);
    check("other fusions beside", &mixed(), &[2, 3, 14, 10]);
    check("odd channels", &unet(&[5, 7], 10), &[3, 3, 10, 10]);
}

/// A gate that does not match in full takes more steps, and is as right.
#[test]
fn what_is_no_gate_is_left_alone() {
    let gated = |b: Builder| gate(b, "a", "b", "y", 4, 6);
    let inputs = || Builder::new(&[-1, 3, 8, 8]).conv("x", "a", 3, 4).conv("x", "b", 3, 4);
    let one = "Conv+Conv+Add+Relu+Conv+Sigmoid+Mul";
    let is_one = |network: &Network| operators(&compile(network, &[2, 3, 8, 8])).contains(&one);
    assert!(is_one(&gated(inputs()).finish(&["y"])));
    let others = [
        ("the mask is an output too", gated(inputs()).finish(&["y", "y.sigmoid"])),
        ("the sum is read by another", gated(inputs()).node("Neg", &["y.sum"], "n").finish(&["y", "n"])),
        ("a product is an output too", gated(inputs()).finish(&["y", "y.g"])),
        (
            "another value is let through",
            inputs()
                .conv("x", "c", 3, 4)
                .weighted("Conv", "a", "p", &[6, 4, 1, 1], 6)
                .weighted("Conv", "b", "q", &[6, 4, 1, 1], 6)
                .node("Add", &["p", "q"], "s")
                .node("Relu", &["s"], "r")
                .weighted("Conv", "r", "m", &[1, 6, 1, 1], 1)
                .node("Sigmoid", &["m"], "g")
                .node("Mul", &["c", "g"], "y")
                .finish(&["y"]),
        ),
        (
            "a mask for every channel",
            inputs()
                .weighted("Conv", "a", "p", &[6, 4, 1, 1], 6)
                .weighted("Conv", "b", "q", &[6, 4, 1, 1], 6)
                .node("Add", &["p", "q"], "s")
                .node("Relu", &["s"], "r")
                .weighted("Conv", "r", "m", &[4, 6, 1, 1], 4)
                .node("Sigmoid", &["m"], "g")
                .node("Mul", &["a", "g"], "y")
                .finish(&["y"]),
        ),
        (
            "a signal of half the size",
            inputs()
                .weighted("Conv", "a", "p", &[6, 4, 2, 2], 6)
                .ints("strides", &[2, 2])
                .node("MaxPool", &["b"], "half")
                .ints("kernel_shape", &[2, 2])
                .ints("strides", &[2, 2])
                .weighted("Conv", "half", "q", &[6, 4, 1, 1], 6)
                .node("Add", &["p", "q"], "s")
                .node("Relu", &["s"], "r")
                .weighted("Conv", "r", "m", &[1, 6, 1, 1], 1)
                .node("Sigmoid", &["m"], "g")
                .weighted("ConvTranspose", "g", "up", &[1, 1, 2, 2], 1)
                .ints("strides", &[2, 2])
                .node("Mul", &["a", "up"], "y")
                .finish(&["y"]),
        ),
    ];
    for (name, network) in others {
        assert!(!is_one(&network), "{name}");
        check(name, &network, &[2, 3, 8, 8]);
    }
}

#[test]
fn a_shortcut_that_others_read_keeps_its_step() {
    let shared = block(Builder::new(&[-1, 3, 6, 6]), "x", "y", 3, 4).finish(&["y", "y.sn"]);
    let steps = operators(&compile(&shared, &[1, 3, 6, 6])).iter().filter(|o| o.starts_with("Conv")).count();
    assert_eq!(steps, 3);
    check("a shortcut read by others", &shared, &[2, 3, 6, 6]);
    // In groups there is no kernel that has a place for it.
    let grouped = Builder::new(&[-1, 4, 6, 6])
        .weighted("Conv", "x", "a", &[6, 2, 3, 3], 6)
        .int("group", 2)
        .ints("pads", &[1, 1, 1, 1])
        .weighted("Conv", "x", "b", &[6, 4, 1, 1], 6)
        .node("Add", &["a", "b"], "y")
        .finish(&["y"]);
    check("a shortcut of a grouped convolution", &grouped, &[2, 4, 6, 6]);
}

#[test]
fn an_enlargement_is_read_through_by_the_convolution_that_it_feeds() {
    let rise = |times: [f32; 2], outputs: &[&str]| {
        let pooled = Builder::new(&[-1, 3, 12, 8])
            .node("MaxPool", &["x"], "p")
            .ints("kernel_shape", &[2, 2])
            .ints("strides", &[2, 2]);
        let up = pooled.conv("p", "a", 3, 6).node("Resize", &["a", "", "scales"], "u");
        let mut network = up.conv("u", "b", 6, 5).node("Relu", &["b"], "y").finish(outputs);
        let scales = Tensor::from_f32([4], vec![1.0, 1.0, times[0], times[1]]).unwrap();
        network.constants.insert("scales".into(), Arc::new(scales));
        network
    };
    let steps = |network: &Network| {
        let plan = compile(network, &[1, 3, 12, 8]);
        operators(&plan).into_iter().filter(|o| *o != "layout").map(str::to_string).collect::<Vec<_>>()
    };
    let read_through = rise([2.0, 2.0], &["y"]);
    assert_eq!(steps(&read_through), ["MaxPool", "Conv", "Resize+Conv+Relu"]);
    check("read through", &read_through, &[2, 3, 12, 8]);
    // Others read the large value; the factor is not whole.
    for (name, network) in
        [("read by others", rise([2.0, 2.0], &["y", "u"])), ("not whole", rise([1.5, 2.0], &["y"]))]
    {
        assert_eq!(steps(&network), ["MaxPool", "Conv", "Resize", "Conv+Relu"], "{name}");
        check(name, &network, &[2, 3, 12, 8]);
    }
}
