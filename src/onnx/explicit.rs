//! Attributes that ONNX lets a file leave out and that rten insists on, written out for it.

use prost::Message;

use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, attribute_proto::AttributeType};

/// The bytes of an ONNX file with the strides and dilations of every convolution stated; `None` where
/// nothing was missing, or the bytes are not an ONNX file.
pub fn explicit_windows(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut model = ModelProto::decode(bytes).ok()?;
    let graph = model.graph.as_mut()?;
    let ranks: Vec<Option<usize>> = graph.node.iter().map(|node| spatial_rank(graph, node)).collect();
    let mut changed = false;
    for (node, rank) in graph.node.iter_mut().zip(ranks) {
        let Some(rank) = rank else { continue };
        for name in ["strides", "dilations"] {
            if !node.attribute.iter().any(|a| a.name() == name) {
                node.attribute.push(ones(name, rank));
                changed = true;
            }
        }
    }
    changed.then(|| model.encode_to_vec())
}

/// How many dimensions a convolution's window has, by the shape of its weights.
fn spatial_rank(graph: &GraphProto, node: &NodeProto) -> Option<usize> {
    if node.op_type() != "Conv" || !matches!(node.domain(), "" | "ai.onnx") {
        return None;
    }
    let weights =
        graph.initializer.iter().find(|t| Some(t.name()) == node.input.get(1).map(String::as_str))?;
    weights.dims.len().checked_sub(2)
}

fn ones(name: &str, count: usize) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        r#type: Some(AttributeType::Ints as i32),
        ints: vec![1; count],
        ..Default::default()
    }
}
