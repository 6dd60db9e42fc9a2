//! A network compiled for one input shape and one class of device: plain data, no GPU in it.
//!
//! A plan lists buffers and steps; the engine only plays it. It can be printed, serialised and tested
//! without a device.

mod choice;
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
pub use target::{DeviceClass, Target};

/// Texels in a row of a texture that is used as memory: `TEXELS_A_ROW` in `texels.wgsl`.
pub const TEXELS_A_ROW: u32 = 2048;

/// A texel holds four f32.
pub const TEXEL_BYTES: u64 = 16;

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
    /// Weights: entry number in [`Plan::weights`].
    Weights(usize),
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

/// Packed weights. Equal keys mean equal bytes within one network, so plans for several batch sizes share them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Weights {
    pub key: String,
    pub bytes: u64,
    /// Whether a texture holds them, as it holds activations.
    pub texture: bool,
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

/// A network compiled for one input shape.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Plan {
    /// Sizes of the slabs in bytes.
    pub slabs: Vec<u64>,
    /// Sizes in bytes of the textures that hold activations, whole rows.
    pub textures: Vec<u64>,
    pub weights: Vec<Weights>,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
    pub steps: Vec<Step>,
}

impl Plan {
    /// Bytes of device memory that playing the plan takes: slabs, weights, parameters and the copy for readback.
    pub fn device_bytes(&self) -> u64 {
        let weights: u64 = self.weights.iter().map(|w| w.bytes).sum();
        let readback: u64 = self.outputs.iter().map(|o| o.range.size).sum();
        let params: u64 = self.steps.iter().map(|s| (s.params.len() as u64).next_multiple_of(256)).sum();
        self.activation_bytes() + weights + readback + params
    }

    /// Bytes of device memory that activations take.
    pub fn activation_bytes(&self) -> u64 {
        self.slabs.iter().chain(&self.textures).sum()
    }

    /// Multiply-adds of all steps.
    pub fn multiply_adds(&self) -> u64 {
        self.steps.iter().map(|s| s.multiply_adds).sum()
    }
}
