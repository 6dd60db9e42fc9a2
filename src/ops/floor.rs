//! Floor: the largest whole number below a number, or itself. <https://onnx.ai/onnx/operators/onnx__Floor.html>
//!
//! Opset 13 differs only in element types. Computed at load.

use super::Operator;
use super::folded::{Folded, LIMITS};
use super::rounding::Rounding;

pub static FLOOR: Operator = Operator {
    name: "Floor",
    opsets: 6..=25,
    limits: LIMITS,
    load: |_| Ok(Folded::of(Rounding::Floor)),
    kernels: &[],
    cases: Vec::new,
};
