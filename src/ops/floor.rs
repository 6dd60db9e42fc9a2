//! Floor: `y = the largest whole number up to x`. <https://onnx.ai/onnx/operators/onnx__Floor.html>
//!
//! The opsets differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static FLOOR: Operator = Operator {
    name: "Floor",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Floor)),
    kernels: UNARY_KERNELS,
    cases: || unary_cases("Floor", Domain::All),
};
