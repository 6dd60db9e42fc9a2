//! Networks written node by node, for tests of the planner and the engine.

// Each test uses its own part.
#![allow(dead_code)]

use std::sync::Arc;

use gyrus::graph::attributes::{Attribute, Attributes};
use gyrus::graph::network::{Dim, Network, NodeDef, ValueDef};
use gyrus::ops::case::values;
use gyrus::{DType, Tensor};

/// A network under construction.
pub struct Builder(Network);

impl Builder {
    /// A network with one input of this shape; -1 is the open batch size.
    pub fn new(input: &[i64]) -> Self {
        let dims = input.iter().map(|&d| usize::try_from(d).map_or(Dim::Unknown, Dim::Fixed)).collect();
        Builder(Network {
            name: "test".into(),
            opset: 17,
            nodes: vec![],
            constants: Default::default(),
            inputs: vec![ValueDef { name: "x".into(), dtype: DType::F32, dims: Some(dims) }],
            outputs: vec![],
        })
    }

    /// A node named like its output.
    pub fn node(mut self, operator: &str, inputs: &[&str], output: &str) -> Self {
        self.0.nodes.push(NodeDef {
            name: output.into(),
            operator: operator.into(),
            inputs: inputs.iter().map(|s| s.to_string()).collect(),
            outputs: vec![output.into()],
            attributes: Attributes::new(),
        });
        self
    }

    /// A list attribute of the last node.
    pub fn ints(mut self, name: &str, values: &[i64]) -> Self {
        let attributes = &mut self.0.nodes.last_mut().unwrap().attributes;
        attributes.insert(name.into(), Attribute::Ints(values.to_vec()));
        self
    }

    /// An integer attribute of the last node.
    pub fn int(mut self, name: &str, value: i64) -> Self {
        self.0.nodes.last_mut().unwrap().attributes.insert(name.into(), Attribute::Int(value));
        self
    }

    /// A 3x3 convolution with bias that keeps the size.
    pub fn conv(self, input: &str, output: &str, from: usize, to: usize) -> Self {
        self.weighted("Conv", input, output, &[to, from, 3, 3], to).ints("pads", &[1, 1, 1, 1])
    }

    /// A node with weights of this shape and a bias for so many channels, all small.
    pub fn weighted(
        self,
        operator: &str,
        input: &str,
        output: &str,
        shape: &[usize],
        channels: usize,
    ) -> Self {
        let (weights, bias) = (format!("{output}.w"), format!("{output}.b"));
        let mut next = self.node(operator, &[input, &weights, &bias], output);
        let seed = next.0.constants.len() as u64;
        let small = |shape: &[usize], seed| {
            let tensor = values(shape, seed);
            let data = tensor.as_f32().unwrap().iter().map(|v| v * 0.1).collect();
            Arc::new(Tensor::from_f32(shape, data).unwrap())
        };
        next.0.constants.insert(weights, small(shape, seed));
        next.0.constants.insert(bias, small(&[channels], seed + 1));
        next
    }

    /// A batch normalisation.
    pub fn norm(self, input: &str, output: &str, channels: usize) -> Self {
        let names = ["s", "t", "m", "v"].map(|p| format!("{output}.{p}"));
        let inputs: Vec<&str> = [input].into_iter().chain(names.iter().map(String::as_str)).collect();
        let next = self.node("BatchNormalization", &inputs, output);
        names.iter().fold(next, |next, name| next.positive(name, &[channels]))
    }

    /// A constant of positive values, as variances are.
    pub fn positive(mut self, name: &str, shape: &[usize]) -> Self {
        let data = values(shape, 7).as_f32().unwrap().iter().map(|v| v.abs() + 0.5).collect();
        self.0.constants.insert(name.into(), Arc::new(Tensor::from_f32(shape, data).unwrap()));
        self
    }

    pub fn finish(mut self, outputs: &[&str]) -> Network {
        let output = |name: &&str| ValueDef { name: name.to_string(), dtype: DType::F32, dims: None };
        self.0.outputs = outputs.iter().map(output).collect();
        self.0
    }
}

/// A small network with everything the planner does: residual additions, a concatenation, a pool, batch
/// normalisation before and after the activation, a dense layer.
pub fn mixed() -> Network {
    let b = Builder::new(&[-1, 3, 14, 10]).conv("x", "a", 3, 8);
    let b = b.norm("a", "an", 8).node("Relu", &["an"], "ar").conv("ar", "b", 8, 8);
    let b = b.node("Add", &["b", "ar"], "sum").node("Relu", &["sum"], "sr").conv("sr", "c", 8, 12);
    let b = b.node("Relu", &["c"], "cr").norm("cr", "cn", 12);
    let b = b.node("Concat", &["cn", "sr"], "cat").int("axis", 1).conv("cat", "d", 20, 5);
    let b = b.node("MaxPool", &["d"], "p").ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]);
    let b = b.node("GlobalAveragePool", &["p"], "g").node("Flatten", &["g"], "f");
    let b = b.node("Gemm", &["f", "w"], "logits").positive("w", &[5, 4]);
    b.node("Softmax", &["logits"], "y").finish(&["y", "logits", "d"])
}
