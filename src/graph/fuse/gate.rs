//! The attention gate of a U-Net: `x * sigmoid(conv(relu(conv(x) + conv(signal))))`, all convolutions 1x1 and the last
//! to one channel, becomes one node. Stages have been moved into epilogues before.

use std::sync::Arc;

use super::producer_before;
use crate::graph::{Graph, Node};
use crate::ops::activation::Activation;
use crate::ops::attention_gate::AttentionGate;
use crate::ops::epilogue::Epilogue;
use crate::ops::pixel_product::PixelProduct;

/// Where the nodes of a gate stand, in the order of computation.
struct Found {
    plain: usize,
    sum: usize,
    mask: usize,
    product: usize,
}

/// Makes one gate. Returns whether there was one to make.
pub fn fuse_one(graph: &mut Graph) -> bool {
    let readers = graph.reader_counts();
    for product in (0..graph.nodes.len()).filter(|&node| graph.nodes[node].op.is_product()) {
        for mask_position in 0..graph.nodes[product].inputs.len() {
            let Some(found) = find(graph, product, mask_position, &readers) else { continue };
            let Some(fused) = gate(graph, &found, 1 - mask_position) else { continue };
            graph.nodes[product] = fused;
            let gone = [found.plain, found.sum, found.mask];
            let mut position = 0..;
            graph.nodes.retain(|_| position.next().is_none_or(|at| !gone.contains(&at)));
            return true;
        }
    }
    false
}

/// The nodes before a product, each read by the next alone.
fn find(graph: &Graph, product: usize, mask_position: usize, readers: &[usize]) -> Option<Found> {
    let mask = producer_before(graph, product, mask_position, readers)?;
    let sum = producer_before(graph, mask, 0, readers)?;
    let residual = graph.nodes[sum].inputs.len().checked_sub(1)?;
    let plain = producer_before(graph, sum, residual, readers)?;
    Some(Found { plain, sum, mask, product })
}

fn gate(graph: &Graph, found: &Found, gated_position: usize) -> Option<Node> {
    let [plain, sum, mask, product] =
        [found.plain, found.sum, found.mask, found.product].map(|node| &graph.nodes[node]);
    let rectified = Epilogue { residual: true, last: Activation::Relu, ..Epilogue::default() };
    let sigmoid = Epilogue { first: Activation::Sigmoid, ..Epilogue::default() };
    let of_plain = with_tail(graph, plain, &Epilogue::default())?;
    let of_sum = with_tail(graph, sum, &rectified)?;
    let of_mask = with_tail(graph, mask, &sigmoid)?;
    let gated = product.inputs[gated_position]?;
    let (signal, of_gated, of_signal) = match (plain.inputs[0]?, sum.inputs[0]?) {
        (a, b) if a == gated => (b, of_plain, of_sum),
        (a, b) if b == gated => (a, of_sum, of_plain),
        _ => return None,
    };
    let is_one_mask = of_mask.outputs() == 1;
    if !is_one_mask || graph.values[product.outputs[0]].shape != graph.values[gated].shape {
        return None;
    }
    Some(Node {
        name: product.name.clone(),
        operator: [plain, sum, mask, product].map(|node| node.operator.as_str()).join("+"),
        op: Arc::new(AttentionGate { x: of_gated, signal: of_signal, mask: of_mask }),
        inputs: vec![Some(gated), Some(signal)],
        outputs: product.outputs.clone(),
    })
}

/// The node as a product over pixels, if it has exactly this tail.
fn with_tail(graph: &Graph, node: &Node, tail: &Epilogue) -> Option<PixelProduct> {
    node.op.as_pixel_product(&graph.infos(node)).filter(|product| product.tail == *tail)
}
