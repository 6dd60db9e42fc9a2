//! Names must be printable: they appear in messages, which are one line each and go to terminals.

use super::proto::{GraphProto, ModelProto, NodeProto, ValueInfoProto};
use crate::error::{Error, Result};

/// Refuses names and texts with control characters, wherever a message may quote them.
pub(super) fn check(model: &ModelProto) -> Result<()> {
    model.opset_import.iter().try_for_each(|o| printable(o.domain()))?;
    model.graph.as_ref().map_or(Ok(()), check_graph)
}

fn check_graph(graph: &GraphProto) -> Result<()> {
    printable(graph.name())?;
    graph.input.iter().chain(&graph.output).try_for_each(check_value)?;
    graph.node.iter().try_for_each(check_node)?;
    for tensor in &graph.initializer {
        printable(tensor.name())?;
        tensor.external_data.iter().try_for_each(|e| printable(e.value()))?;
    }
    Ok(())
}

fn check_value(value: &ValueInfoProto) -> Result<()> {
    use super::proto::tensor_shape_proto::dimension::Value;
    use super::proto::type_proto::Value::TensorType;
    printable(value.name())?;
    let Some(TensorType(tensor)) = value.r#type.as_ref().and_then(|t| t.value.as_ref()) else {
        return Ok(());
    };
    let dims = tensor.shape.iter().flat_map(|shape| &shape.dim);
    dims.filter_map(|d| match &d.value {
        Some(Value::DimParam(name)) => Some(name),
        _ => None,
    })
    .try_for_each(|name| printable(name))
}

fn check_node(node: &NodeProto) -> Result<()> {
    [node.name(), node.op_type(), node.domain()].into_iter().try_for_each(printable)?;
    node.input.iter().chain(&node.output).try_for_each(|name| printable(name))?;
    for attribute in &node.attribute {
        printable(attribute.name())?;
        printable(&String::from_utf8_lossy(attribute.s()))?;
        attribute.strings.iter().try_for_each(|s| printable(&String::from_utf8_lossy(s)))?;
        let tensors = attribute.t.iter().flat_map(|t| &t.external_data);
        tensors.into_iter().try_for_each(|e| printable(e.value()))?;
    }
    Ok(())
}

fn printable(text: &str) -> Result<()> {
    if text.chars().any(char::is_control) {
        return Err(Error::Graph(format!("the name '{}' holds a control character", text.escape_debug())));
    }
    Ok(())
}
