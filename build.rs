//! Turns the schemas of ONNX and of the inference protocol into Rust types, without needing `protoc` on the machine.

use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/onnx/onnx.proto");
    let schema = protox::compile(["onnx.proto"], ["src/onnx"])?;
    // The schema's comments hold examples that rustdoc would try to compile.
    prost_build::Config::new().disable_comments(["."]).compile_fds(schema)?;
    if std::env::var_os("CARGO_FEATURE_SERVE").is_some() {
        println!("cargo::rerun-if-changed=src/serve/grpc/inference.proto");
        let schema = protox::compile(["inference.proto"], ["src/serve/grpc"])?;
        tonic_prost_build::configure().build_client(false).compile_fds(schema)?;
    }
    Ok(())
}
