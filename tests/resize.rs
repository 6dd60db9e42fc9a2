//! Resizing within a network, and what a file may state that no network means.

#[path = "common/network.rs"]
mod network;

use std::sync::Arc;

use gyrus::gpu::{Player, WeightStore};
use gyrus::graph::attributes::Attribute;
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::{Dim, Network};
use gyrus::graph::{self, Graph};
use gyrus::ops::case::values;
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Target, plan};
use gyrus::{Device, Shape, Tensor};
use network::Builder;

/// A step up of a U-Net: convolution, resize by these scales, channels joined with the input's, convolution.
fn step_up(mode: &str, scales: &[f32], size: [i64; 2]) -> Network {
    let b = Builder::new(&[1, 3, size[0], size[1]]).conv("x", "a", 3, 8);
    let b = b.node("Resize", &["a", "", "scales"], "r").conv("r", "y", 8, 5);
    let mut network = b.finish(&["y"]);
    network.nodes[1].attributes.insert("mode".into(), Attribute::Text(mode.into()));
    let scales = Tensor::from_f32([scales.len()], scales.to_vec()).expect("a list");
    network.constants.insert("scales".into(), Arc::new(scales));
    network
}

fn built(network: &Network, shape: &[usize]) -> gyrus::error::Result<Graph> {
    graph::build(network, &[Shape::new(shape)?])
}

#[test]
fn between_convolutions_no_layout_is_converted() {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    for (mode, steps) in [("nearest", 1), ("linear", 1), ("cubic", 2)] {
        let network = step_up(mode, &[1.0, 1.0, 2.0, 1.5], [6, 4]);
        let graph = built(&network, &[1, 3, 6, 4]).expect(mode);
        // Convolutions that keep their values in textures have them copied before and after.
        for (target, copies) in [(&Target::portable(), 0), (gpu.target(), 2)] {
            let plan = plan(&graph, target, &Choice::default()).expect(mode);
            let kernels: Vec<&str> = plan.steps.iter().map(|s| &*s.kernel).collect();
            let resizing = kernels.iter().filter(|k| **k == "resample_vec4_f32").count();
            let conversions = kernels.iter().filter(|k| k.starts_with("layout")).count();
            assert_eq!(resizing, steps, "{mode}: {kernels:?}");
            assert!(
                conversions <= 2 + copies,
                "{mode}: more than the network's input and output: {kernels:?}"
            );
        }
    }
}

/// What is resized lies among other channels, and so does what comes out: offsets and strides on both sides.
#[test]
fn between_concatenations_other_channels_stay_as_they_are() {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    for mode in ["nearest", "linear", "cubic"] {
        let b = Builder::new(&[1, 3, 12, 8]).conv("x", "s", 3, 8).conv("x", "t", 3, 4);
        let pool = |b: Builder, from: &str, to: &str| {
            b.node("MaxPool", &[from], to).ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2])
        };
        let b = pool(b.node("Concat", &["t", "s"], "ts").int("axis", 1), "s", "p");
        let b = b.node("Resize", &["p", "", "scales"], "r").node("Resize", &["s", "", "scales"], "big");
        let b =
            b.node("Concat", &["t", "r"], "tr").int("axis", 1).conv("ts", "u", 12, 5).conv("tr", "v", 12, 5);
        let mut network = b.finish(&["u", "v", "big"]);
        for node in network.nodes.iter_mut().filter(|n| n.operator == "Resize") {
            node.attributes.insert("mode".into(), Attribute::Text(mode.into()));
        }
        let scales = Tensor::from_f32([4], vec![1.0, 1.0, 2.0, 2.0]).expect("a list");
        network.constants.insert("scales".into(), Arc::new(scales));
        let shape = [1, 3, 12, 8];
        let graph = built(&network, &shape).expect(mode);
        let inputs = [values(&shape, 1)];
        let expected = interpret(&graph, &inputs).expect("the twins");
        let plan = plan(&graph, gpu.target(), &Choice::default()).expect(mode);
        let player = Player::new(gpu, plan, &mut WeightStore::default()).expect("a player");
        player.run(&inputs).expect("a run");
        for (actual, expected) in player.run(&inputs).expect("a run").iter().zip(&expected) {
            assert!(off_by(actual, expected) < 1e-4, "{mode}");
        }
    }
}

