//! Sigmoid: `y = 1 / (1 + exp(-x))`. <https://onnx.ai/onnx/operators/onnx__Sigmoid.html>
//!
//! Opsets 6 and 13 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::cases::far_out;
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static SIGMOID: Operator = Operator {
    name: "Sigmoid",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Sigmoid)),
    kernels: UNARY_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("Sigmoid", name).given(shape);
        vec![case("one", &[1]), case("odd", &[2, 3, 5, 7]), Case::new("Sigmoid", "far out").with(far_out())]
    },
};
