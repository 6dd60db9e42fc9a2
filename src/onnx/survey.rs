//! What an ONNX file asks for, told without accepting it: for reports on files that Gyrus may not be able to run.

use prost::Message;

use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, ValueInfoProto, type_proto};
use super::{OPSETS, opset_of, tensors};
use crate::error::{Error, Result};

/// What a file asks for, as far as it can be told from the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The operator of every node, with its domain in front unless that is ONNX's own.
    pub operators: Vec<String>,
    /// The version of ONNX's operator set; `None` for a file of other domains alone.
    pub opset: Option<i64>,
    /// Why the file cannot even be read as a network: element types, values that are no tensors, an unknown
    /// operator set. Empty where it can.
    pub outside: Vec<String>,
}

/// Surveys the bytes of an ONNX file.
///
/// # Errors
/// Bytes that are no ONNX model, or only a part of one. What is whole but unsupported is no error.
pub fn survey(bytes: &[u8]) -> Result<Survey> {
    let damaged = |what: &str| Error::Graph(format!("not an ONNX file, or a damaged one ({what})"));
    let model = ModelProto::decode(bytes).map_err(|e| damaged(&e.to_string()))?;
    if model.opset_import.is_empty() {
        return Err(damaged("it names no operator set"));
    }
    let opset = opset_of(&model);
    let graph = model.graph.ok_or_else(|| damaged("it holds no graph"))?;
    if graph.output.is_empty() {
        return Err(damaged("its graph has no outputs"));
    }
    let mut outside: Vec<String> = graph.input.iter().chain(&graph.output).filter_map(value).collect();
    outside.extend(graph.initializer.iter().filter_map(|t| tensors::dtype(t.data_type()).err()));
    outside.extend(graph.node.iter().flat_map(|n| &n.attribute).filter_map(attribute));
    outside.extend(whole(&graph, opset));
    outside.sort();
    outside.dedup();
    Ok(Survey { operators: graph.node.iter().map(operator).collect(), opset, outside })
}

/// The operator of a node, with its domain in front unless that is ONNX's own.
pub(super) fn operator(node: &NodeProto) -> String {
    match node.domain() {
        "" | "ai.onnx" => node.op_type().to_string(),
        domain => format!("{domain}.{}", node.op_type()),
    }
}

fn whole(graph: &GraphProto, opset: Option<i64>) -> Vec<String> {
    let mut outside = Vec::new();
    if !graph.sparse_initializer.is_empty() {
        outside.push("sparse initialisers are not supported".to_string());
    }
    match opset {
        Some(version) if !OPSETS.contains(&version) => {
            outside.push(format!("operator set {version} is not supported"));
        }
        Some(_) => {}
        None => outside.push("only operators of other domains than ONNX's own".to_string()),
    }
    outside
}

fn value(value: &ValueInfoProto) -> Option<String> {
    let kind = match value.r#type.as_ref().and_then(|t| t.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => return tensors::dtype(tensor.elem_type()).err(),
        Some(type_proto::Value::SequenceType(_)) => "sequences",
        Some(type_proto::Value::OptionalType(_)) => "optional values",
        Some(type_proto::Value::MapType(_)) => "maps",
        Some(type_proto::Value::SparseTensorType(_)) => "sparse tensors",
        None => "values without a type",
    };
    Some(format!("{kind} are not supported, only tensors"))
}

fn attribute(attribute: &AttributeProto) -> Option<String> {
    attribute.t.as_ref().and_then(|tensor| tensors::dtype(tensor.data_type()).err())
}
