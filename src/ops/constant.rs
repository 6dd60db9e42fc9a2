//! Constant: a tensor stored in the node. <https://onnx.ai/onnx/operators/onnx__Constant.html>
//!
//! Opset 12 added single numbers and lists to `value`; the others differ only in element types. Sparse
//! tensors and strings are refused.

use std::sync::Arc;

use super::{Info, Op, Operator, Reason, TensorType, Tolerance};
use crate::graph::attributes::AttributeReader;
use crate::plan::lowering::Lowering;
use crate::tensor::{Data, Tensor};

pub static CONSTANT: Operator = Operator {
    name: "Constant",
    opsets: 6..=27,
    limits: "no sparse tensors, no strings",
    load: |attributes| {
        let value = read(attributes)?.ok_or("no attribute that holds a value is supported")?;
        Ok(Arc::new(Constant { value }))
    },
    kernels: &[],
    cases: Vec::new,
};

fn read(attributes: &AttributeReader) -> Result<Option<Tensor>, Reason> {
    if let Some(tensor) = attributes.tensor("value")? {
        return Ok(Some((*tensor).clone()));
    }
    if let Some(value) = attributes.optional_int("value_int")? {
        return Ok(Some(Tensor::new([], Data::I64(vec![value]))?));
    }
    if let Some(values) = attributes.ints("value_ints")? {
        return Ok(Some(Tensor::from_i64s(&values)));
    }
    if let Some(value) = attributes.optional_float("value_float")? {
        return Ok(Some(Tensor::from_f32([], vec![value])?));
    }
    let floats = attributes.floats("value_floats")?;
    Ok(floats.map(|values| Tensor::from_f32([values.len()], values)).transpose()?)
}

#[derive(Debug)]
struct Constant {
    value: Tensor,
}

impl Op for Constant {
    fn infer(&self, _inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        Ok(vec![TensorType { shape: self.value.shape().clone(), dtype: self.value.dtype() }])
    }

    fn run(&self, _inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![self.value.clone()])
    }

    fn lower(&self, _node: &mut Lowering) -> Result<(), Reason> {
        Err("a constant needs no step".into())
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
