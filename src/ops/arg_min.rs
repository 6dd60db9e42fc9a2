//! ArgMin: the index of the smallest element along an axis.
//! <https://onnx.ai/onnx/operators/onnx__ArgMin.html>
//!
//! Negative axes since opset 11; 12 brought `select_last_index`, which decides between equal elements.

use super::Operator;
use super::arg_extremum::{ARG_KERNELS, ArgExtremum, LIMITS, cases};

pub static ARG_MIN: Operator = Operator {
    name: "ArgMin",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| ArgExtremum::read(attributes, true),
    kernels: ARG_KERNELS,
    cases: || cases("ArgMin"),
};
