//! Sub: `y = a - b` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Sub.html>
//!
//! Opset 6 aligns with the `axis` attribute; 7 brought full broadcasting, 13 and 14 element types.

use super::Operator;
use super::pointwise::{Arithmetic, BINARY_KERNELS, Pointwise};
use super::pointwise_cases::binary_cases;

pub static SUB: Operator = Operator {
    name: "Sub",
    opsets: 6..=25,
    limits: "not the axis attribute of operator set 6",
    load: |attributes| Pointwise::read_operation(Arithmetic::Sub, attributes),
    kernels: BINARY_KERNELS,
    cases: || binary_cases("Sub"),
};
