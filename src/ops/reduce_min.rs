//! ReduceMin: the smallest element over some dimensions, `y = min(x)`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceMin.html>
//!
//! The axes are an input since opset 18. Opset 20 brought booleans. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, extremum_cases};

pub static REDUCE_MIN: Operator = Operator {
    name: "ReduceMin",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::Min, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || extremum_cases("ReduceMin", 18),
};
