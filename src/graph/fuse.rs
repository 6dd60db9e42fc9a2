//! Passes over the graph that leave less to compute: pointwise nodes move into the epilogue of the node
//! before them, attention gates become one node, convolutions whose results are added are joined, enlargements are read
//! through, pools move into convolutions, a softmax into the layer before it, copies vanish, and what nobody reads goes away.

mod beside;
mod enlarge;
mod gate;
mod pool;
mod softmax;

use super::{Graph, Node, ValueId};
use crate::ops::epilogue::Stage;

/// Runs all passes.
pub fn fuse(graph: &mut Graph) {
    skip_identities(graph);
    while fuse_one_stage(graph) {}
    // Before the sum of its two convolutions is taken for a residual block.
    while gate::fuse_one(graph) {}
    while beside::fuse_one(graph) {}
    while join_one(graph, enlarge::joined) {}
    while join_one(graph, pool::joined) {}
    while join_one(graph, softmax::joined) {}
    remove_unread(graph);
}

/// Readers of a node that only passes its input on (Identity, inference Dropout) read the input itself.
fn skip_identities(graph: &mut Graph) {
    let mut target: Vec<ValueId> = (0..graph.values.len()).collect();
    for node in &graph.nodes {
        if let (true, Some(&Some(input)), Some(&output)) =
            (is_identity(graph, node), node.inputs.first(), node.outputs.first())
        {
            target[output] = target[input];
        }
    }
    let read = graph.nodes.iter_mut().flat_map(|n| n.inputs.iter_mut().flatten());
    read.chain(graph.outputs.iter_mut()).for_each(|id| *id = target[*id]);
}

/// A view that does not even change the shape or the type.
fn is_identity(graph: &Graph, node: &Node) -> bool {
    let infos = graph.infos(node);
    let is_same = match (infos.first(), node.outputs.first()) {
        (Some(Some(input)), Some(&output)) => {
            let value = &graph.values[output];
            input.shape == value.shape && input.dtype == value.dtype
        }
        _ => false,
    };
    is_same && node.op.is_view(&infos)
}

/// Moves one node into the epilogue of the node before it. Returns whether there was one to move.
fn fuse_one_stage(graph: &mut Graph) -> bool {
    let readers = graph.reader_counts();
    for second in 0..graph.nodes.len() {
        for position in 0..graph.nodes[second].inputs.len() {
            let Some(first) = producer_before(graph, second, position, &readers) else { continue };
            if try_fuse(graph, first, second, position) {
                return true;
            }
        }
    }
    false
}

/// Joins a node with the one that alone reads it, as its first input. Returns whether there was such a pair; `joined` is
/// given the numbers of both.
fn join_one(graph: &mut Graph, joined: impl Fn(&Graph, usize, usize) -> Option<Node>) -> bool {
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

/// The node that computes this input and nothing that anyone else reads.
fn producer_before(graph: &Graph, node: usize, position: usize, readers: &[usize]) -> Option<usize> {
    let input = graph.nodes[node].inputs[position]?;
    if readers[input] != 1 {
        return None;
    }
    graph.nodes[..node].iter().rposition(|n| n.outputs.as_slice() == [input])
}

fn try_fuse(graph: &mut Graph, first: usize, second: usize, position: usize) -> bool {
    let (a, b) = (&graph.nodes[first], &graph.nodes[second]);
    let (Some(stage), [output]) = (b.op.as_stage(&graph.infos(b), position), b.outputs.as_slice()) else {
        return false;
    };
    if graph.values[*output].shape != graph.values[a.outputs[0]].shape {
        return false;
    }
    let Some(op) = a.op.with_stage(&stage, &graph.infos(a)) else { return false };
    let mut fused = Node {
        name: a.name.clone(),
        operator: format!("{}+{}", a.operator, b.operator),
        op,
        inputs: a.inputs.clone(),
        outputs: vec![*output],
    };
    if let Stage::Residual { position } = stage {
        fused.inputs.push(b.inputs[position]);
    }
    // The fused node stands where the second stood: by then everything it reads has been computed.
    graph.nodes[second] = fused;
    graph.nodes.remove(first);
    true
}

/// Drops nodes whose outputs nobody reads.
fn remove_unread(graph: &mut Graph) {
    loop {
        let readers = graph.reader_counts();
        let before = graph.nodes.len();
        graph.nodes.retain(|node| node.outputs.iter().any(|&id| readers[id] > 0));
        if graph.nodes.len() == before {
            return;
        }
    }
}
