//! Means over dimensions: what GlobalAveragePool and ReduceMean share.

use super::broadcast::positions;
use super::kernel::Kernel;
use super::pointwise::eight;
use super::{Reason, required};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, size, vec4s};
use crate::tensor::{Shape, Tensor};

/// Sizes and strides of the dimensions kept and of those that are summed over.
struct Split {
    kept: (Vec<usize>, Vec<usize>),
    gone: (Vec<usize>, Vec<usize>),
}

impl Split {
    fn of(shape: &Shape, axes: &[usize]) -> Split {
        let strides = shape.strides();
        let part = |gone: bool| {
            let dims: Vec<usize> = (0..shape.rank()).filter(|d| axes.contains(d) == gone).collect();
            (dims.iter().map(|&d| shape[d]).collect(), dims.iter().map(|&d| strides[d]).collect())
        };
        Split { kept: part(false), gone: part(true) }
    }
}

/// The shape that is left.
pub fn reduced_shape(shape: &Shape, axes: &[usize], keep_dims: bool) -> Vec<usize> {
    let kept = (0..shape.rank()).filter(|d| keep_dims || !axes.contains(d));
    kept.map(|d| if axes.contains(&d) { 1 } else { shape[d] }).collect()
}

/// How many elements each mean is taken of.
pub fn terms(shape: &Shape, axes: &[usize]) -> usize {
    axes.iter().map(|&d| shape[d]).product()
}

/// The twin.
pub fn mean(inputs: &[Option<&Tensor>], axes: &[usize], keep_dims: bool) -> Result<Tensor, Reason> {
    let x = *required(inputs, 0)?;
    let data = x.as_f32()?;
    let Split { kept, gone } = Split::of(x.shape(), axes);
    let firsts = positions(&Shape::new(kept.0)?, &kept.1);
    let steps = positions(&Shape::new(gone.0)?, &gone.1);
    let mean = |&first: &usize| {
        let sum: f64 = steps.iter().map(|&step| f64::from(data[first + step])).sum();
        (sum / steps.len() as f64) as f32
    };
    let means = firsts.iter().map(mean).collect();
    Ok(Tensor::from_f32(reduced_shape(x.shape(), axes, keep_dims), means)?)
}

/// Emits the mean over these axes of the node's first input.
pub fn lower(node: &mut Lowering, axes: &[usize]) -> Result<(), Reason> {
    let shape = node.input_shape(0)?;
    let over_pixels = shape.rank() >= 3 && axes.len() == shape.rank() - 2 && axes.iter().all(|&d| d >= 2);
    let kernel = node.choose(&[(&MEAN_PIXELS, over_pixels), (&MEAN_STRIDED, true)])?;
    if kernel.name == MEAN_PIXELS.name { lower_pixels(node, &shape) } else { lower_any(node, &shape, axes) }
}

fn lower_pixels(node: &mut Lowering, shape: &Shape) -> Result<(), Reason> {
    let (x, y) = (node.input(0, Layout::ChannelsLast)?, node.output(Layout::ChannelsLast)?);
    let params = PixelsParams {
        batch: size(shape[0])?,
        quads: vec4s(shape[1]),
        channels: size(shape[1])?,
        pixels: size(shape[2..].iter().product())?,
        x_offset: x.offset,
        x_stride: x.stride,
        y_offset: y.offset,
        y_stride: y.stride,
    };
    node.dispatch(Dispatch {
        kernel: &MEAN_PIXELS,
        constants: vec![],
        inputs: vec![x],
        output: y,
        params,
        // A workgroup for every group of channels.
        invocations: shape[0] as u64 * u64::from(params.quads) * crate::plan::lowering::WORKGROUP,
    })
}

fn lower_any(node: &mut Lowering, shape: &Shape, axes: &[usize]) -> Result<(), Reason> {
    let Split { kept, gone } = Split::of(shape, axes);
    let elements: usize = kept.0.iter().product();
    let (x, y) = (node.input(0, Layout::Plain)?, node.output(Layout::Plain)?);
    let params = ReduceParams {
        kept_shape: eight(&kept.0, 1)?,
        kept_strides: eight(&kept.1, 0)?,
        gone_shape: eight(&gone.0, 1)?,
        gone_strides: eight(&gone.1, 0)?,
        elements: size(elements)?,
        terms: size(terms(shape, axes))?,
    };
    node.dispatch(Dispatch {
        kernel: &MEAN_STRIDED,
        constants: vec![],
        inputs: vec![x],
        output: y,
        params,
        invocations: elements as u64,
    })
}

params! {
    struct PixelsParams {
        batch: u32, quads: u32, channels: u32, pixels: u32,
        x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
    }
}

params! {
    struct ReduceParams {
        kept_shape: [u32; 8], kept_strides: [u32; 8], gone_shape: [u32; 8], gone_strides: [u32; 8],
        elements: u32, terms: u32,
    }
}

pub static MEAN_PIXELS: Kernel = Kernel {
    name: "mean_pixels_f32",
    sources: &[
        include_str!("../../shaders/grid.wgsl"),
        include_str!("../../shaders/epilogue.wgsl"),
        include_str!("../../shaders/mean_pixels_f32.wgsl"),
    ],
    params: PixelsParams::LAYOUT,
    subgroups: false,
};

pub static MEAN_STRIDED: Kernel = Kernel {
    name: "mean_strided_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/mean_strided_f32.wgsl")],
    params: ReduceParams::LAYOUT,
    subgroups: false,
};
