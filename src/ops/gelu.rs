//! Gelu: `y = x / 2 * (1 + erf(x / sqrt(2)))`, or its approximation by a hyperbolic tangent.
//! <https://onnx.ai/onnx/operators/onnx__Gelu.html>
//!
//! Since opset 20. The attribute `approximate` is `none` or `tanh`.

use super::activation::Activation;
use super::pointwise::cases::{Domain, unary_cases};
use super::pointwise::{Pointwise, UNARY_KERNELS};
use super::{Operator, Reason};

pub static GELU: Operator = Operator {
    name: "Gelu",
    opsets: 20..=27,
    limits: "",
    load: |attributes| match attributes.text("approximate", "none")?.as_str() {
        "none" => Ok(Pointwise::function(Activation::Gelu)),
        "tanh" => Ok(Pointwise::function(Activation::GeluTanh)),
        other => Err(Reason(format!("attribute approximate is '{other}'; 'none' and 'tanh' are known"))),
    },
    kernels: UNARY_KERNELS,
    cases: || {
        let tanh = unary_cases("Gelu", Domain::All).into_iter().map(|case| case.text("approximate", "tanh"));
        unary_cases("Gelu", Domain::All).into_iter().chain(tanh).collect()
    },
};
