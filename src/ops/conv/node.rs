//! What Conv and ConvTranspose share: inputs, bias, residual and fused tail of a node.

use std::fmt::Debug;
use std::sync::Arc;

use super::lower::Layer;
use super::problem::Problem;
use crate::ops::epilogue::{Epilogue, Stage};
use crate::ops::pixel_product::PixelProduct;
use crate::ops::{Info, Op, Reason, TensorType, Tolerance, expect_f32, optional, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{Shape, Tensor};

/// Which way windows go: each output gathered from one, or each input spread over one.
pub trait Direction: Debug + Clone + Send + Sync + 'static {
    /// The node at these shapes of data and weights.
    fn problem(&self, x: &Shape, w: &Shape) -> Result<Problem, Reason>;

    /// The sums of products of all outputs, row-major: the twin.
    fn sums(problem: &Problem, x: &[f32], w: &[f32]) -> Vec<f64>;
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
}

/// What is read through an enlargement is not divided, so that it must fit the smallest binding that WebGPU promises, and
/// half of that to be safe.
const MAX_ENLARGED_BYTES: usize = 64 << 20;

impl<D: Direction> ConvNode<D> {
    pub fn of(direction: D) -> Arc<dyn Op> {
        Arc::new(ConvNode { direction, epilogue: Epilogue::default(), beside: None, enlarged: [1; 2] })
    }

    fn problem(&self, inputs: &[Option<Info>]) -> Result<Problem, Reason> {
        self.problem_of(&required(inputs, 0)?.shape, &required(inputs, 1)?.shape)
    }

    fn problem_of(&self, x: &Shape, w: &Shape) -> Result<Problem, Reason> {
        if self.enlarged == [1; 2] {
            return self.direction.problem(x, w);
        }
        let problem = self.direction.problem(&enlarged_shape(x, self.enlarged)?, w)?;
        Ok(Problem { enlarged: self.enlarged, ..problem })
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
        let (x, w) = (*required(inputs, 0)?, *required(inputs, 1)?);
        let problem = self.problem_of(x.shape(), w.shape())?;
        let x = &enlarged(x, self.enlarged)?;
        let bias = if self.has_bias(inputs) { Some(required(inputs, 2)?.as_f32()?) } else { None };
        let last = match inputs.last() {
            Some(Some(last)) if self.epilogue.residual || self.beside.is_some() => Some(last.as_f32()?),
            _ => None,
        };
        let pixels: usize = problem.window.output.iter().product();
        let added = |i: usize, o: usize| match (&self.beside, last) {
            (None, last) => last.map_or(0.0, |residual| f64::from(residual[i])),
            (Some(product), last) => {
                let first = i / pixels / problem.out_channels * product.inputs() * pixels + i % pixels;
                product.sum(o, |c| last.map_or(0.0, |x| x[first + c * pixels]))
            }
        };
        let finish = |(i, sum): (usize, f64)| {
            let o = i / pixels % problem.out_channels;
            let start = bias.map_or(0.0, |b| f64::from(b[o]));
            self.epilogue.apply(start + sum, o, added(i, o)) as f32
        };
        let sums = D::sums(&problem, x.as_f32()?, w.as_f32()?);
        let y = sums.into_iter().enumerate().map(finish).collect();
        Ok(vec![Tensor::from_f32(problem.output_shape()?.to_vec(), y)?])
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
        let positive = ConvNode {
            epilogue: self.epilogue.absolute(),
            beside: self.beside.as_ref().map(PixelProduct::absolute),
            ..self.clone()
        };
        positive.run(&absolute.iter().map(Option::as_ref).collect::<Vec<_>>())
    }

    fn multiply_adds(&self, inputs: &[Option<Info>], _output: &Shape) -> u64 {
        let Ok(problem) = self.problem(inputs) else { return 0 };
        let beside = self.beside.as_ref().map_or(0, |b| b.inputs() * b.outputs() * problem.out_pixels());
        problem.multiply_adds().saturating_add(beside as u64)
    }

    fn with_stage(&self, stage: &Stage, _inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        if self.beside.is_some() {
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
        let channels = problem.in_channels.max(problem.out_channels).next_multiple_of(4);
        let pixels = problem.out_pixels().max(problem.batch * problem.window.input.iter().product::<usize>());
        let fits = channels.checked_mul(pixels)?.checked_mul(4)? <= MAX_ENLARGED_BYTES;
        let plain = !problem.transposed && self.enlarged == [1; 2];
        let op = || -> Arc<dyn Op> { Arc::new(ConvNode { enlarged: times, ..self.clone() }) };
        (plain && fits).then(op)
    }

    fn with_beside(&self, product: &PixelProduct, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let problem = self.problem(inputs).ok()?;
        // Only kernels of undivided convolutions have a place for it.
        let has_place = !problem.transposed && problem.group == 1;
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

/// The value with every pixel repeated along y and x, for the twin.
fn enlarged(x: &Tensor, times: [usize; 2]) -> Result<Tensor, Reason> {
    let &[_, _, _, width] = &x.shape()[..] else { return Ok(x.clone()) };
    let mut data = Vec::new();
    for row in x.as_f32()?.chunks_exact(width.max(1)) {
        let wide: Vec<f32> = row.iter().flat_map(|&v| std::iter::repeat_n(v, times[1])).collect();
        (0..times[0]).for_each(|_| data.extend_from_slice(&wide));
    }
    Ok(Tensor::from_f32(enlarged_shape(x.shape(), times)?.to_vec(), data)?)
}
