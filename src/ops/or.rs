//! Or: `y = (a or b)` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Or.html>
//!
//! Opset 6 aligns with the `axis` attribute; 7 brought full broadcasting, later ones element types. On booleans.

use super::Operator;
use super::pointwise::cases::logic_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static OR: Operator = Operator {
    name: "Or",
    opsets: 6..=27,
    limits: "",
    load: |attributes| Pointwise::read(Binary::Or, attributes),
    kernels: BINARY_KERNELS,
    cases: || logic_cases("Or"),
};
