//! Softsign: `y = x / (1 + |x|)`. <https://onnx.ai/onnx/operators/onnx__Softsign.html>
//!
//! Opsets 1 and 22 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SOFTSIGN: Operator = Operator {
    name: "Softsign",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Softsign)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Softsign", Domain::All),
};
