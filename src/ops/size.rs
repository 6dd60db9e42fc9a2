//! Size: the number of a tensor's elements. <https://onnx.ai/onnx/operators/onnx__Size.html>
//!
//! The opsets differ only in element types. The input itself is never read.

use std::sync::Arc;

use super::{Info, Op, Operator, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Data, Shape, Tensor};

pub static SIZE: Operator = Operator {
    name: "Size",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Arc::new(Size)),
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct Size;

fn elements(shape: &Shape) -> Result<Tensor, Reason> {
    let elements = i64::try_from(shape.elements()).map_err(|_| "size too large")?;
    Ok(Tensor::new([], Data::I64(vec![elements]))?)
}

impl Op for Size {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        required(inputs, 0)?;
        Ok(vec![TensorType::new([], DType::I64)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![elements(required(inputs, 0)?.shape())?])
    }

    fn fold(&self, inputs: &[Option<Info>]) -> Option<Vec<Tensor>> {
        Some(vec![elements(&required(inputs, 0).ok()?.shape).ok()?])
    }

    fn lower(&self, _node: &mut Lowering) -> Result<(), Reason> {
        Err("a size is known at load".into())
    }

    fn follows_from_shapes(&self) -> bool {
        true
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
