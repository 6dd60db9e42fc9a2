//! InstanceNormalization: `y = (x - mean) / sqrt(variance + epsilon) * scale + bias`, with mean and variance of
//! every channel of every sample. <https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html>
//!
//! Opset 6 dropped what training needed; 22 differs only in element types.

use std::sync::Arc;

use super::Operator;
use super::case::Case;
use super::normalize::{NORMALIZE_KERNELS, Normalize, Over, Spread, cases};

pub static INSTANCE_NORMALIZATION: Operator = Operator {
    name: "InstanceNormalization",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        Ok(Arc::new(Normalize {
            over: Over::Pixels,
            centred: true,
            spread: Spread::RootOfMean,
            epsilon: attributes.float("epsilon", 1e-5)?,
            has_statistics: false,
        }))
    },
    kernels: NORMALIZE_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| {
            let channels = shape.get(1).copied().unwrap_or(1);
            Case::new("InstanceNormalization", name).given(shape).constant(&[channels]).constant(&[channels])
        };
        let mut cases = cases("InstanceNormalization", &[2, 5, 9, 7], &[5]);
        cases.extend([
            case("one", &[1, 1, 1, 1]),
            case("line of 214", &[2, 3, 214]),
            case("plane of 255", &[1, 2, 255, 3]).float("epsilon", 0.5),
            case("volume", &[1, 3, 2, 3, 5]),
            case("65,537 rows of a workgroup", &[1, 65_537, 9]),
            // More rounds than llvmpipe grants an invocation, were elements not taken four at a time.
            case("a row of 2.1 million", &[1, 1, 1449, 1450]),
        ]);
        cases
    },
};
