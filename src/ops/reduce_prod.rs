//! ReduceProd: the product over some dimensions, `y = x1 * x2 * ...`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceProd.html>
//!
//! The axes are an input since opset 18. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::case::Case;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases};

pub static REDUCE_PROD: Operator = Operator {
    name: "ReduceProd",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::Prod, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || {
        let mut cases = cases("ReduceProd", 18, |v| 1.0 + v / 16.0);
        // Zeros, and both signs.
        cases.push(Case::new("ReduceProd", "zeros").given(&[4, 6]).ints("axes", &[0]));
        cases
    },
};
