//! The CPU engine: the `rten` crate, or the operators' twins where rten cannot run a network.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rten::{Model, ModelOptions, NodeId, ValueOrView};
use rten_tensor::prelude::*;

use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::graph::interpret::interpret;
use crate::onnx::{OnnxFile, explicit_windows};
use crate::tensor::{Shape, Tensor};

/// Runs networks on the CPU. It sees a file only after the importer has accepted it.
pub struct Cpu {
    rten: State,
    notice: Option<String>,
}

enum State {
    /// rten folds constants while it loads, without a bound: it waits until our own planning has passed.
    NotLoaded,
    Ready(Box<Rten>),
    Refused,
}

struct Rten {
    model: Model,
    inputs: Vec<NodeId>,
    outputs: Vec<NodeId>,
}

impl Cpu {
    pub fn new() -> Cpu {
        Cpu { rten: State::NotLoaded, notice: None }
    }

    /// What the user must know of how the network runs.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// Runs the network of the file; `graph` is it at the inputs' shapes. What rten refuses, or fails at, runs
    /// on the twins from then on, and [`Cpu::notice`] says so.
    ///
    /// # Errors
    /// A failure of a twin; an input of the wrong type.
    pub fn run(&mut self, file: &OnnxFile, graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        if let State::NotLoaded = self.rten {
            match load(file) {
                Ok(rten) => self.rten = State::Ready(Box::new(rten)),
                Err(reason) => self.refuse(&reason),
            }
        }
        if let State::Ready(rten) = &self.rten {
            match rten.run(inputs, graph) {
                Err(Error::Device { reason, .. }) => self.refuse(&reason),
                outputs => return outputs,
            }
        }
        interpret(graph, inputs)
    }

    fn refuse(&mut self, reason: &str) {
        self.rten = State::Refused;
        self.notice = Some(format!("the CPU engine runs this network on slow reference code ({reason})"));
    }
}

fn load(file: &OnnxFile) -> std::result::Result<Rten, String> {
    let mut options = ModelOptions::with_all_ops();
    options.prepack_weights(true);
    for (name, bytes) in &file.external {
        options.external_data(name, bytes.as_ref().clone());
    }
    let bytes = explicit_windows(&file.bytes).unwrap_or_else(|| file.bytes.clone());
    // A network that rten stumbles over is still one that the twins can run.
    let loaded = catch_unwind(AssertUnwindSafe(|| options.load(bytes)));
    let model = loaded.map_err(|_| "rten failed".to_string())?.map_err(|e| format!("rten: {e}"))?;
    let find = |name: &String| model.node_id(name).map_err(|e| format!("rten: {e}"));
    let inputs = file.network.inputs.iter().map(|v| find(&v.name)).collect::<Result<_, _>>()?;
    let outputs = file.network.outputs.iter().map(|v| find(&v.name)).collect::<Result<_, _>>()?;
    Ok(Rten { model, inputs, outputs })
}

impl Rten {
    fn run(&self, inputs: &[Tensor], graph: &Graph) -> Result<Vec<Tensor>> {
        let fault = |reason: String| Error::Device { device: "cpu".into(), reason };
        let mut values: Vec<(NodeId, ValueOrView)> = Vec::with_capacity(inputs.len());
        for (&id, tensor) in self.inputs.iter().zip(inputs) {
            let view = rten_tensor::TensorView::from_data(&tensor.shape()[..], tensor.as_f32()?);
            values.push((id, view.into()));
        }
        let run = catch_unwind(AssertUnwindSafe(|| self.model.run(values, &self.outputs, None)));
        let outputs = run.map_err(|_| fault("rten failed on this input".into()))?;
        let outputs = outputs.map_err(|e| fault(format!("rten: {e}")))?;
        let shapes = graph.outputs.iter().map(|&id| &graph.values[id].shape);
        outputs.into_iter().zip(shapes).map(|(value, shape)| to_tensor(value, shape).map_err(fault)).collect()
    }
}

fn to_tensor(value: rten::Value, shape: &Shape) -> std::result::Result<Tensor, String> {
    let tensor: rten_tensor::Tensor<f32> = value.try_into().map_err(|e| format!("rten: {e}"))?;
    if tensor.shape() != &shape[..] {
        return Err(format!("rten computed shape {:?}, expected {shape}", tensor.shape()));
    }
    Tensor::from_f32(shape.to_vec(), tensor.to_vec()).map_err(|e| e.to_string())
}
