//! What differs between operating systems, and nowhere else: a test holds the rest of the program to that. Only what is for Linux
//! is compiled and run in the project's own tests (docs/portability.md).

use std::env;
use std::path::PathBuf;

/// Whether file systems usually do not tell A from a.
pub const FOLDS_CASE: bool = cfg!(any(windows, target_os = "macos"));

/// Whether Mesa's drivers may be there, and its layer that sorts adapters.
pub const HAS_MESA: bool = cfg!(target_os = "linux");

/// Whether the CPU computes with vectors of 512 bits, in all the ways that LLVM then takes for granted.
pub fn has_avx512() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Whether no other thread of this process runs; false where the system does not tell.
pub fn has_one_thread() -> bool {
    cfg!(target_os = "linux") && std::fs::read_dir("/proc/self/task").is_ok_and(|tasks| tasks.count() == 1)
}

/// The program, with its arguments, that shows a page in the user's browser.
pub const OPEN_PAGE: &[&str] = if cfg!(windows) {
    &["cmd", "/C", "start"]
} else if cfg!(target_os = "macos") {
    &["open"]
} else {
    &["xdg-open"]
};

/// The user's own folder for what programs can do without; `None` where the system names none.
pub fn users_cache() -> Option<PathBuf> {
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

/// A path that the environment names; an empty one is none.
pub fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// What the system asks of the service.
#[cfg(feature = "serve")]
#[cfg_attr(not(unix), allow(dead_code))]
#[derive(Debug)]
pub enum Asked {
    /// To end.
    End,
    /// To load the models anew.
    Load,
}

/// What the system says to a process.
#[cfg(all(unix, feature = "serve"))]
#[derive(Debug)]
pub struct Signals([tokio::signal::unix::Signal; 3]);

#[cfg(all(unix, feature = "serve"))]
impl Signals {
    /// # Errors
    /// When the system does not let them be heard.
    pub fn listen() -> std::io::Result<Signals> {
        use tokio::signal::unix::{SignalKind, signal};
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        let [terminate, interrupt, hangup] = kinds.map(signal);
        Ok(Signals([terminate?, interrupt?, hangup?]))
    }

    /// What is asked next.
    pub async fn next(&mut self) -> Asked {
        let Signals([terminate, interrupt, hangup]) = self;
        tokio::select! {
            _ = terminate.recv() => Asked::End,
            _ = interrupt.recv() => Asked::End,
            _ = hangup.recv() => Asked::Load,
        }
    }
}

/// What the system says to a process: here only that its user wants it to end.
#[cfg(all(not(unix), feature = "serve"))]
#[derive(Debug)]
pub struct Signals;

#[cfg(all(not(unix), feature = "serve"))]
impl Signals {
    /// # Errors
    /// When the system does not let them be heard.
    pub fn listen() -> std::io::Result<Signals> {
        Ok(Signals)
    }

    /// What is asked next.
    pub async fn next(&mut self) -> Asked {
        // Without it the service ends too: nobody could end it otherwise.
        let _ = tokio::signal::ctrl_c().await;
        Asked::End
    }
}
