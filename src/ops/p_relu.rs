//! PRelu: `y = x if x >= 0, else slope * x`, the slope repeated to the shape of x.
//! <https://onnx.ai/onnx/operators/onnx__PRelu.html>
//!
//! Opset 6 has one slope, or one a channel; 7 repeats any shape, 9 and 16 bring element types.

use std::sync::Arc;

use super::Operator;
use super::pointwise::cases::binary_cases;
use super::pointwise::{BINARY_KERNELS, Binary, Pointwise};

pub static P_RELU: Operator = Operator {
    name: "PRelu",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let slope = Pointwise::of(Binary::PRelu);
        Ok(Arc::new(if attributes.opset < 7 { slope.at_axis(1) } else { slope }))
    },
    kernels: BINARY_KERNELS,
    cases: || {
        // The slope never makes x larger.
        let enlarging = ["scalar in front", "both repeat", "eight dimensions"];
        binary_cases("PRelu").into_iter().filter(|case| !enlarging.contains(&case.name.as_str())).collect()
    },
};
