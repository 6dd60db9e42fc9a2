//! A nearest-neighbour enlargement by whole factors that only a convolution reads: the convolution reads the small value
//! through it, and the large one is never stored.

use crate::graph::{Graph, Node};

/// The convolution reading through the enlargement before it.
pub fn joined(graph: &Graph, first: usize, second: usize) -> Option<Node> {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    let times = a.op.as_enlargement(&graph.infos(a))?;
    let op = b.op.with_enlargement(times, &graph.infos(b))?;
    let mut inputs = b.inputs.clone();
    *inputs.first_mut()? = *a.inputs.first()?;
    Some(Node { op, inputs, operator: format!("{}+{}", a.operator, b.operator), ..b.clone() })
}
