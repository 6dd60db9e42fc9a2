//! Plans are data: what must hold of every plan is tested without a GPU.

#[path = "common/network.rs"]
mod network;

use gyrus::graph::network::Network;
use gyrus::graph::{build, fuse, input_shapes};
use gyrus::plan::lowering::Choice;
use gyrus::plan::{Buffer, DeviceClass, Plan, Precision, Range, Step, TEXELS_A_ROW, Target, plan};
use gyrus::{Error, Shape};
use network::{Builder, mixed};

fn compile_for(network: &Network, batch: usize, target: &Target) -> Result<Plan, Error> {
    let mut graph = build(network, &input_shapes(network, &Default::default(), batch)?)?;
    fuse(&mut graph);
    plan(&graph, target, &Choice::default())
}

fn compile(network: &Network, batch: usize) -> Plan {
    compile_for(network, batch, &Target::portable()).unwrap()
}

/// The network on every device's terms: values in buffers, and in textures.
fn compile_both(network: &Network, batch: usize) -> [Plan; 2] {
    [Target::portable(), in_textures()].map(|target| compile_for(network, batch, &target).unwrap())
}

/// A device that has convolutions keep their values in textures.
fn in_textures() -> Target {
    Target { class: DeviceClass::Software, subgroup: Some(8), ..Target::portable() }
}

fn operators(plan: &Plan) -> Vec<&str> {
    plan.steps.iter().map(|s| s.operator.as_str()).collect()
}

fn overlap(a: &Range, b: &Range) -> bool {
    a.buffer == b.buffer && a.offset < b.offset + b.size && b.offset < a.offset + a.size
}

fn networks() -> Vec<Network> {
    let chain = |n: Builder| n.conv("x", "a", 3, 8).node("Relu", &["a"], "r").finish(&["r"]);
    // Its second part is computed from its first, which therefore may not be written in place.
    let dense_block = Builder::new(&[-1, 4, 6, 6])
        .conv("x", "a", 4, 4)
        .conv("a", "b", 4, 4)
        .node("Concat", &["a", "b"], "c")
        .int("axis", 1)
        .conv("c", "d", 8, 4)
        .finish(&["d"]);
    vec![mixed(), chain(Builder::new(&[-1, 3, 9, 9])), dense_block]
}

#[test]
fn no_step_reads_the_slab_that_it_writes() {
    for network in networks() {
        for batch in [1, 3] {
            for step in compile_both(&network, batch).into_iter().flat_map(|plan| plan.steps) {
                assert!(!step.inputs.iter().any(|i| i.buffer == step.output.buffer), "{step:?}");
            }
        }
    }
}

#[test]
fn ranges_are_aligned_and_inside_their_buffers() {
    let target = Target::portable();
    for network in networks() {
        for plan in compile_both(&network, 2) {
            for range in plan.steps.iter().flat_map(|s| s.inputs.iter().chain([&s.output])) {
                let size = match range.buffer {
                    Buffer::Slab(i) => plan.slabs[i],
                    Buffer::Texture(i) => plan.textures[i],
                    Buffer::HalfTexture(i) => plan.half_textures[i],
                    Buffer::Weights(i) => plan.weights[i].bytes,
                };
                assert!(range.offset.is_multiple_of(target.alignment) && range.offset + range.size <= size);
            }
        }
    }
}

/// Between the step that writes a value and the last that reads it, nobody else writes there.
#[test]
fn values_are_not_overwritten_while_they_are_needed() {
    for network in networks() {
        for plan in compile_both(&network, 2) {
            check_lifetimes(&plan);
        }
    }
}

fn check_lifetimes(plan: &Plan) {
    let is_activation = |r: &&Range| !matches!(r.buffer, Buffer::Weights(_));
    for t in 0..plan.steps.len() {
        for read in plan.steps[t].inputs.iter().filter(is_activation) {
            let writers: Vec<&Range> =
                plan.steps[..t].iter().map(|s| &s.output).filter(|w| overlap(w, read)).collect();
            // A part of a concatenation is read as part of the whole, so ranges are equal or foreign.
            match writers.last() {
                Some(last) => assert_eq!(*last, read, "step {t} reads what another value overwrote"),
                None => assert!(plan.inputs.iter().any(|p| p.range == *read)),
            }
        }
    }
    for output in &plan.outputs {
        let last = plan.steps.iter().rev().find(|s| overlap(&s.output, &output.range));
        assert_eq!(last.map(|s| &s.output), Some(&output.range));
    }
}

