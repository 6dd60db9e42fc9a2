//! GlobalMaxPool: the largest element over all spatial dimensions.
//! <https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html>
//!
//! Opset 22 differs only in element types.

use super::Operator;
use super::global_pool::{GlobalPool, cases};
use super::reduce::{REDUCE_KERNELS, Reduction};

pub static GLOBAL_MAX_POOL: Operator = Operator {
    name: "GlobalMaxPool",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(GlobalPool::of(Reduction::Max)),
    kernels: REDUCE_KERNELS,
    cases: || cases("GlobalMaxPool"),
};
