//! ReduceSumSquare: the sum of squares over some dimensions, `y = sum(x * x)`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceSumSquare.html>
//!
//! The axes are an input since opset 18. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases};

pub static REDUCE_SUM_SQUARE: Operator = Operator {
    name: "ReduceSumSquare",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::SumSquare, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || cases("ReduceSumSquare", 18, |v| v),
};
