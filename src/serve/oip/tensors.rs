//! From the tensors of a request to Gyrus's, and back.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::wire::{Element, Input};
use crate::graph::network::{Dim, Network, ValueDef};
use crate::serve::fault::Fault;
use crate::tensor::{DType, Data, Shape, Tensor};

/// The protocol's name of a type of elements.
pub fn datatype(dtype: DType) -> &'static str {
    match dtype {
        DType::F32 => "FP32",
        DType::I64 => "INT64",
        DType::I32 => "INT32",
        DType::Bool => "BOOL",
    }
}

/// Bytes of an element.
pub fn width(dtype: DType) -> usize {
    match dtype {
        DType::F32 | DType::I32 => 4,
        DType::I64 => 8,
        DType::Bool => 1,
    }
}

/// The dimensions of an input or output, -1 where they are open.
pub fn dims(value: &ValueDef) -> Vec<i64> {
    let size = |dim: &Dim| match dim {
        Dim::Fixed(size) => i64::try_from(*size).unwrap_or(-1),
        _ => -1,
    };
    value.dims.iter().flatten().map(size).collect()
}

/// An input of the network as a request states it, held to what the network takes.
pub struct Stated<'a> {
    pub value: &'a ValueDef,
    pub shape: Shape,
}

/// Holds names, types and shapes of all inputs to the network's, before any of their elements are looked at.
///
/// # Errors
/// An input that is missing, unknown, given twice, of another type, or of a shape that the network does not take.
pub fn stated<'a, 'i>(
    network: &'a Network,
    given: impl Iterator<Item = (&'i str, &'i str, &'i [i64])>,
) -> Result<Vec<Stated<'a>>, Fault> {
    let mut all: Vec<Stated> = Vec::new();
    for (name, kind, shape) in given {
        let value = network.inputs.iter().find(|value| value.name == name).ok_or_else(|| {
            let known: Vec<&str> = network.inputs.iter().map(|value| value.name.as_str()).collect();
            Fault::bad(format!("no input '{}'; the model takes: {}", short(name), known.join(", ")))
        })?;
        if all.iter().any(|stated| stated.value.name == name) {
            return Err(Fault::bad(format!("the input '{name}' is given twice")));
        }
        if kind != datatype(value.dtype) {
            let due = datatype(value.dtype);
            return Err(Fault::bad(format!("the input '{name}' is {}, where {due} is due", short(kind))));
        }
        all.push(Stated { value, shape: fitting(value, shape)? });
    }
    match network.inputs.iter().find(|value| !all.iter().any(|stated| stated.value.name == value.name)) {
        Some(missing) => Err(Fault::bad(format!("the input '{}' is missing", missing.name))),
        None => Ok(all),
    }
}

fn fitting(value: &ValueDef, shape: &[i64]) -> Result<Shape, Fault> {
    let refused = |reason: String| Fault::bad(format!("the input '{}': {reason}", value.name));
    let sizes: Option<Vec<usize>> =
        shape.iter().map(|&size| usize::try_from(size).ok().filter(|&size| size > 0)).collect();
    let sizes = sizes.ok_or_else(|| refused("its sizes must be above zero".into()))?;
    let fits = value.dims.as_deref().is_none_or(|dims| {
        dims.len() == sizes.len()
            && dims.iter().zip(&sizes).all(|(dim, size)| !matches!(dim, Dim::Fixed(due) if due != size))
    });
    if !fits {
        return Err(refused(format!("its shape is {:?}, where {:?} is due", short_list(shape), dims(value))));
    }
    Shape::new(sizes).map_err(|_| refused("it has too many elements".into()))
}

/// What is repeated of a request's own words.
pub fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(60).collect()
}

fn short_list(shape: &[i64]) -> &[i64] {
    shape.get(..8).unwrap_or(shape)
}

