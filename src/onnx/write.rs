//! [`Network`] to the bytes of an ONNX file, for engines that have their own importer.

use prost::Message;

use super::proto::tensor_shape_proto::{Dimension, dimension};
use super::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TensorShapeProto,
    TypeProto, ValueInfoProto, attribute_proto::AttributeType, tensor_proto::DataType, type_proto,
};
use crate::graph::attributes::Attribute;
use crate::graph::network::{Dim, Network, NodeDef, ValueDef};
use crate::tensor::{DType, Data, Tensor};

/// The oldest version of the format that has everything written here and all operator sets understood.
const IR_VERSION: i64 = 8;

/// A network as the bytes of an ONNX file that holds all its weights itself.
pub fn write(network: &Network) -> Vec<u8> {
    let graph = GraphProto {
        name: Some(if network.name.is_empty() { "network".into() } else { network.name.clone() }),
        node: network.nodes.iter().map(node).collect(),
        initializer: network.constants.iter().map(|(name, value)| tensor(name, value)).collect(),
        input: network.inputs.iter().map(value).collect(),
        output: network.outputs.iter().map(value).collect(),
        ..Default::default()
    };
    let opset = OperatorSetIdProto { domain: Some(String::new()), version: Some(network.opset) };
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("gyrus".into()),
        opset_import: vec![opset],
        graph: Some(graph),
        ..Default::default()
    }
    .encode_to_vec()
}

fn node(def: &NodeDef) -> NodeProto {
    // A domain is in front of the operator's name, and has dots of its own.
    let (domain, op_type) = def.operator.rsplit_once('.').unwrap_or(("", &def.operator));
    NodeProto {
        name: Some(def.name.clone()),
        domain: Some(domain.into()),
        op_type: Some(op_type.into()),
        input: def.inputs.clone(),
        output: def.outputs.clone(),
        attribute: def.attributes.iter().filter_map(|(name, value)| attribute(name, value)).collect(),
        ..Default::default()
    }
}

/// An attribute; `None` for a kind that was not kept when its network was read, and that no operator takes.
fn attribute(name: &str, value: &Attribute) -> Option<AttributeProto> {
    let mut proto = AttributeProto { name: Some(name.into()), ..Default::default() };
    let kind = match value {
        Attribute::Int(v) => {
            proto.i = Some(*v);
            AttributeType::Int
        }
        Attribute::Float(v) => {
            proto.f = Some(*v);
            AttributeType::Float
        }
        Attribute::Text(v) => {
            proto.s = Some(v.clone().into_bytes());
            AttributeType::String
        }
        Attribute::Tensor(v) => {
            proto.t = Some(tensor(name, v));
            AttributeType::Tensor
        }
        Attribute::Ints(v) => {
            proto.ints = v.clone();
            AttributeType::Ints
        }
        Attribute::Floats(v) => {
            proto.floats = v.clone();
            AttributeType::Floats
        }
        Attribute::Texts(v) => {
            proto.strings = v.iter().map(|text| text.clone().into_bytes()).collect();
            AttributeType::Strings
        }
        Attribute::Other(_) => return None,
    };
    proto.r#type = Some(kind as i32);
    Some(proto)
}

fn tensor(name: &str, tensor: &Tensor) -> TensorProto {
    let raw = match tensor.data() {
        Data::F32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I64(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::I32(v) => v.iter().flat_map(|x| x.to_le_bytes()).collect(),
        Data::Bool(v) => v.iter().map(|&x| u8::from(x)).collect(),
    };
    TensorProto {
        name: Some(name.into()),
        dims: tensor.shape().iter().map(|&size| size as i64).collect(),
        data_type: Some(data_type(tensor.dtype())),
        raw_data: Some(raw),
        ..Default::default()
    }
}

fn value(def: &ValueDef) -> ValueInfoProto {
    let dim = |dim: &Dim| Dimension {
        value: match dim {
            Dim::Fixed(size) => Some(dimension::Value::DimValue(*size as i64)),
            Dim::Named(name) => Some(dimension::Value::DimParam(name.clone())),
            Dim::Unknown => None,
        },
        ..Default::default()
    };
    let shape = def.dims.as_ref().map(|dims| TensorShapeProto { dim: dims.iter().map(dim).collect() });
    let tensor = type_proto::Tensor { elem_type: Some(data_type(def.dtype)), shape };
    let kind = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..Default::default() };
    ValueInfoProto { name: Some(def.name.clone()), r#type: Some(kind), ..Default::default() }
}

fn data_type(dtype: DType) -> i32 {
    let kind = match dtype {
        DType::F32 => DataType::Float,
        DType::I64 => DataType::Int64,
        DType::I32 => DataType::Int32,
        DType::Bool => DataType::Bool,
    };
    kind as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::attributes::Attributes;
    use crate::onnx::parse_bytes;
    use std::sync::Arc;

    fn network() -> Network {
        let attributes = [
            ("axis", Attribute::Int(-1)),
            ("alpha", Attribute::Float(0.5)),
            ("mode", Attribute::Text("linear".into())),
            ("value", Attribute::Tensor(Arc::new(Tensor::from_i64s(&[7])))),
            ("pads", Attribute::Ints(vec![1, 2])),
            ("scales", Attribute::Floats(vec![0.5])),
            ("texts", Attribute::Texts(vec!["a".into(), "b".into()])),
        ];
        let node = NodeDef {
            name: "n".into(),
            operator: "com.example.Odd".into(),
            inputs: vec!["x".into(), String::new(), "c".into()],
            outputs: vec!["y".into()],
            attributes: attributes
                .map(|(name, value)| (name.to_string(), value))
                .into_iter()
                .collect::<Attributes>(),
        };
        let mask = Tensor::new([2], Data::Bool(vec![true, false])).unwrap();
        let dims = Some(vec![Dim::Named("N".into()), Dim::Fixed(3), Dim::Unknown]);
        Network {
            name: "t".into(),
            opset: 17,
            nodes: vec![node],
            constants: [("c".to_string(), Arc::new(mask))].into(),
            inputs: vec![ValueDef { name: "x".into(), dtype: DType::I32, dims }],
            outputs: vec![ValueDef { name: "y".into(), dtype: DType::F32, dims: None }],
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let network = network();
        let read = parse_bytes(&write(&network)).unwrap();
        assert_eq!(format!("{network:?}"), format!("{read:?}"));
    }
}
