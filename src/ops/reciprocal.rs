//! Reciprocal: `y = 1 / x`. <https://onnx.ai/onnx/operators/onnx__Reciprocal.html>
//!
//! The opsets differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static RECIPROCAL: Operator = Operator {
    name: "Reciprocal",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Reciprocal)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Reciprocal", Domain::Positive),
};
