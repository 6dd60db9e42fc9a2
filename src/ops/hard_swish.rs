//! HardSwish: `y = x * max(0, min(1, x / 6 + 1 / 2))`. <https://onnx.ai/onnx/operators/onnx__HardSwish.html>
//!
//! Since opset 14; 22 differs only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static HARD_SWISH: Operator = Operator {
    name: "HardSwish",
    opsets: 14..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::HardSwish)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("HardSwish", Domain::All),
};
