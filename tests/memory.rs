//! How much memory plans take on the device, beside what their networks cannot do without.

#[path = "common/network.rs"]
mod network;
#[path = "common/unet.rs"]
mod unet;

use std::path::Path;

use gyrus::graph::network::Network;
use gyrus::graph::{Graph, ValueId, build, fuse};
use gyrus::onnx::read;
use gyrus::plan::lowering::Choice;
use gyrus::plan::{DeviceClass, TEXELS_A_ROW, Target, plan};
use gyrus::tensor::Shape;
use unet::unet;

/// Devices that hold activations in buffers, and in textures.
fn targets() -> [Target; 3] {
    let in_textures =
        |width| Target { class: DeviceClass::Software, subgroup: Some(width), ..Target::portable() };
    [Target::portable(), in_textures(8), in_textures(16)]
}

fn fused(network: &Network, shape: &[usize]) -> Graph {
    let mut graph = build(network, &[Shape::new(shape).unwrap()]).unwrap();
    fuse(&mut graph);
    graph
}

/// Channels-last bytes of the values that are alive together at most. A part of a concatenation lies in it, so the
/// whole is alive from the first part on.
fn largest_live_set(graph: &Graph) -> u64 {
    let padded = |id: ValueId| {
        let shape = &graph.values[id].shape;
        (shape.elements() / shape[1] * shape[1].next_multiple_of(4) * 4) as u64
    };
    let mut home: Vec<ValueId> = (0..graph.values.len()).collect();
    for node in graph.nodes.iter().filter(|n| n.op.concat_axis(&graph.infos(n)) == Some(1)) {
        node.inputs.iter().flatten().for_each(|&part| home[part] = node.outputs[0]);
    }
    let touches: Vec<Vec<ValueId>> = graph
        .nodes
        .iter()
        .map(|node| {
            let all = node.inputs.iter().flatten().chain(&node.outputs);
            all.filter(|&&id| graph.values[id].constant.is_none()).map(|&id| home[id]).collect()
        })
        .collect();
    let is_alive = |at: usize, id: ValueId| {
        touches[..=at].iter().any(|t| t.contains(&id)) && touches[at..].iter().any(|t| t.contains(&id))
    };
    let alive = |at| (0..graph.values.len()).filter(|&id| is_alive(at, id)).map(padded).sum();
    (0..graph.nodes.len()).map(alive).max().unwrap_or(0)
}

/// Holds the activations to 1.3 times what lives at once.
fn check(name: &str, graph: &Graph) {
    let live = largest_live_set(graph);
    for target in targets() {
        let plan = plan(graph, &target, &Choice::default()).unwrap();
        let held = plan.activation_bytes();
        println!("{name}, {:?}: {held} bytes for {live} alive at once", target.class);
        assert!(held >= live, "{name}: {held} bytes cannot hold the {live} that live at once");
        // A texture has whole rows and up to two more, which counts where values are smaller than some.
        let rows = (plan.textures.len() * 3 * (TEXELS_A_ROW as usize * 16)) as u64;
        assert!((held - rows) * 10 <= live * 13, "{name}: {held} bytes for {live} alive at once");
    }
}

#[test]
fn u_nets_take_little_more_than_what_lives_at_once() {
    for (filters, side, batch) in
        [(&[16, 32, 64, 128, 256][..], 128, 1), (&[8, 16, 32], 64, 3), (&[8, 16], 16, 8)]
    {
        check(
            &format!("{filters:?}"),
            &fused(&unet(filters, side), &[batch, 3, side as usize, side as usize]),
        );
    }
}

#[test]
fn shipped_networks_take_little_more_than_what_lives_at_once() {
    for (name, sample) in [("alzheimer", [1, 208, 176]), ("tumor", [3, 128, 128])] {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights").join(name).join("model.onnx");
        let network = read(&file).unwrap().network;
        for batch in [1, 8, 32] {
            let [channels, height, width] = sample;
            check(&format!("{name}, batch {batch}"), &fused(&network, &[batch, channels, height, width]));
        }
    }
}
