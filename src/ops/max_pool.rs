//! MaxPool: the largest element under a sliding window. <https://onnx.ai/onnx/operators/onnx__MaxPool.html>
//!
//! Opset 8 brought the indices output and `storage_order`, 10 `ceil_mode` and `dilations`; 11, 12 and 22
//! differ only in details and element types. One and two spatial dimensions; the indices are not computed.

use std::sync::Arc;

use super::Operator;
use super::pool::{POOL, Pool, Reduction, cases};
use super::window::WindowAttributes;

pub static MAX_POOL: Operator = Operator {
    name: "MaxPool",
    opsets: 6..=25,
    limits: "1-D and 2-D; no indices",
    load: |attributes| {
        // The order concerns only the indices, which nobody can read.
        attributes.ignore("storage_order");
        let window = WindowAttributes::read_with_ceil_mode(attributes)?;
        Ok(Arc::new(Pool { window, reduction: Reduction::Max }))
    },
    kernels: &[&POOL],
    cases: || cases("MaxPool"),
};
