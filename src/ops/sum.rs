//! Sum: the sum of several tensors, element by element: `y = a + b + ...`.
//! <https://onnx.ai/onnx/operators/onnx__Sum.html>
//!
//! Opset 8 brought broadcasting; 13 element types.

use std::sync::Arc;

use super::Operator;
use super::pointwise::Binary;
use super::variadic::{KERNELS, Variadic, cases};

pub static SUM: Operator = Operator {
    name: "Sum",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Arc::new(Variadic::of(Binary::Add))),
    kernels: KERNELS,
    cases: || cases("Sum"),
};
