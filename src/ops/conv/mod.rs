//! Conv: `y[n,o] = b[o] + sum(x[n,i,..] * w[o,i,..])` over a sliding window, in groups, with a fused tail.
//! <https://onnx.ai/onnx/operators/onnx__Conv.html>
//!
//! Opsets 1 and 11 differ in the wording of `auto_pad`, 22 adds element types. One to three spatial
//! dimensions; weights must be constant.

mod cases;
pub mod lower;
mod pack;
pub mod problem;

use std::sync::Arc;

use super::epilogue::{Epilogue, Stage};
use super::window::WindowAttributes;
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, optional, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{Shape, Tensor};
use lower::Layer;
use problem::Problem;

pub static CONV: Operator = Operator {
    name: "Conv",
    opsets: 6..=27,
    limits: "1-D to 3-D; weights and bias constant",
    load: |attributes| {
        let (window, group) = (WindowAttributes::read(attributes)?, attributes.int("group", 1)?);
        let group =
            usize::try_from(group).ok().filter(|&g| g > 0).ok_or("attribute group must be positive")?;
        Ok(Arc::new(Conv { window, group, epilogue: Epilogue::default() }))
    },
    kernels: lower::KERNELS,
    cases: cases::cases,
};

/// A convolution with its fused tail. A residual is the last input.
#[derive(Debug, Clone)]
struct Conv {
    window: WindowAttributes,
    group: usize,
    epilogue: Epilogue,
}

impl Conv {
    fn problem(&self, x: &Shape, w: &Shape) -> Result<Problem, Reason> {
        if x.rank() != w.rank() || x.rank() < 3 {
            return Err(Reason(format!("an input of shape {x} does not go with weights of shape {w}")));
        }
        let window = self.window.resolve_with(&x[2..], &w[2..])?;
        let (batch, in_channels, out_channels) = (x[0], x[1], w[0]);
        let problem =
            Problem { batch, in_channels, out_channels, group: self.group, window, transposed: false };
        if x[1] != w[1] * self.group || !w[0].is_multiple_of(self.group) || w[0] == 0 {
            let reason = format!("{} input channels, weights of shape {w} and {} groups", x[1], self.group);
            return Err(Reason(format!("{reason} do not go together")));
        }
        Ok(problem)
    }

    /// The bias, where the node has one: the third input unless that is the residual.
    fn has_bias<T>(&self, inputs: &[Option<T>]) -> bool {
        let own = inputs.len() - usize::from(self.epilogue.residual);
        own > 2 && optional(inputs, 2).is_some()
    }
}

impl Op for Conv {
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
            if bias.value.is_none() {
                return Err("a bias computed by the network is not supported".into());
            }
            if bias.shape[..] != [problem.out_channels] {
                return Err(Reason(format!(
                    "bias of shape {}, {} expected",
                    bias.shape, problem.out_channels
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
        let (x, w) = (x.as_f32()?, w.as_f32()?);
        let [depth, height, width] = problem.window.output;
        let pixels = || {
            let rows = (0..depth).flat_map(move |z| (0..height).map(move |row| (z, row)));
            rows.flat_map(move |(z, row)| (0..width).map(move |column| [z, row, column]))
        };
        let mut y = Vec::with_capacity(problem.out_pixels() * problem.out_channels);
        for n in 0..problem.batch {
            for o in 0..problem.out_channels {
                for pixel in pixels() {
                    let start = bias.map_or(0.0, |b| f64::from(b[o]));
                    let sum = start + window_sum(&problem, x, w, n, o, pixel);
                    let other = residual.map_or(0.0, |r| r[y.len()]);
                    y.push(self.epilogue.apply(sum, o, other) as f32);
                }
            }
        }
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
        let weights = required(inputs, 1).map(|w| w.shape[1..].iter().product()).unwrap_or(1);
        // WebNN's 2 * kh * kw * C/groups in ULP of the sum of absolute products: a product and a sum each.
        Tolerance::Products { terms: 2 * weights }
    }

    fn multiply_adds(&self, inputs: &[Option<Info>], output: &Shape) -> u64 {
        let per_output: usize = required(inputs, 1).map(|w| w.shape[1..].iter().product()).unwrap_or(0);
        output.elements() as u64 * per_output as u64
    }

    fn with_stage(&self, stage: &Stage, _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let epilogue = self.epilogue.with(stage, true)?;
        Some(Arc::new(Conv { epilogue, ..self.clone() }))
    }
}

/// The sum under one window, for the twin.
fn window_sum(
    problem: &Problem,
    x: &[f32],
    w: &[f32],
    n: usize,
    o: usize,
    [z, row, column]: [usize; 3],
) -> f64 {
    let window = &problem.window;
    let ([in_depth, in_height, in_width], [_, kernel_y, kernel_x]) = (window.input, window.kernel);
    let first = o / problem.group_out() * problem.group_in();
    let mut sum = 0.0;
    for i in 0..problem.group_in() {
        let image = (n * problem.in_channels + first + i) * in_depth;
        for (kz, plane) in window.taps(0, z) {
            for (ky, line) in window.taps(1, row) {
                for (kx, at) in window.taps(2, column) {
                    let value = x[((image + plane) * in_height + line) * in_width + at];
                    let weight = w[problem.weight(o, i, (kz * kernel_y + ky) * kernel_x + kx)];
                    sum += f64::from(value) * f64::from(weight);
                }
            }
        }
    }
    sum
}
