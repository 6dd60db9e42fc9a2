//! Dropout, which does nothing at inference: `y = x`. <https://onnx.ai/onnx/operators/onnx__Dropout.html>
//!
//! Opset 6 marks inference with `is_test`, 7 and 10 know nothing else, 12 takes the training mode as an input; 13
//! and 22 differ only in element types. The mask is not computed. Costs no step.

use super::case::{Case, CaseInput};
use super::view::{Reshaping, View};
use super::{Info, Operator, Reason, optional, required};
use crate::tensor::{Data, Tensor};

pub static DROPOUT: Operator = Operator {
    name: "Dropout",
    opsets: 6..=25,
    limits: "inference only; no mask",
    load: |attributes| {
        if attributes.opset < 12 {
            attributes.ignore("ratio");
        }
        if attributes.opset < 7 && !attributes.flag("is_test", false)? {
            return Err("training mode (is_test = 0) is not supported".into());
        }
        attributes.ignore("seed");
        Ok(View::of(Dropout))
    },
    kernels: &[],
    cases: || {
        let flag = |on| match Tensor::new([], Data::Bool(vec![on])) {
            Ok(tensor) => CaseInput::Constant(tensor),
            Err(_) => CaseInput::Absent,
        };
        vec![
            Case::new("Dropout", "default").given(&[2, 3, 4]),
            Case::new("Dropout", "inference").given(&[2, 3]).absent().with(flag(false)),
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
