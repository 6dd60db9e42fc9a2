//! Sqrt: `y = sqrt(x)`. <https://onnx.ai/onnx/operators/onnx__Sqrt.html>
//!
//! The opsets differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SQRT: Operator = Operator {
    name: "Sqrt",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Sqrt)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Sqrt", Domain::Positive),
};
