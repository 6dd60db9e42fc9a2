//! ONNX files: protobuf in, [`Network`] out. Nothing past this module sees protobuf.
//!
//! Specification: <https://onnx.ai/onnx/repo-docs/IR.html>, operator sets 1 to 27.

mod explicit;
mod external;
mod names;
mod order;
mod survey;
mod tensors;
mod write;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use prost::Message;

use crate::error::{Error, Result};
use crate::graph::attributes::{Attribute, Attributes};
use crate::graph::network::{Dim, Network, NodeDef, ValueDef};
use crate::tensor::{DType, Tensor};
pub(crate) use explicit::explicit;
use external::ExternalFiles;
pub use survey::{Survey, survey};
pub use write::write;

#[allow(clippy::all, missing_docs)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

/// The operator sets understood.
pub const OPSETS: std::ops::RangeInclusive<i64> = 1..=27;

/// No protobuf message may be larger; larger weights are stored as external data.
const MAX_FILE_BYTES: u64 = 2 << 30;

/// An ONNX file that was read: the network, and the bytes for engines that have their own importer.
#[derive(Debug, Clone)]
pub struct OnnxFile {
    pub network: Network,
    /// The file itself.
    pub bytes: Vec<u8>,
    /// External data files by the name the model uses, each inside the model's folder.
    pub external: BTreeMap<String, Arc<Vec<u8>>>,
}

/// Reads an ONNX file, with the external data beside it.
///
/// # Errors
/// A file that is unreadable, too large, or not an ONNX network; external data outside the model's folder.
/// What is merely unsupported is found by [`crate::graph::unsupported`].
pub fn read(path: &Path) -> Result<OnnxFile> {
    let size = fs::metadata(path).map_err(|e| unreadable(path, &e))?.len();
    if size > MAX_FILE_BYTES {
        let remedy = "store the weights as external data";
        return Err(Error::file(path, format!("{} MiB is too large for an ONNX file", size >> 20), remedy));
    }
    let bytes = fs::read(path).map_err(|e| unreadable(path, &e))?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut external = ExternalFiles::inside(folder);
    let network = parse(&bytes, &mut external).map_err(|e| in_file(path, e))?;
    Ok(OnnxFile { network, bytes, external: external.into_files() })
}

/// Reads a network from the bytes of an ONNX file that holds all its weights itself.
///
/// # Errors
/// Bytes that are not an ONNX network, or that refer to external data.
pub fn parse_bytes(bytes: &[u8]) -> Result<Network> {
    parse(bytes, &mut ExternalFiles::refused())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Error {
    Error::file(path, format!("cannot be read: {error}"), "check the path and its permissions")
}

fn in_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Graph(reason) => Error::file(path, reason, "export the model again"),
        Error::Tensor { name, reason } => {
            Error::file(path, format!("tensor '{name}': {reason}"), "export the model again")
        }
        Error::Node { node, operator, reason } => {
            Error::file(path, format!("node '{node}' ({operator}): {reason}"), "export the model again")
        }
        other => other,
    }
}

fn parse(bytes: &[u8], external: &mut ExternalFiles) -> Result<Network> {
    let model = proto::ModelProto::decode(bytes)
        .map_err(|e| Error::Graph(format!("not an ONNX file, or a damaged one ({e})")))?;
    names::check(&model)?;
    let opset = opset(&model)?;
    let graph = model.graph.ok_or_else(|| Error::Graph("the file holds no graph".into()))?;
    if !graph.sparse_initializer.is_empty() {
        return Err(Error::Graph("sparse initialisers are not supported".into()));
    }
    let mut constants = BTreeMap::new();
    for tensor in &graph.initializer {
        let name = tensor.name().to_string();
        let value = tensors::tensor(tensor, external).map_err(|r| Error::tensor(&name, r))?;
        if constants.insert(name.clone(), Arc::new(value)).is_some() {
            return Err(Error::tensor(name, "is defined twice"));
        }
    }
    // Before IR version 4 every initialiser was also listed as an input.
    let open = graph.input.iter().filter(|v| !constants.contains_key(v.name()));
    let inputs: Vec<ValueDef> = open.map(value_def).collect::<Result<_>>()?;
    let outputs: Vec<ValueDef> = graph.output.iter().map(value_def).collect::<Result<_>>()?;
    if outputs.is_empty() {
        return Err(Error::Graph("the network has no outputs".into()));
    }
    let nodes =
        graph.node.iter().enumerate().map(|(i, n)| node_def(i, n, external)).collect::<Result<_>>()?;
    let mut network = Network { name: graph.name().to_string(), opset, nodes, constants, inputs, outputs };
    order::sort(&mut network)?;
    Ok(network)
}

