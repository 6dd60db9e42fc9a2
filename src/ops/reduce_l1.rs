//! ReduceL1: the sum of absolute values over some dimensions, `y = sum(|x|)`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceL1.html>
//!
//! The axes are an input since opset 18. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases};

pub static REDUCE_L1: Operator = Operator {
    name: "ReduceL1",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::L1, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || cases("ReduceL1", 18, |v| v),
};
