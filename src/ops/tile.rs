//! Tile: a tensor side by side with itself, `y[i] = x[i mod size]` along every dimension.
//! <https://onnx.ai/onnx/operators/onnx__Tile.html>
//!
//! The form of opset 6; 13 differs only in element types. The counts must be known when the network is loaded.

use super::case::Case;
use super::moved::{Move, Moved};
use super::rearrange::{COPY_STRIDED, Copy, Outside, read_strides};
use super::{Info, Operator, Reason, known_ints};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::Shape;

pub static TILE: Operator = Operator {
    name: "Tile",
    opsets: 6..=27,
    limits: "the repeats must be constant",
    load: |_| Ok(Moved::of(Tile)),
    kernels: &[&COPY_STRIDED],
    cases: || {
        let case =
            |name: &str, x: &[usize], repeats: &[i64]| Case::new("Tile", name).given(x).integers(repeats);
        vec![
            case("rows and columns", &[2, 3], &[3, 2]),
            case("outer", &[2, 3, 5], &[2, 1, 1]),
            case("once", &[2, 3], &[1, 1]),
            case("one", &[1], &[7]),
            case("five dimensions", &[2, 1, 3, 2, 3], &[1, 4, 2, 1, 3]),
            // 65,536 workgroups of 64, one more than a dimension of a grid holds.
            case("a folded grid", &[7], &[599_187]),
        ]
    },
};

#[derive(Debug)]
struct Tile;

impl Move for Tile {
    fn shape(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let repeats = known_ints(inputs, 1, "the list of repeats")?.ok_or("the repeats are missing")?;
        if repeats.len() != x.rank() {
            return Err(Reason(format!("repeats {repeats:?} do not fit shape {x}")));
        }
        let repeated = |(&size, &times): (&usize, &i64)| usize::try_from(times).ok()?.checked_mul(size);
        let sizes: Option<Vec<usize>> = x.iter().zip(&repeats).map(repeated).collect();
        sizes.ok_or_else(|| Reason(format!("repeats {repeats:?} of shape {x} give no shape")))
    }

    fn sources(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let shape = Shape::new(self.shape(x, inputs)?)?;
        let (strides, x_strides) = (shape.strides(), x.strides());
        let source = |i: usize| -> usize {
            (0..x.rank()).map(|d| i / strides[d] % shape[d] % x[d] * x_strides[d]).sum()
        };
        Ok((0..shape.elements()).map(source).collect())
    }

    fn is_view(&self, x: &Shape, inputs: &[Option<Info>]) -> bool {
        self.shape(x, inputs).is_ok_and(|sizes| sizes == **x)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let x_shape = node.input_shape(0)?;
        let (from, to) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        let copy = Copy {
            x_shape: x_shape.to_vec(),
            outside: Outside::Wrap,
            ..Copy::all(&node.output_shape()?, read_strides(&x_shape))
        };
        copy.emit(node, from, to)
    }
}
