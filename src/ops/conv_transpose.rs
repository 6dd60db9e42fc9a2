//! ConvTranspose: every input is spread over a window of the output, `y[n,o,s*i + d*k - pad] += x[n,i] * w[i,o,k]`,
//! in groups, with a bias and a fused tail. <https://onnx.ai/onnx/operators/onnx__ConvTranspose.html>
//!
//! Opsets 1 and 11 differ in the wording of `auto_pad`, 22 adds element types. One to three spatial dimensions;
//! weights must be constant.

use std::sync::Arc;

use super::case::Case;
use super::conv::lower::{Layer, TRANSPOSE_KERNELS};
use super::conv::problem::Problem;
use super::epilogue::{Epilogue, Stage};
use super::window::{OutputAttributes, WindowAttributes};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, optional, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{Shape, Tensor};

pub static CONV_TRANSPOSE: Operator = Operator {
    name: "ConvTranspose",
    opsets: 6..=27,
    limits: "1-D to 3-D; weights and bias constant",
    load: |attributes| {
        let (window, group) = (WindowAttributes::read(attributes)?, attributes.int("group", 1)?);
        let group =
            usize::try_from(group).ok().filter(|&g| g > 0).ok_or("attribute group must be positive")?;
        let output = OutputAttributes::read(attributes)?;
        Ok(Arc::new(ConvTranspose { window, output, group, epilogue: Epilogue::default() }))
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
        case("volume in groups", &[1, 4, 2, 3, 3], &[4, 2, 2, 2, 2], 4)
            .int("group", 2)
            .ints("strides", &[2, 2, 2]),
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

/// A transposed convolution with its fused tail. A residual is the last input.
#[derive(Debug, Clone)]
struct ConvTranspose {
    window: WindowAttributes,
    output: OutputAttributes,
    group: usize,
    epilogue: Epilogue,
}

impl ConvTranspose {
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
        Ok(Problem { batch, in_channels, out_channels, group: self.group, window, transposed: true })
    }

    /// The bias, where the node has one: the third input unless that is the residual.
    fn has_bias<T>(&self, inputs: &[Option<T>]) -> bool {
        let own = inputs.len() - usize::from(self.epilogue.residual);
        own > 2 && optional(inputs, 2).is_some()
    }

    /// The sums of all outputs without bias: every input spread over its window.
    fn spread(problem: &Problem, x: &[f32], w: &[f32]) -> Vec<f64> {
        let (input, output, kernel) = (problem.window.input, problem.window.output, problem.window.kernel);
        let mut sums = vec![0.0; problem.out_pixels() * problem.out_channels];
        let out_pixels: usize = output.iter().product();
        let in_pixels: usize = input.iter().product();
        for (index, &value) in x.iter().enumerate() {
            let (n, channel, at) = (
                index / in_pixels / problem.in_channels,
                index / in_pixels % problem.in_channels,
                index % in_pixels,
            );
            let at = [at / (input[1] * input[2]), at / input[2] % input[1], at % input[2]];
            let first = channel / problem.group_in() * problem.group_out();
            for tap in 0..problem.window.elements() {
                let k = [tap / (kernel[1] * kernel[2]), tap / kernel[2] % kernel[1], tap % kernel[2]];
                let Some([z, row, column]) = problem.window.target(at, k) else { continue };
                for o in first..first + problem.group_out() {
                    let weight = w[problem.weight(o, channel % problem.group_in(), tap)];
                    let pixel = (z * output[1] + row) * output[2] + column;
                    sums[(n * problem.out_channels + o) * out_pixels + pixel] +=
                        f64::from(value) * f64::from(weight);
                }
            }
        }
        sums
    }
}

impl Op for ConvTranspose {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let (x, w) = (required(inputs, 0)?, required(inputs, 1)?);
        expect_f32(x)?;
        expect_f32(w)?;
        if w.value.is_none() {
            return Err("weights computed by the network are not supported".into());
        }
        let problem = self.problem(&x.shape, &w.shape)?;
        if self.has_bias(inputs) {
            let bias = required(inputs, 2)?;
            if bias.value.is_none() || bias.shape[..] != [problem.out_channels] {
                let expected = problem.out_channels;
                return Err(Reason(format!(
                    "bias of shape {}, a constant of {expected} expected",
                    bias.shape
                )));
            }
        }
        Ok(vec![TensorType { shape: problem.output_shape()?, dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let (x, w) = (*required(inputs, 0)?, *required(inputs, 1)?);
        let problem = self.problem(x.shape(), w.shape())?;
        let bias = if self.has_bias(inputs) { Some(required(inputs, 2)?.as_f32()?) } else { None };
        let residual = match inputs.last() {
            Some(Some(r)) if self.epilogue.residual => Some(r.as_f32()?),
            _ => None,
        };
        let sums = Self::spread(&problem, x.as_f32()?, w.as_f32()?);
        let pixels: usize = problem.window.output.iter().product();
        let finish = |(i, sum): (usize, f64)| {
            let o = i / pixels % problem.out_channels;
            let start = bias.map_or(0.0, |b| f64::from(b[o]));
            self.epilogue.apply(start + sum, o, residual.map_or(0.0, |r| r[i])) as f32
        };
        let y = sums.into_iter().enumerate().map(finish).collect();
        Ok(vec![Tensor::from_f32(problem.output_shape()?.to_vec(), y)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let problem = self.problem(&node.input_shape(0)?, &node.input_shape(1)?)?;
        let bias = if self.has_bias(&node.infos()) { node.constant(2) } else { None };
        let bias = bias.as_ref().map(|b| b.as_f32()).transpose()?;
        Layer { problem: &problem, epilogue: &self.epilogue, bias }.lower(node)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..3
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        let problem = || self.problem(&required(inputs, 0)?.shape, &required(inputs, 1)?.shape);
        // WebNN's bound for convolutions: at most all taps of all inputs of a group reach one output.
        let terms = problem().map_or(1, |p| p.group_in() * p.window.elements());
        Tolerance::Products { terms: 2 * terms }
    }

    fn multiply_adds(&self, inputs: &[Option<Info>], _output: &Shape) -> u64 {
        let problem = || self.problem(&required(inputs, 0)?.shape, &required(inputs, 1)?.shape);
        problem().map_or(0, |p| {
            let inputs: usize = p.window.input.iter().product();
            [p.batch, p.in_channels, inputs, p.group_out(), p.window.elements()]
                .map(|n| n as u64)
                .iter()
                .product()
        })
    }

    fn with_stage(&self, stage: &Stage, _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let epilogue = self.epilogue.with(stage, true)?;
        Some(Arc::new(ConvTranspose { epilogue, ..self.clone() }))
    }
}
