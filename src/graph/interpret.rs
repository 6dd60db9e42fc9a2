//! Runs a graph on the CPU twins: slow and obvious, the reference that kernels are held against.

use std::sync::Arc;

use super::{Graph, ValueId};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The graph's outputs for these inputs (in the order of the graph's inputs), every node by its twin.
///
/// # Errors
/// An input of another shape or type; a node that fails, by name.
pub fn interpret(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
    let mut values: Vec<Option<Arc<Tensor>>> = graph.values.iter().map(|v| v.constant.clone()).collect();
    for (&id, tensor) in graph.inputs.iter().zip(inputs) {
        let value = &graph.values[id];
        if *tensor.shape() != value.shape {
            let reason = format!("shape {} is not the {} planned for", tensor.shape(), value.shape);
            return Err(Error::tensor(&value.name, reason));
        }
        if tensor.dtype() != value.dtype {
            let reason = format!("is {} where the network wants {}", tensor.dtype(), value.dtype);
            return Err(Error::tensor(&value.name, reason));
        }
        values[id] = Some(Arc::new(tensor.clone()));
    }
    let mut readers = graph.reader_counts();
    for node in &graph.nodes {
        let outputs = {
            let inputs: Vec<Option<&Tensor>> =
                node.inputs.iter().map(|id| id.and_then(|id| values[id].as_deref())).collect();
            node.op.run(&inputs).map_err(|r| Error::node(&node.name, &node.operator, r.0))?
        };
        for (&id, tensor) in node.outputs.iter().zip(outputs) {
            values[id] = Some(Arc::new(tensor));
        }
        node.inputs.iter().flatten().for_each(|&id| release(&mut values, &mut readers, id));
    }
    graph.outputs.iter().map(|&id| output(graph, &values, id)).collect()
}

/// Frees a value after its last reader, so that deep networks fit in memory.
fn release(values: &mut [Option<Arc<Tensor>>], readers: &mut [usize], id: ValueId) {
    readers[id] -= 1;
    if readers[id] == 0 {
        values[id] = None;
    }
}

fn output(graph: &Graph, values: &[Option<Arc<Tensor>>], id: ValueId) -> Result<Tensor> {
    let value = values[id].as_deref().cloned();
    value.ok_or_else(|| Error::Graph(format!("output '{}' was not computed", graph.values[id].name)))
}
