//! Volumes in `gyrus classify` and `gyrus segment`, held to nibabel, SimpleITK, NumPy and SciPy by `judge.py`.
//!
//! `GYRUS_PYTHON` names a Python that has them; `scripts/test` sets it. Without it the tests fail: a judge that is left
//! out judges nothing.

#[path = "../common/mod.rs"]
mod common;

mod classified;
mod geometry;
mod segmented;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Has the judge speak; what it finds wrong fails the test.
fn judge<S: AsRef<OsStr>>(arguments: &[S]) {
    let python = std::env::var_os("GYRUS_PYTHON")
        .expect("GYRUS_PYTHON must name a Python with nibabel; scripts/test makes one");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/volumes/judge.py");
    let output = Command::new(python).arg(script).args(arguments).output().expect("Python runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// The real scans, where this checkout has them beside it.
fn scans() -> Option<PathBuf> {
    let scans = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/scans");
    if !scans.is_dir() {
        eprintln!("not run: {} is not there, and its files may not be copied", scans.display());
        return None;
    }
    Some(scans)
}
