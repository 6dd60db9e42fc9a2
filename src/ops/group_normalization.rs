//! GroupNormalization: `y = (x - mean) / sqrt(variance + epsilon) * scale + bias`, with mean and variance of
//! every group of channels of every sample. <https://onnx.ai/onnx/operators/onnx__GroupNormalization.html>
//!
//! Since opset 18. There scale and bias are of groups; since 21 they are of channels, and `stash_type` names
//! the type of the sums, of which only f32 is supported.

use std::sync::Arc;

use super::normalize::{NORMALIZE_KERNELS, Normalize, Over, Spread, cases};
use super::{Operator, Reason, layer_normalization::expect_stash_in_f32};

pub static GROUP_NORMALIZATION: Operator = Operator {
    name: "GroupNormalization",
    opsets: 18..=27,
    limits: "stash_type 1 only",
    load: |attributes| {
        let per_channel = attributes.opset >= 21;
        if per_channel {
            expect_stash_in_f32(attributes)?;
        }
        let groups = attributes.optional_int("num_groups")?.ok_or("attribute num_groups is missing")?;
        let count = usize::try_from(groups).map_err(|_| Reason(format!("{groups} groups")))?;
        Ok(Arc::new(Normalize {
            over: Over::Groups { count, per_channel },
            centred: true,
            spread: Spread::RootOfMean,
            epsilon: attributes.float("epsilon", 1e-5)?,
            has_statistics: false,
        }))
    },
    kernels: NORMALIZE_KERNELS,
    cases: || {
        let of = |opset: i64, groups: i64, shape: &[usize], parameters: usize| {
            cases("GroupNormalization", shape, &[parameters]).into_iter().map(move |mut case| {
                case.name = format!("{} opset {opset}, {groups} groups", case.name);
                case.opset(opset).int("num_groups", groups)
            })
        };
        let by_channel = of(21, 3, &[2, 6, 5, 7], 6).chain(of(21, 1, &[1, 5, 9], 5));
        by_channel
            .chain(of(18, 2, &[2, 4, 3, 5], 2))
            .chain(of(21, 4, &[1, 4, 218], 4))
            .chain(of(21, 2, &[3, 70], 70))
            .collect()
    },
};
