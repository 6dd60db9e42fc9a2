//! Softmax: `y = exp(x - max(x)) / sum(exp(x - max(x)))` along an axis.
//! <https://onnx.ai/onnx/operators/onnx__Softmax.html>
//!
//! The axis means another thing since opset 13: see `softmax_rows.rs`.

use super::Operator;
use super::softmax_rows::{Mode, SOFTMAX_KERNELS, SoftmaxRows, cases};

pub static SOFTMAX: Operator = Operator {
    name: "Softmax",
    opsets: 6..=27,
    limits: "",
    load: |attributes| SoftmaxRows::read(Mode::Soft, attributes),
    kernels: SOFTMAX_KERNELS,
    cases: || cases("Softmax"),
};
