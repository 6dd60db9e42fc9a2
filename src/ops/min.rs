//! Min: the smallest of several tensors, element by element. <https://onnx.ai/onnx/operators/onnx__Min.html>
//!
//! Opset 8 brought broadcasting; 12 and 13 element types. Computed at load.

use super::Operator;
use super::extremum::Extremum;
use super::folded::{Folded, LIMITS};

pub static MIN: Operator = Operator {
    name: "Min",
    opsets: 6..=25,
    limits: LIMITS,
    load: |_| Ok(Folded::of(Extremum::Min)),
    kernels: &[],
    cases: Vec::new,
};
