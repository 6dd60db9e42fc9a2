//! Tanh: `y = tanh(x)`. <https://onnx.ai/onnx/operators/onnx__Tanh.html>
//!
//! Opsets 6 and 13 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::cases::far_out;
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static TANH: Operator = Operator {
    name: "Tanh",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Tanh)),
    kernels: UNARY_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("Tanh", name).given(shape);
        vec![case("one", &[1]), case("odd", &[2, 3, 5, 7]), Case::new("Tanh", "far out").with(far_out())]
    },
};
