//! A softmax that alone reads a dense layer: the end of a classifier becomes one dispatch.

use crate::graph::{Graph, Node};
use crate::ops::dense_softmax::DenseSoftmax;

/// The layer with the softmax after it.
pub fn joined(graph: &Graph, first: usize, second: usize) -> Option<Node> {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    if !b.op.is_softmax_of_rows(&graph.infos(b)) {
        return None;
    }
    let (product, epilogue) = a.op.as_dense(&graph.infos(a))?;
    let op = DenseSoftmax::of(product, epilogue)?;
    let operator = format!("{}+{}", a.operator, b.operator);
    Some(Node { op, operator, outputs: b.outputs.clone(), ..a.clone() })
}
