//! MeanVarianceNormalization: `y = (x - mean) / (sqrt(variance) + 1e-9)` over some dimensions.
//! <https://onnx.ai/onnx/operators/onnx__MeanVarianceNormalization.html>
//!
//! Since opset 9, over samples and pixels by default; 13 differs only in element types.

use std::sync::Arc;

use super::Operator;
use super::case::Case;
use super::normalize::{NORMALIZE_KERNELS, Normalize, Over, Spread};

pub static MEAN_VARIANCE_NORMALIZATION: Operator = Operator {
    name: "MeanVarianceNormalization",
    opsets: 9..=27,
    limits: "",
    load: |attributes| {
        Ok(Arc::new(Normalize {
            over: Over::Axes(attributes.ints("axes")?.unwrap_or_else(|| vec![0, 2, 3])),
            centred: true,
            spread: Spread::RootThenEpsilon,
            epsilon: 1e-9,
            has_statistics: false,
        }))
    },
    kernels: NORMALIZE_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("MeanVarianceNormalization", name).given(shape);
        vec![
            case("samples and pixels", &[2, 5, 4, 7]),
            case("channels", &[2, 5, 4, 7]).ints("axes", &[1]),
            case("rows of 218", &[3, 218]).ints("axes", &[-1]),
        ]
    },
};
