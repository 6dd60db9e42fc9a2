//! tract. Setting: `threads`, for matrix products, element-wise work and reductions.

use std::process::ExitCode;
use std::sync::Arc;

use peer_harness::{Job, Network, Result, serve};
use tract_linalg::multithread::{Executor, set_default_executor};
use tract_onnx::prelude::*;

struct Tract {
    plan: Arc<TypedRunnableModel>,
    input: TValue,
}

fn load(job: &Job) -> Result<Tract> {
    match job.number("threads")? {
        0 | 1 => set_default_executor(Executor::SingleThread),
        threads => set_default_executor(Executor::multithread(threads)),
    }
    let fact = f32::fact(&job.shape).into();
    let model = tract_onnx::onnx().model_for_path(&job.model)?.with_input_fact(0, fact)?;
    let plan = model.into_optimized()?.into_runnable()?;
    let input = Tensor::from_shape(&job.shape, &job.input)?.into_tvalue();
    Ok(Tract { plan, input })
}

impl Network for Tract {
    fn run(&mut self) -> Result<Vec<Vec<f32>>> {
        let outputs = self.plan.run(tvec!(self.input.clone()))?;
        outputs.iter().map(|value| Ok(value.view().as_slice::<f32>()?.to_vec())).collect()
    }
}

fn main() -> ExitCode {
    serve(load)
}
