//! ReduceLogSumExp: the logarithm of the sum of exponentials over some dimensions,
//! `y = m + log(sum(exp(x - m)))` with `m = max(x)`, so that nothing overflows.
//! <https://onnx.ai/onnx/operators/onnx__ReduceLogSumExp.html>
//!
//! The axes are an input since opset 18. The rest is in `reduce_axes.rs`.

use super::Operator;
use super::case::{Case, CaseInput};
use super::reduce::{REDUCE_KERNELS, Reduction};
use super::reduce_axes::{LIMITS, Reduce, cases};
use crate::tensor::Tensor;

pub static REDUCE_LOG_SUM_EXP: Operator = Operator {
    name: "ReduceLogSumExp",
    opsets: 6..=27,
    limits: LIMITS,
    load: |attributes| Reduce::read(Reduction::LogSumExp, attributes, 18),
    kernels: REDUCE_KERNELS,
    cases: || {
        let far = Tensor::from_f32([2, 3], vec![1e4, 1e4 - 1.0, -1e4, -1e4, -1e4, -1e4 - 2.0]);
        let far = far.map_or(CaseInput::Absent, CaseInput::Given);
        let mut cases = cases("ReduceLogSumExp", 18, |v| v);
        cases.push(Case::new("ReduceLogSumExp", "large numbers").with(far).ints("axes", &[1]));
        let growing = |name: &str, shape: &[usize]| Case::new("ReduceLogSumExp", name).growing(shape, 150.0);
        cases.push(growing("growing rows", &[5, 70]).ints("axes", &[1]));
        cases.push(growing("growing planes", &[2, 3, 8, 9]).ints("axes", &[2, 3]));
        cases
    },
};
