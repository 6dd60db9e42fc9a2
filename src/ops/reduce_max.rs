//! ReduceMax: the largest element over some dimensions, `y = max(x)`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceMax.html>
//!
//! The axes are an input since opset 18. Opset 20 brought booleans. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, extremum_cases};

pub static REDUCE_MAX: Operator = Operator {
    name: "ReduceMax",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::Max, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || extremum_cases("ReduceMax", 18),
};
