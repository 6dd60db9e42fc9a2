//! Softplus: `y = log(1 + exp(x))`. <https://onnx.ai/onnx/operators/onnx__Softplus.html>
//!
//! Opsets 1 and 22 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SOFTPLUS: Operator = Operator {
    name: "Softplus",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Softplus)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Softplus", Domain::All),
};
