//! Turns the ONNX schema into Rust types, without needing `protoc` on the machine.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/onnx/onnx.proto");
    let schema = protox::compile(["onnx.proto"], ["src/onnx"])?;
    // The schema's comments hold examples that rustdoc would try to compile.
    prost_build::Config::new().disable_comments(["."]).compile_fds(schema)?;
    Ok(())
}
