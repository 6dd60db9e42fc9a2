//! How tensors lie in memory, and the kernels that convert between the layouts.
//!
//! A value lives row-major ([`Layout::Plain`], NCHW) or channels-last ([`Layout::ChannelsLast`]: NHWC with
//! the channels padded to a multiple of four, so that a kernel reads them as `vec4<f32>`). Padding channels
//! hold zeros: every kernel that writes channels-last keeps that promise, and so may rely on it. Channels-last values
//! lie in a buffer or, as [`Layout::Texels`], in a texture.

use std::ops::Range;

use super::Precision;
use super::memory::Medium;
use crate::ops::Reason;
use crate::ops::kernel::{Kernel, ParamsLayout};
use crate::params;
use crate::tensor::Shape;

/// How a value lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Row-major in the value's own order of dimensions.
    Plain,
    /// Pixels in row-major order, the channels (axis 1) of each side by side, padded to a multiple of four.
    ChannelsLast,
    /// As channels-last, but in a texture: a group of four channels a texel, texel after texel through the rows.
    Texels,
}

impl Layout {
    pub const ALL: [Layout; 3] = [Layout::Plain, Layout::ChannelsLast, Layout::Texels];

    /// What holds it, where textures store this.
    pub(super) fn medium(self, precision: Precision) -> Medium {
        if self == Layout::Texels { Medium::Texture(precision) } else { Medium::Buffer }
    }
}

/// Where a kernel finds a tensor: a storage, and within it an offset and the distance from one pixel to
/// the next (channels-last), both in groups of four f32. Plain tensors start at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub home: Home,
    pub offset: u32,
    pub stride: u32,
    /// What a step binds of the storage; `None` for all of it.
    pub part: Option<Part>,
}

/// A range of a storage in bytes, for one that is larger than a binding may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub start: u64,
    pub bytes: u64,
}

impl Place {
    /// All of a storage.
    pub fn whole(home: Home) -> Place {
        Place { home, offset: 0, stride: 0, part: None }
    }

    /// The place of groups of four f32 `groups` alone: those before them are not bound, but for what the device's
    /// alignment asks for.
    pub fn cut(self, groups: &Range<u64>, alignment: u64) -> Result<Place, Reason> {
        let start = groups.start * 16 / alignment * alignment;
        let shift = size(((groups.start * 16 - start) / 16) as usize)?;
        let part = Some(Part { start, bytes: groups.end * 16 - start });
        Ok(Place { offset: self.offset + shift, part, ..self })
    }

    /// The place of some pixels of a channels-last tensor alone.
    pub fn cut_pixels(self, pixels: &Range<u64>, alignment: u64) -> Result<Place, Reason> {
        let stride = u64::from(self.stride);
        self.cut(&(pixels.start * stride..pixels.end * stride), alignment)
    }
}

/// The storage behind a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    Storage(usize),
    Weights(usize),
}

params! {
    /// Parameters of the kernels that convert between layouts.
    pub struct LayoutParams {
        batch: u32,
        channels: u32,
        pixels: u32,
        offset: u32,
        stride: u32,
        first: u32,
        plane: u32,
    }
}

params! {
    /// Parameters of the kernels that copy groups of four channels.
    pub struct QuadsParams {
        pixels: u32, quads: u32,
        x_offset: u32, x_stride: u32,
        y_offset: u32, y_stride: u32,
    }
}

const GRID: &str = include_str!("../../shaders/grid.wgsl");
pub const TEXELS: &str = include_str!("../../shaders/texels.wgsl");
/// The input, of which groups of four are read, by what holds it.
pub const READ_BUFFER: &str = include_str!("../../shaders/x_buffer.wgsl");
pub const READ_TEXELS: &str = include_str!("../../shaders/x_held.wgsl");
/// The output, of which groups of four are written, by what holds it.
pub const WRITE_BUFFER: &str = include_str!("../../shaders/y_buffer.wgsl");
pub const WRITE_TEXELS: &str = include_str!("../../shaders/y_texels.wgsl");
const TO_QUADS: &str = include_str!("../../shaders/layout_to_channels_last_f32.wgsl");
const FROM_QUADS: &str = include_str!("../../shaders/layout_to_plain_f32.wgsl");
const QUADS: &str = include_str!("../../shaders/layout_quads_f32.wgsl");

