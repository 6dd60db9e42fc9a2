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
        // Whole numbers and what is halfway between them: many are the threshold itself.
        let halves = unary_cases("ThresholdedRelu", Domain::Halves).into_iter();
        cases.extend(
            halves
                .filter(|case| case.name == "odd")
                .map(|case| Case { name: "at the threshold".into(), ..case }),
        );
        cases
    },
};
