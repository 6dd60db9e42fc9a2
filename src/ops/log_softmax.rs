//! LogSoftmax: `y = x - max(x) - log(sum(exp(x - max(x))))` along an axis.
//! <https://onnx.ai/onnx/operators/onnx__LogSoftmax.html>
//!
//! The axis means another thing since opset 13: see `softmax_rows.rs`.

use super::Operator;
use super::softmax_rows::{Mode, SOFTMAX_KERNELS, SoftmaxRows, cases};

pub static LOG_SOFTMAX: Operator = Operator {
    name: "LogSoftmax",
    opsets: 6..=27,
    limits: "",
    load: |attributes| SoftmaxRows::read(Mode::Logarithm, attributes),
    kernels: SOFTMAX_KERNELS,
    cases: || cases("LogSoftmax"),
};
