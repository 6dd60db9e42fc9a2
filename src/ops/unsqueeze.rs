//! Unsqueeze: inserts dimensions of size 1. <https://onnx.ai/onnx/operators/onnx__Unsqueeze.html>
//!
//! Axes count in the output. Negative ones since opset 11. They are an attribute up to opset 12, an input after.

use super::case::Case;
use super::view::{Reshaping, View};
use super::{Info, Operator, Reason, axes, required};

pub static UNSQUEEZE: Operator = Operator {
    name: "Unsqueeze",
    opsets: 6..=27,
    limits: "axes must be constant",
    load: |attributes| Ok(View::of(Unsqueeze { axes: axes::read(attributes, 13)? })),
    kernels: &[],
    cases: || {
        let case = |name: &str| Case::new("Unsqueeze", name).given(&[3, 4]);
        vec![
            case("front").integers(&[0]),
            case("several, unsorted").integers(&[3, 0]),
            case("from behind").integers(&[-1]),
            case("attribute").opset(11).ints("axes", &[1]),
        ]
    },
};

#[derive(Debug)]
struct Unsqueeze {
    axes: axes::Axes,
}

impl Reshaping for Unsqueeze {
    fn shape(&self, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let shape = &required(inputs, 0)?.shape;
        let axes = self.axes.known(inputs)?.ok_or("the axes are missing")?;
        let rank = shape.rank() + axes.len();
        let new = axes::resolve(&axes, rank)?;
        let mut old = shape.iter().copied();
        // As many dimensions are not new as the input has.
        Ok((0..rank).map(|d| if new.contains(&d) { 1 } else { old.next().unwrap_or(1) }).collect())
    }
}
