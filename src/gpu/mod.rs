//! The only module that talks to wgpu: adapters, devices, pipelines, and the engine that plays plans.

mod adapters;
mod device;
mod pipelines;
mod player;

pub use adapters::{Adapter, adapters};
pub use device::Gpu;
pub use player::{Player, StepTime, WeightStore};
