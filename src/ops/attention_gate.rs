//! The attention gate of a U-Net (Oktay et al. 2018) in one step: at every pixel
//! `y = x * sigmoid(bias + sum(w[h] * relu(a[h] + b[h])))`, where `a` and `b` are matrices over the channels of `x` and of
//! the gating signal.
//!
//! No ONNX operator: `graph::fuse` makes it of two 1x1 convolutions, Add, Relu, a 1x1 convolution to one channel,
//! Sigmoid and Mul. Nothing that lies between the two inputs and the output is ever stored.

mod cases;
mod lower;

use rayon::prelude::*;

use super::fusion::Fusion;
use super::pixel_product::PixelProduct;
use super::{Info, Op, Reason, TensorType, Tolerance, expect_f32, required};
use crate::plan::lowering::Lowering;
use crate::tensor::{Shape, Tensor};

pub static ATTENTION_GATE: Fusion =
    Fusion { name: "attention_gate", kernels: lower::KERNELS, cases: cases::cases };

/// Its inputs are the value that is gated and the gating signal.
#[derive(Debug)]
pub struct AttentionGate {
    /// Over the channels of the value that is gated.
    pub x: PixelProduct,
    /// Over the channels of the gating signal.
    pub signal: PixelProduct,
    /// Over the rectified sums of both, to one channel.
    pub mask: PixelProduct,
}

/// Two tensors that agree but for their channels, pixel by pixel.
struct Pixels<'a> {
    x: &'a Tensor,
    signal: &'a Tensor,
    /// In one channel of one sample.
    plane: usize,
}

impl<'a> Pixels<'a> {
    fn of(inputs: &[Option<&'a Tensor>]) -> Result<Pixels<'a>, Reason> {
        let (x, signal) = (*required(inputs, 0)?, *required(inputs, 1)?);
        Ok(Pixels { x, signal, plane: x.shape()[2..].iter().product() })
    }

    /// The sum that the mask of a pixel is made of; pixels are counted through all samples.
    fn sum(&self, gate: &AttentionGate, pixel: usize) -> Result<f64, Reason> {
        let (x, signal) = (self.x.as_f32()?, self.signal.as_f32()?);
        let of = |data: &[f32], channels: usize, c: usize| {
            data[(pixel / self.plane * channels + c) * self.plane + pixel % self.plane]
        };
        let hidden = |h: usize| {
            let own = gate.x.sum(h, |c| of(x, gate.x.inputs(), c));
            (own + gate.signal.sum(h, |c| of(signal, gate.signal.inputs(), c))).max(0.0)
        };
        let products = (0..gate.mask.inputs()).map(|h| f64::from(gate.mask.weight(0, h)) * hidden(h));
        Ok(f64::from(gate.mask.bias(0)) + products.sum::<f64>())
    }

    /// Of these elements of the result: `value` of the element of `x` and of the sum of its pixel, which all channels share.
    fn map(
        &self,
        gate: &AttentionGate,
        elements: impl IndexedParallelIterator<Item = usize> + Clone,
        value: impl Fn(f64, f64) -> f64 + Sync,
    ) -> Result<Vec<f32>, Reason> {
        let x = self.x.as_f32()?;
        let pixel = |i: usize| i / (self.x.shape()[1] * self.plane) * self.plane + i % self.plane;
        let mut pixels: Vec<usize> = elements.clone().map(pixel).collect();
        pixels.par_sort_unstable();
        pixels.dedup();
        let sums =
            pixels.par_iter().map(|&pixel| self.sum(gate, pixel)).collect::<Result<Vec<f64>, Reason>>()?;
        let of = |i: usize| {
            let sum = pixels.binary_search(&pixel(i)).ok().and_then(|at| sums.get(at));
            value(x.get(i).copied().map_or(f64::NAN, f64::from), sum.copied().unwrap_or(f64::NAN)) as f32
        };
        Ok(elements.map(of).collect())
    }

    /// As [`Pixels::map`], of all elements.
    fn map_all(
        &self,
        gate: &AttentionGate,
        value: impl Fn(f64, f64) -> f64 + Sync,
    ) -> Result<Vec<Tensor>, Reason> {
        let y = self.map(gate, (0..self.x.shape().elements()).into_par_iter(), value)?;
        Ok(vec![Tensor::from_f32(self.x.shape().to_vec(), y)?])
    }
}

/// The value of an element that is gated, from the sum that its mask is made of.
fn gated(x: f64, sum: f64) -> f64 {
    x / (1.0 + (-sum).exp())
}

/// What a gated element may be at most: a sigmoid is nowhere steeper than a quarter.
fn most_gated(x: f64, sum: f64) -> f64 {
    x * (1.0 + sum / 4.0)
}

impl AttentionGate {
    fn absolute(&self) -> AttentionGate {
        AttentionGate { x: self.x.absolute(), signal: self.signal.absolute(), mask: self.mask.absolute() }
    }
}

impl Op for AttentionGate {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let (x, signal) = (required(inputs, 0)?, required(inputs, 1)?);
        expect_f32(x)?;
        expect_f32(signal)?;
        let agree = x.shape.rank() >= 3 && x.shape[0] == signal.shape[0] && x.shape[2..] == signal.shape[2..];
        if !agree || x.shape[1] != self.x.inputs() || signal.shape[1] != self.signal.inputs() {
            return Err(Reason(format!("shapes {} and {} do not go together", x.shape, signal.shape)));
        }
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: x.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        Pixels::of(inputs)?.map_all(self, gated)
    }

    fn run_at(&self, inputs: &[Option<&Tensor>], elements: &[usize]) -> Option<Result<Vec<f32>, Reason>> {
        Some(Pixels::of(inputs).and_then(|pixels| pixels.map(self, elements.par_iter().copied(), gated)))
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        lower::lower(self, node)
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        // A product and a sum each, and eight units for each of the sigmoid and the multiplication.
        let terms = self.x.inputs() + self.signal.inputs() + self.mask.inputs();
        Tolerance::Products { terms: 2 * terms + 16 }
    }

    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        let absolute: Vec<Option<&Tensor>> = absolute.iter().map(Option::as_ref).collect();
        Pixels::of(&absolute)?.map_all(&self.absolute(), most_gated)
    }

    fn magnitudes_at(
        &self,
        inputs: &[Option<&Tensor>],
        elements: &[usize],
    ) -> Option<Result<Vec<f32>, Reason>> {
        let absolute: Vec<Option<Tensor>> = inputs.iter().map(|t| t.map(Tensor::absolute)).collect();
        let absolute: Vec<Option<&Tensor>> = absolute.iter().map(Option::as_ref).collect();
        let of = |pixels: Pixels| pixels.map(&self.absolute(), elements.par_iter().copied(), most_gated);
        Some(Pixels::of(&absolute).and_then(of))
    }

    fn multiply_adds(&self, _inputs: &[Option<Info>], output: &Shape) -> u64 {
        let pixels = output.elements() / output[1].max(1);
        let of = |product: &PixelProduct| product.inputs() * product.outputs();
        ((of(&self.x) + of(&self.signal) + of(&self.mask)) * pixels) as u64
    }

    fn reads_in_place(&self, position: usize) -> bool {
        position == 1
    }
}
