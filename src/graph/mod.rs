//! A network at one input shape: every value has a known type and shape, and what is constant is folded.

pub mod attributes;
mod build;
mod fuse;
pub mod interpret;
pub mod network;
mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::graph::network::{Dim, Network, ValueDef};
use crate::ops::{Info, Op};
use crate::tensor::{DType, Shape, Tensor};

pub use build::build;
pub use fuse::fuse;
pub use support::unsupported;

/// Index of a value in [`Graph::values`].
pub type ValueId = usize;

/// One value that flows through the graph.
#[derive(Debug, Clone)]
pub struct Value {
    pub name: String,
    pub shape: Shape,
    pub dtype: DType,
    /// The elements, where the value is a constant.
    pub constant: Option<Arc<Tensor>>,
}

/// One computation.
#[derive(Debug, Clone)]
pub struct Node {
    /// The name in the file; of fused nodes, that of the first.
    pub name: String,
    /// The ONNX operator; fused ones follow with a plus sign.
    pub operator: String,
    pub op: Arc<dyn Op>,
    pub inputs: Vec<Option<ValueId>>,
    pub outputs: Vec<ValueId>,
}

/// A network at one input shape, nodes in the order of computation.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    pub values: Vec<Value>,
    pub nodes: Vec<Node>,
    pub inputs: Vec<ValueId>,
    pub outputs: Vec<ValueId>,
    /// The outputs' names as the file gives them; folding may have merged the values behind them.
    pub output_names: Vec<String>,
}

impl Graph {
    /// What a node's operator may know of its inputs.
    pub fn infos(&self, node: &Node) -> Vec<Option<Info>> {
        node.inputs.iter().map(|id| id.map(|id| self.info(id))).collect()
    }

    fn info(&self, id: ValueId) -> Info {
        let value = &self.values[id];
        Info { shape: value.shape.clone(), dtype: value.dtype, value: value.constant.clone() }
    }

    /// Multiply-adds of the whole graph.
    pub fn multiply_adds(&self) -> u64 {
        self.nodes.iter().map(|node| self.node_multiply_adds(node)).sum()
    }

    /// Multiply-adds of one node.
    pub fn node_multiply_adds(&self, node: &Node) -> u64 {
        node.outputs
            .first()
            .map_or(0, |&out| node.op.multiply_adds(&self.infos(node), &self.values[out].shape))
    }

    /// Bytes that the values alive at one time take at most, constants included, when nodes run in order.
    pub fn peak_bytes(&self) -> u64 {
        let bytes = |id: ValueId| self.values[id].shape.elements() as u64 * 4;
        let constants = (0..self.values.len()).filter(|&id| self.values[id].constant.is_some());
        let mut readers = self.reader_counts();
        let mut live = constants.chain(self.inputs.iter().copied()).map(bytes).sum::<u64>();
        let mut peak = live;
        for node in &self.nodes {
            live += node.outputs.iter().map(|&id| bytes(id)).sum::<u64>();
            peak = peak.max(live);
            for &id in node.inputs.iter().flatten() {
                readers[id] -= 1;
                if readers[id] == 0 && self.values[id].constant.is_none() {
                    live -= bytes(id);
                }
            }
        }
        peak
    }

    /// How many nodes read each value, graph outputs counted as readers.
    pub fn reader_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.values.len()];
        let read = self.nodes.iter().flat_map(|n| n.inputs.iter().flatten());
        read.chain(&self.outputs).for_each(|&id| counts[id] += 1);
        counts
    }
}

/// Completes a network's input shapes from what the caller gives and the defaults.
///
/// Open dimensions take the size given, else `batch` for the first and an error for any other.
///
/// # Errors
/// An unknown input name, a rank or fixed size that differs, an open size that nobody gives.
pub fn input_shapes(network: &Network, given: &BTreeMap<String, Shape>, batch: usize) -> Result<Vec<Shape>> {
    if let Some(name) = given.keys().find(|name| !network.inputs.iter().any(|i| i.name == **name)) {
        let known: Vec<&str> = network.inputs.iter().map(|i| i.name.as_str()).collect();
        return Err(Error::tensor(
            name,
            format!("the network has no such input (it has: {})", known.join(", ")),
        ));
    }
    let mut sizes = BTreeMap::new();
    network.inputs.iter().map(|input| input_shape(input, given.get(&input.name), batch, &mut sizes)).collect()
}

fn input_shape<'a>(
    input: &'a ValueDef,
    given: Option<&Shape>,
    batch: usize,
    sizes: &mut BTreeMap<&'a str, usize>,
) -> Result<Shape> {
    let Some(dims) = &input.dims else {
        return given
            .cloned()
            .ok_or_else(|| Error::tensor(&input.name, "its shape is open and must be given"));
    };
    if let Some(shape) = given
        && shape.rank() != dims.len()
    {
        let reason = format!("shape {shape} has rank {}, the network wants {}", shape.rank(), dims.len());
        return Err(Error::tensor(&input.name, reason));
    }
    let mut shape = Vec::with_capacity(dims.len());
    for (axis, dim) in dims.iter().enumerate() {
        let offered = given.map(|s| s[axis]);
        let size = match (dim, offered) {
            (Dim::Fixed(want), Some(have)) if *want != have => {
                let reason = format!("axis {axis} is {have}, the network wants {want}");
                return Err(Error::tensor(&input.name, reason));
            }
            (Dim::Fixed(want), _) => *want,
            (_, Some(have)) => have,
            (_, None) if axis == 0 => batch,
            (_, None) => {
                return Err(Error::tensor(
                    &input.name,
                    format!("the size of axis {axis} is open and must be given"),
                ));
            }
        };
        if let Dim::Named(name) = dim
            && *sizes.entry(name.as_str()).or_insert(size) != size
        {
            let reason = format!("'{name}' is {} elsewhere and {size} here", sizes[name.as_str()]);
            return Err(Error::tensor(&input.name, reason));
        }
        shape.push(size);
    }
    Shape::new(shape)
}
