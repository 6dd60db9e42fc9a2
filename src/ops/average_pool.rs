//! AveragePool: the mean under a sliding window. <https://onnx.ai/onnx/operators/onnx__AveragePool.html>
//!
//! Opset 7 brought `count_include_pad`, 10 `ceil_mode`, 19 `dilations`; 11 and 22 differ only in details and
//! element types. What `ceil_mode` adds beyond the padding is never counted. One to three spatial dimensions.

use std::sync::Arc;

use super::Operator;
use super::case::Case;
use super::pool::{KERNELS, Pool, Reduction, cases};
use super::window::WindowAttributes;

pub static AVERAGE_POOL: Operator = Operator {
    name: "AveragePool",
    opsets: 6..=27,
    limits: "1-D to 3-D",
    load: |attributes| {
        let count_padding = attributes.flag("count_include_pad", false)?;
        let window = WindowAttributes::read_with_ceil_mode(attributes)?;
        Ok(Arc::new(Pool { window, reduction: Reduction::Average { count_padding } }))
    },
    kernels: KERNELS,
    cases: || {
        let counted = |case: Case| {
            Case { name: format!("{}, padding counted", case.name), ..case }.int("count_include_pad", 1)
        };
        cases("AveragePool").into_iter().chain(cases("AveragePool").into_iter().map(counted)).collect()
    },
};
