//! ThresholdedRelu: `y = x if x > alpha, else 0`. <https://onnx.ai/onnx/operators/onnx__ThresholdedRelu.html>
//!
//! Since opset 10; 22 differs only in element types.

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static THRESHOLDED_RELU: Operator = Operator {
    name: "ThresholdedRelu",
    opsets: 10..=27,
    limits: "",
    load: |attributes| {
        let alpha = attributes.float("alpha", 1.0)?;
        Ok(Pointwise::function(Activation::ThresholdedRelu { alpha }))
    },
    kernels: UNARY_KERNELS,
    cases: || {
        let mut cases = unary_cases("ThresholdedRelu", Domain::All);
        // The third is the threshold itself.
        cases.push(Case::new("ThresholdedRelu", "at the threshold").growing(&[5], 0.5));
        cases
    },
};
