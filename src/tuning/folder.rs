//! Where what was measured is kept.

use std::path::PathBuf;
use std::sync::OnceLock;

use crate::platform::{users_cache, variable};

/// The environment variable that names the cache folder.
pub const CACHE_VARIABLE: &str = "GYRUS_CACHE_DIR";

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// Keeps caches in this folder, whatever the environment says: for programs that have their own, and for tests. Only
/// the first call counts.
pub fn use_folder(folder: impl Into<PathBuf>) {
    // The first caller has decided.
    let _ = CHOSEN.set(folder.into());
}

/// `GYRUS_CACHE_DIR`, else the folder `gyrus` in the user's own cache folder; `None` where the system names none.
pub fn cache_folder() -> Option<PathBuf> {
    if let Some(folder) = CHOSEN.get() {
        return Some(folder.clone());
    }
    if let Some(folder) = variable(CACHE_VARIABLE) {
        return Some(folder);
    }
    // A unit test must not see what its user has tuned.
    if cfg!(test) { None } else { users_cache().map(|folder| folder.join("gyrus")) }
}
