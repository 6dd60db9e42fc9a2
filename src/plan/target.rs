//! What the planner knows of a device: enough to choose kernels and to refuse what cannot fit.

use half::f16;
use serde::{Deserialize, Serialize};

use crate::tensor::Tensor;

/// Classes of devices that want different kernels by default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceClass {
    /// A GPU with its own memory, or one that does not say what it is.
    Discrete,
    /// A GPU that shares the host's memory.
    Integrated,
    /// A rasteriser on the CPU: llvmpipe, SwiftShader, WARP.
    Software,
}

/// How activations and weights in textures are stored. Arithmetic is in f32 whatever is stored, and so is all that lies in
/// buffers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    #[default]
    F32,
    /// Half the memory and its traffic; 11 bits of every number are kept, up to 65,504. Weights are rounded; activations
    /// may be cut off, as the driver likes.
    F16,
}

impl Precision {
    /// A texel holds four numbers.
    pub fn texel_bytes(self) -> u64 {
        match self {
            Precision::F32 => 16,
            Precision::F16 => 8,
        }
    }

    /// What is left of a tensor once a texture has stored it.
    pub fn stored(self, tensor: Tensor) -> Tensor {
        match (self, tensor.as_f32()) {
            (Precision::F16, Ok(numbers)) => {
                let kept = numbers.iter().map(|&v| f16::from_f32(v).to_f32()).collect();
                Tensor::from_f32(tensor.shape().to_vec(), kept).unwrap_or(tensor)
            }
            _ => tensor,
        }
    }

    /// How far a number may be from what is stored of it, as a part of the number.
    pub fn unit_roundoff(self) -> f64 {
        match self {
            Precision::F32 => f64::from(f32::EPSILON) / 2.0,
            Precision::F16 => 0.5 / 1024.0,
        }
    }
}

/// What the textures of a step store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Textures {
    /// F16 where any of those that it reads or writes does: a binding that reads f16 reads f32 too, but not as fast.
    pub read: Precision,
    pub written: Precision,
}

/// A device as the planner sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Target {
    pub class: DeviceClass,
    /// The number of lanes of every subgroup, where the device has subgroup operations and promises one number.
    pub subgroup: Option<u32>,
    /// Largest range of one storage binding, in bytes.
    pub max_binding: u64,
    /// Largest buffer, in bytes.
    pub max_buffer: u64,
    /// Alignment of storage bindings, in bytes.
    pub alignment: u64,
    /// Workgroups per dimension of a dispatch.
    pub max_groups: u32,
    /// How often an invocation may go round its loops, all together: llvmpipe leaves them after 65,535 rounds
    /// without a word.
    pub max_rounds: u64,
    /// Texels along either side of a texture, at most.
    pub max_texture_side: u32,
    /// How textures store activations, and the weights that they are multiplied with.
    pub precision: Precision,
}

impl Target {
    /// The least that WebGPU promises: a plan for it runs anywhere.
    pub fn portable() -> Self {
        Target {
            class: DeviceClass::Discrete,
            subgroup: None,
            max_binding: 128 << 20,
            max_buffer: 256 << 20,
            alignment: 256,
            max_groups: 65_535,
            max_rounds: u64::MAX,
            max_texture_side: 8192,
            precision: Precision::F32,
        }
    }
}
