//! A network compiled for one input shape and one class of device: plain data, no GPU in it.
//!
//! A plan lists buffers and steps; the engine only plays it. It can be printed, serialised and tested
//! without a device.

mod choice;
mod conversion;
mod layout;
pub mod lowering;
mod memory;
mod planner;
mod site;
mod target;

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::tensor::{DType, Shape};
pub use planner::{plan, plan_and_decisions};
pub use site::site;
pub use target::{DeviceClass, Precision, Target, Textures};

/// Texels in a row of a texture that is used as memory: `TEXELS_A_ROW` in `texels.wgsl`.
pub const TEXELS_A_ROW: u32 = 2048;

/// Width and height of the texture that holds so many bytes, in texels. All widths are powers of two and no height is:
/// llvmpipe compiles a kernel again for textures that differ in which of their sides are.
pub fn texture_size(bytes: u64, precision: Precision) -> [u32; 2] {
    // No texture has more texels than 32 bits count.
    let texels = (bytes / precision.texel_bytes()).max(1) as u32;
    let width = texels.next_power_of_two().min(TEXELS_A_ROW);
    let rows = texels.div_ceil(TEXELS_A_ROW).max(2);
    [width, if rows.is_power_of_two() { rows + 1 } else { rows }]
}

/// Bytes that a texture of this device holds at most; one row may be there to make no power of two of the others.
fn max_texture_bytes(target: &Target, precision: Precision) -> u64 {
    u64::from(target.max_texture_side.saturating_sub(1)) * row_bytes(precision)
}

fn row_bytes(precision: Precision) -> u64 {
    u64::from(TEXELS_A_ROW) * precision.texel_bytes()
}

/// Bytes that the texture for so many bytes takes.
fn texture_bytes(bytes: u64, precision: Precision) -> u64 {
    let [width, height] = texture_size(bytes, precision);
    u64::from(width) * u64::from(height) * precision.texel_bytes()
}

/// A place in one of the plan's buffers, in bytes. Offset and size respect the device's alignments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub buffer: Buffer,
    pub offset: u64,
    pub size: u64,
}

/// A buffer of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Buffer {
    /// Activations: slab number.
    Slab(usize),
    /// Activations in a texture, texel after texel in rows of [`TEXELS_A_ROW`]: number in [`Plan::textures`].
    Texture(usize),
    /// Activations in a texture that stores f16: number in [`Plan::half_textures`].
    #[serde(rename = "half_texture")]
    HalfTexture(usize),
    /// Weights: entry number in [`Plan::weights`].
    Weights(usize),
}

impl Buffer {
    /// How activations are stored here.
    pub fn precision(self) -> Precision {
        if matches!(self, Buffer::HalfTexture(_)) { Precision::F16 } else { Precision::F32 }
    }
}

/// One dispatch: a kernel, its constants, what it reads and writes, and its grid.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// The graph node that this step computes, or part of it.
    pub node: String,
    /// The ONNX operators behind it.
    pub operator: String,
    pub kernel: Cow<'static, str>,
    /// Values of the kernel's `override` constants.
    pub constants: Vec<(Cow<'static, str>, f64)>,
    pub inputs: Vec<Range>,
    pub output: Range,
    /// The bytes of the kernel's `Params` struct.
    pub params: Vec<u8>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
    pub multiply_adds: u64,
    /// Bytes that the step cannot avoid to read and write: its inputs and output once.
    pub bytes: u64,
}

impl Step {
    /// What its textures store.
    pub fn textures(&self) -> Textures {
        let ranges = self.inputs.iter().chain([&self.output]);
        let read = ranges.map(|range| range.buffer.precision()).max().unwrap_or_default();
        Textures { read, written: self.output.buffer.precision() }
    }
}

/// Packed weights. Equal keys mean equal bytes within one network, so plans for several batch sizes share them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Weights {
    pub key: String,
    pub bytes: u64,
    /// Whether a texture holds them, as it holds activations.
    pub texture: bool,
    /// How the texture stores them; buffers store f32.
    pub precision: Precision,
    #[serde(skip)]
    pub data: Arc<Vec<f32>>,
}

/// A named input or output of the plan, row-major, every element held as f32.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Port {
    pub name: String,
    pub shape: Shape,
    /// The type that the caller gives or gets.
    pub dtype: DType,
    pub range: Range,
}

