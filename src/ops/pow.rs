//! Pow: `y = a ^ b` with broadcasting. <https://onnx.ai/onnx/operators/onnx__Pow.html>
//!
//! Opset 6 aligns with the `axis` attribute; 7 brought full broadcasting, later ones element types. A
//! negative base needs a whole exponent. An f32 base takes exponents of any numeric type.

use super::Operator;
use super::pointwise::cases::power_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static POW: Operator = Operator {
    name: "Pow",
    opsets: 6..=27,
    limits: "integers only at load",
    load: |attributes| Pointwise::read(Binary::Pow, attributes),
    kernels: BINARY_KERNELS,
    cases: || power_cases("Pow"),
};
