//! Dropout, which does nothing at inference: `y = x`. <https://onnx.ai/onnx/operators/onnx__Dropout.html>
//!
//! Opset 6 marks inference with `is_test`, 7 and 10 know nothing else, 12 takes the training mode as an input; 13
//! and 22 differ only in element types. At inference the mask is all true. Without a mask it costs no step.

use std::sync::Arc;

use super::case::{Case, CaseInput};
use super::epilogue::Epilogue;
use super::pointwise::Pointwise;
use super::rearrange::{COPY_STRIDED, Copy, Outside, infos};
use super::view::{Reshaping, View};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, optional, required};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::{DType, Data, Tensor};

pub static DROPOUT: Operator = Operator {
    name: "Dropout",
    opsets: 6..=27,
    limits: "inference only",
    load: |attributes| {
        if attributes.opset < 12 {
            attributes.ignore("ratio");
        }
        if attributes.opset < 7 && !attributes.flag("is_test", false)? {
            return Err("training mode (is_test = 0) is not supported".into());
        }
        attributes.ignore("seed");
        if attributes.outputs > 1 {
            let mask = if attributes.opset < 10 { DType::F32 } else { DType::Bool };
            return Ok(Arc::new(Masked { mask }));
        }
        Ok(View::of(Dropout))
    },
    kernels: &[&COPY_STRIDED],
    cases: || {
        let flag = |on| match Tensor::new([], Data::Bool(vec![on])) {
            Ok(tensor) => CaseInput::Constant(tensor),
            Err(_) => CaseInput::Absent,
        };
        vec![
            Case::new("Dropout", "default").given(&[2, 3, 4]),
            Case::new("Dropout", "inference").given(&[2, 3]).absent().with(flag(false)),
            Case::new("Dropout", "mask").given(&[2, 3, 5]).outputs(2),
            Case::new("Dropout", "is_test").opset(6).int("is_test", 1).given(&[2, 3]),
        ]
    },
};

#[derive(Debug)]
struct Dropout;

impl Reshaping for Dropout {
    fn shape(&self, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        if let Some(mode) = optional(inputs, 2) {
            let mode = mode.value.as_deref().ok_or("the training mode is computed by the network")?;
            if mode.to_i64s()?.iter().any(|&on| on != 0) {
                return Err("training mode is not supported".into());
            }
        }
        Ok(required(inputs, 0)?.shape.to_vec())
    }
}

/// The same with its mask, which keeps everything.
#[derive(Debug)]
struct Masked {
    mask: DType,
}

impl Op for Masked {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let (shape, x) = (Dropout.shape(inputs)?, required(inputs, 0)?);
        Ok(vec![TensorType::new(shape.clone(), x.dtype)?, TensorType::new(shape, self.mask)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let types = self.infer(&infos(inputs))?;
        let x = *required(inputs, 0)?;
        let ones = vec![1.0; x.shape().elements()];
        let mask = types
            .into_iter()
            .skip(1)
            .map(|ty| Tensor::from_device(ty.shape.to_vec(), ones.clone(), ty.dtype));
        [Ok(x.clone())].into_iter().chain(mask).map(|t| Ok(t?)).collect()
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        if node.is_read(0) {
            Pointwise::unary(Epilogue::default()).lower(node)?;
        }
        if node.is_read(1) {
            let shape = node.output_shape_at(1)?;
            let one = node.weights("mask", vec![1.0]);
            let mask = node.output_at(1, Layout::Plain)?;
            let repeated = Copy {
                shape: vec![shape.elements()],
                x_shape: vec![shape.elements()],
                x_begin: vec![0],
                x_strides: vec![0],
                x_offset: 0,
                y_strides: vec![1],
                y_offset: 0,
                outside: Outside::Fill(0.0),
            };
            repeated.emit(node, one, mask)?;
        }
        Ok(())
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}
