//! Sign: `y = -1, 0 or 1 as x is below, at or above 0`. <https://onnx.ai/onnx/operators/onnx__Sign.html>
//!
//! Since opset 9; 13 differs only in element types. Integers only at load.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SIGN: Operator = Operator {
    name: "Sign",
    opsets: 9..=27,
    limits: "f32 on devices",
    load: |_| Ok(Pointwise::function(Activation::Sign)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Sign", Domain::All),
};
