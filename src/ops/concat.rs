//! Concat: joins tensors along an axis. <https://onnx.ai/onnx/operators/onnx__Concat.html>
//!
//! Negative axes since opset 11; opset 13 differs only in element types. Along the channels, the planner lets
//! producers write their part straight into the result; what is left is copied.

use std::sync::Arc;

use super::case::Case;
use super::kernel::Kernel;
use super::rearrange::{COPY_STRIDED, Copy, joined, pick, read_strides};
use super::{Info, Op, Operator, Reason, TensorType, Tolerance, axis, required};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, TEXELS_TO_TEXELS, size};
use crate::tensor::{Data, Shape, Tensor};

pub static CONCAT: Operator = Operator {
    name: "Concat",
    opsets: 6..=27,
    limits: "",
    load: |attributes| {
        let axis = attributes.optional_int("axis")?.ok_or("attribute axis is missing")?;
        Ok(Arc::new(Concat { axis }))
    },
    kernels: &[&COPY_STRIDED, &CONCAT_CHANNELS],
    cases: || {
        let case = |name: &str, axis: i64, a: &[usize], b: &[usize]| {
            Case::new("Concat", name).int("axis", axis).given(a).given(b)
        };
        vec![
            case("channels", 1, &[2, 3, 3, 5], &[2, 4, 3, 5]),
            case("whole groups of channels", 1, &[1, 4, 3, 5], &[1, 8, 3, 5]),
            case("batch", 0, &[2, 3, 5], &[1, 3, 5]),
            case("last axis", -1, &[2, 3, 5], &[2, 3, 2]).given(&[2, 3, 1]),
            case("channels with a constant", -3, &[1, 3, 2, 2], &[1, 1, 2, 2]).constant(&[1, 2, 2, 2]),
            case("vectors", 0, &[1], &[6]),
            case("five dimensions", 3, &[2, 1, 3, 2, 2], &[2, 1, 3, 5, 2]),
        ]
    },
};

#[derive(Debug)]
struct Concat {
    axis: i64,
}

impl Concat {
    fn join<'a>(&self, mut shapes: impl Iterator<Item = &'a Shape>) -> Result<(usize, Shape), Reason> {
        let first = shapes.next().ok_or("it has no inputs")?;
        let along = axis(self.axis, first.rank())?;
        let mut sizes = first.to_vec();
        for shape in shapes {
            let fits =
                shape.rank() == first.rank() && (0..shape.rank()).all(|d| d == along || shape[d] == first[d]);
            if !fits {
                return Err(Reason(format!("shapes {first} and {shape} do not join along axis {along}")));
            }
            sizes[along] = sizes[along].checked_add(shape[along]).ok_or("the result is too large")?;
        }
        Ok((along, Shape::new(sizes)?))
    }

    /// Copies of all parts, row-major.
    fn lower_plain(&self, node: &mut Lowering, along: usize) -> Result<(), Reason> {
        let y_strides = node.output_shape()?.strides();
        let to = node.output(Layout::Plain)?;
        let mut start = 0;
        for position in 0..node.input_count() {
            let shape = node.input_shape(position)?;
            let from = node.input(position, Layout::Plain)?;
            let copy = Copy {
                y_strides: y_strides.clone(),
                y_offset: start * y_strides[along],
                ..Copy::all(&shape, read_strides(&shape))
            };
            if shape.elements() > 0 {
                copy.emit(node, from, to)?;
            }
            start += shape[along];
        }
        Ok(())
    }

    /// Copies of the parts that do not lie in the result already, in textures.
    fn lower_texels(&self, node: &mut Lowering) -> Result<(), Reason> {
        let mut first_channel = 0;
        for position in 0..node.input_count() {
            let shape = node.input_shape(position)?;
            let x = node.input(position, Layout::Texels)?;
            let y = node.output(Layout::Texels)?;
            if shape[1] > 0 && !node.is_in_place(position, Layout::Texels) {
                node.copy_texels(&shape, [x, Place { offset: y.offset + first_channel as u32 / 4, ..y }])?;
            }
            first_channel += shape[1];
        }
        Ok(())
    }

    /// Whether the parts lie in textures and each begins with a group of channels, as a texel cannot be written in part.
    fn suits_texels(&self, node: &Lowering) -> Result<bool, Reason> {
        let mut first_channel = 0;
        let mut aligned = true;
        for position in 0..node.input_count() {
            aligned &= first_channel % 4 == 0;
            first_channel += node.input_shape(position)?[1];
        }
        let any = (0..node.input_count()).any(|position| node.has(position, Layout::Texels));
        let shape = node.output_shape()?;
        let elements = shape.elements() / shape[1].max(1) * shape[1].next_multiple_of(4);
        Ok(any && aligned && node.fits_texels(&[elements]))
    }

    /// Copies of the parts that do not lie in the result already, channels-last.
    fn lower_channels(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.output_shape()?;
        let mut first_channel = 0;
        for position in 0..node.input_count() {
            let channels = node.input_shape(position)?[1];
            // A part that lies row-major is converted, perhaps straight into its place.
            let x = node.input(position, Layout::ChannelsLast)?;
            let y = node.output(Layout::ChannelsLast)?;
            if channels > 0 && !node.is_in_place(position, Layout::ChannelsLast) {
                let pixels = shape.elements() / shape[1];
                let quads = (first_channel + channels).div_ceil(4) - first_channel / 4;
                let params = ConcatParams {
                    pixels: size(pixels)?,
                    quads: size(quads)?,
                    first_channel: size(first_channel)?,
                    channels: size(channels)?,
                    all_channels: size(shape[1])?,
                    x_offset: x.offset,
                    x_stride: x.stride,
                    y_offset: y.offset,
                    y_stride: y.stride,
                };
                node.dispatch(Dispatch {
                    kernel: &CONCAT_CHANNELS,
                    constants: vec![],
                    inputs: vec![x],
                    output: y,
                    params,
                    invocations: pixels as u64 * quads as u64,
                    rounds: 4,
                })?;
            }
            first_channel += channels;
        }
        Ok(())
    }
}

