//! ReduceLogSum: the logarithm of the sum over some dimensions, `y = log(sum(x))`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceLogSum.html>
//!
//! The axes are an input since opset 18. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases};

pub static REDUCE_LOG_SUM: Operator = Operator {
    name: "ReduceLogSum",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::LogSum, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || cases("ReduceLogSum", 18, |v| v.abs() + 0.25),
};
