//! RMSNormalization: `y = x / sqrt(mean(x^2) + epsilon) * scale`, with the mean over all dimensions from an
//! axis on. <https://onnx.ai/onnx/operators/onnx__RMSNormalization.html>
//!
//! Since opset 23. `stash_type` names the type of the sums: only f32.

use std::sync::Arc;

use super::Operator;
use super::case::Case;
use super::layer_normalization::expect_stash_in_f32;
use super::normalize::{NORMALIZE_KERNELS, Normalize, Over, Spread};

pub static RMS_NORMALIZATION: Operator = Operator {
    name: "RMSNormalization",
    opsets: 23..=27,
    limits: "stash_type 1 only",
    load: |attributes| {
        expect_stash_in_f32(attributes)?;
        Ok(Arc::new(Normalize {
            over: Over::From(attributes.int("axis", -1)?),
            centred: false,
            spread: Spread::RootOfMean,
            epsilon: attributes.float("epsilon", 1e-5)?,
            has_statistics: false,
        }))
    },
    kernels: NORMALIZE_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("RMSNormalization", name).opset(23).given(shape);
        vec![
            case("one", &[1, 1]).constant(&[1]),
            case("rows of 214", &[3, 214]).constant(&[214]),
            case("given scale", &[2, 3, 5]).given(&[5]),
            case("repeated scale", &[2, 3, 4, 5]).constant(&[3, 1, 5]).int("axis", 1).float("epsilon", 0.5),
        ]
    },
};
