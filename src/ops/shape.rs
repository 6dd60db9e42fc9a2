//! Shape: the sizes of a tensor's dimensions. <https://onnx.ai/onnx/operators/onnx__Shape.html>
//!
//! Opset 15 brought `start` and `end`; the others differ only in element types. Known as soon as the input's
//! shape is, so the input itself is never read.

use std::sync::Arc;

use super::{Info, Op, Operator, Reason, TensorType, Tolerance, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{DType, Tensor};

pub static SHAPE: Operator = Operator {
    name: "Shape",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        if attributes.opset < 15 {
            return Ok(Arc::new(ShapeOf { start: 0, end: None }));
        }
        Ok(Arc::new(ShapeOf { start: attributes.int("start", 0)?, end: attributes.optional_int("end")? }))
    },
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct ShapeOf {
    start: i64,
    end: Option<i64>,
}

impl ShapeOf {
    fn sizes(&self, shape: &[usize]) -> Result<Tensor, Reason> {
        let rank = i64::try_from(shape.len()).map_err(|_| "rank too large")?;
        let bound = |v: i64| if v < 0 { v.saturating_add(rank) } else { v }.clamp(0, rank);
        let (start, end) = (bound(self.start), bound(self.end.unwrap_or(rank)));
        let sizes: Vec<i64> = shape
            .iter()
            .map(|&s| i64::try_from(s))
            .collect::<Result<_, _>>()
            .map_err(|_| "size too large")?;
        // Both bounds are within the rank.
        let (start, end) = (start as usize, end as usize);
        Ok(Tensor::from_i64s(sizes.get(start..end).unwrap_or(&[])))
    }
}

impl Op for ShapeOf {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let sizes = self.sizes(&required(inputs, 0)?.shape)?;
        Ok(vec![TensorType { shape: sizes.shape().clone(), dtype: DType::I64 }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        Ok(vec![self.sizes(required(inputs, 0)?.shape())?])
    }

    fn fold(&self, inputs: &[Option<Info>]) -> Option<Vec<Tensor>> {
        Some(vec![self.sizes(&required(inputs, 0).ok()?.shape).ok()?])
    }

    fn lower(&self, _node: &mut Lowering) -> Result<(), Reason> {
        Err("a shape is known at load".into())
    }

    fn follows_from_shapes(&self) -> bool {
        true
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_count_from_either_end_and_are_clamped() {
        let sizes = |start, end| ShapeOf { start, end }.sizes(&[2, 3, 5]).unwrap().to_i64s().unwrap();
        assert_eq!(sizes(0, None), [2, 3, 5]);
        assert_eq!(sizes(-2, None), [3, 5]);
        assert_eq!(sizes(1, Some(-1)), [3]);
        assert_eq!(sizes(2, Some(1)), [0i64; 0]);
        assert_eq!(sizes(i64::MIN, Some(i64::MAX)), [2, 3, 5]);
    }
}
