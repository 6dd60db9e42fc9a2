//! burn runs no ONNX files: burn-onnx writes Rust for one, whose path is given in GYRUS_PEERS_ONNX.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-env-changed=GYRUS_PEERS_ONNX");
    let model = env::var("GYRUS_PEERS_ONNX").expect("GYRUS_PEERS_ONNX: the ONNX file to build for");
    println!("cargo::rerun-if-changed={model}");
    // The generated file takes the name of the ONNX file, and main.rs must know it.
    let copy = Path::new(&env::var("OUT_DIR").expect("cargo sets OUT_DIR")).join("network.onnx");
    fs::copy(&model, &copy).expect("the ONNX file can be read");
    burn_onnx::ModelGen::new()
        .input(copy.to_str().expect("a path in UTF-8"))
        .out_dir("generated/")
        // The weights are part of the program, so that it can be kept under another name.
        .load_strategy(burn_onnx::LoadStrategy::Embedded)
        .run_from_script();
}
