//! What the planner knows of a device: enough to choose kernels and to refuse what cannot fit.

use serde::{Deserialize, Serialize};

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
        }
    }
}
