//! Selu: `y = gamma * (x if x > 0, else alpha * (exp(x) - 1))`. <https://onnx.ai/onnx/operators/onnx__Selu.html>
//!
//! Opsets 6 and 22 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SELU: Operator = Operator {
    name: "Selu",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let alpha = attributes.float("alpha", 1.673_263_2)?;
        let gamma = attributes.float("gamma", 1.050_701)?;
        Ok(Pointwise::function(Activation::Selu { alpha, gamma }))
    },
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Selu", Domain::All),
};
