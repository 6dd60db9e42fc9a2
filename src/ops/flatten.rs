//! Flatten: the dimensions before an axis become one, the rest another.
//! <https://onnx.ai/onnx/operators/onnx__Flatten.html>
//!
//! Negative axes since opset 11; the other versions differ only in element types.

use super::case::Case;
use super::view::{Reshaping, View};
use super::{Info, Operator, Reason, axis, required};

pub static FLATTEN: Operator = Operator {
    name: "Flatten",
    opsets: 6..=27,
    limits: "",
    load: |attributes| Ok(View::of(Flatten { axis: attributes.int("axis", 1)? })),
    kernels: &[],
    cases: || {
        let case = |name: &str, axis: i64| Case::new("Flatten", name).given(&[2, 3, 4]).int("axis", axis);
        vec![case("default axis", 1), case("all in one row", 0), case("all in one column", 3), case("-1", -1)]
    },
};

#[derive(Debug)]
struct Flatten {
    axis: i64,
}

impl Reshaping for Flatten {
    fn shape(&self, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let shape = &required(inputs, 0)?.shape;
        // The axis may be one past the last: everything in front of it.
        let at = if self.axis == shape.rank() as i64 { shape.rank() } else { axis(self.axis, shape.rank())? };
        Ok(vec![shape[..at].iter().product(), shape[at..].iter().product()])
    }
}
