//! The only module that talks to wgpu: adapters, devices, pipelines, and the engine that plays plans.

mod adapters;
mod ceilings;
mod device;
mod environment;
mod lane;
mod pipeline_file;
mod pipelines;
mod player;
mod poison;
mod texels;

pub use adapters::{Adapter, adapters};
pub use ceilings::{CEILING_KERNELS, Ceilings, ceiling_plans};
pub use device::Gpu;
pub use environment::{quiet_driver, told, widen_vectors};
pub use player::{Player, StepTime, WeightStore};
