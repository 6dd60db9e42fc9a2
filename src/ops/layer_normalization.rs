//! LayerNormalization: `y = (x - mean) / sqrt(variance + epsilon) * scale + bias`, with mean and variance over
//! all dimensions from an axis on. <https://onnx.ai/onnx/operators/onnx__LayerNormalization.html>
//!
//! Since opset 17. The axis is the last by default, the bias may be left out, the mean and the reciprocal of
//! the deviation are outputs that a node may name. `stash_type` names the type of the sums: only f32.

use std::sync::Arc;

use super::case::Case;
use super::normalize::{NORMALIZE_KERNELS, Normalize, Over, Spread, cases};
use super::{Operator, Reason};
use crate::graph::attributes::AttributeReader;

/// The element type number that ONNX gives f32.
const F32: i64 = 1;

/// Refuses sums in another type than f32.
pub fn expect_stash_in_f32(attributes: &AttributeReader) -> Result<(), Reason> {
    match attributes.int("stash_type", F32)? {
        F32 => Ok(()),
        other => Err(Reason(format!("stash_type {other} is not supported, only 1 (f32)"))),
    }
}

pub static LAYER_NORMALIZATION: Operator = Operator {
    name: "LayerNormalization",
    opsets: 17..=27,
    limits: "stash_type 1 only",
    load: |attributes| {
        expect_stash_in_f32(attributes)?;
        Ok(Arc::new(Normalize {
            over: Over::From(attributes.int("axis", -1)?),
            centred: true,
            spread: Spread::RootOfMean,
            epsilon: attributes.float("epsilon", 1e-5)?,
            has_statistics: true,
        }))
    },
    kernels: NORMALIZE_KERNELS,
    cases: || {
        let case = |name: &str, shape: &[usize]| Case::new("LayerNormalization", name).given(shape);
        let special = [
            case("one", &[1, 1]).constant(&[1]),
            case("no bias", &[3, 214]).constant(&[214]),
            case("whole", &[3, 5, 7]).constant(&[3, 5, 7]).constant(&[3, 5, 7]).int("axis", 0),
            case("repeated parameters", &[2, 3, 4, 5]).constant(&[3, 1, 5]).given(&[4, 1]).int("axis", 1),
            case("one parameter", &[2, 9]).constant(&[1]).constant(&[]).float("epsilon", 0.25),
            case("parameters of outer dimensions", &[2, 3, 8]).given(&[2, 1, 1]).constant(&[2, 3, 1]),
        ];
        let all = cases("LayerNormalization", &[3, 4, 70], &[70]).into_iter().map(|mut case| {
            case.name.push_str(", three outputs");
            case.outputs(3)
        });
        let plain = cases("LayerNormalization", &[3, 4, 70], &[70]);
        plain.into_iter().chain(special).chain(all).collect()
    },
};
