//! Concatenations of channels on the software adapter: parts that their producers write in place beside
//! parts that must be copied.

use gyrus::gpu::{Player, WeightStore};
use gyrus::graph;
use gyrus::graph::attributes::{Attribute, Attributes};
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::{Dim, Network, NodeDef, ValueDef};
use gyrus::ops::case::values;
use gyrus::plan::lowering::Choice;
use gyrus::plan::plan;
use gyrus::{DType, Device, Shape};

/// One pool for each number of channels; the parts (by pool number, `x` for its unpooled input) joined.
fn network(channels: &[usize], parts: &[&str]) -> Network {
    let value = |name: String, dims| ValueDef { name, dtype: DType::F32, dims };
    let node = |name: &str, operator: &str, inputs: Vec<String>, attribute: (&str, Attribute)| NodeDef {
        name: name.into(),
        operator: operator.into(),
        inputs,
        outputs: vec![name.into()],
        attributes: Attributes::from([(attribute.0.to_string(), attribute.1)]),
    };
    let mut network = Network {
        name: "concat".into(),
        opset: 17,
        nodes: Vec::new(),
        constants: Default::default(),
        inputs: Vec::new(),
        outputs: vec![value("y".into(), None)],
    };
    for (i, &c) in channels.iter().enumerate() {
        let dims = [2, c, 5, 7].map(Dim::Fixed).to_vec();
        network.inputs.push(value(format!("x{i}"), Some(dims)));
        let kernel = ("kernel_shape", Attribute::Ints(vec![1, 1]));
        network.nodes.push(node(&format!("p{i}"), "MaxPool", vec![format!("x{i}")], kernel));
    }
    let parts = parts.iter().map(|p| p.to_string()).collect();
    network.nodes.push(node("joined", "Concat", parts, ("axis", Attribute::Int(1))));
    let slope = ("alpha", Attribute::Float(0.5));
    network.nodes.push(node("y", "LeakyRelu", vec!["joined".into()], slope));
    network
}

#[test]
fn parts_in_place_and_parts_copied_make_one_tensor() {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    let cases: [(&[usize], &[&str]); 7] = [
        (&[4, 8], &["p0", "p1"]),
        (&[3, 5, 4], &["p0", "p1", "p2"]),
        (&[4, 3, 5], &["p0", "p1", "p2"]),
        (&[8, 1], &["p1", "p0"]),
        (&[4], &["p0", "p0"]),
        (&[4, 4], &["p0", "x1", "p1"]),
        (&[1, 2, 1, 4], &["p0", "p1", "p2", "p3"]),
    ];
    for (channels, parts) in cases {
        let network = network(channels, parts);
        let shapes: Vec<Shape> = channels.iter().map(|&c| Shape::new([2, c, 5, 7]).unwrap()).collect();
        let inputs: Vec<_> = shapes.iter().zip(1..).map(|(s, seed)| values(s, seed)).collect();
        let graph = graph::build(&network, &shapes).unwrap();
        let expected = interpret(&graph, &inputs).unwrap();
        let plan = plan(&graph, gpu.target(), &Choice::default()).unwrap();
        let player = Player::new(gpu, plan, &mut WeightStore::default()).unwrap();
        // The second run starts on memory full of the first one's values.
        player.run(&inputs).unwrap();
        assert_eq!(player.run(&inputs).unwrap(), expected, "{channels:?} joined as {parts:?}");
    }
}

#[test]
fn a_concatenation_may_be_part_of_another() {
    let device = Device::open("software").expect("tested on a software adapter: run scripts/test");
    let gpu = device.as_gpu().expect("a software adapter is a GPU to wgpu");
    let mut network = network(&[4, 8, 4], &["p0", "p1"]);
    let mut outer = network.nodes[3].clone();
    outer.name = "outer".into();
    outer.inputs = vec!["joined".into(), "p2".into()];
    outer.outputs = vec!["outer".into()];
    network.nodes.insert(4, outer);
    network.nodes[5].inputs = vec!["outer".into()];
    let shapes: Vec<Shape> = [4, 8, 4].map(|c| Shape::new([2, c, 5, 7]).unwrap()).to_vec();
    let inputs: Vec<_> = shapes.iter().zip(1..).map(|(s, seed)| values(s, seed)).collect();
    let graph = graph::build(&network, &shapes).unwrap();
    let plan = plan(&graph, gpu.target(), &Choice::default()).unwrap();
    let player = Player::new(gpu, plan, &mut WeightStore::default()).unwrap();
    assert_eq!(player.run_poisoned(&inputs).unwrap(), interpret(&graph, &inputs).unwrap());
}
