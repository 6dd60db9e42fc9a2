//! A network as its file describes it: nodes, constants and open dimensions, before any input shape is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::graph::attributes::Attributes;
use crate::tensor::{DType, Tensor};

/// One dimension of a network's input or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dim {
    Fixed(usize),
    /// Known only with the input; the same name means the same size.
    Named(String),
    Unknown,
}

/// A named input or output of a network.
#[derive(Debug, Clone)]
pub struct ValueDef {
    pub name: String,
    pub dtype: DType,
    /// `None` when the file states no shape.
    pub dims: Option<Vec<Dim>>,
}

/// One node as the file states it.
#[derive(Debug, Clone)]
pub struct NodeDef {
    /// The node's name; `#<position>` where the file gives none.
    pub name: String,
    /// The ONNX operator, with its domain in front unless that is ONNX's own.
    pub operator: String,
    /// Names of the inputs; empty for an optional input left out.
    pub inputs: Vec<String>,
    pub outputs: Vec<String>,
    pub attributes: Attributes,
}

/// A network without protobuf: what the importer hands on.
#[derive(Debug, Clone)]
pub struct Network {
    pub name: String,
    /// Version of ONNX's operator set, 1 to 27.
    pub opset: i64,
    /// In an order in which every value is computed before it is used.
    pub nodes: Vec<NodeDef>,
    pub constants: BTreeMap<String, Arc<Tensor>>,
    pub inputs: Vec<ValueDef>,
    pub outputs: Vec<ValueDef>,
}

impl Network {
    /// The number of trained parameters: elements of all f32 constants.
    pub fn parameters(&self) -> usize {
        let floats = self.constants.values().filter(|t| t.dtype() == DType::F32);
        floats.map(|t| t.shape().elements()).sum()
    }

    /// Whether it takes any number of independent samples: one input of f32 whose first dimension is open, as those of its
    /// outputs are, which are of f32 too.
    pub fn takes_samples(&self) -> bool {
        let [input] = self.inputs.as_slice() else { return false };
        let is_open = |value: &ValueDef| !matches!(value.dims.as_deref(), Some([] | [Dim::Fixed(_), ..]));
        let mut values = self.outputs.iter().chain([input]);
        input.dims.is_some() && values.all(|value| value.dtype == DType::F32 && is_open(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_taken_where_input_and_outputs_begin_with_any_number() {
        let value = |dtype, dims: &[Dim]| ValueDef { name: "v".into(), dtype, dims: Some(dims.to_vec()) };
        let open = [Dim::Named("N".into()), Dim::Fixed(3)];
        let fixed = [Dim::Fixed(2), Dim::Fixed(3)];
        let takes = |inputs: Vec<ValueDef>, output: ValueDef| {
            let outputs = vec![value(DType::F32, &open), output];
            let (nodes, constants) = (Vec::new(), BTreeMap::new());
            Network { name: "n".into(), opset: 17, nodes, constants, inputs, outputs }.takes_samples()
        };
        let sample = || value(DType::F32, &open);
        assert!(takes(vec![sample()], sample()));
        assert!(takes(vec![sample()], ValueDef { dims: None, ..sample() }));
        assert!(!takes(vec![sample(), sample()], sample()));
        assert!(!takes(vec![value(DType::F32, &fixed)], sample()));
        assert!(!takes(vec![value(DType::I64, &open)], sample()));
        assert!(!takes(vec![ValueDef { dims: None, ..sample() }], sample()));
        assert!(!takes(vec![sample()], value(DType::I64, &open)));
        assert!(!takes(vec![sample()], value(DType::F32, &fixed)));
        assert!(!takes(vec![sample()], value(DType::F32, &[])));
    }
}
