//! ReduceL2: the Euclidean norm over some dimensions, `y = sqrt(sum(x * x))`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceL2.html>
//!
//! The axes are an input since opset 18. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases};

pub static REDUCE_L2: Operator = Operator {
    name: "ReduceL2",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::L2, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || cases("ReduceL2", 18, |v| v),
};
