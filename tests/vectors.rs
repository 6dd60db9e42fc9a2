//! How wide the vectors are that llvmpipe computes with: the command asks for all that the CPU has.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// The lanes of a subgroup of llvmpipe, as `gyrus devices` lists them, with the driver told so many bits.
fn lanes(cache: &Path, bits: Option<&str>) -> u64 {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gyrus"));
    command.args(["devices", "--format", "json"]).env("GYRUS_CACHE_DIR", cache);
    match bits {
        Some(bits) => command.env("LP_NATIVE_VECTOR_WIDTH", bits),
        None => command.env_remove("LP_NATIVE_VECTOR_WIDTH"),
    };
    let output = command.output().expect("gyrus runs");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut listed = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let is_llvmpipe = |device: &Value| device["name"].as_str().is_some_and(|name| name.contains("llvmpipe"));
    let device = listed.find(is_llvmpipe).expect("needs llvmpipe: run scripts/test");
    device["subgroup"].as_u64().expect("a fixed width")
}

#[test]
fn llvmpipe_computes_as_wide_as_the_cpu_unless_its_user_says_otherwise() {
    let cpu = fs::read_to_string("/proc/cpuinfo").expect("a CPU that says what it has");
    let has = |flag: &str| cpu.split_whitespace().any(|word| word == flag);
    let is_wide = ["avx512f", "avx512bw", "avx512dq", "avx512vl"].iter().all(|flag| has(flag));
    let widest = if is_wide {
        16
    } else if has("avx") {
        8
    } else {
        4
    };
    let cache = tempfile::tempdir().expect("a folder");
    let own_shaders = cache.path().join("shaders-512");
    assert_eq!(lanes(cache.path(), Some("128")), 4);
    assert!(!own_shaders.exists(), "what is asked for is the driver's own business");
    assert_eq!(lanes(cache.path(), None), widest);
    assert_eq!(own_shaders.is_dir(), is_wide, "shaders of other widths are taken for those of this one");
}
