//! Squeeze: removes dimensions of size 1. <https://onnx.ai/onnx/operators/onnx__Squeeze.html>
//!
//! Negative axes since opset 11. The axes are an attribute up to opset 12, an input after; without them all
//! dimensions of size 1 go.

use super::case::Case;
use super::view::{Reshaping, View};
use super::{Info, Operator, Reason, axes, required};

pub static SQUEEZE: Operator = Operator {
    name: "Squeeze",
    opsets: 6..=27,
    limits: "axes must be constant",
    load: |attributes| Ok(View::of(Squeeze { axes: axes::read(attributes, 13)? })),
    kernels: &[],
    cases: || {
        let case = |name: &str| Case::new("Squeeze", name).given(&[1, 3, 1, 4]);
        vec![
            case("all"),
            case("one").integers(&[2]),
            case("from behind").integers(&[-2, 0]),
            case("attribute").opset(11).ints("axes", &[0]),
        ]
    },
};

#[derive(Debug)]
struct Squeeze {
    axes: axes::Axes,
}

impl Reshaping for Squeeze {
    fn shape(&self, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let shape = &required(inputs, 0)?.shape;
        let gone = match self.axes.known(inputs)? {
            Some(axes) => axes::resolve(&axes, shape.rank())?,
            None => (0..shape.rank()).filter(|&d| shape[d] == 1).collect(),
        };
        if let Some(&d) = gone.iter().find(|&&d| shape[d] != 1) {
            return Err(Reason(format!("axis {d} of {shape} is not of size 1")));
        }
        Ok((0..shape.rank()).filter(|d| !gone.contains(d)).map(|d| shape[d]).collect())
    }
}
