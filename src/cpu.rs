//! The CPU engine: the `rten` crate, or the operators' twins where rten cannot run a network.

mod beside;
mod faults;

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use rten::{Model, ModelOptions, NodeId, RunOptions, ValueOrView};
use rten_tensor::prelude::*;

use crate::error::{Error, Result};
use crate::graph::interpret::interpret;
use crate::graph::{Graph, Value};
use crate::onnx::{OnnxFile, explicit};
use crate::tensor::{DType, Data, Tensor};
pub use beside::cores;
pub use faults::approximation;

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

    /// What [`Cpu::runs_on`] says of rten.
    pub const RTEN: &str = "rten";
    /// What [`Cpu::runs_on`] says of the twins.
    pub const TWIN: &str = "twin";

    /// What the network runs on, once it has run.
    pub fn runs_on(&self) -> &'static str {
        match self.rten {
            State::Ready(_) => Cpu::RTEN,
            State::NotLoaded | State::Refused => Cpu::TWIN,
        }
    }

    /// Whether rten was found not to run the network.
    pub fn is_on_twins(&self) -> bool {
        matches!(self.rten, State::Refused)
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
        self.load(file, graph);
        if let State::Ready(rten) = &self.rten {
            match rten.run(inputs, graph, None) {
                Err(Error::Device { reason, .. }) => self.refuse(&reason),
                outputs => return outputs,
            }
        }
        interpret(graph, inputs)
    }

    /// As [`Cpu::run`] on the inputs that `sample` makes for each of `which`, side by side, a core each.
    ///
    /// # Errors
    /// As [`Cpu::run`].
    pub fn run_beside<'a>(
        &mut self,
        file: &OnnxFile,
        graph: &Graph,
        which: &[usize],
        sample: impl Fn(usize) -> Result<Cow<'a, [Tensor]>> + Sync,
    ) -> Result<Vec<Vec<Tensor>>> {
        self.load(file, graph);
        if let State::Ready(rten) = &self.rten {
            let run = |&which: &usize, alone| rten.run(&sample(which)?, graph, Some(alone));
            match beside::each(which, run) {
                Err(Error::Device { reason, .. }) => self.refuse(&reason),
                outputs => return outputs,
            }
        }
        which.iter().map(|&which| interpret(graph, &sample(which)?)).collect()
    }

    /// Sees to it that rten has the network, or is known not to run it.
    fn load(&mut self, file: &OnnxFile, graph: &Graph) {
        if let (State::NotLoaded | State::Ready(_), Some(fault)) =
            (&self.rten, faults::fault(&file.network, graph))
        {
            self.refuse(&fault);
        }
        if let State::NotLoaded = self.rten {
            match load(file) {
                Ok(rten) => self.rten = State::Ready(Box::new(rten)),
                Err(reason) => self.refuse(&reason),
            }
        }
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
    let bytes = explicit(&file.bytes).unwrap_or_else(|| file.bytes.clone());
    // A network that rten stumbles over is still one that the twins can run.
    let loaded = catch_unwind(AssertUnwindSafe(|| options.load(bytes)));
    let model = loaded.map_err(|_| "rten failed".to_string())?.map_err(|e| format!("rten: {e}"))?;
    let find = |name: &String| model.node_id(name).map_err(|e| format!("rten: {e}"));
    let inputs = file.network.inputs.iter().map(|v| find(&v.name)).collect::<Result<_, _>>()?;
    let outputs = file.network.outputs.iter().map(|v| find(&v.name)).collect::<Result<_, _>>()?;
    Ok(Rten { model, inputs, outputs })
}

impl Rten {
    fn run(&self, inputs: &[Tensor], graph: &Graph, options: Option<RunOptions>) -> Result<Vec<Tensor>> {
        let fault = |reason: String| Error::Device { device: "cpu".into(), reason };
        let mut values: Vec<(NodeId, ValueOrView)> = Vec::with_capacity(inputs.len());
        for (&id, tensor) in self.inputs.iter().zip(inputs) {
            values.push((id, from_tensor(tensor).map_err(fault)?));
        }
        let run = catch_unwind(AssertUnwindSafe(|| self.model.run(values, &self.outputs, options)));
        let outputs = run.map_err(|_| fault("rten failed on this input".into()))?;
        let outputs = outputs.map_err(|e| fault(format!("rten: {e}")))?;
        let values = graph.outputs.iter().map(|&id| &graph.values[id]);
        outputs.into_iter().zip(values).map(|(found, value)| to_tensor(found, value).map_err(fault)).collect()
    }
}

/// A tensor as rten takes it: of integers it has only 32 bits, and booleans are integers.
fn from_tensor(tensor: &Tensor) -> std::result::Result<ValueOrView<'_>, String> {
    if let Data::F32(data) = tensor.data() {
        return Ok(rten_tensor::TensorView::from_data(&tensor.shape()[..], data.as_slice()).into());
    }
    let wide = tensor.to_i64s().map_err(|e| e.to_string())?;
    let narrow: Option<Vec<i32>> = wide.into_iter().map(|v| i32::try_from(v).ok()).collect();
    let narrow = narrow.ok_or("rten has integers of 32 bits only")?;
    let value: rten::Value = rten_tensor::Tensor::from_data(&tensor.shape()[..], narrow).into();
    Ok(value.into())
}

fn to_tensor(found: rten::Value, expected: &Value) -> std::result::Result<Tensor, String> {
    let (shape, dtype) = (&expected.shape, expected.dtype);
    if found.shape()[..] != shape[..] {
        return Err(format!("rten computed shape {:?}, expected {shape}", found.shape()));
    }
    if dtype == DType::F32 {
        let tensor: rten_tensor::Tensor<f32> = found.try_into().map_err(|e| format!("rten: {e}"))?;
        return Tensor::from_f32(shape.to_vec(), tensor.to_vec()).map_err(|e| e.to_string());
    }
    let tensor: rten_tensor::Tensor<i32> = found.try_into().map_err(|e| format!("rten: {e}"))?;
    let integers = tensor.to_vec();
    let data = match dtype {
        DType::Bool => Data::Bool(integers.iter().map(|&v| v != 0).collect()),
        DType::I32 => Data::I32(integers),
        _ => Data::I64(integers.into_iter().map(i64::from).collect()),
    };
    Tensor::new(shape.to_vec(), data).map_err(|e| e.to_string())
}
