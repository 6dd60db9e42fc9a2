//! rten. Settings: `threads`, `prepack` (weights in the layout of its products, made at load).

use std::process::ExitCode;
use std::sync::Arc;

use peer_harness::{Job, Network, Result, serve};
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::Tensor;
use rten_tensor::prelude::*;

struct Rten {
    model: Model,
    input: (NodeId, Tensor<f32>),
    outputs: Vec<NodeId>,
    options: RunOptions,
}

fn load(job: &Job) -> Result<Rten> {
    let mut options = ModelOptions::with_all_ops();
    let model = options.prepack_weights(job.number("prepack")? == 1).load_file(&job.model)?;
    let pool = Arc::new(ThreadPool::with_num_threads(job.number("threads")?));
    let input = Tensor::from_data(&job.shape, job.input.clone());
    let id = *model.input_ids().first().ok_or("no input")?;
    let outputs = model.output_ids().to_vec();
    let options = RunOptions::default().with_thread_pool(Some(pool));
    Ok(Rten { input: (id, input), outputs, options, model })
}

impl Network for Rten {
    fn run(&mut self) -> Result<Vec<Vec<f32>>> {
        let (id, input) = &self.input;
        let values = self.model.run(vec![(*id, input.view().into())], &self.outputs, Some(self.options.clone()))?;
        values.into_iter().map(host).collect()
    }
}

fn host(value: Value) -> Result<Vec<f32>> {
    let tensor: Tensor<f32> = value.try_into().map_err(|_| "an output is not f32")?;
    Ok(tensor.into_data())
}

fn main() -> ExitCode {
    serve(load)
}
