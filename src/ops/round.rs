//! Round: `y = the nearest whole number, halves to the even one`. <https://onnx.ai/onnx/operators/onnx__Round.html>
//!
//! Since opset 11; 22 differs only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static ROUND: Operator = Operator {
    name: "Round",
    opsets: 11..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Round)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Round", Domain::Halves),
};
