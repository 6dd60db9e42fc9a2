//! Gather: elements along an axis by index. <https://onnx.ai/onnx/operators/onnx__Gather.html>
//!
//! Negative indices since opset 11; 13 differs only in element types. Computed at load.

use super::folded::{Folded, Folding, Inputs, LIMITS, ints, tensor};
use super::rearrange::pick;
use super::{Operator, Reason, TensorType, axis};
use crate::tensor::Tensor;

pub static GATHER: Operator = Operator {
    name: "Gather",
    opsets: 6..=25,
    limits: LIMITS,
    load: |attributes| Ok(Folded::of(Gather { axis: attributes.int("axis", 0)? })),
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct Gather {
    axis: i64,
}

impl Folding for Gather {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let (data, indices) = (tensor(inputs, 0)?, tensor(inputs, 1)?);
        let along = axis(self.axis, data.shape().rank())?;
        let (before, after) = (&data.shape()[..along], &data.shape()[along + 1..]);
        TensorType::new([before, indices.shape(), after].concat(), data.dtype())
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let data = tensor(inputs, 0)?;
        let shape = self.infer(inputs)?.shape;
        let along = axis(self.axis, data.shape().rank())?;
        let indices: Vec<usize> = ints(inputs, 1)?
            .iter()
            .map(|&i| {
                axis(i, data.shape()[along])
                    .map_err(|_| Reason(format!("index {i} is outside {}", data.shape())))
            })
            .collect::<Result<_, _>>()?;
        let inner: usize = data.shape()[along + 1..].iter().product();
        let outer: usize = data.shape()[..along].iter().product();
        let mut from = Vec::with_capacity(shape.elements());
        for o in 0..outer {
            for &i in &indices {
                let start = (o * data.shape()[along] + i) * inner;
                from.extend(start..start + inner);
            }
        }
        Ok(Tensor::new(shape.to_vec(), pick(data.data(), &from))?)
    }
}