impl Op for Concat {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let first = required(inputs, 0)?;
        if inputs.iter().any(|info| info.as_ref().is_none_or(|info| info.dtype != first.dtype)) {
            return Err("inputs are missing or differ in element type".into());
        }
        let (_, shape) = self.join(inputs.iter().flatten().map(|info| &info.shape))?;
        Ok(vec![TensorType { shape, dtype: first.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let parts: Vec<&Tensor> = inputs.iter().flatten().copied().collect();
        let (along, shape) = self.join(parts.iter().map(|t| t.shape()))?;
        let first = parts.first().ok_or("it has no inputs")?;
        let mut all: Data = pick(first.data(), &[]);
        for part in &parts {
            all = joined(&all, part.data())?;
        }
        // Rows of each part, an outer index at a time.
        let outer: usize = shape[..along].iter().product();
        let mut from = Vec::with_capacity(shape.elements());
        for o in 0..outer {
            let mut start = 0;
            for part in &parts {
                let row: usize = part.shape()[along..].iter().product();
                from.extend(start + o * row..start + (o + 1) * row);
                start += part.shape().elements();
            }
        }
        Ok(vec![Tensor::new(shape.to_vec(), pick(&all, &from))?])
    }

    fn concat_axis(&self, inputs: &[Option<Info>]) -> Option<usize> {
        axis(self.axis, required(inputs, 0).ok()?.shape.rank()).ok()
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let along = self.concat_axis(&node.infos()).ok_or("the axis does not exist")?;
        let by_channels = along == 1 && node.output_shape()?.rank() >= 3;
        let is_natural = by_channels && node.natural_layout() == Layout::ChannelsLast;
        // Last the one that would have to convert its inputs, for tests that force it.
        let candidates = [
            (&TEXELS_TO_TEXELS, by_channels && self.suits_texels(node)?),
            (&CONCAT_CHANNELS, is_natural),
            (&COPY_STRIDED, true),
            (&CONCAT_CHANNELS, by_channels),
        ];
        match node.choose(&candidates)?.name {
            name if name == TEXELS_TO_TEXELS.name => self.lower_texels(node),
            name if name == CONCAT_CHANNELS.name => self.lower_channels(node),
            _ => self.lower_plain(node, along),
        }
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        Tolerance::Exact
    }
}

params! {
    struct ConcatParams {
        pixels: u32, quads: u32, first_channel: u32, channels: u32, all_channels: u32,
        x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
    }
}

static CONCAT_CHANNELS: Kernel = Kernel {
    name: "concat_channels_f32",
    sources: &[
        include_str!("../../shaders/grid.wgsl"),
        include_str!("../../shaders/concat_channels_f32.wgsl"),
    ],
    params: ConcatParams::LAYOUT,
    subgroups: false,
};
