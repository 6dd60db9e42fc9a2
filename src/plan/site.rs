//! What the speed of a node depends on, as one line: the key under which tuning keeps what it measured.

use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::graph::{Graph, Node, ValueId};
use crate::tensor::DType;

/// The operators, the shapes of all inputs and outputs, and a fingerprint of the attributes.
///
/// Weights do not matter, and operators leave theirs out of their `Debug` text, which the fingerprint is of. Nor does
/// the node's name: equal layers are one site.
pub fn site(graph: &Graph, node: &Node) -> String {
    let input = |id: &Option<ValueId>| id.map_or_else(|| "-".to_string(), |id| operand(graph, id));
    let inputs: Vec<String> = node.inputs.iter().map(input).collect();
    let outputs: Vec<String> = node.outputs.iter().map(|&id| operand(graph, id)).collect();
    let mut hasher = Sha256::new();
    hasher.update(format!("{:?}", node.op));
    let mark = hasher.finalize()[..6].iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    format!("{} {} -> {} #{mark}", node.operator, inputs.join(" "), outputs.join(" "))
}

/// Shape and, where it is not f32, type; constants in brackets.
fn operand(graph: &Graph, id: ValueId) -> String {
    let value = &graph.values[id];
    let mut text = value.shape.to_string();
    if value.dtype != DType::F32 {
        text = format!("{text}:{}", value.dtype);
    }
    if value.constant.is_some() { format!("({text})") } else { text }
}
