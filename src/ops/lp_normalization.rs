//! LpNormalization: `y = x / sum(|x|)` or `y = x / sqrt(sum(x^2))` along an axis; a row of zeros stays one.
//! <https://onnx.ai/onnx/operators/onnx__LpNormalization.html>
//!
//! `p` is 1 or 2 (the default), the axis the last by default. Opset 22 differs only in element types.

use std::sync::Arc;

use super::case::{Case, CaseInput};
use super::normalize::{NORMALIZE_KERNELS, Normalize, Over, Spread};
use super::{Operator, Reason};
use crate::tensor::Tensor;

pub static LP_NORMALIZATION: Operator = Operator {
    name: "LpNormalization",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let spread = match attributes.int("p", 2)? {
            1 => Spread::Absolute,
            2 => Spread::Euclidean,
            p => return Err(Reason(format!("p = {p}, expected 1 or 2"))),
        };
        let over = Over::Axes(vec![attributes.int("axis", -1)?]);
        Ok(Arc::new(Normalize { over, centred: false, spread, epsilon: 0.0, has_statistics: false }))
    },
    kernels: NORMALIZE_KERNELS,
    cases: || {
        let zeros = || Tensor::from_f32([2, 9], vec![0.0; 18]).map_or(CaseInput::Absent, CaseInput::Given);
        let of_order = |p: i64| {
            let case = |name: &str, shape: &[usize]| {
                Case::new("LpNormalization", format!("{name}, p = {p}")).given(shape).int("p", p)
            };
            vec![
                case("one", &[1, 1]),
                case("rows of 255", &[3, 255]),
                case("channels", &[2, 5, 4, 7]).int("axis", 1),
                Case::new("LpNormalization", format!("zeros, p = {p}")).with(zeros()).int("p", p),
            ]
        };
        [of_order(1), of_order(2)].concat()
    },
};