#[test]
fn convolutions_stay_in_textures_where_the_device_prefers_them() {
    let plan = compile_for(&mixed(), 1, &in_textures()).unwrap();
    let conv = |s: &&Step| s.operator.starts_with("Conv");
    assert!(plan.steps.iter().filter(conv).all(|s| matches!(s.output.buffer, Buffer::Texture(_))));
    assert!(!plan.textures.is_empty());
    // A texture is bound whole, so a step is told where in it a value begins.
    assert!(plan.textures.iter().all(|size| size.is_multiple_of(u64::from(TEXELS_A_ROW) * 16)));
    // Too small a texture: everything stays in buffers.
    let plan = compile_for(&mixed(), 1, &Target { max_texture_side: 1024, ..in_textures() }).unwrap();
    assert!(plan.textures.is_empty());
}

#[test]
fn f16_takes_half_the_memory_of_activations_and_weights() {
    for class in [DeviceClass::Software, DeviceClass::Integrated, DeviceClass::Discrete] {
        let target = |precision| Target { class, precision, ..in_textures() };
        let [whole, half] =
            [Precision::F32, Precision::F16].map(|p| compile_for(&mixed(), 1, &target(p)).unwrap());
        let conv = |s: &&Step| s.operator.starts_with("Conv") && !s.kernel.starts_with("winograd");
        let last = half.steps.iter().filter(conv);
        assert!(whole.half_textures.is_empty() && !half.half_textures.is_empty(), "{class:?}");
        // What Winograd's steps and unfolded taps keep in between stays f32.
        let outputs = last.filter(|s| !s.kernel.contains("winograd") && !s.kernel.contains("unfold_"));
        outputs.for_each(|s| assert!(matches!(s.output.buffer, Buffer::HalfTexture(_)), "{class:?}: {s:?}"));
        check_lifetimes(&half);
        let is_half = |w: &&gyrus::plan::Weights| w.precision == Precision::F16;
        assert!(half.weights.iter().any(|w| is_half(&w)) && !whole.weights.iter().any(|w| is_half(&w)));
        for weights in half.weights.iter().filter(is_half) {
            assert_eq!(weights.bytes, weights.data.len() as u64 * 2, "{}", weights.key);
        }
    }
}

#[test]
fn pointwise_nodes_cost_no_step_of_their_own() {
    let plan = compile(&mixed(), 1);
    assert_eq!(
        operators(&plan),
        [
            "layout",
            "Conv+BatchNormalization+Relu",
            "Conv+Add+Relu",
            "Conv+Relu+BatchNormalization",
            "Concat",
            "Conv",
            "MaxPool",
            "GlobalAveragePool",
            "layout",
            "Gemm",
            "Softmax",
            "layout"
        ]
    );
}

#[test]
fn concatenations_are_written_by_their_producers() {
    // Both parts are computed from elsewhere, in whole groups of four channels: no copy is left.
    let network = Builder::new(&[-1, 3, 6, 6])
        .conv("x", "a", 3, 8)
        .conv("x", "b", 3, 12)
        .node("Concat", &["a", "b"], "c")
        .int("axis", 1)
        .conv("c", "d", 20, 4)
        .finish(&["d"]);
    let plan = compile(&network, 3);
    assert_eq!(operators(&plan), ["layout", "Conv", "Conv", "Conv", "layout"]);
    // They bind the whole and move only their part of it.
    let weights = |step: &Step| -> u64 {
        step.inputs.iter().filter(|r| matches!(r.buffer, Buffer::Weights(_))).map(|r| r.size).sum()
    };
    let moved: Vec<u64> = plan.steps[1..4].iter().map(|step| step.bytes - weights(step)).collect();
    assert_eq!(moved, [4 + 8, 4 + 12, 20 + 4].map(|channels| 3 * 6 * 6 * 4 * channels));
}

