//! A pool by two that alone reads a convolution: only the pooled value is stored.

use super::producer_before;
use crate::graph::{Graph, Node};

/// Joins one pair. Returns whether there was one.
pub fn fuse_one(graph: &mut Graph) -> bool {
    let readers = graph.reader_counts();
    for second in 0..graph.nodes.len() {
        let Some(first) = producer_before(graph, second, 0, &readers) else { continue };
        if let Some(fused) = joined(graph, first, second, &readers) {
            graph.nodes[second] = fused;
            graph.nodes.remove(first);
            return true;
        }
    }
    false
}

fn joined(graph: &Graph, first: usize, second: usize, readers: &[usize]) -> Option<Node> {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    let (&pooled, indices) = b.outputs.split_first()?;
    if indices.iter().any(|&id| readers[id] > 0) || !b.op.is_pool_by_two(&graph.infos(b)) {
        return None;
    }
    let op = a.op.with_pool_by_two(&graph.infos(a))?;
    let operator = format!("{}+{}", a.operator, b.operator);
    Some(Node { op, operator, outputs: vec![pooled], ..a.clone() })
}
