//! A pool by two that alone reads a convolution: only the pooled value is stored.

use crate::graph::{Graph, Node};

/// The convolution with the pool after it.
pub fn joined(graph: &Graph, first: usize, second: usize) -> Option<Node> {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    if !b.op.is_pool_by_two(&graph.infos(b)) {
        return None;
    }
    let (&pooled, indices) = b.outputs.split_first()?;
    let readers = graph.reader_counts();
    if indices.iter().any(|&id| readers[id] > 0) {
        return None;
    }
    let op = a.op.with_pool_by_two(&graph.infos(a))?;
    let operator = format!("{}+{}", a.operator, b.operator);
    Some(Node { op, operator, outputs: vec![pooled], ..a.clone() })
}
