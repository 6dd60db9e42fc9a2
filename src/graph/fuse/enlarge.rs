//! A nearest-neighbour enlargement by whole factors that only a convolution reads: the convolution reads the small value
//! through it, and the large one is never stored.

use super::producer_before;
use crate::graph::{Graph, Node};

/// Joins one pair. Returns whether there was one.
pub fn fuse_one(graph: &mut Graph) -> bool {
    let readers = graph.reader_counts();
    for second in 0..graph.nodes.len() {
        let Some(first) = producer_before(graph, second, 0, &readers) else { continue };
        if let Some(fused) = joined(graph, first, second) {
            graph.nodes[second] = fused;
            graph.nodes.remove(first);
            return true;
        }
    }
    false
}

fn joined(graph: &Graph, first: usize, second: usize) -> Option<Node> {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    let times = a.op.as_enlargement(&graph.infos(a))?;
    let op = b.op.with_enlargement(times, &graph.infos(b))?;
    let mut inputs = b.inputs.clone();
    *inputs.first_mut()? = *a.inputs.first()?;
    Some(Node { op, inputs, operator: format!("{}+{}", a.operator, b.operator), ..b.clone() })
}
