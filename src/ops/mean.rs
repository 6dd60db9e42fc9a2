//! Mean: the mean of several tensors, element by element: `y = (a + b + ...) / n`.
//! <https://onnx.ai/onnx/operators/onnx__Mean.html>
//!
//! Opset 8 brought broadcasting; 13 element types.

use std::sync::Arc;

use super::Operator;
use super::variadic::{KERNELS, Variadic, cases};

pub static MEAN: Operator = Operator {
    name: "Mean",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Arc::new(Variadic::mean())),
    kernels: KERNELS,
    cases: || cases("Mean"),
};
