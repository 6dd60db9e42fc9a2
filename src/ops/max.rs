//! Max: the largest of several tensors, element by element: `y = max(a, b, ...)`.
//! <https://onnx.ai/onnx/operators/onnx__Max.html>
//!
//! Opset 8 brought broadcasting; 12 and 13 element types.

use std::sync::Arc;

use super::Operator;
use super::pointwise::Binary;
use super::variadic::{KERNELS, Variadic, cases};

pub static MAX: Operator = Operator {
    name: "Max",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Arc::new(Variadic::of(Binary::Max))),
    kernels: KERNELS,
    cases: || cases("Max"),
};
