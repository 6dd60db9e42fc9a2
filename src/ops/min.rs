//! Min: the smallest of several tensors, element by element: `y = min(a, b, ...)`.
//! <https://onnx.ai/onnx/operators/onnx__Min.html>
//!
//! Opset 8 brought broadcasting; 12 and 13 element types.

use std::sync::Arc;

use super::Operator;
use super::pointwise::Binary;
use super::variadic::{KERNELS, Variadic, cases};

pub static MIN: Operator = Operator {
    name: "Min",
    opsets: 6..=27,
    limits: "",
    load: |_| Ok(Arc::new(Variadic::of(Binary::Min))),
    kernels: KERNELS,
    cases: || cases("Min"),
};
