//! How wide the vectors are that llvmpipe computes with: the command asks for all that the CPU has.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::command::{network, no_cache};
use serde_json::Value;

/// The command, with the driver told so many bits.
fn told(bits: Option<&str>, cache: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gyrus"));
    command
        .env("GYRUS_CACHE_DIR", cache)
        .env_remove("LP_NATIVE_VECTOR_WIDTH")
        .env_remove("MESA_SHADER_CACHE_DIR");
    command.envs(bits.map(|bits| ("LP_NATIVE_VECTOR_WIDTH", bits)));
    command
}

/// The lanes of a subgroup of llvmpipe, as `gyrus devices` lists them.
fn lanes(bits: Option<&str>) -> u64 {
    let output = told(bits, &no_cache()).args(["devices", "--format", "json"]).output().expect("gyrus runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut listed = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let is_llvmpipe = |device: &Value| device["name"].as_str().is_some_and(|name| name.contains("llvmpipe"));
    let device = listed.find(is_llvmpipe).expect("needs llvmpipe: run scripts/test");
    device["subgroup"].as_u64().expect("a fixed width")
}

/// Whether the CPU says that it has this.
fn has(flag: &str) -> bool {
    let cpu = fs::read_to_string("/proc/cpuinfo").expect("a CPU that says what it has");
    cpu.split_whitespace().any(|word| word == flag)
}

fn is_wide() -> bool {
    ["avx512f", "avx512bw", "avx512dq", "avx512vl"].into_iter().all(has)
}

#[test]
fn llvmpipe_computes_as_wide_as_the_cpu_unless_its_user_says_otherwise() {
    let widest = if is_wide() {
        16
    } else if has("avx") {
        8
    } else {
        4
    };
    assert_eq!((lanes(None), lanes(Some("128"))), (widest, 4));
}

/// Mesa takes what it compiled for one width for that of another.
#[test]
fn shaders_of_the_widest_vectors_lie_apart() {
    let cache = tempfile::tempdir().expect("a folder");
    let apart = cache.path().join("shaders-512");
    let run = |bits| {
        let mut command = told(bits, cache.path());
        command.arg("bench").arg(network("classifier")).args(["--device", "software", "--runs", "1"]);
        assert!(command.output().expect("gyrus runs").status.success());
        fs::read_dir(&apart).map_or(0, Iterator::count)
    };
    assert_eq!(run(Some("128")), 0);
    assert_eq!(run(None) > 0, is_wide());
}
