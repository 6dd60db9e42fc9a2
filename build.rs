//! Turns the schemas of ONNX and of the inference protocol into Rust types, without needing `protoc` on the machine.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=src/onnx/onnx.proto");
    let schema = protox::compile(["onnx.proto"], ["src/onnx"])?;
    // The schema's comments hold examples that rustdoc would try to compile.
    prost_build::Config::new().disable_comments(["."]).compile_fds(schema)?;
    if std::env::var_os("CARGO_FEATURE_SERVE").is_some() {
        println!("cargo::rerun-if-changed=src/serve/grpc/inference.proto");
        let schema = protox::compile(["inference.proto"], ["src/serve/grpc"])?;
        tonic_prost_build::configure().build_client(false).compile_fds(schema)?;
        bound(&Path::new(&std::env::var("OUT_DIR")?).join("inference.rs"))?;
    }
    Ok(())
}

/// Puts the service's own codec in the place of prost's, for which the generator has no setting.
fn bound(generated: &Path) -> Result<(), Box<dyn Error>> {
    const THEIRS: &str = "tonic_prost::ProstCodec";
    let text = std::fs::read_to_string(generated)?;
    if !text.contains(THEIRS) {
        return Err(format!("the calls that were generated do not name {THEIRS}").into());
    }
    Ok(std::fs::write(generated, text.replace(THEIRS, "crate::serve::grpc::codec::Bounded"))?)
}
