//! What Conv and ConvTranspose share: inputs, bias, residual and fused tail of a node.

use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;

use rayon::prelude::*;

use super::lower::Layer;
use super::problem::Problem;
use super::twin::Twin;
use crate::ops::epilogue::{Epilogue, Stage};
use crate::ops::pixel_product::PixelProduct;
use crate::ops::{Info, Op, Reason, TensorType, Tolerance, expect_f32, optional, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{Shape, Tensor};

/// Which way windows go: each output gathered from one, or each input spread over one.
pub trait Direction: Debug + Clone + Send + Sync + 'static {
    /// The node at these shapes of data and weights.
    fn problem(&self, x: &Shape, w: &Shape) -> Result<Problem, Reason>;
}

/// A convolution with its fused tail. A residual is the last input, and so is what lies under a product beside:
/// there is never both.
#[derive(Debug, Clone)]
pub struct ConvNode<D> {
    direction: D,
    epilogue: Epilogue,
    /// A product over the pixels of another value that is added to the sums, as the shortcut of a residual block is.
    beside: Option<PixelProduct>,
    /// How often every pixel of the input is repeated along y and x.
    enlarged: [usize; 2],
    /// Whether only the largest of every two by two pixels is kept.
    pooled: bool,
}

/// What is read through an enlargement or pooled is not divided, so that it must fit the smallest binding that WebGPU promises, and
/// half of that to be safe.
const MAX_UNDIVIDED_BYTES: usize = 64 << 20;

impl<D: Direction> ConvNode<D> {
    pub fn of(direction: D) -> Arc<dyn Op> {
        let epilogue = Epilogue::default();
        Arc::new(ConvNode { direction, epilogue, beside: None, enlarged: [1; 2], pooled: false })
    }

    fn problem(&self, inputs: &[Option<Info>]) -> Result<Problem, Reason> {
        self.problem_of(&required(inputs, 0)?.shape, &required(inputs, 1)?.shape)
    }

    fn problem_of(&self, x: &Shape, w: &Shape) -> Result<Problem, Reason> {
        if self.enlarged == [1; 2] {
            let problem = self.direction.problem(x, w)?;
            return Ok(if self.pooled { problem.with_pool() } else { problem });
        }
        let problem = self.direction.problem(&enlarged_shape(x, self.enlarged)?, w)?;
        Ok(Problem { enlarged: self.enlarged, ..problem })
    }

    /// Whether nothing has been joined to the convolution but its tail, and what it reads and writes need not be divided.
    fn takes_undivided(&self, problem: &Problem) -> bool {
        let channels = problem.in_channels.max(problem.out_channels).next_multiple_of(4);
        let pixels = problem.out_pixels().max(problem.batch * problem.window.input.iter().product::<usize>());
        let bytes = channels.saturating_mul(pixels).saturating_mul(4);
        !problem.transposed && self.enlarged == [1; 2] && !self.pooled && bytes <= MAX_UNDIVIDED_BYTES
    }