fn opset(model: &proto::ModelProto) -> Result<i64> {
    match opset_of(model) {
        Some(v) if OPSETS.contains(&v) => Ok(v),
        Some(v) => Err(Error::Graph(format!(
            "operator set {v} is not supported (known: {} to {})",
            OPSETS.start(),
            OPSETS.end()
        ))),
        None => Err(Error::Graph("the file names no ONNX operator set".into())),
    }
}

/// The version of ONNX's own operator set that the file names.
fn opset_of(model: &proto::ModelProto) -> Option<i64> {
    let default = model.opset_import.iter().find(|o| matches!(o.domain(), "" | "ai.onnx"));
    default.map(|o| o.version())
}

fn value_def(value: &proto::ValueInfoProto) -> Result<ValueDef> {
    use proto::tensor_shape_proto::dimension::Value as D;
    let name = value.name().to_string();
    let kind = value.r#type.as_ref().and_then(|t| t.value.as_ref());
    let Some(proto::type_proto::Value::TensorType(tensor)) = kind else {
        return Err(Error::tensor(name, "is not a tensor"));
    };
    let dtype = tensors::dtype(tensor.elem_type()).map_err(|r| Error::tensor(&name, r))?;
    let Some(shape) = &tensor.shape else { return Ok(ValueDef { name, dtype, dims: None }) };
    let dim = |d: &proto::tensor_shape_proto::Dimension| match &d.value {
        // Some exporters write 0 or -1 for "any size".
        Some(D::DimValue(v)) => {
            Ok(usize::try_from(*v).ok().filter(|&v| v > 0).map_or(Dim::Unknown, Dim::Fixed))
        }
        // Paddle's exporter names every open size "?", which is not to say that they are equal.
        Some(D::DimParam(p)) if !matches!(p.as_str(), "" | "?") => Ok(Dim::Named(p.clone())),
        _ => Ok(Dim::Unknown),
    };
    let dims = shape.dim.iter().map(dim).collect::<Result<Vec<Dim>>>()?;
    Ok(ValueDef { name, dtype, dims: Some(dims) })
}

fn node_def(position: usize, node: &proto::NodeProto, external: &mut ExternalFiles) -> Result<NodeDef> {
    let name = if node.name().is_empty() { format!("#{position}") } else { node.name().to_string() };
    let operator = survey::operator(node);
    let mut attributes = Attributes::new();
    for attribute in &node.attribute {
        let value = attribute_value(attribute, external)
            .map_err(|r| Error::node(&name, &operator, format!("attribute {}: {r}", attribute.name())))?;
        attributes.insert(attribute.name().to_string(), value);
    }
    // Any number of outputs may be left out, which is an empty name.
    let named: Vec<&String> = node.output.iter().filter(|name| !name.is_empty()).collect();
    if named.iter().collect::<BTreeSet<_>>().len() != named.len() {
        return Err(Error::node(&name, &operator, "writes one output twice"));
    }
    Ok(NodeDef { name, operator, inputs: node.input.clone(), outputs: node.output.clone(), attributes })
}

fn attribute_value(
    attribute: &proto::AttributeProto,
    external: &mut ExternalFiles,
) -> Result<Attribute, String> {
    use proto::attribute_proto::AttributeType as T;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if !attribute.ref_attr_name().is_empty() {
        return Ok(Attribute::Other("reference"));
    }
    Ok(match attribute.r#type() {
        T::Int => Attribute::Int(attribute.i()),
        T::Float => Attribute::Float(attribute.f()),
        T::String => Attribute::Text(text(attribute.s())),
        T::Ints => Attribute::Ints(attribute.ints.clone()),
        T::Floats => Attribute::Floats(attribute.floats.clone()),
        T::Strings => Attribute::Texts(attribute.strings.iter().map(|s| text(s)).collect()),
        T::Tensor => match &attribute.t {
            Some(tensor) => Attribute::Tensor(Arc::new(tensors::tensor(tensor, external)?)),
            None => return Err("declares a tensor and holds none".into()),
        },
        _ => Attribute::Other("graph or sparse tensor"),
    })
}

/// Reads a single tensor from the bytes of a `.pb` file, as test suites and exporters write them.
///
/// # Errors
/// Bytes that are not a tensor, or one of an element type that is not supported.
pub fn read_tensor(bytes: &[u8]) -> Result<Tensor> {
    let tensor = proto::TensorProto::decode(bytes)
        .map_err(|e| Error::Graph(format!("not an ONNX tensor, or a damaged one ({e})")))?;
    tensors::tensor(&tensor, &mut ExternalFiles::refused()).map_err(|r| Error::tensor(tensor.name(), r))
}

/// The element type behind an ONNX type number.
pub fn dtype(number: i32) -> Option<DType> {
    tensors::dtype(number).ok()
}
