//! MaxPool: the largest element under a sliding window. <https://onnx.ai/onnx/operators/onnx__MaxPool.html>
//!
//! Opset 8 brought the indices output and `storage_order`, 10 `ceil_mode` and `dilations`; 11, 12 and 22
//! differ only in details and element types. One to three spatial dimensions.

use std::sync::Arc;

use super::Operator;
use super::case::Case;
use super::pool::{KERNELS, Pool, Reduction, cases};
use super::window::WindowAttributes;

pub static MAX_POOL: Operator = Operator {
    name: "MaxPool",
    opsets: 6..=27,
    limits: "1-D to 3-D; indices of inputs up to 2^24 elements",
    load: |attributes| {
        let by_columns = attributes.flag("storage_order", false)?;
        let window = WindowAttributes::read_with_ceil_mode(attributes)?;
        Ok(Arc::new(Pool { window, reduction: Reduction::Max { by_columns } }))
    },
    kernels: KERNELS,
    cases: || {
        let indices = |case: Case| Case { name: format!("{}, indices", case.name), ..case }.outputs(2);
        let small = cases("MaxPool").into_iter().filter(|case| !case.name.starts_with("past"));
        let by_columns =
            |case: Case| Case { name: format!("{} by columns", case.name), ..case }.int("storage_order", 1);
        let with_indices: Vec<Case> = small.map(indices).collect();
        let turned: Vec<Case> = with_indices.iter().cloned().map(by_columns).collect();
        [cases("MaxPool"), with_indices, turned].concat()
    },
};
