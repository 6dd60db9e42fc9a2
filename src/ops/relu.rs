//! Relu: `y = max(x, 0)`. <https://onnx.ai/onnx/operators/onnx__Relu.html>
//!
//! Opsets 6, 13 and 14 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static RELU: Operator = Operator {
    name: "Relu",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Relu)),
    kernels: UNARY_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("Relu", name).given(shape);
        vec![
            case("one", &[1]),
            case("odd", &[2, 3, 5, 7]),
            case("past 65,535 workgroups", &[65_536 * 64 * 4 + 5]),
        ]
    },
};
