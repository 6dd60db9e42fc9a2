//! Celu: `y = max(0, x) + min(0, alpha * (exp(x / alpha) - 1))`. <https://onnx.ai/onnx/operators/onnx__Celu.html>
//!
//! Since opset 12.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static CELU: Operator = Operator {
    name: "Celu",
    opsets: 12..=27,
    limits: "",
    load: |attributes| {
        let alpha = attributes.float("alpha", 1.0)?;
        Ok(Pointwise::function(Activation::Celu { alpha }))
    },
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Celu", Domain::All),
};
