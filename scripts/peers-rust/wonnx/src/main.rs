//! wonnx. It has no settings; WGPU_ADAPTER_NAME chooses the adapter.

use std::collections::HashMap;
use std::process::ExitCode;

use peer_harness::{Job, Network, Result, serve};
use pollster::block_on;
use wonnx::Session;
use wonnx::utils::{InputTensor, OutputTensor};

struct Wonnx {
    session: Session,
    name: String,
    input: Vec<f32>,
    outputs: Vec<String>,
}

fn load(job: &Job) -> Result<Wonnx> {
    let model = protobuf::parse_from_bytes::<wonnx::onnx::ModelProto>(&std::fs::read(&job.model)?)?;
    let graph = model.get_graph();
    let name = graph.get_input().first().ok_or("no input")?.get_name().to_string();
    let outputs = graph.get_output().iter().map(|value| value.get_name().to_string()).collect();
    Ok(Wonnx { session: block_on(Session::from_model(model))?, name, input: job.input.clone(), outputs })
}

impl Network for Wonnx {
    fn run(&mut self) -> Result<Vec<Vec<f32>>> {
        let inputs = HashMap::from([(self.name.clone(), InputTensor::from(self.input.as_slice()))]);
        let mut found = block_on(self.session.run(&inputs))?;
        let take = |name: &String| match found.remove(name) {
            Some(OutputTensor::F32(values)) => Ok(values),
            _ => Err(format!("no f32 output {name}").into()),
        };
        self.outputs.iter().map(take).collect()
    }

    fn adapter(&self) -> String {
        std::env::var("WGPU_ADAPTER_NAME").unwrap_or_default()
    }
}

fn main() -> ExitCode {
    serve(load)
}
