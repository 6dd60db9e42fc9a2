//! ConstantOfShape: a tensor of one repeated value. <https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html>
//!
//! Since opset 9; the later ones differ only in element types. Computed at load.

use std::sync::Arc;

use super::folded::{Folded, Folding, Inputs, LIMITS, sizes};
use super::rearrange::pick;
use super::{Operator, Reason, TensorType};
use crate::tensor::Tensor;

pub static CONSTANT_OF_SHAPE: Operator = Operator {
    name: "ConstantOfShape",
    opsets: 9..=27,
    limits: LIMITS,
    load: |attributes| {
        let value = match attributes.tensor("value")? {
            Some(value) if value.shape().elements() == 1 => value,
            Some(value) => {
                return Err(Reason(format!("the value has shape {}, not that of one number", value.shape())));
            }
            None => Arc::new(Tensor::from_f32([1], vec![0.0])?),
        };
        Ok(Folded::of(ConstantOfShape { value }))
    },
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct ConstantOfShape {
    value: Arc<Tensor>,
}

impl Folding for ConstantOfShape {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        TensorType::new(sizes(inputs, 0)?, self.value.dtype())
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let shape = self.infer(inputs)?.shape;
        Ok(Tensor::new(shape.to_vec(), pick(self.value.data(), &vec![0; shape.elements()]))?)
    }
}
