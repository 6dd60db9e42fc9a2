//! Expand: repeats a tensor by broadcasting it with a shape. <https://onnx.ai/onnx/operators/onnx__Expand.html>
//!
//! Since opset 8; 13 differs only in element types. The shape must be known when the network is loaded.

use super::broadcast::{broadcast, positions, strides};
use super::case::Case;
use super::moved::{Move, Moved};
use super::rearrange::{COPY_STRIDED, Copy};
use super::{Info, Operator, Reason, known_ints};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::Shape;

pub static EXPAND: Operator = Operator {
    name: "Expand",
    opsets: 8..=27,
    limits: "the shape must be constant",
    load: |_| Ok(Moved::of(Expand)),
    kernels: &[&COPY_STRIDED],
    cases: || {
        let case = |name: &str, x: &[usize], to: &[i64]| Case::new("Expand", name).given(x).integers(to);
        vec![
            case("inner and outer", &[3, 1], &[2, 1, 4]),
            case("sizes of one keep what is there", &[2, 5], &[2, 1]),
            case("scalar", &[], &[2, 3]),
            case("channels", &[1, 3, 1, 1], &[2, 3, 4, 5]),
            case("one to one", &[1], &[1]),
            case("five dimensions", &[2, 1, 3, 1, 2], &[2, 4, 1, 5, 1]),
        ]
    },
};

#[derive(Debug)]
struct Expand;

impl Move for Expand {
    fn shape(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let stated = known_ints(inputs, 1, "the shape")?.ok_or("the shape is missing")?;
        let sizes: Option<Vec<usize>> = stated.iter().map(|&v| usize::try_from(v).ok()).collect();
        let sizes = sizes.ok_or_else(|| Reason(format!("{stated:?} is not a shape")))?;
        Ok(broadcast(x, &Shape::new(sizes)?)?.to_vec())
    }

    fn sources(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let shape = Shape::new(self.shape(x, inputs)?)?;
        Ok(positions(&shape, &strides(x, &shape)))
    }

    fn is_view(&self, x: &Shape, inputs: &[Option<Info>]) -> bool {
        let elements = |sizes: Vec<usize>| sizes.iter().product::<usize>();
        self.shape(x, inputs).is_ok_and(|sizes| elements(sizes) == x.elements())
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.output_shape()?;
        let strides = strides(&node.input_shape(0)?, &shape);
        let (from, to) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        Copy::all(&shape, strides.into_iter().map(|stride| stride as i64).collect()).emit(node, from, to)
    }
}
