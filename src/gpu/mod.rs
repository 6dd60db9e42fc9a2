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

use crate::platform::{HAS_MESA, has_avx512};

/// Keeps Mesa's adapter-sorting layer, which prints an error where there is no desktop, from being loaded:
/// Gyrus sorts adapters itself. Call it first in `main`, while the program has one thread.
pub fn quiet_driver() {
    if HAS_MESA {
        tell_driver("NODEVICE_SELECT", "1");
    }
}

/// Has llvmpipe compute with vectors of 512 bits where the CPU has them; it takes 256 by itself. Call it first in `main`, while
/// the program has one thread.
///
/// <https://docs.mesa3d.org/envvars.html#envvar-LP_NATIVE_VECTOR_WIDTH>
pub fn widen_vectors() {
    if HAS_MESA && has_avx512() {
        tell_driver("LP_NATIVE_VECTOR_WIDTH", "512");
    }
}

/// Sets a variable that a driver reads, unless the user has.
fn tell_driver(name: &str, value: &str) {
    if std::env::var_os(name).is_none() {
        // SAFETY: by its callers' contract no other thread runs that could be reading the environment.
        unsafe { std::env::set_var(name, value) };
    }
}
