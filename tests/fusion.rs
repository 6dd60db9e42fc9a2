//! Fused graphs compute what the graphs they came from compute, in fewer nodes.

use std::sync::Arc;

use gyrus::graph;
use gyrus::graph::attributes::{Attribute, Attributes};
use gyrus::graph::interpret::interpret;
use gyrus::graph::network::{Network, NodeDef, ValueDef};
use gyrus::ops::case::values;
use gyrus::tensor::{DType, Shape, Tensor};

/// A chain of nodes that starts at the input `x`; constants follow as further inputs.
struct Chain {
    network: Network,
    last: String,
}

impl Chain {
    fn new(opset: i64) -> Self {
        let input = ValueDef { name: "x".into(), dtype: DType::F32, dims: None };
        let network = Network {
            name: "chain".into(),
            opset,
            nodes: Vec::new(),
            constants: Default::default(),
            inputs: vec![input],
            outputs: Vec::new(),
        };
        Chain { network, last: "x".into() }
    }

    fn then(mut self, operator: &str, attributes: &[(&str, Attribute)], constants: &[Tensor]) -> Self {
        let position = self.network.nodes.len();
        let mut inputs = vec![self.last.clone()];
        for (i, tensor) in constants.iter().enumerate() {
            let name = format!("c{position}.{i}");
            self.network.constants.insert(name.clone(), Arc::new(tensor.clone()));
            inputs.push(name);
        }
        self.last = format!("v{position}");
        let attributes: Attributes = attributes.iter().map(|(n, v)| (n.to_string(), v.clone())).collect();
        let (name, outputs) = (format!("n{position}"), vec![self.last.clone()]);
        self.network.nodes.push(NodeDef { name, operator: operator.into(), inputs, outputs, attributes });
        self
    }

    fn op(self, operator: &str) -> Self {
        self.then(operator, &[], &[])
    }

    fn with(self, operator: &str, constants: &[Tensor]) -> Self {
        self.then(operator, &[], constants)
    }

    fn batch_norm(self, channels: usize) -> Self {
        let variance: Vec<f32> = (0..channels).map(|c| 0.25 + c as f32).collect();
        let variance = Tensor::from_f32([channels], variance).unwrap();
        let parameter = |seed| values(&[channels], seed);
        self.with("BatchNormalization", &[parameter(1), parameter(2), parameter(3), variance])
    }

    /// Runs the chain as built and as fused; asserts how many nodes are left.
    fn check(mut self, name: &str, shape: &[usize], nodes_left: usize) {
        let output = ValueDef { name: self.last.clone(), dtype: DType::F32, dims: None };
        self.network.outputs.push(output);
        let graph = graph::build(&self.network, &[Shape::new(shape).unwrap()]).unwrap();
        let mut fused = graph.clone();
        graph::fuse(&mut fused);
        assert_eq!(fused.nodes.len(), nodes_left, "{name}: nodes left");
        let input = [values(shape, 42)];
        let (built, fused) = (interpret(&graph, &input).unwrap(), interpret(&fused, &input).unwrap());
        assert_eq!(built[0].shape(), fused[0].shape(), "{name}");
        for (a, b) in built[0].as_f32().unwrap().iter().zip(fused[0].as_f32().unwrap()) {
            assert!((a - b).abs() <= 1e-5 * (1.0 + a.abs()), "{name}: {a} as built, {b} fused");
        }
    }
}

fn dense(chain: Chain, k: usize, n: usize) -> Chain {
    let transposed = [("transB", Attribute::Int(1)), ("alpha", Attribute::Float(0.5))];
    chain.then("Gemm", &transposed, &[values(&[n, k], 7), values(&[n], 8)])
}

#[test]
fn dense_layers_take_up_what_follows_them() {
    let chain = || dense(Chain::new(17), 6, 5);
    chain().op("Relu").check("activation", &[3, 6], 1);
    chain().batch_norm(5).op("Relu").check("normalised, then activation", &[3, 6], 1);
    chain().with("Mul", &[values(&[5], 3)]).with("Add", &[values(&[5], 4)]).check(
        "scale and shift",
        &[1, 6],
        1,
    );
    // There is no place for a scale after an activation in the weights.
    chain().op("Relu").batch_norm(5).check("activation, then normalised", &[3, 6], 2);
    chain().op("Dropout").op("Softmax").check("dropout vanishes", &[3, 6], 2);
}

#[test]
fn products_take_up_a_bias() {
    let weights = values(&[6, 5], 7);
    let chain = || Chain::new(17).with("MatMul", std::slice::from_ref(&weights));
    chain().with("Add", &[values(&[5], 4)]).op("Tanh").check("bias and activation", &[3, 6], 1);
    // Along axis 1 of three dimensions lie rows, not columns.
    chain().with("Add", &[values(&[4, 1], 4)]).check("per row", &[2, 4, 6], 2);
    chain().op("Sigmoid").check("batches", &[2, 4, 6], 1);
}

#[test]
fn pointwise_nodes_join() {
    let scalar = |v| Tensor::from_f32([], vec![v]).unwrap();
    Chain::new(17).batch_norm(3).op("Relu").check("normalised", &[2, 3, 4, 5], 1);
    let clip = [scalar(-0.5), scalar(0.75)];
    Chain::new(17).batch_norm(3).with("Clip", &clip).check("clipped", &[2, 3, 4], 1);
    Chain::new(17).op("Relu").with("Sub", &[scalar(0.5)]).op("Tanh").check("three", &[2, 3, 4], 1);
    Chain::new(17).with("Div", &[scalar(0.3)]).op("LeakyRelu").check("quotient", &[2, 3], 1);
}

#[test]
fn an_output_that_nobody_computes_is_not_an_input_left_out() {
    let mut chain = Chain::new(17).op("Relu");
    chain.network.nodes[0].outputs.push("second".into());
    chain.last = "second".into();
    let network = Network {
        outputs: vec![ValueDef { name: "v1".into(), dtype: DType::F32, dims: None }],
        ..chain.op("Relu").network
    };
    let error = graph::build(&network, &[Shape::new([2, 3]).unwrap()]).unwrap_err().to_string();
    assert!(error.contains("'second'"), "{error}");
}
