//! Where: one of two values by a condition. <https://onnx.ai/onnx/operators/onnx__Where.html>
//!
//! Since opset 9; 16 differs only in element types. Computed at load.

use super::broadcast::broadcast;
use super::folded::{Folded, Folding, Inputs, LIMITS, common_type, repeated, tensor};
use super::rearrange::{joined, pick};
use super::{Operator, Reason, TensorType};
use crate::tensor::{Data, Tensor};

pub static WHERE: Operator = Operator {
    name: "Where",
    opsets: 9..=25,
    limits: LIMITS,
    load: |_| Ok(Folded::of(Where)),
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct Where;

impl Folding for Where {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let TensorType { shape, dtype } = common_type(&[tensor(inputs, 1)?, tensor(inputs, 2)?])?;
        Ok(TensorType { shape: broadcast(tensor(inputs, 0)?.shape(), &shape)?, dtype })
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let (condition, x, y) = (tensor(inputs, 0)?, tensor(inputs, 1)?, tensor(inputs, 2)?);
        let shape = self.infer(inputs)?.shape;
        let Data::Bool(chosen) = condition.data() else { return Err("the condition is not boolean".into()) };
        let behind = x.shape().elements();
        let sources = repeated(x, &shape).into_iter().zip(repeated(y, &shape));
        let from: Vec<usize> = repeated(condition, &shape)
            .into_iter()
            .zip(sources)
            .map(|(c, (a, b))| if chosen[c] { a } else { behind + b })
            .collect();
        Ok(Tensor::new(shape.to_vec(), pick(&joined(x.data(), y.data())?, &from))?)
    }
}
