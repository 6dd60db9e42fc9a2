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
}
