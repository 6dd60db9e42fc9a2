//! Equal: `y = (a == b)` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Equal.html>
//!
//! Opset 6 aligns with the `axis` attribute; 7 brought full broadcasting, later ones element types. Answers booleans.

use super::Operator;
use super::pointwise::cases::comparison_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static EQUAL: Operator = Operator {
    name: "Equal",
    opsets: 6..=27,
    limits: "",
    load: |attributes| Pointwise::read(Binary::Equal, attributes),
    kernels: BINARY_KERNELS,
    cases: || comparison_cases("Equal"),
};
