//! GlobalAveragePool: the mean over all spatial dimensions.
//! <https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html>
//!
//! Opset 22 differs only in element types.

use super::Operator;
use super::global_pool::{GlobalPool, cases};
use super::reduce::{REDUCE_KERNELS, Reduction};

pub static GLOBAL_AVERAGE_POOL: Operator = Operator {
    name: "GlobalAveragePool",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(GlobalPool::of(Reduction::Mean)),
    kernels: REDUCE_KERNELS,
    cases: || cases("GlobalAveragePool"),
};
