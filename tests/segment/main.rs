//! `gyrus segment` as a user runs it, on a software GPU and on the CPU engine.
//!
//! `fixtures/segment/make.py` holds the scans and, from NumPy and Pillow, what must come of them.

#[path = "../common/mod.rs"]
mod common;

mod cases;
mod files;
mod overlays;
mod printed;
mod refusals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use common::command::{arg, gyrus, lines, network};
use image::DynamicImage;
use serde_json::Value;
use tempfile::TempDir;

/// The folder of the scans, the expectations and their script.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/segment").join(name)
}

/// Runs `gyrus segment` in a folder with a network of `fixtures/networks`, for JSON.
fn segment(folder: &Path, device: &str, model: &str, arguments: &[&str]) -> Output {
    let model = arg(&network(model));
    let start = ["segment", "--model", &model, "--device", device, "--format", "json"];
    gyrus(folder, &[&start, arguments].concat())
}

/// A folder of copies of the scans, each with the name that it is to have.
fn copies(scans: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (scan, name) in scans {
        let target = folder.path().join(name);
        fs::create_dir_all(target.parent().expect("a folder")).expect("folders");
        fs::copy(fixture("scans").join(scan), target).expect("a copy");
    }
    folder
}

/// A slice with a lesion, and what makes it one of a stack.
const ONE: &str = "stack/9.png";

fn read(path: &Path) -> DynamicImage {
    image::open(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The pixels of a mask, which must be 8-bit grey of this size, 0 or 255.
fn mask(path: &Path, size: (u32, u32)) -> Vec<bool> {
    let DynamicImage::ImageLuma8(grey) = read(path) else { panic!("{}: not 8-bit grey", path.display()) };
    assert_eq!(grey.dimensions(), size, "{}", path.display());
    assert!(grey.as_raw().iter().all(|v| [0, 255].contains(v)), "{}", path.display());
    grey.as_raw().iter().map(|&v| v == 255).collect()
}

/// The codes of a line's warnings.
fn codes(line: &Value) -> Vec<&str> {
    let warnings = line["warnings"].as_array().expect("warnings");
    warnings.iter().map(|w| w["code"].as_str().expect("a code")).collect()
}

fn text<'a>(line: &'a Value, key: &str) -> &'a str {
    line[key].as_str().unwrap_or_else(|| panic!("no {key}: {line}"))
}

/// The one line of an answer about one file.
fn only(output: &Output) -> Value {
    let mut lines = lines(output);
    assert_eq!(lines.len(), 1, "{output:?}");
    lines.remove(0)
}

/// The names below a folder, sorted.
fn tree(folder: &Path) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).into_iter().flatten() {
            let path = entry.expect("an entry").path();
            match path.strip_prefix(folder) {
                Ok(_) if path.is_dir() => open.push(path),
                Ok(name) => names.push(arg(name)),
                Err(_) => {}
            }
        }
    }
    names.sort();
    names
}
