//! ConvTranspose: every input is spread over a window of the output, `y[n,o,s*i + d*k - pad] += x[n,i] * w[i,o,k]`,
//! in groups, with a bias and a fused tail. <https://onnx.ai/onnx/operators/onnx__ConvTranspose.html>
//!
//! Opsets 1 and 11 differ in the wording of `auto_pad`, 22 adds element types. One to three spatial dimensions;
//! weights must be constant.

use super::case::Case;
use super::conv::cases::with_tail;
use super::conv::kernels::TRANSPOSE_KERNELS;
use super::conv::node::{ConvNode, Direction};
use super::conv::problem::Problem;
use super::conv::read_group;
use super::fusion::{FusedCase, Fusion};
use super::window::{OutputAttributes, WindowAttributes};
use super::{Operator, Reason};
use crate::tensor::Shape;

pub static CONV_TRANSPOSE: Operator = Operator {
    name: "ConvTranspose",
    opsets: 6..=27,
    limits: "1-D to 3-D; weights and bias constant",
    load: |attributes| {
        let (window, output) = (WindowAttributes::read(attributes)?, OutputAttributes::read(attributes)?);
        Ok(ConvNode::of(ConvTranspose { window, output, group: read_group(attributes)? }))
    },
    kernels: TRANSPOSE_KERNELS,
    cases,
};

fn cases() -> Vec<Case> {
    let case = |name: &str, x: &[usize], w: &[usize], bias: usize| {
        Case::new("ConvTranspose", name).given(x).constant(w).constant(&[bias])
    };
    vec![
        case("one pixel", &[1, 1, 1, 1], &[1, 1, 1, 1], 1),
        case("2x2 up", &[2, 8, 5, 7], &[8, 6, 2, 2], 6).ints("strides", &[2, 2]),
        case("3x3", &[1, 5, 6, 4], &[5, 9, 3, 3], 9),
        case("pads and strides", &[1, 4, 7, 5], &[4, 11, 3, 4], 11)
            .ints("strides", &[3, 2])
            .ints("pads", &[1, 0, 2, 1]),
        case("output padding", &[1, 3, 5, 6], &[3, 4, 3, 3], 4)
            .ints("strides", &[2, 3])
            .ints("output_padding", &[1, 2])
            .ints("pads", &[1, 1, 1, 1]),
        case("output shape", &[1, 3, 4, 5], &[3, 2, 3, 3], 2)
            .ints("strides", &[3, 2])
            .ints("output_shape", &[10, 8]),
        case("same upper", &[1, 3, 4, 5], &[3, 2, 3, 4], 2)
            .ints("strides", &[2, 3])
            .text("auto_pad", "SAME_UPPER"),
        case("same lower", &[1, 3, 4, 5], &[3, 2, 4, 3], 2)
            .ints("strides", &[3, 2])
            .text("auto_pad", "SAME_LOWER"),
        case("dilations", &[1, 3, 5, 4], &[3, 5, 3, 2], 5)
            .ints("dilations", &[2, 3])
            .ints("strides", &[2, 2]),
        case("dilation that strides divide", &[1, 2, 5, 4], &[2, 5, 3, 3], 5)
            .ints("dilations", &[2, 2])
            .ints("strides", &[2, 4]),
        case("kernel smaller than stride", &[1, 4, 5, 4], &[4, 4, 2, 1], 4).ints("strides", &[3, 2]),
        case("groups", &[1, 6, 4, 5], &[6, 3, 3, 3], 6).int("group", 2).ints("strides", &[2, 1]),
        case("depthwise", &[2, 7, 4, 5], &[7, 1, 3, 3], 7).int("group", 7).ints("strides", &[2, 2]),
        case("line", &[2, 3, 17], &[3, 4, 5], 4).ints("strides", &[3]).ints("pads", &[2, 1]),
        case("volume", &[1, 4, 3, 4, 2], &[4, 5, 2, 3, 3], 5)
            .ints("strides", &[2, 1, 3])
            .ints("pads", &[0, 1, 1, 1, 0, 2]),
        case("two volumes, and half a stride", &[2, 4, 2, 3, 3], &[4, 5, 2, 2, 2], 5)
            .ints("strides", &[2, 2, 2])
            .ints("pads", &[0, 0, 0, 1, 1, 1]),
        case("volume in groups", &[1, 4, 2, 3, 3], &[4, 2, 2, 2, 2], 4)
            .int("group", 2)
            .ints("strides", &[2, 2, 2]),
        // Large enough to be divided where the suite makes bindings small.
        case("planes to divide", &[2, 4, 12, 10], &[4, 8, 3, 3], 8)
            .ints("strides", &[2, 2])
            .ints("pads", &[1, 1, 1, 1])
            .ints("output_padding", &[1, 1]),
        case("volume to divide", &[1, 4, 6, 6, 6], &[4, 4, 2, 2, 2], 4).ints("strides", &[2, 2, 2]),
        case("gaps to divide", &[1, 4, 16, 12], &[4, 4, 2, 1], 4)
            .ints("strides", &[5, 2])
            .ints("dilations", &[2, 1])
            .ints("pads", &[3, 0, 0, 0]),
        case("size 214", &[1, 1, 3, 107], &[1, 3, 2, 2], 3).ints("strides", &[2, 2]),
        case("size 218", &[1, 1, 109, 2], &[1, 3, 2, 2], 3).ints("strides", &[2, 2]),
        case("size 255", &[1, 2, 128, 2], &[2, 3, 3, 3], 3)
            .ints("strides", &[2, 2])
            .ints("pads", &[1, 1, 1, 1]),
        case("past 65,535 workgroups", &[1, 4, 1024, 1025], &[4, 1, 2, 2], 4)
            .int("group", 4)
            .ints("strides", &[2, 2]),
        Case::new("ConvTranspose", "no bias").given(&[1, 4, 6, 6]).constant(&[4, 4, 3, 3]),
    ]
}

