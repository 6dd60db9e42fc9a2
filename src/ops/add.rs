//! Add: `y = a + b` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Add.html>
//!
//! Opset 6 aligns with the `axis` attribute; 7 brought full broadcasting, 13 and 14 element types.

use super::Operator;
use super::pointwise::cases::binary_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static ADD: Operator = Operator {
    name: "Add",
    opsets: 6..=27,
    limits: "integers only at load",
    load: |attributes| Pointwise::read(Binary::Add, attributes),
    kernels: BINARY_KERNELS,
    cases: || binary_cases("Add"),
};
