//! Div: `y = a / b` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Div.html>
//!
//! Opset 6 aligns with the `axis` attribute; 7 brought full broadcasting, 13 and 14 element types. Integers
//! round towards zero.

use super::Operator;
use super::pointwise::cases::binary_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static DIV: Operator = Operator {
    name: "Div",
    opsets: 6..=27,
    limits: "integers only at load",
    load: |attributes| Pointwise::read(Binary::Div, attributes),
    kernels: BINARY_KERNELS,
    cases: || binary_cases("Div"),
};
