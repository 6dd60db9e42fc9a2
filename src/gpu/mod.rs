//! The only module that talks to wgpu: adapters, devices, pipelines, and the engine that plays plans.

mod adapters;
mod ceilings;
mod device;
mod lane;
mod pipeline_file;
mod pipelines;
mod player;
mod poison;
mod texels;

pub use adapters::{Adapter, adapters};
pub use ceilings::{CEILING_KERNELS, Ceilings, ceiling_plans};
pub use device::Gpu;
pub use player::{Player, StepTime, WeightStore};

use crate::platform::HAS_MESA_LAYERS;

/// Keeps Mesa's adapter-sorting layer, which prints an error where there is no desktop, from being loaded:
/// Gyrus sorts adapters itself. Call it first in `main`, while the program has one thread.
pub fn quiet_driver() {
    if HAS_MESA_LAYERS && std::env::var_os("NODEVICE_SELECT").is_none() {
        // SAFETY: by this function's contract no other thread runs that could be reading the environment.
        unsafe { std::env::set_var("NODEVICE_SELECT", "1") };
    }
}