/// The same with an activation, a batch norm, a residual and a last activation, all in its own dispatch.
pub static TAIL: Fusion =
    Fusion { name: "conv_transpose_tail", kernels: TRANSPOSE_KERNELS, cases: cases_with_tail };

fn cases_with_tail() -> Vec<FusedCase> {
    let case = |name: &str, x: &[usize], weights: &[usize]| {
        FusedCase::new(name).given("x", x).conv_transpose("x", "c", weights)
    };
    let two = [2, 2];
    vec![
        with_tail(case("2x2 up", &[2, 8, 5, 7], &[8, 6, 2, 2]).ints("strides", &two), &[2, 6, 10, 14]),
        with_tail(case("odd channels", &[1, 5, 6, 4], &[5, 9, 3, 3]), &[1, 9, 8, 6]),
        with_tail(
            case("past a block of pixels", &[1, 4, 20, 21], &[4, 9, 2, 2]).ints("strides", &two),
            &[1, 9, 40, 42],
        ),
        with_tail(
            case("depthwise", &[2, 7, 4, 5], &[7, 1, 2, 2]).ints("strides", &two).int("group", 7),
            &[2, 7, 8, 10],
        ),
        with_tail(case("grouped", &[1, 6, 4, 5], &[6, 3, 3, 3]).int("group", 2), &[1, 6, 6, 7]),
        with_tail(case("volume", &[1, 4, 3, 4, 2], &[4, 5, 2, 3, 3]), &[1, 5, 4, 6, 4]),
    ]
}

#[derive(Debug, Clone)]
struct ConvTranspose {
    window: WindowAttributes,
    output: OutputAttributes,
    group: usize,
}

impl Direction for ConvTranspose {
    fn problem(&self, x: &Shape, w: &Shape) -> Result<Problem, Reason> {
        if x.rank() != w.rank() || x.rank() < 3 {
            return Err(Reason(format!("an input of shape {x} does not go with weights of shape {w}")));
        }
        if x[1] != w[0] || !x[1].is_multiple_of(self.group) || w[0] == 0 || w[1] == 0 {
            let reason = format!("{} input channels, weights of shape {w} and {} groups", x[1], self.group);
            return Err(Reason(format!("{reason} do not go together")));
        }
        let window = self.window.resolve_transposed(&x[2..], &w[2..], &self.output)?;
        let out_channels = w[1].checked_mul(self.group).ok_or("too many groups")?;
        let (batch, in_channels) = (x[0], x[1]);
        Ok(Problem {
            batch,
            in_channels,
            out_channels,
            group: self.group,
            window,
            enlarged: [1; 2],
            pooled: false,
            transposed: true,
        })
    }
}
