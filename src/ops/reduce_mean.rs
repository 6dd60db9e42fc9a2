//! ReduceMean: the mean over some dimensions, `y = sum(x) / n`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceMean.html>
//!
//! The axes are an input since opset 18. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases};

pub static REDUCE_MEAN: Operator = Operator {
    name: "ReduceMean",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::Mean, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || cases("ReduceMean", 18, |v| v),
};
