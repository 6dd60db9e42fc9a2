//! Expand: repeats a tensor by broadcasting it with a shape. <https://onnx.ai/onnx/operators/onnx__Expand.html>
//!
//! Since opset 8; 13 differs only in element types. Computed at load.

use super::broadcast::broadcast;
use super::folded::{Folded, Folding, Inputs, LIMITS, repeated, sizes, tensor};
use super::rearrange::pick;
use super::{Operator, Reason, TensorType};
use crate::tensor::{Shape, Tensor};

pub static EXPAND: Operator = Operator {
    name: "Expand",
    opsets: 8..=25,
    limits: LIMITS,
    load: |_| Ok(Folded::of(Expand)),
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct Expand;

impl Folding for Expand {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let x = tensor(inputs, 0)?;
        let shape = broadcast(x.shape(), &Shape::new(sizes(inputs, 1)?)?)?;
        Ok(TensorType { shape, dtype: x.dtype() })
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let (x, shape) = (tensor(inputs, 0)?, self.infer(inputs)?.shape);
        Ok(Tensor::new(shape.to_vec(), pick(x.data(), &repeated(x, &shape)))?)
    }
}