#[test]
fn memory_is_shared_by_values_that_never_live_together() {
    let chain = |length: usize| {
        let mut builder = Builder::new(&[-1, 4, 32, 32]);
        let mut last = "x".to_string();
        for i in 0..length {
            let next = format!("v{i}");
            builder = builder.conv(&last, &next, 4, 4);
            last = next;
        }
        compile(&builder.finish(&[&last]), 1).slabs.iter().sum::<u64>()
    };
    assert_eq!(chain(4), chain(12));
}

#[test]
fn what_cannot_fit_is_refused_with_the_numbers() {
    let network = Builder::new(&[-1, 64, 64, 64]).node("Transpose", &["x"], "t").finish(&["t"]);
    let small_bindings = Target { max_binding: 1 << 20, ..Target::portable() };
    let small_buffers = Target { max_buffer: 1 << 20, ..Target::portable() };
    for (target, limit) in [(small_bindings, "largest binding"), (small_buffers, "largest buffer")] {
        assert!(compile_for(&network, 1, &target).is_ok());
        let error = compile_for(&network, 3, &target).unwrap_err().to_string();
        assert!(error.contains("3 MiB") && error.contains("1 MiB") && error.contains(limit), "{error}");
    }
}

/// llvmpipe leaves a loop after 65,535 rounds without a word, and answers wrong.
#[test]
fn loops_that_a_driver_cuts_short_are_refused() {
    let network = Builder::new(&[-1, 1, 2200, 2200]).node("GlobalMaxPool", &["x"], "m").finish(&["m"]);
    let target = Target { max_rounds: 65_000, ..Target::portable() };
    assert!(compile_for(&network, 1, &Target::portable()).is_ok());
    let error = compile_for(&network, 1, &target).unwrap_err().to_string();
    assert!(error.contains("'m' (GlobalMaxPool)") && error.contains("--device cpu"), "{error}");
}

#[test]
fn work_is_divided_where_a_binding_is_too_small() {
    let network = Builder::new(&[-1, 4, 64, 64]).conv("x", "a", 4, 64).finish(&["a"]);
    let target = Target { max_binding: 1 << 20, ..Target::portable() };
    let plan = compile_for(&network, 3, &target).unwrap();
    assert!(plan.slabs.iter().any(|&slab| slab >= 3 << 20));
    let ranges = || plan.steps.iter().flat_map(|s| s.inputs.iter().chain([&s.output]));
    assert!(ranges().all(|r| r.size <= target.max_binding && r.offset.is_multiple_of(target.alignment)));
    assert!(plan.steps.iter().filter(|s| s.operator == "Conv").count() >= 3);
}

#[test]
fn a_plan_survives_serialisation() {
    let plan = compile(&mixed(), 2);
    let text = serde_json::to_string(&plan).unwrap();
    let back: Plan = serde_json::from_str(&text).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), text);
    assert_eq!(back.device_bytes(), plan.device_bytes());
}

#[test]
fn shapes_that_nobody_gives_are_asked_for() {
    let network = Builder::new(&[-1, 3, -1, 8]).conv("x", "a", 3, 4).finish(&["a"]);
    let error = input_shapes(&network, &Default::default(), 1).unwrap_err().to_string();
    assert!(error.contains("axis 2"), "{error}");
    let given = [("x".to_string(), Shape::new([2, 3, 5, 8]).unwrap())].into();
    assert_eq!(input_shapes(&network, &given, 1).unwrap()[0][..], [2, 3, 5, 8]);
}

/// Attributes, operators and values that are known too late are refused together, those behind others too.
#[test]
fn every_unsupported_node_is_listed_at_once() {
    let network = Builder::new(&[-1, 4, 8, 8])
        .node("GRU", &["x", "x"], "gru")
        .node("Neg", &["gru"], "neg")
        .node("LSTM", &["neg"], "lstm")
        .conv("lstm", "conv", 4, 4)
        .int("unknown", 1)
        .node("Conv", &["conv", "neg"], "computed")
        .node("Shape", &["x"], "shape")
        .node("Reshape", &["computed", "shape"], "y")
        .finish(&["y"]);
    let Err(Error::Unsupported(nodes)) = build(&network, &[Shape::new([1, 4, 8, 8]).unwrap()]) else {
        panic!("accepted")
    };
    let names: Vec<&str> = nodes.iter().map(|n| n.node.as_str()).collect();
    assert_eq!(names, ["gru", "lstm", "conv", "computed"]);
}