    /// What the twin is computed from.
    fn twin<'a>(&'a self, inputs: &[Option<&'a Tensor>]) -> Result<Twin<'a>, Reason> {
        let (x, w) = (*required(inputs, 0)?, *required(inputs, 1)?);
        let x = match self.enlarged {
            [1, 1] => Cow::Borrowed(x.as_f32()?),
            times => Cow::Owned(enlarged(x, times)?),
        };
        let bias = if self.has_bias(inputs) { Some(required(inputs, 2)?.as_f32()?) } else { None };
        let last = match inputs.last() {
            Some(Some(last)) if self.epilogue.residual || self.beside.is_some() => Some(last.as_f32()?),
            _ => None,
        };
        let problem = self.problem_of(required(inputs, 0)?.shape(), required(inputs, 1)?.shape())?;
        Ok(Twin {
            problem,
            x,
            w: w.as_f32()?,
            bias,
            last,
            beside: self.beside.as_ref(),
            epilogue: &self.epilogue,
        })
    }

    /// The node on absolute values: nothing cancels out.
    fn absolute(&self) -> ConvNode<D> {
        ConvNode {
            epilogue: self.epilogue.absolute(),
            beside: self.beside.as_ref().map(PixelProduct::absolute),
            ..self.clone()
        }
    }

    /// The bias, where the node has one: the third input unless that is what a fusion has added.
    fn has_bias<T>(&self, inputs: &[Option<T>]) -> bool {
        let own = inputs.len() - usize::from(self.epilogue.residual || self.beside.is_some());
        own > 2 && optional(inputs, 2).is_some()
    }
}

impl<D: Direction> Op for ConvNode<D> {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let (x, w) = (required(inputs, 0)?, required(inputs, 1)?);
        expect_f32(x)?;
        expect_f32(w)?;
        if w.value.is_none() {
            return Err("weights computed by the network are not supported".into());
        }
        let problem = self.problem(inputs)?;
        if self.has_bias(inputs) {
            let (bias, expected) = (required(inputs, 2)?, problem.out_channels);
            if bias.value.is_none() {
                return Err("a bias computed by the network is not supported".into());
            }
            if bias.shape[..] != [expected] {
                return Err(Reason(format!("bias of shape {}, {expected} expected", bias.shape)));
            }
        }
        Ok(vec![TensorType { shape: problem.output_shape()?, dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let twin = self.twin(inputs)?;
        let outputs = twin.problem.out_pixels() * twin.problem.out_channels;
        let y: Vec<f32> = (0..outputs).into_par_iter().map(|i| twin.at(i)).collect();
        let y = if self.pooled { largest_of_four(&y, twin.problem.window.output[2]) } else { y };
        Ok(vec![Tensor::from_f32(twin.problem.output_shape()?.to_vec(), y)?])
    }

    fn run_at(&self, inputs: &[Option<&Tensor>], elements: &[usize]) -> Option<Result<Vec<f32>, Reason>> {
        let twin = match self.twin(inputs) {
            Ok(twin) => twin,
            Err(reason) => return Some(Err(reason)),
        };
        let largest =
            |i| twin.problem.under_pool(i).map(|i| twin.at(i)).into_iter().fold(f32::NEG_INFINITY, f32::max);
        let element = |&i: &usize| if self.pooled { largest(i) } else { twin.at(i) };
        Some(Ok(elements.par_iter().map(element).collect()))
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let infos = node.infos();
        let problem = self.problem(&infos)?;
        let bias = if self.has_bias(&infos) { node.constant(2) } else { None };
        let bias = bias.as_ref().map(|b| b.as_f32()).transpose()?;
        let beside = self.beside.as_ref();
        Layer { problem: &problem, epilogue: &self.epilogue, bias, beside }.lower(node)
    }

    fn known_inputs(&self) -> std::ops::Range<usize> {
        1..3
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        // WebNN's 2 * kh * kw * C/groups in ULP of the sum of absolute products: a product and a sum each. No more of
        // them reach an output of a transposed convolution.
        let terms = self.problem(inputs).map_or(1, |p| p.group_in() * p.window.elements());
        Tolerance::Products { terms: 2 * (terms + self.beside.as_ref().map_or(0, |b| b.inputs() + 1)) }
    }

    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        self.absolute().run(&absolute.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    fn magnitudes_at(
        &self,
        inputs: &[Option<&Tensor>],
        elements: &[usize],
    ) -> Option<Result<Vec<f32>, Reason>> {
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        self.absolute().run_at(&absolute.iter().map(Option::as_ref).collect::<Vec<_>>(), elements)
    }

    fn multiply_adds(&self, inputs: &[Option<Info>], _output: &Shape) -> u64 {
        let Ok(problem) = self.problem(inputs) else { return 0 };
        let beside = self.beside.as_ref().map_or(0, |b| b.inputs() * b.outputs() * problem.out_pixels());
        problem.multiply_adds().saturating_add(beside as u64)
    }

    fn with_stage(&self, stage: &Stage, _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        if self.beside.is_some() || self.pooled {
            return None;
        }
        let epilogue = self.epilogue.with(stage, true)?;
        Some(Arc::new(ConvNode { epilogue, ..self.clone() }))
    }

    fn as_pixel_product(&self, inputs: &[Option<Info>]) -> Option<PixelProduct> {
        let problem = self.problem(inputs).ok()?;
        if self.beside.is_some() || !problem.is_pixel_product() {
            return None;
        }
        let known = |position| optional(inputs, position).and_then(|info: &Info| info.value.as_deref());
        let bias = if self.has_bias(inputs) { Some(known(2)?.as_f32().ok()?) } else { None };
        Some(PixelProduct::new(known(1)?.as_f32().ok()?, bias, problem.in_channels, &self.epilogue))
    }

    fn with_enlargement(&self, times: [usize; 2], inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let problem = self.problem(inputs).ok()?;
        let op = || -> Arc<dyn Op> { Arc::new(ConvNode { enlarged: times, ..self.clone() }) };
        self.takes_undivided(&problem).then(op)
    }

    fn with_pool_by_two(&self, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let problem = self.problem(inputs).ok()?;
        // What is added lies where pixels would that are not computed; and only undivided convolutions take four pixels
        // an invocation.
        let adds = self.epilogue.residual || self.beside.is_some();
        let op = || -> Arc<dyn Op> { Arc::new(ConvNode { pooled: true, ..self.clone() }) };
        (self.takes_undivided(&problem) && !adds && problem.group == 1).then(op)
    }

    fn with_beside(&self, product: &PixelProduct, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let problem = self.problem(inputs).ok()?;
        // Only kernels of undivided convolutions have a place for it.
        let has_place = !problem.transposed && problem.group == 1 && !self.pooled;
        if !has_place || !self.epilogue.adds_to_sums() || !product.tail.is_empty() {
            return None;
        }
        let epilogue = Epilogue { residual: false, ..self.epilogue.clone() };
        Some(Arc::new(ConvNode { epilogue, beside: Some(product.clone()), ..self.clone() }))
    }
}

/// The shape `[N, C, H, W]` with every pixel repeated along y and x.
fn enlarged_shape(x: &Shape, [y_times, x_times]: [usize; 2]) -> Result<Shape, Reason> {
    match x[..] {
        [batch, channels, height, width] => {
            Ok(Shape::new(vec![batch, channels, height * y_times, width * x_times])?)
        }
        _ => Err("only planes are enlarged".into()),
    }
}

/// The largest of every two by two pixels of planes so wide, whose height is even as well.
fn largest_of_four(pixels: &[f32], width: usize) -> Vec<f32> {
    let pairs = pixels.chunks_exact((2 * width).max(1)).flat_map(|rows| {
        let (upper, lower) = rows.split_at(width);
        upper.chunks_exact(2).zip(lower.chunks_exact(2))
    });
    let largest = |values: &[f32]| values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    pairs.map(|(upper, lower)| largest(upper).max(largest(lower))).collect()
}

/// The elements of planes `[N, C, H, W]` with every pixel repeated along y and x, for the twin.
fn enlarged(x: &Tensor, times: [usize; 2]) -> Result<Vec<f32>, Reason> {
    let &[_, _, _, width] = &x.shape()[..] else { return Err("only planes are enlarged".into()) };
    let mut data = Vec::new();
    for row in x.as_f32()?.chunks_exact(width.max(1)) {
        let wide: Vec<f32> = row.iter().flat_map(|&v| std::iter::repeat_n(v, times[1])).collect();
        (0..times[0]).for_each(|_| data.extend_from_slice(&wide));
    }
    Ok(data)
}
