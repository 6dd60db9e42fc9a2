//! What rten does not take and a file can say in another way: attributes left out, and nodes without effect.

use std::collections::BTreeSet;

use prost::Message;

use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, attribute_proto::AttributeType};

/// The bytes of an ONNX file with the strides and dilations of every convolution stated, and every dropout as the
/// identity that it is after training; `None` where nothing is to change, or the bytes are not an ONNX file.
///
/// It serves networks that the importer has accepted: it refuses a dropout in training mode.
pub fn explicit(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut model = ModelProto::decode(bytes).ok()?;
    let graph = model.graph.as_mut()?;
    let ranks: Vec<Option<usize>> = graph.node.iter().map(|node| spatial_rank(graph, node)).collect();
    let mut changed = without_dropouts(graph);
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

fn without_dropouts(graph: &mut GraphProto) -> bool {
    let read: BTreeSet<String> = graph
        .node
        .iter()
        .flat_map(|node| node.input.iter().cloned())
        .chain(graph.output.iter().map(|output| output.name().to_string()))
        .collect();
    let mut changed = false;
    for node in &mut graph.node {
        let mask_is_read = node.output.get(1).is_some_and(|mask| read.contains(mask));
        if node.op_type() == "Dropout" && matches!(node.domain(), "" | "ai.onnx") && !mask_is_read {
            node.op_type = Some("Identity".into());
            node.input.truncate(1);
            node.output.truncate(1);
            node.attribute.clear();
            changed = true;
        }
    }
    changed
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
