//! ReduceProd: the product over some dimensions. <https://onnx.ai/onnx/operators/onnx__ReduceProd.html>
//!
//! Negative axes since opset 11; an input instead of an attribute since 18, with `noop_with_empty_axes`. Computed
//! at load.

use super::axes;
use super::broadcast::positions;
use super::folded::{Folded, Folding, Inputs, LIMITS, from_ints, ints, tensor};
use super::mean::reduced_shape;
use super::{Operator, Reason, TensorType, optional};
use crate::tensor::{DType, Shape, Tensor};

pub static REDUCE_PROD: Operator = Operator {
    name: "ReduceProd",
    opsets: 6..=25,
    limits: LIMITS,
    load: |attributes| {
        let moved = attributes.opset >= 18;
        Ok(Folded::of(ReduceProd {
            stated: if moved { None } else { attributes.ints("axes")? },
            keep_dims: attributes.flag("keepdims", true)?,
            noop: moved && attributes.flag("noop_with_empty_axes", false)?,
        }))
    },
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct ReduceProd {
    stated: Option<Vec<i64>>,
    keep_dims: bool,
    noop: bool,
}

impl ReduceProd {
    fn axes(&self, inputs: &Inputs) -> Result<Vec<usize>, Reason> {
        let rank = tensor(inputs, 0)?.shape().rank();
        let given = optional(inputs, 1).map(|_| ints(inputs, 1)).transpose()?;
        match given.or_else(|| self.stated.clone()) {
            Some(axes) if !axes.is_empty() => axes::resolve(&axes, rank),
            _ if self.noop => Ok(Vec::new()),
            _ => Ok((0..rank).collect()),
        }
    }
}

impl Folding for ReduceProd {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let x = tensor(inputs, 0)?;
        TensorType::new(reduced_shape(x.shape(), &self.axes(inputs)?, self.keep_dims), x.dtype())
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let (x, axes) = (tensor(inputs, 0)?, self.axes(inputs)?);
        let kept = Shape::new(reduced_shape(x.shape(), &axes, true))?;
        // Every input element's place in the result, whose dimensions of size 1 have stride 0.
        let strides = kept.strides();
        let strides: Vec<usize> =
            strides.iter().enumerate().map(|(d, &s)| if axes.contains(&d) { 0 } else { s }).collect();
        let to = positions(x.shape(), &strides);
        let shape = Shape::new(reduced_shape(x.shape(), &axes, self.keep_dims))?;
        if x.dtype() == DType::F32 {
            let mut products = vec![1.0f64; kept.elements()];
            to.iter().zip(x.as_f32()?).for_each(|(&to, &v)| products[to] *= f64::from(v));
            return Ok(Tensor::from_f32(shape.to_vec(), products.iter().map(|&v| v as f32).collect())?);
        }
        let mut products = vec![1i64; kept.elements()];
        for (&to, &v) in to.iter().zip(&x.to_i64s()?) {
            products[to] = products[to].checked_mul(v).ok_or("integer overflow")?;
        }
        from_ints(&shape, products, x.dtype())
    }
}