const fn kernel(name: &'static str, sources: &'static [&'static str], params: ParamsLayout) -> Kernel {
    Kernel { name, sources, params, subgroups: false }
}

pub(super) static TO_CHANNELS_LAST: Kernel =
    kernel("layout_to_channels_last_f32", &[GRID, WRITE_BUFFER, TO_QUADS], LayoutParams::LAYOUT);
pub(super) static TO_TEXELS: Kernel =
    kernel("layout_to_texels_f32", &[GRID, TEXELS, WRITE_TEXELS, TO_QUADS], LayoutParams::LAYOUT);
pub(super) static TO_PLAIN: Kernel =
    kernel("layout_to_plain_f32", &[GRID, READ_BUFFER, FROM_QUADS], LayoutParams::LAYOUT);
pub(super) static TEXELS_TO_PLAIN: Kernel =
    kernel("layout_texels_to_plain_f32", &[GRID, TEXELS, READ_TEXELS, FROM_QUADS], LayoutParams::LAYOUT);
pub(super) static BUFFER_TO_TEXELS: Kernel = kernel(
    "layout_buffer_to_texels_f32",
    &[GRID, TEXELS, READ_BUFFER, WRITE_TEXELS, QUADS],
    QuadsParams::LAYOUT,
);
pub(super) static TEXELS_TO_BUFFER: Kernel = kernel(
    "layout_texels_to_buffer_f32",
    &[GRID, TEXELS, READ_TEXELS, WRITE_BUFFER, QUADS],
    QuadsParams::LAYOUT,
);
/// Copies groups of four channels from one texture to another.
pub static TEXELS_TO_TEXELS: Kernel = kernel(
    "layout_texels_to_texels_f32",
    &[GRID, TEXELS, READ_TEXELS, WRITE_TEXELS, QUADS],
    QuadsParams::LAYOUT,
);
pub(super) static COPY: Kernel = kernel(
    "layout_copy_f32",
    &[GRID, include_str!("../../shaders/layout_copy_f32.wgsl")],
    LayoutParams::LAYOUT,
);

/// The kernels that belong to no operator.
pub static LAYOUT_KERNELS: &[&Kernel] = &[
    &TO_CHANNELS_LAST,
    &TO_TEXELS,
    &TO_PLAIN,
    &TEXELS_TO_PLAIN,
    &BUFFER_TO_TEXELS,
    &TEXELS_TO_BUFFER,
    &TEXELS_TO_TEXELS,
    &COPY,
];

/// Groups of four that hold this many channels.
pub fn vec4s(channels: usize) -> u32 {
    channels.div_ceil(4) as u32
}

/// A size as shaders take it.
pub fn size(value: usize) -> Result<u32, Reason> {
    u32::try_from(value).map_err(|_| Reason(format!("size {value} is beyond 32 bits")))
}

/// A size as shaders take it for arithmetic that may go below zero.
pub fn signed_size(value: usize) -> Result<i32, Reason> {
    i32::try_from(value).map_err(|_| Reason(format!("size {value} is beyond 31 bits")))
}

pub(super) fn is_dense(place: &Place, channels: usize) -> bool {
    place.stride == 0 || place.stride == vec4s(channels)
}

pub(super) fn channels_last_elements(shape: &Shape) -> usize {
    let channels = shape.get(1).copied().unwrap_or(1);
    shape.elements() / channels.max(1) * channels.next_multiple_of(4)
}

pub(super) fn pack_channels_last(data: &[f32], shape: &Shape) -> Vec<f32> {
    let (channels, pixels) = (shape[1], shape[2..].iter().product::<usize>());
    let padded = channels.next_multiple_of(4);
    let mut packed = vec![0.0; shape[0] * pixels * padded];
    for (i, &value) in data.iter().enumerate() {
        let (n, c, p) = (i / (channels * pixels), i / pixels % channels, i % pixels);
        packed[(n * pixels + p) * padded + c] = value;
    }
    packed
}
