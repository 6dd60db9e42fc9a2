//! Mish: `y = x * tanh(softplus(x))`. <https://onnx.ai/onnx/operators/onnx__Mish.html>
//!
//! Since opset 18; 22 differs only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static MISH: Operator = Operator {
    name: "Mish",
    opsets: 18..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Mish)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Mish", Domain::All),
};
