//! LRN, local response normalisation: `y = x / (bias + alpha / size * sum(x^2))^beta`, the sum over `size`
//! channels around the element's own. <https://onnx.ai/onnx/operators/onnx__LRN.html>
//!
//! Opset 13 differs only in element types. The divisor must be positive whatever the network computes.

use std::sync::Arc;

use super::case::Case;
use super::kernel::Kernel;
use super::rearrange::expect_elements;
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, expect_f32, required};
use crate::graph::attributes::AttributeReader;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, signed_size, size, vec4s};
use crate::tensor::{DType, Shape, Tensor};

pub static LRN: Operator = Operator {
    name: "LRN",
    opsets: 6..=27,
    limits: "bias above 0, alpha not below",
    load: |attributes| Ok(Arc::new(Lrn::read(attributes)?)),
    kernels: &[&LRN_CHANNELS_LAST],
    cases: || {
        let case =
            |name: &str, shape: &[usize], size: i64| Case::new("LRN", name).given(shape).int("size", size);
        vec![
            case("one", &[1, 1, 1, 1], 1),
            case("defaults", &[2, 9, 5, 3], 5),
            case("strong", &[1, 16, 3, 4], 5).float("alpha", 2.0).float("beta", 0.5).float("bias", 0.25),
            case("even window", &[2, 7, 3, 3], 4).float("alpha", 1.0),
            case("window past all channels", &[1, 6, 2, 3], 33).float("alpha", 3.0),
            case("flat", &[3, 10], 3).float("alpha", 1.0).float("beta", 1.5),
            case("line of 214", &[1, 5, 214], 3).float("alpha", 1.0),
            case("65,537 workgroups", &[1, 4, 65_536 * 64 + 1], 3).float("alpha", 1.0),
        ]
    },
};

#[derive(Debug)]
struct Lrn {
    size: usize,
    alpha: f32,
    beta: f32,
    bias: f32,
}

impl Lrn {
    fn read(attributes: &AttributeReader) -> Result<Lrn, Reason> {
        let channels = attributes.optional_int("size")?.ok_or("attribute size is missing")?;
        let (alpha, bias) = (attributes.float("alpha", 1e-4)?, attributes.float("bias", 1.0)?);
        if !(bias > 0.0 && alpha >= 0.0) {
            return Err(Reason(format!("bias {bias} and alpha {alpha} may divide by zero")));
        }
        match usize::try_from(channels) {
            Ok(size) if size > 0 => Ok(Lrn { size, alpha, beta: attributes.float("beta", 0.75)?, bias }),
            _ => Err(Reason(format!("a window of {channels} channels"))),
        }
    }

    /// Channels before and after an element's own; no more than there are count.
    fn reach(&self, channels: usize) -> [usize; 2] {
        [((self.size - 1) / 2).min(channels), (self.size / 2).min(channels)]
    }

    /// For every element, a function of it and of its divisor before the power.
    fn of_elements(
        &self,
        inputs: &[Option<&Tensor>],
        f: impl Fn(f64, f64) -> f64,
    ) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let (data, channels) = (x.as_f32()?, x.shape()[1]);
        let pixels: usize = x.shape()[2..].iter().product();
        let [before, after] = self.reach(channels);
        let value = |(i, &v): (usize, &f32)| {
            let c = i / pixels % channels;
            let first = i - c * pixels;
            let window = c.saturating_sub(before)..=(c + after).min(channels - 1);
            let square = |channel: usize| f64::from(data[first + channel * pixels]).powi(2);
            let sum: f64 = window.map(square).sum();
            let divisor = f64::from(self.bias) + f64::from(self.alpha) / self.size as f64 * sum;
            f(f64::from(v), divisor) as f32
        };
        let result = data.iter().enumerate().map(value).collect();
        Ok(vec![Tensor::from_f32(x.shape().to_vec(), result)?])
    }
}

fn expect_channels(shape: &Shape) -> Result<(), Reason> {
    if shape.rank() < 2 { Err(Reason(format!("input {shape} has no channels"))) } else { Ok(()) }
}

impl Op for Lrn {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        expect_elements(&x.shape)?;
        expect_channels(&x.shape)?;
        Ok(vec![TensorType { shape: x.shape.clone(), dtype: DType::F32 }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        self.of_elements(inputs, |v, divisor| v / divisor.powf(f64::from(self.beta)))
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let (x, y) = (node.input(0, Layout::ChannelsLast)?, node.output(Layout::ChannelsLast)?);
        let [before, after] = self.reach(shape[1]);
        let params = LrnParams {
            pixels: size(shape.elements() / shape[1])?,
            quads: vec4s(shape[1]),
            before: signed_size(before)?,
            after: signed_size(after)?,
            alpha: self.alpha / self.size as f32,
            beta: self.beta,
            bias: self.bias,
            x_offset: x.offset,
            x_stride: x.stride,
            y_offset: y.offset,
            y_stride: y.stride,
        };
        node.dispatch(Dispatch {
            kernel: &LRN_CHANNELS_LAST,
            constants: vec![],
            inputs: vec![x],
            output: y,
            params,
            invocations: u64::from(params.pixels) * u64::from(params.quads),
            rounds: self.size as u64 + 4,
        })
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        // Squares and their sum; then the logarithm, off by 2^-21 (4 units) or 3 units of itself, and the
        // exponential, off by 3 units and 2 of its argument.
        Tolerance::Products { terms: self.size + 12 }
    }

    /// The result, and what relative errors of the divisor and absolute ones of its logarithm make of it.
    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let beta = f64::from(self.beta);
        self.of_elements(inputs, |v, divisor| {
            (v / divisor.powf(beta)).abs() * (1.0 + beta.abs() * (1.0 + divisor.log2().abs()))
        })
    }
}

params! {
    struct LrnParams {
        pixels: u32, quads: u32, before: i32, after: i32,
        alpha: f32, beta: f32, bias: f32,
        x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
    }
}

static LRN_CHANNELS_LAST: Kernel = Kernel {
    name: "lrn_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/lrn_f32.wgsl")],
    params: LrnParams::LAYOUT,
    subgroups: false,
};
