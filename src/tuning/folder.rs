//! Where what was measured is kept.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;

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
    if cfg!(test) { None } else { users_folder().map(|folder| folder.join("gyrus")) }
}

fn users_folder() -> Option<PathBuf> {
    // The XDG specification: a relative path is to be ignored.
    let absolute = |name: &str| variable(name).filter(|path| path.is_absolute());
    if cfg!(windows) {
        return absolute("LOCALAPPDATA");
    }
    let home = env::home_dir().filter(|path| path.is_absolute());
    if cfg!(target_os = "macos") {
        return home.map(|home| home.join("Library/Caches"));
    }
    absolute("XDG_CACHE_HOME").or_else(|| home.map(|home| home.join(".cache")))
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}
