//! Two convolutions whose results are added: a 1x1 one is computed beside the other, on the same sums. That is the
//! shortcut of a residual block, whose result then needs no memory and no step.

use super::producer_before;
use crate::graph::{Graph, Node, ValueId};
use crate::ops::epilogue::Stage;

/// Joins one pair. Returns whether there was one.
pub fn fuse_one(graph: &mut Graph) -> bool {
    let readers = graph.reader_counts();
    for second in 0..graph.nodes.len() {
        // A residual is the last input.
        let Some(position) = graph.nodes[second].inputs.len().checked_sub(1) else { continue };
        let Some(first) = producer_before(graph, second, position, &readers) else { continue };
        let Some(fused) = first_beside(graph, first, second).or_else(|| second_beside(graph, first, second))
        else {
            continue;
        };
        // By the time of the second, everything that the joined node reads has been computed.
        graph.nodes[second] = fused;
        graph.nodes.remove(first);
        return true;
    }
    false
}

/// The 1x1 convolution is the node whose result is the other's residual.
fn first_beside(graph: &Graph, first: usize, second: usize) -> Option<Node> {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    let product = a.op.as_pixel_product(&graph.infos(a))?;
    let op = b.op.with_beside(&product, &graph.infos(b))?;
    let mut inputs = b.inputs.clone();
    *inputs.last_mut()? = a.inputs[0];
    Some(Node { op, inputs, ..joined(b, a, b) })
}

/// The 1x1 convolution is the node that has the other's result as its residual: their parts are swapped.
fn second_beside(graph: &Graph, first: usize, second: usize) -> Option<Node> {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    let mut product = b.op.as_pixel_product(&graph.infos(b))?;
    if !product.tail.adds_to_sums() {
        return None;
    }
    let tail = std::mem::take(&mut product.tail);
    let mut infos = graph.infos(a);
    let mut op = a.op.with_stage(&Stage::Residual { position: infos.len() }, &infos)?;
    let mut inputs: Vec<Option<ValueId>> = a.inputs.clone();
    inputs.push(b.inputs[0]);
    infos.push(b.inputs[0].map(|id| graph.info(id)));
    if let Some(stage) = tail.last_stage() {
        op = op.with_stage(&stage, &infos)?;
    }
    Some(Node { op: op.with_beside(&product, &infos)?, inputs, ..joined(a, a, b) })
}

/// The joined node but for operator and inputs: named after the one that the other is computed beside of.
fn joined(main: &Node, first: &Node, second: &Node) -> Node {
    Node {
        name: main.name.clone(),
        operator: format!("{}+{}", first.operator, second.operator),
        outputs: second.outputs.clone(),
        ..main.clone()
    }
}
