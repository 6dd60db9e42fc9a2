//! Xor: `y = (a xor b)` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Xor.html>
//!
//! Opset 6 aligns with the `axis` attribute; 7 brought full broadcasting, later ones element types. On booleans.

use super::Operator;
use super::pointwise::cases::logic_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static XOR: Operator = Operator {
    name: "Xor",
    opsets: 6..=27,
    limits: "",
    load: |attributes| Pointwise::read(Binary::Xor, attributes),
    kernels: BINARY_KERNELS,
    cases: || logic_cases("Xor"),
};
