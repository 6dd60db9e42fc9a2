//! SpaceToDepth: blocks of pixels become channels, with `b` the block's size and `d` the input's channels
//! `y[n, (i*b + j)*d + c, h, w] = x[n, c, h*b + i, w*b + j]`.
//! <https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html>
//!
//! Opset 13 differs only in element types.

use super::case::Case;
use super::depth_to_space::{block, image};
use super::moved::{Move, Moved};
use super::rearrange::{COPY_STRIDED, Copy, read_strides};
use super::{Info, Operator, Reason};
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::Shape;

pub static SPACE_TO_DEPTH: Operator = Operator {
    name: "SpaceToDepth",
    opsets: 6..=27,
    limits: "",
    load: |attributes| Ok(Moved::of(SpaceToDepth { block: block(attributes)? })),
    kernels: &[&COPY_STRIDED],
    cases: || {
        let case = |name: &str, block: i64, x: &[usize]| {
            Case::new("SpaceToDepth", name).int("blocksize", block).given(x)
        };
        vec![
            case("blocks of two", 2, &[2, 3, 4, 6]),
            case("blocks of three", 3, &[1, 1, 3, 9]),
            case("blocks of one", 1, &[1, 3, 2, 2]),
        ]
    },
};

#[derive(Debug)]
struct SpaceToDepth {
    block: usize,
}

impl Move for SpaceToDepth {
    fn shape(&self, x: &Shape, _inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let ([n, c, h, w], b) = (image(x)?, self.block);
        if !h.is_multiple_of(b) || !w.is_multiple_of(b) {
            return Err(Reason(format!("{h}x{w} pixels are no multiple of blocks of {b}x{b}")));
        }
        let channels = c.checked_mul(b * b).ok_or("the result is too large")?;
        Ok(vec![n, channels, h / b, w / b])
    }

    fn sources(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let ([_, depth, h, w], b) = (image(x)?, self.block);
        let [batch, channels, rows, columns] = image(&Shape::new(self.shape(x, inputs)?)?)?;
        let mut from = Vec::with_capacity(x.elements());
        for n in 0..batch {
            for channel in 0..channels {
                let (within, c) = (channel / depth, channel % depth);
                for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                    let (y, x) = (row * b + within / b, column * b + within % b);
                    from.push(((n * depth + c) * h + y) * w + x);
                }
            }
        }
        Ok(from)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let ([n, c, h, w], b) = (image(&node.input_shape(0)?)?, self.block);
        // The input with its pixels taken apart into blocks, in the output's order: n, i, j, c, h, w.
        let apart = [n, c, h / b, b, w / b, b];
        let (strides, order) = (read_strides(&apart), [0, 3, 5, 1, 2, 4]);
        let (from, to) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        Copy::all(&order.map(|d| apart[d]), order.map(|d| strides[d]).to_vec()).emit(node, from, to)
    }
}