/// The tensor of an input's JSON.
///
/// # Errors
/// Another number of elements than the shape has, or elements of another type.
pub fn from_numbers(stated: &Stated, input: &Input) -> Result<Tensor, Fault> {
    let name = &stated.value.name;
    let numbers = input.data.as_ref().map(|data| data.elements.as_slice()).unwrap_or_default();
    let due = stated.shape.elements();
    if numbers.len() != due {
        return Err(Fault::bad(format!(
            "the input '{name}' has {} elements, where {due} are due",
            numbers.len()
        )));
    }
    let other =
        || Fault::bad(format!("the input '{name}' holds what is no {}", datatype(stated.value.dtype)));
    let data = match stated.value.dtype {
        DType::F32 => Data::F32(numbers.iter().map(real).collect::<Option<_>>().ok_or_else(other)?),
        DType::I64 => Data::I64(numbers.iter().map(integer).collect::<Option<_>>().ok_or_else(other)?),
        DType::I32 => {
            let narrow = |number: &Element| integer(number).and_then(|value| i32::try_from(value).ok());
            Data::I32(numbers.iter().map(narrow).collect::<Option<_>>().ok_or_else(other)?)
        }
        DType::Bool => Data::Bool(numbers.iter().map(truth).collect::<Option<_>>().ok_or_else(other)?),
    };
    Ok(Tensor::new(stated.shape.to_vec(), data)?)
}

fn real(number: &Element) -> Option<f32> {
    let value = match number {
        Element::Integer(value) => *value as f32,
        Element::Real(value) => *value as f32,
        Element::Bool(_) => return None,
    };
    value.is_finite().then_some(value)
}

fn integer(number: &Element) -> Option<i64> {
    match number {
        Element::Integer(value) => Some(*value),
        _ => None,
    }
}

fn truth(number: &Element) -> Option<bool> {
    match number {
        Element::Bool(value) => Some(*value),
        Element::Integer(0) => Some(false),
        Element::Integer(1) => Some(true),
        _ => None,
    }
}

/// The tensor of an input's bytes, little-endian.
///
/// # Errors
/// Another number of bytes than the shape takes; numbers that are not finite; a truth that is neither 0 nor 1.
pub fn from_bytes(stated: &Stated, bytes: &[u8]) -> Result<Tensor, Fault> {
    let name = &stated.value.name;
    let due = stated.shape.elements() * width(stated.value.dtype);
    if bytes.len() != due {
        return Err(Fault::bad(format!("the input '{name}' has {} bytes, where {due} are due", bytes.len())));
    }
    let data = match stated.value.dtype {
        DType::F32 => Data::F32(each(bytes, f32::from_le_bytes)),
        DType::I64 => Data::I64(each(bytes, i64::from_le_bytes)),
        DType::I32 => Data::I32(each(bytes, i32::from_le_bytes)),
        DType::Bool if bytes.iter().any(|&byte| byte > 1) => {
            return Err(Fault::bad(format!("the input '{name}' holds what is no BOOL")));
        }
        DType::Bool => Data::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
    };
    from_contents(stated, data)
}

/// The tensor of elements that are of the right type already.
///
/// # Errors
/// Another number of elements than the shape has; numbers that are not finite.
pub fn from_contents(stated: &Stated, data: Data) -> Result<Tensor, Fault> {
    let name = &stated.value.name;
    if matches!(&data, Data::F32(values) if values.iter().any(|value| !value.is_finite())) {
        return Err(Fault::bad(format!("the input '{name}' holds numbers that are not finite")));
    }
    let (found, due) = (data.len(), stated.shape.elements());
    if found != due {
        return Err(Fault::bad(format!("the input '{name}' has {found} elements, where {due} are due")));
    }
    Ok(Tensor::new(stated.shape.to_vec(), data)?)
}

fn each<const N: usize, T>(bytes: &[u8], number: impl Fn([u8; N]) -> T) -> Vec<T> {
    bytes.chunks_exact(N).filter_map(|part| part.try_into().ok()).map(number).collect()
}

/// A tensor's elements as bytes, little-endian.
pub fn to_bytes(tensor: &Tensor) -> Vec<u8> {
    match tensor.data() {
        Data::F32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::I64(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::I32(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        Data::Bool(values) => values.iter().map(|&value| u8::from(value)).collect(),
    }
}

/// A tensor's elements as JSON, flat.
///
/// # Errors
/// Numbers that JSON has not: those that are not finite.
pub fn to_json(name: &str, tensor: &Tensor) -> Result<Value, Fault> {
    let value = match tensor.data() {
        Data::F32(values) if values.iter().any(|value| !value.is_finite()) => {
            let text = format!("the output '{name}' is not finite; ask for it as bytes");
            return Err(Fault::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, text));
        }
        Data::F32(values) => json!(values),
        Data::I64(values) => json!(values),
        Data::I32(values) => json!(values),
        Data::Bool(values) => json!(values),
    };
    Ok(value)
}

/// Inputs by name.
pub type Named = BTreeMap<String, Tensor>;
