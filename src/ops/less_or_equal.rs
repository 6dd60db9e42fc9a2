//! LessOrEqual: `y = (a <= b)` with broadcasting. <https://onnx.ai/onnx/operators/onnx__LessOrEqual.html>
//!
//! Since opset 12; 16 differs only in element types. Answers booleans.

use super::Operator;
use super::pointwise::cases::comparison_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static LESS_OR_EQUAL: Operator = Operator {
    name: "LessOrEqual",
    opsets: 12..=27,
    limits: "",
    load: |attributes| Pointwise::read(Binary::LessOrEqual, attributes),
    kernels: BINARY_KERNELS,
    cases: || comparison_cases("LessOrEqual"),
};
