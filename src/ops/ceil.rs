//! Ceil: `y = the smallest whole number from x on`. <https://onnx.ai/onnx/operators/onnx__Ceil.html>
//!
//! The opsets differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static CEIL: Operator = Operator {
    name: "Ceil",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Ceil)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Ceil", Domain::All),
};
