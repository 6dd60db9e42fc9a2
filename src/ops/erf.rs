//! Erf: `y = 2 / sqrt(pi) * integral of exp(-t * t) from 0 to x`. <https://onnx.ai/onnx/operators/onnx__Erf.html>
//!
//! Since opset 9; 13 differs only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static ERF: Operator = Operator {
    name: "Erf",
    opsets: 9..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Erf)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Erf", Domain::All),
};
