//! LeakyRelu: `y = x if x >= 0, else alpha * x`. <https://onnx.ai/onnx/operators/onnx__LeakyRelu.html>
//!
//! Opsets 6 and 16 differ only in element types.

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static LEAKY_RELU: Operator = Operator {
    name: "LeakyRelu",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let alpha = attributes.float("alpha", 0.01)?;
        Ok(Pointwise::function(Activation::LeakyRelu { alpha }))
    },
    kernels: UNARY_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("LeakyRelu", name).given(shape);
        vec![case("one", &[1]), case("odd", &[2, 3, 5, 7]), case("negative slope", &[9]).float("alpha", -0.5)]
    },
};
