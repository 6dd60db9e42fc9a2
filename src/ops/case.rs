//! Small problems that come with an operator: on each, every kernel that applies is held against the twin.

use std::sync::Arc;

use crate::error::Result;
use crate::graph::attributes::{Attribute, Attributes};
use crate::graph::network::{Dim, Network, NodeDef, ValueDef};
use crate::tensor::{DType, Tensor};

/// One input of a case.
#[derive(Debug, Clone)]
pub enum CaseInput {
    /// Given when the network runs.
    Given(Tensor),
    /// Part of the network, like weights.
    Constant(Tensor),
    /// An optional input left out.
    Absent,
}

/// One node with its inputs.
#[derive(Debug, Clone)]
pub struct Case {
    pub name: String,
    pub operator: &'static str,
    pub opset: i64,
    pub attributes: Attributes,
    pub inputs: Vec<CaseInput>,
    /// How many of the node's outputs are asked for.
    pub outputs: usize,
}

impl Case {
    pub fn new(operator: &'static str, name: impl Into<String>) -> Self {
        Case {
            name: name.into(),
            operator,
            opset: 17,
            attributes: Attributes::new(),
            inputs: Vec::new(),
            outputs: 1,
        }
    }

    /// Asks for this many outputs of the node.
    pub fn outputs(mut self, count: usize) -> Self {
        self.outputs = count;
        self
    }

    pub fn opset(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    fn attribute(mut self, name: &str, value: Attribute) -> Self {
        self.attributes.insert(name.into(), value);
        self
    }

    pub fn int(self, name: &str, value: i64) -> Self {
        self.attribute(name, Attribute::Int(value))
    }

    pub fn ints(self, name: &str, values: &[i64]) -> Self {
        self.attribute(name, Attribute::Ints(values.to_vec()))
    }

    pub fn float(self, name: &str, value: f32) -> Self {
        self.attribute(name, Attribute::Float(value))
    }

    pub fn text(self, name: &str, value: &str) -> Self {
        self.attribute(name, Attribute::Text(value.into()))
    }

    /// A run-time input with seeded values that hold what goes wrong: zeros, both signs, large and small.
    pub fn given(mut self, shape: &[usize]) -> Self {
        let seed = self.inputs.len() as u64;
        self.inputs.push(CaseInput::Given(values(shape, seed)));
        self
    }

    /// A run-time input whose elements grow from the first to the last by this much: what a kernel reads past the end of a row
    /// is larger than all of the row, or smaller.
    pub fn growing(mut self, shape: &[usize], by: f32) -> Self {
        let data = (0..shape.iter().product()).map(|i: usize| i as f32 * by).collect();
        self.inputs.push(Tensor::from_f32(shape, data).map_or(CaseInput::Absent, CaseInput::Given));
        self
    }

    /// A constant input with seeded values.
    pub fn constant(mut self, shape: &[usize]) -> Self {
        let seed = 100 + self.inputs.len() as u64;
        self.inputs.push(CaseInput::Constant(values(shape, seed)));
        self
    }

    /// An input with these elements.
    pub fn with(mut self, input: CaseInput) -> Self {
        self.inputs.push(input);
        self
    }

    /// A constant vector of integers: shapes, axes, pads.
    pub fn integers(self, values: &[i64]) -> Self {
        self.with(CaseInput::Constant(Tensor::from_i64s(values)))
    }

    pub fn absent(self) -> Self {
        self.with(CaseInput::Absent)
    }

    /// The case as a network of one node, with the tensors to run it on.
    ///
    /// # Errors
    /// None for a case that the operator accepts; kept so that a wrong case is reported, not a panic.
    pub fn network(&self) -> Result<(Network, Vec<Tensor>)> {
        let mut network = Network {
            name: self.name.clone(),
            opset: self.opset,
            nodes: Vec::new(),
            constants: Default::default(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let (mut names, mut given) = (Vec::new(), Vec::new());
        for (i, input) in self.inputs.iter().enumerate() {
            let name = if matches!(input, CaseInput::Absent) { String::new() } else { format!("x{i}") };
            match input {
                CaseInput::Given(tensor) => {
                    let dims = tensor.shape().iter().map(|&d| Dim::Fixed(d)).collect();
                    let dtype = tensor.dtype();
                    network.inputs.push(ValueDef { name: name.clone(), dtype, dims: Some(dims) });
                    given.push(tensor.clone());
                }
                CaseInput::Constant(tensor) => {
                    network.constants.insert(name.clone(), Arc::new(tensor.clone()));
                }
                CaseInput::Absent => {}
            }
            names.push(name);
        }
        let outputs: Vec<String> = (0..self.outputs).map(|i| format!("y{i}")).collect();
        // The types that are declared do not matter: those of the graph are inferred.
        let declared =
            outputs.iter().map(|name| ValueDef { name: name.clone(), dtype: DType::F32, dims: None });
        network.outputs = declared.collect();
        network.nodes.push(NodeDef {
            name: self.name.clone(),
            operator: self.operator.into(),
            inputs: names,
            outputs,
            attributes: self.attributes.clone(),
        });
        Ok((network, given))
    }
}

/// Seeded values in [-2, 2), every seventh a zero.
///
/// xorshift64* (Vigna 2016): the values must be the same on every platform for ever.
pub fn values(shape: &[usize], seed: u64) -> Tensor {
    let elements = shape.iter().product();
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = |i: usize| {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        let bits = state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 40;
        if i % 7 == 3 { 0.0 } else { bits as f32 / (1u32 << 22) as f32 - 2.0 }
    };
    let data = (0..elements).map(&mut next).collect();
    Tensor::from_f32(shape, data).unwrap_or_else(|_| Tensor::from_i64s(&[]))
}
