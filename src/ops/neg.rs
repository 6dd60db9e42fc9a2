//! Neg: `y = -x`. <https://onnx.ai/onnx/operators/onnx__Neg.html>
//!
//! The opsets differ only in element types. Integers only at load.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static NEG: Operator = Operator {
    name: "Neg",
    opsets: 6..=27,
    limits: "f32 on devices",
    load: |_| Ok(Pointwise::function(Activation::Neg)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Neg", Domain::All),
};
