//! Reshape: the same elements in another shape. <https://onnx.ai/onnx/operators/onnx__Reshape.html>
//!
//! The shape is an input since opset 5 and must be known when the network is loaded. A 0 keeps the input's
//! size unless `allowzero` (opset 14); one -1 takes what is left. Later opsets differ only in element types.

use super::case::Case;
use super::view::{Reshaping, View};
use super::{Info, Operator, Reason, known_ints, required};

pub static RESHAPE: Operator = Operator {
    name: "Reshape",
    opsets: 6..=27,
    limits: "the shape must be constant",
    load: |attributes| Ok(View::of(Reshape { allow_zero: attributes.flag("allowzero", false)? })),
    kernels: &[],
    cases: || {
        let case = |name: &str, shape: &[i64]| Case::new("Reshape", name).given(&[2, 3, 4]).integers(shape);
        vec![case("fixed", &[4, 6]), case("zero and rest", &[0, -1]), case("flat", &[-1])]
    },
};

#[derive(Debug)]
struct Reshape {
    allow_zero: bool,
}

impl Reshaping for Reshape {
    fn shape(&self, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let x = required(inputs, 0)?;
        let wanted = known_ints(inputs, 1, "the shape")?.ok_or("the shape is missing")?;
        if self.allow_zero && wanted.contains(&0) && wanted.contains(&-1) {
            return Err("a shape with both 0 and -1 is ambiguous under allowzero".into());
        }
        let mut sizes = Vec::with_capacity(wanted.len());
        let mut open = None;
        for (d, &size) in wanted.iter().enumerate() {
            sizes.push(match size {
                0 if !self.allow_zero => {
                    *x.shape.get(d).ok_or_else(|| Reason(format!("axis {d} of the input does not exist")))?
                }
                -1 if open.is_none() => {
                    open = Some(d);
                    1
                }
                _ => usize::try_from(size)
                    .map_err(|_| Reason(format!("{wanted:?} is not a shape to reshape to")))?,
            });
        }
        if let Some(d) = open {
            let known = sizes.iter().try_fold(1usize, |n, &s| n.checked_mul(s)).unwrap_or(0);
            let elements = x.shape.elements();
            if known == 0 || !elements.is_multiple_of(known) {
                return Err(Reason(format!("{} does not fit the shape {wanted:?}", x.shape)));
            }
            sizes[d] = elements / known;
        }
        Ok(sizes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::{DType, Shape, Tensor};

    fn shape(allow_zero: bool, x: &[usize], wanted: &[i64]) -> Result<Vec<usize>, Reason> {
        let info = |shape: Shape, dtype, value| Some(Info { shape, dtype, value });
        let target = Tensor::from_i64s(wanted);
        let inputs = [
            info(Shape::new(x)?, DType::F32, None),
            info(target.shape().clone(), DType::I64, Some(target.into())),
        ];
        Reshape { allow_zero }.shape(&inputs)
    }

    #[test]
    fn zeros_keep_and_minus_one_takes_the_rest() {
        assert_eq!(shape(false, &[2, 3, 4], &[0, -1]).unwrap(), [2, 12]);
        assert_eq!(shape(false, &[2, 3, 4], &[-1, 0, 2]).unwrap(), [4, 3, 2]);
        assert_eq!(shape(true, &[0, 3], &[3, 0]).unwrap(), [3, 0]);
        assert_eq!(shape(false, &[1], &[]).unwrap(), [0usize; 0]);
    }

    #[test]
    fn impossible_shapes_are_refused() {
        for bad in [&[-1, -1][..], &[5, -1], &[-2, 3], &[0, 0, 0, 0], &[i64::MAX, i64::MAX, -1]] {
            assert!(shape(false, &[2, 3, 4], bad).is_err(), "{bad:?}");
        }
        assert!(shape(true, &[2, 3], &[0, -1]).is_err());
    }
}
