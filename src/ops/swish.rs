//! Swish: `y = x * sigmoid(alpha * x)`. <https://onnx.ai/onnx/operators/onnx__Swish.html>
//!
//! Since opset 24.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SWISH: Operator = Operator {
    name: "Swish",
    opsets: 24..=27,
    limits: "",
    load: |attributes| {
        let alpha = attributes.float("alpha", 1.0)?;
        Ok(Pointwise::function(Activation::Swish { alpha }))
    },
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Swish", Domain::All),
};
