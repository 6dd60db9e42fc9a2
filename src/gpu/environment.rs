//! What drivers are told: variables of the environment that they read when they are loaded.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::sync::{Mutex, PoisonError};

use crate::platform::{HAS_MESA, has_avx512, has_one_thread};
use crate::tuning::cache_folder;

const WIDTH: &str = "LP_NATIVE_VECTOR_WIDTH";
const SHADERS: &str = "MESA_SHADER_CACHE_DIR";

/// The variables that were set here.
static TOLD: Mutex<Vec<&str>> = Mutex::new(Vec::new());

/// Keeps Mesa's adapter-sorting layer, which prints an error where there is no desktop, from being loaded:
/// Gyrus sorts adapters itself. Of use first in `main` alone: it does nothing once the program has several threads.
pub fn quiet_driver() {
    if HAS_MESA {
        tell("NODEVICE_SELECT", "1");
    }
}

/// Has llvmpipe compute with vectors of 512 bits where the CPU has them; it takes 256 by itself. What its user says counts
/// more. Of use first in `main` alone: it does nothing once the program has several threads.
///
/// <https://docs.mesa3d.org/envvars.html#envvar-LP_NATIVE_VECTOR_WIDTH>
pub fn widen_vectors() {
    if !HAS_MESA || !has_avx512() || !has_one_thread() || env::var_os(WIDTH).is_some() {
        return;
    }
    // Mesa takes what it compiled for one width for that of another, but what was verified is of one. The folder is any Mesa
    // driver's in this process: another one compiles its shaders once more.
    let folder = cache_folder().map(|folder| folder.join("shaders-512"));
    if let Some(folder) = folder.filter(|folder| fs::create_dir_all(folder).is_ok()) {
        tell(SHADERS, folder);
    }
    tell(WIDTH, "512");
}

/// The variables that were set here, which are nobody's business but this process's: programs that it starts do without.
pub fn told() -> Vec<&'static str> {
    TOLD.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Sets a variable, unless the user has.
fn tell(name: &'static str, value: impl AsRef<OsStr>) {
    if env::var_os(name).is_none() && has_one_thread() {
        // SAFETY: no other thread runs that could be reading the environment.
        unsafe { env::set_var(name, value) };
        TOLD.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beside_other_threads_nothing_is_said() {
        // A test is a thread of its own, beside the one that waits for it.
        let before = [WIDTH, SHADERS].map(env::var_os);
        quiet_driver();
        widen_vectors();
        assert!(told().is_empty());
        assert_eq!([WIDTH, SHADERS].map(env::var_os), before);
    }
}
