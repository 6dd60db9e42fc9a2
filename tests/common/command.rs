//! The `gyrus` command as a user runs it, and the networks of `fixtures/networks`.

// Each test uses its own part.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// The devices that every machine has that can run the tests: a missing one fails them.
pub const DEVICES: [&str; 2] = ["software", "cpu"];

/// A file or folder of `tests/fixtures/networks`.
pub fn network(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/networks").join(name)
}

/// Runs `gyrus` in a folder, as if nothing had ever been tuned.
pub fn gyrus<S: AsRef<std::ffi::OsStr>>(folder: &Path, arguments: &[S]) -> Output {
    gyrus_remembering(&no_cache(), folder, arguments)
}

/// Runs `gyrus` in a folder, with another one for what it remembers.
pub fn gyrus_remembering<S: AsRef<std::ffi::OsStr>>(cache: &Path, folder: &Path, arguments: &[S]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gyrus"))
        .current_dir(folder)
        .env_remove("GYRUS_MODELS")
        .env_remove("RUST_LOG")
        .env("GYRUS_CACHE_DIR", cache)
        .args(arguments)
        .output()
        .expect("gyrus runs")
}

/// A cache folder in which nothing was ever tuned, so that no test sees or touches its user's own.
pub fn no_cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-tuning")
}

/// The JSON objects of stdout, one a line.
pub fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}

/// What stderr says, line by line; notes about fall-backs are no errors.
pub fn errors(output: &Output) -> Vec<String> {
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines().filter(|line| !line.starts_with("note: ")).map(str::to_string).collect()
}

/// A path as an argument.
pub fn arg(path: &Path) -> String {
    path.to_str().expect("UTF-8").to_string()
}