fn off_by(actual: &Tensor, expected: &Tensor) -> f32 {
    assert_eq!(actual.shape(), expected.shape());
    let (actual, expected) = (actual.as_f32().expect("f32"), expected.as_f32().expect("f32"));
    actual.iter().zip(expected).map(|(a, e)| (a - e).abs()).fold(0.0, f32::max)
}

/// Tables depend on the input's size, and a session keeps weights from one size to the next.
#[test]
fn another_input_size_brings_its_own_tables() {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    let mut network = step_up("linear", &[1.0, 1.0, 2.0, 1.5], [-1, -1]);
    network.inputs[0].dims = Some(vec![Dim::Fixed(1), Dim::Fixed(3), Dim::Unknown, Dim::Unknown]);
    let mut store = WeightStore::default();
    for shape in [[1, 3, 6, 4], [1, 3, 5, 8], [1, 3, 6, 8]] {
        let graph = built(&network, &shape).expect("a graph");
        let inputs = [values(&shape, 1)];
        let expected = interpret(&graph, &inputs).expect("the twins").remove(0);
        let plan = plan(&graph, gpu.target(), &Choice::default()).expect("a plan");
        let player = Player::new(gpu, plan, &mut store).expect("a player");
        let actual = player.run(&inputs).expect("a run").remove(0);
        let worst = off_by(&actual, &expected);
        assert!(worst < 1e-4, "{shape:?}: off by {worst:e}");
    }
}

#[test]
fn senseless_scales_and_sizes_are_refused() {
    let refused = |network: &Network, what: &str| {
        let error = built(network, &[1, 3, 6, 4]).err().unwrap_or_else(|| panic!("{what} is accepted"));
        let text = error.to_string();
        assert!(text.contains("Resize"), "{what}: {text}");
    };
    for mode in ["nearest", "linear", "cubic"] {
        for bad in [f32::NAN, f32::INFINITY, 1e30, 1e9, -1.0, 0.0, 1e-30, f32::MIN_POSITIVE] {
            refused(&step_up(mode, &[1.0, 1.0, bad, 1.0], [6, 4]), &format!("{mode}, scale {bad:e}"));
        }
        refused(&step_up(mode, &[1.0, 2.0], [6, 4]), "two scales for four dimensions");
        for bad in [0, -1, i64::MAX, i64::MIN, 1 << 31] {
            let mut network = step_up(mode, &[], [6, 4]);
            network.nodes[1].inputs = ["a", "", "", "sizes"].map(String::from).to_vec();
            network.constants.insert("sizes".into(), Arc::new(Tensor::from_i64s(&[1, 8, 12, bad])));
            refused(&network, &format!("{mode}, size {bad}"));
        }
        // A crop that needs next to nothing of a filter as wide as the universe.
        let mut network = step_up(mode, &[1.0, 1.0, 1e-30, 1.0], [6, 4]);
        let resize = &mut network.nodes[1];
        resize.inputs = ["a", "roi", "scales"].map(String::from).to_vec();
        let crop = Attribute::Text("tf_crop_and_resize".into());
        resize.attributes.insert("coordinate_transformation_mode".into(), crop);
        if mode != "nearest" {
            resize.attributes.insert("antialias".into(), Attribute::Int(1));
        }
        network.opset = 18;
        let roi = Tensor::from_f32([8], vec![0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1e30, 1.0]).expect("a roi");
        network.constants.insert("roi".into(), Arc::new(roi));
        if mode != "nearest" {
            refused(&network, mode);
        }
    }
}
