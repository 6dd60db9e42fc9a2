//! DepthToSpace: groups of channels become blocks of pixels, with `b` the block's size and `d = channels / b^2`
//! `y[n, c, h*b + i, w*b + j] = x[n, (i*b + j)*d + c, h, w]` (DCR) or `x[n, c*b^2 + i*b + j, h, w]` (CRD).
//! <https://onnx.ai/onnx/operators/onnx__DepthToSpace.html>
//!
//! Opset 11 brought the mode CRD; 13 differs only in element types.

use super::case::Case;
use super::moved::{Move, Moved};
use super::rearrange::{COPY_STRIDED, Copy, read_strides};
use super::{Info, Operator, Reason};
use crate::graph::attributes::AttributeReader;
use crate::plan::lowering::{Layout, Lowering};
use crate::tensor::Shape;

pub static DEPTH_TO_SPACE: Operator = Operator {
    name: "DepthToSpace",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let depth_first = match attributes.text("mode", "DCR")?.as_str() {
            "DCR" => true,
            "CRD" => false,
            other => return Err(Reason(format!("mode '{other}' is unknown"))),
        };
        Ok(Moved::of(DepthToSpace { block: block(attributes)?, depth_first }))
    },
    kernels: &[&COPY_STRIDED],
    cases: || {
        let case = |name: &str, block: i64, x: &[usize]| {
            Case::new("DepthToSpace", name).int("blocksize", block).given(x)
        };
        vec![
            case("depth first", 2, &[2, 8, 3, 5]),
            case("depth last", 2, &[2, 8, 3, 5]).text("mode", "CRD"),
            case("blocks of three", 3, &[1, 9, 2, 1]).text("mode", "DCR"),
            case("blocks of one", 1, &[1, 3, 2, 2]),
        ]
    },
};

/// The size of the blocks that this operator and its inverse move.
pub fn block(attributes: &AttributeReader) -> Result<usize, Reason> {
    let block = attributes.optional_int("blocksize")?.ok_or("attribute blocksize is missing")?;
    let block = usize::try_from(block).ok().filter(|&b| b > 0 && b.checked_mul(b).is_some());
    block.ok_or_else(|| "attribute blocksize must be positive and small".into())
}

/// The four dimensions that both operators want.
pub fn image(x: &Shape) -> Result<[usize; 4], Reason> {
    <[usize; 4]>::try_from(&**x).map_err(|_| Reason(format!("shape {x} is not that of a batch of images")))
}

#[derive(Debug)]
struct DepthToSpace {
    block: usize,
    /// Mode DCR: a pixel's channels lie side by side.
    depth_first: bool,
}

impl Move for DepthToSpace {
    fn shape(&self, x: &Shape, _inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let ([n, c, h, w], b) = (image(x)?, self.block);
        if !c.is_multiple_of(b * b) {
            return Err(Reason(format!("{c} channels are no multiple of blocks of {b}x{b}")));
        }
        let grown = |size: usize| size.checked_mul(b).ok_or("the result is too large");
        Ok(vec![n, c / (b * b), grown(h)?, grown(w)?])
    }

    fn sources(&self, x: &Shape, inputs: &[Option<Info>]) -> Result<Vec<usize>, Reason> {
        let ([_, channels, h, w], b) = (image(x)?, self.block);
        let [batch, depth, rows, columns] = image(&Shape::new(self.shape(x, inputs)?)?)?;
        let mut from = Vec::with_capacity(x.elements());
        for n in 0..batch {
            for c in 0..depth {
                for (row, column) in (0..rows).flat_map(|r| (0..columns).map(move |c| (r, c))) {
                    let within = row % b * b + column % b;
                    let channel = if self.depth_first { within * depth + c } else { c * b * b + within };
                    from.push(((n * channels + channel) * h + row / b) * w + column / b);
                }
            }
        }
        Ok(from)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let ([n, c, h, w], b) = (image(&node.input_shape(0)?)?, self.block);
        let depth = c / (b * b);
        // The input with its channels taken apart, then that in the output's order: n, c, h, i, w, j.
        let (apart, order) = match self.depth_first {
            true => ([n, b, b, depth, h, w], [0, 3, 4, 1, 5, 2]),
            false => ([n, depth, b, b, h, w], [0, 1, 4, 2, 5, 3]),
        };
        let strides = read_strides(&apart);
        let (from, to) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
        Copy::all(&order.map(|d| apart[d]), order.map(|d| strides[d]).to_vec()).emit(node, from, to)
    }
}
