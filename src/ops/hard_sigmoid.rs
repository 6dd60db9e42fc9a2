//! HardSigmoid: `y = max(0, min(1, alpha * x + beta))`. <https://onnx.ai/onnx/operators/onnx__HardSigmoid.html>
//!
//! Opsets 6 and 22 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static HARD_SIGMOID: Operator = Operator {
    name: "HardSigmoid",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let alpha = attributes.float("alpha", 0.2)?;
        let beta = attributes.float("beta", 0.5)?;
        Ok(Pointwise::function(Activation::HardSigmoid { alpha, beta }))
    },
    kernels: UNARY_KERNELS,
    cases: || unary_cases("HardSigmoid", Domain::All),
};
