//! Elu: `y = x if x >= 0, else alpha * (exp(x) - 1)`. <https://onnx.ai/onnx/operators/onnx__Elu.html>
//!
//! Opsets 6 and 22 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static ELU: Operator = Operator {
    name: "Elu",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let alpha = attributes.float("alpha", 1.0)?;
        Ok(Pointwise::function(Activation::Elu { alpha }))
    },
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Elu", Domain::All),
};
