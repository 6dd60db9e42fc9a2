//! Range: numbers from a start up to a limit by a step. <https://onnx.ai/onnx/operators/onnx__Range.html>
//!
//! Since opset 11. Computed at load.

use super::folded::{Folded, Folding, Inputs, LIMITS, common_type, from_ints, ints, tensor};
use super::{Operator, Reason, TensorType};
use crate::tensor::{DType, Tensor};

pub static RANGE: Operator = Operator {
    name: "Range",
    opsets: 11..=27,
    limits: LIMITS,
    load: |attributes| {
        // Since opset 27; it concerns only 16-bit floats.
        attributes.ignore("stash_type");
        Ok(Folded::of(Range))
    },
    kernels: &[],
    cases: Vec::new,
};

#[derive(Debug)]
struct Range;

fn count(inputs: &Inputs) -> Result<usize, Reason> {
    let too_many = || Reason::from("the range has no end");
    if tensor(inputs, 0)?.dtype() == DType::F32 {
        let [start, limit, step] = floats(inputs)?;
        let count = ((limit - start) / step).ceil().max(0.0);
        // NaN fails the comparison.
        return if count < 1e15 { Ok(count as usize) } else { Err(too_many()) };
    }
    let [start, limit, step] = integers(inputs)?.map(i128::from);
    if step == 0 {
        return Err(too_many());
    }
    let distance = if step > 0 { limit - start } else { start - limit };
    let count = if distance > 0 { (distance - 1) / step.abs() + 1 } else { 0 };
    usize::try_from(count).map_err(|_| too_many())
}

fn integers(inputs: &Inputs) -> Result<[i64; 3], Reason> {
    let one =
        |position| ints(inputs, position)?.first().copied().ok_or_else(|| Reason::from("a bound is empty"));
    Ok([one(0)?, one(1)?, one(2)?])
}

fn floats(inputs: &Inputs) -> Result<[f64; 3], Reason> {
    let one = |position| {
        let first = tensor(inputs, position)?.as_f32()?.first().copied();
        first.map(f64::from).ok_or_else(|| Reason::from("a bound is empty"))
    };
    Ok([one(0)?, one(1)?, one(2)?])
}

impl Folding for Range {
    fn infer(&self, inputs: &Inputs) -> Result<TensorType, Reason> {
        let bounds = [tensor(inputs, 0)?, tensor(inputs, 1)?, tensor(inputs, 2)?];
        TensorType::new([count(inputs)?], common_type(&bounds)?.dtype)
    }

    fn compute(&self, inputs: &Inputs) -> Result<Tensor, Reason> {
        let TensorType { shape, dtype } = self.infer(inputs)?;
        let count = shape.elements();
        if dtype == DType::F32 {
            let [start, _, step] = floats(inputs)?;
            let values = (0..count).map(|i| (start + i as f64 * step) as f32).collect();
            return Ok(Tensor::from_f32([count], values)?);
        }
        let [start, _, step] = integers(inputs)?;
        // No value passes the limit, which is an i64.
        let values = (0..count).map(|i| (i128::from(start) + i as i128 * i128::from(step)) as i64).collect();
        from_ints(&shape, values, dtype)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(bounds: [i64; 3]) -> Result<Vec<i64>, Reason> {
        let tensors = bounds.map(|v| Tensor::from_i64s(&[v]));
        let inputs: Vec<Option<&Tensor>> = tensors.iter().map(Some).collect();
        Ok(Range.compute(&inputs)?.to_i64s()?)
    }

    #[test]
    fn counts_up_and_down() {
        assert_eq!(range([1, 8, 3]).unwrap(), [1, 4, 7]);
        assert_eq!(range([5, 0, -2]).unwrap(), [5, 3, 1]);
        assert_eq!(range([5, 0, 2]).unwrap(), [0i64; 0]);
        assert_eq!(range([i64::MIN, i64::MAX, i64::MAX]).unwrap().len(), 3);
        assert!(range([0, 1, 0]).is_err());
        assert!(range([i64::MIN, i64::MAX, 1]).is_err());
    }
}