impl Port {
    /// Bytes on the way to the device or back: as in the slab, and so that the next begins where memory may be mapped.
    pub fn lane_bytes(&self) -> u64 {
        self.range.size.next_multiple_of(8)
    }
}

/// A network compiled for one input shape.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Sizes of the slabs in bytes.
    pub slabs: Vec<u64>,
    /// Sizes in bytes of the textures that hold activations, whole rows.
    pub textures: Vec<u64>,
    /// Sizes in bytes of those that store f16.
    pub half_textures: Vec<u64>,
    pub weights: Vec<Weights>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    pub steps: Vec<Step>,
}

impl Plan {
    /// Bytes of device memory that playing the plan takes: slabs, weights, parameters, and the two lanes through which
    /// inputs and outputs go.
    pub fn device_bytes(&self) -> u64 {
        let lanes = 2 * (self.upload_bytes() + self.readback_bytes());
        let params: u64 = self.steps.iter().map(|s| (s.params.len() as u64).next_multiple_of(256)).sum();
        self.activation_bytes() + self.weight_bytes() + lanes + params
    }

    /// Bytes of all inputs, one after the other.
    pub fn upload_bytes(&self) -> u64 {
        self.inputs.iter().map(|input| input.lane_bytes()).sum()
    }

    /// Bytes of all outputs, one after the other.
    pub fn readback_bytes(&self) -> u64 {
        self.outputs.iter().map(|output| output.lane_bytes()).sum()
    }

    /// Bytes of device memory that activations take.
    pub fn activation_bytes(&self) -> u64 {
        let textures = self.all_textures().map(|(_, bytes, precision)| texture_bytes(bytes, precision));
        self.slabs.iter().copied().chain(textures).sum()
    }

    /// The textures that hold activations: as steps name them, their sizes in bytes, and what they store.
    pub fn all_textures(&self) -> impl Iterator<Item = (Buffer, u64, Precision)> {
        let whole =
            (0..).map(Buffer::Texture).zip(&self.textures).map(|(b, &size)| (b, size, Precision::F32));
        let half = (0..).map(Buffer::HalfTexture).zip(&self.half_textures);
        whole.chain(half.map(|(b, &size)| (b, size, Precision::F16)))
    }

    /// The places in this memory that steps, inputs and outputs use.
    pub fn ranges_in(&self, memory: Buffer) -> impl Iterator<Item = &Range> {
        let steps = self.steps.iter().flat_map(|step| step.inputs.iter().chain([&step.output]));
        let ports = self.inputs.iter().chain(&self.outputs).map(|port| &port.range);
        steps.chain(ports).filter(move |range| range.buffer == memory)
    }

    /// Where behind a place in a slab the next one begins, or the slab ends: up to there memory is nobody's.
    pub fn next_range(&self, range: &Range) -> u64 {
        let end = range.offset + range.size;
        let next = self.ranges_in(range.buffer).map(|other| other.offset).filter(|&start| start >= end).min();
        let slab = match range.buffer {
            Buffer::Slab(number) => self.slabs.get(number).copied(),
            _ => None,
        };
        next.or(slab).unwrap_or(end).max(end)
    }

    /// Bytes of device memory that packed weights take.
    pub fn weight_bytes(&self) -> u64 {
        let of_one = |w: &Weights| if w.texture { texture_bytes(w.bytes, w.precision) } else { w.bytes };
        self.weights.iter().map(of_one).sum()
    }

    /// Multiply-adds of all steps.
    pub fn multiply_adds(&self) -> u64 {
        self.steps.iter().map(|s| s.multiply_adds).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textures_hold_what_they_must_and_look_alike_to_llvmpipe() {
        let precisions = [Precision::F32, Precision::F16];
        let sizes = (1..70_000).chain([1 << 20, (1 << 20) + 1]);
        for (texels, precision) in sizes.flat_map(|texels| precisions.map(|p| (texels, p))) {
            let [width, height] = texture_size(texels * precision.texel_bytes(), precision);
            let rows = if texels > u64::from(TEXELS_A_ROW) { texels.div_ceil(u64::from(width)) } else { 1 };
            assert!(u64::from(width) >= texels.min(u64::from(TEXELS_A_ROW)), "{texels} in rows of {width}");
            assert!(u64::from(height) >= rows && u64::from(height) <= rows + 2, "{texels} in {height} rows");
            assert!(width.is_power_of_two() && !height.is_power_of_two(), "{texels}: {width} by {height}");
        }
    }
}
