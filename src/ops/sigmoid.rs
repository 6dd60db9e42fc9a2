//! Sigmoid: `y = 1 / (1 + exp(-x))`. <https://onnx.ai/onnx/operators/onnx__Sigmoid.html>
//!
//! Opsets 6 and 13 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::cases::{Domain, far_out, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SIGMOID: Operator = Operator {
    name: "Sigmoid",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Sigmoid)),
    kernels: UNARY_KERNELS,
    cases: || {
        let mut cases = unary_cases("Sigmoid", Domain::All);
        cases.push(Case::new("Sigmoid", "far out").with(far_out()));
        cases
    },
};
