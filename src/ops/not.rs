//! Not: `y = not x` on booleans. <https://onnx.ai/onnx/operators/onnx__Not.html>

use super::Operator;
use super::activation::Activation;
use super::case::Case;
use super::pointwise::cases::booleans;
use super::pointwise::{Pointwise, UNARY_KERNELS};

pub static NOT: Operator = Operator {
    name: "Not",
    opsets: 1..=27,
    limits: "",
    load: |_| Ok(Pointwise::function(Activation::Not)),
    kernels: UNARY_KERNELS,
    cases: || {
        vec![Case::new("Not", "odd").with(booleans(&[3, 7])), Case::new("Not", "one").with(booleans(&[1]))]
    },
};
