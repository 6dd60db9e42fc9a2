//! Hardmax: one for the first of the largest elements along an axis, zero for all others.
//! <https://onnx.ai/onnx/operators/onnx__Hardmax.html>
//!
//! The axis means another thing since opset 13: see `softmax_rows.rs`.

use super::Operator;
use super::softmax_rows::{Mode, SOFTMAX_KERNELS, SoftmaxRows, cases};

pub static HARDMAX: Operator = Operator {
    name: "Hardmax",
    opsets: 6..=27,
    limits: "",
    load: |attributes| SoftmaxRows::read(Mode::Hard, attributes),
    kernels: SOFTMAX_KERNELS,
    cases: || cases("Hardmax"),
};
