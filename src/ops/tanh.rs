//! Tanh: `y = tanh(x)`. <https://onnx.ai/onnx/operators/onnx__Tanh.html>
//!
//! Opsets 6 and 13 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::cases::{Domain, far_out, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static TANH: Operator = Operator {
    name: "Tanh",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Tanh)),
    kernels: UNARY_KERNELS,
    cases: || {
        let mut cases = unary_cases("Tanh", Domain::All);
        cases.push(Case::new("Tanh", "far out").with(far_out()));
        cases
    },
};
