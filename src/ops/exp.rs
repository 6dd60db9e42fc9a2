//! Exp: `y = exp(x)`. <https://onnx.ai/onnx/operators/onnx__Exp.html>
//!
//! The opsets differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static EXP: Operator = Operator {
    name: "Exp",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Exp)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Exp", Domain::Exponents),
};
