//! Log: `y = ln(x)`. <https://onnx.ai/onnx/operators/onnx__Log.html>
//!
//! The opsets differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static LOG: Operator = Operator {
    name: "Log",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Log)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Log", Domain::Positive),
};
