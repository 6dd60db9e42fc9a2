//! Abs: `y = |x|`. <https://onnx.ai/onnx/operators/onnx__Abs.html>
//!
//! The opsets differ only in element types. Integers only at load.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static ABS: Operator = Operator {
    name: "Abs",
    opsets: 6..=27,
    limits: "f32 on devices",
    load: |_| Ok(Pointwise::function(Activation::Abs)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Abs", Domain::All),
};
