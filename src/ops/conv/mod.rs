//! Conv: `y[n,o] = b[o] + sum(x[n,i,..] * w[o,i,..])` over a sliding window, in groups, with a fused tail.
//! <https://onnx.ai/onnx/operators/onnx__Conv.html>
//!
//! Opsets 1 and 11 differ in the wording of `auto_pad`, 22 adds element types. One to three spatial
//! dimensions; weights must be constant.

pub mod cases;
mod cost;
pub mod kernels;
pub mod lower;
pub mod node;
mod order;
mod pack;
pub mod problem;
mod twin;
mod winograd;

use super::fusion::Fusion;
use super::window::WindowAttributes;
use super::{Operator, Reason};
use crate::graph::attributes::AttributeReader;
use crate::tensor::Shape;
use node::{ConvNode, Direction};
use problem::Problem;

pub static CONV: Operator = Operator {
    name: "Conv",
    opsets: 6..=27,
    limits: "1-D to 3-D; weights and bias constant",
    load: |attributes| {
        let window = WindowAttributes::read(attributes)?;
        Ok(ConvNode::of(Conv { window, group: read_group(attributes)? }))
    },
    kernels: kernels::KERNELS,
    cases: cases::cases,
};

/// A 1x1 convolution of another value, added to the sums of a convolution: the shortcut of a residual block.
pub static BESIDE: Fusion =
    Fusion { name: "conv_beside", kernels: kernels::BESIDE_KERNELS, cases: cases::beside };

/// A nearest-neighbour enlargement that a convolution reads through, so that the enlarged value takes no memory.
pub static ENLARGED: Fusion =
    Fusion { name: "conv_enlarged", kernels: kernels::KERNELS, cases: cases::enlarged };

/// A convolution of which only the largest of every two by two pixels is kept, so that the pixels themselves are neither
/// stored nor read.
pub static POOLED: Fusion =
    Fusion { name: "conv_pooled", kernels: kernels::POOLED_KERNELS, cases: cases::pooled };

/// A convolution with an activation, a batch norm, a residual and a last activation, all in its own dispatch.
pub static TAIL: Fusion = Fusion { name: "conv_tail", kernels: kernels::KERNELS, cases: cases::tail };

/// The attribute `group`, which is at least 1.
pub fn read_group(attributes: &AttributeReader) -> Result<usize, Reason> {
    let group = usize::try_from(attributes.int("group", 1)?).ok().filter(|&g| g > 0);
    group.ok_or_else(|| "attribute group must be positive".into())
}

#[derive(Debug, Clone)]
struct Conv {
    window: WindowAttributes,
    group: usize,
}

impl Direction for Conv {
    fn problem(&self, x: &Shape, w: &Shape) -> Result<Problem, Reason> {
        if x.rank() != w.rank() || x.rank() < 3 {
            return Err(Reason(format!("an input of shape {x} does not go with weights of shape {w}")));
        }
        let window = self.window.resolve_with(&x[2..], &w[2..])?;
        let (batch, in_channels, out_channels) = (x[0], x[1], w[0]);
        if w[1].checked_mul(self.group) != Some(x[1]) || !w[0].is_multiple_of(self.group) || w[0] == 0 {
            let reason = format!("{} input channels, weights of shape {w} and {} groups", x[1], self.group);
            return Err(Reason(format!("{reason} do not go together")));
        }
        Ok(Problem {
            batch,
            in_channels,
            out_channels,
            group: self.group,
            window,
            enlarged: [1; 2],
            pooled: false,
            transposed: false,
        })
    }
}
