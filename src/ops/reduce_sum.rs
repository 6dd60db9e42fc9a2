//! ReduceSum: the sum over some dimensions, `y = sum(x)`.
//! <https://onnx.ai/onnx/operators/onnx__ReduceSum.html>
//!
//! The axes are an input since opset 13. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases, cases_past_one_grid_row};

pub static REDUCE_SUM: Operator = Operator {
    name: "ReduceSum",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::Sum, attributes, 13),
    kernels: REDUCE_KERNELS,
    cases: || [cases("ReduceSum", 13, |v| v), cases_past_one_grid_row("ReduceSum", 13)].concat(),
};
