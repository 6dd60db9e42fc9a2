//! Ceil: the smallest whole number above a number, or itself. <https://onnx.ai/onnx/operators/onnx__Ceil.html>
//!
//! Opset 13 differs only in element types. Computed at load.

use super::Operator;
use super::folded::{Folded, LIMITS};
use super::rounding::Rounding;

pub static CEIL: Operator = Operator {
    name: "Ceil",
    opsets: 6..=25,
    limits: LIMITS,
    load: |_| Ok(Folded::of(Rounding::Ceil)),
    kernels: &[],
    cases: Vec::new,
};
