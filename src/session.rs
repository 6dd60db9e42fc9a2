//! A network made ready on a device: one way to run it for the CPU engine and for GPUs.

mod batch;
mod cpu;
mod gpu;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::device::{Device, Kind};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, StepTime};
use crate::graph::network::Network;
use crate::graph::{self, Graph, input_shapes};
use crate::onnx::OnnxFile;
use crate::origin::Verified;
use crate::plan::lowering::Choice;
use crate::plan::{Plan, Target, plan};
use crate::tensor::{Shape, Tensor};
use crate::tuning::{Adapters, Background, Cache, Tunings};
use batch::{Joined, Runs};
use cpu::CpuEngine;
use gpu::GpuEngine;

/// Plans kept ready; a network is seldom run at more shapes, and each holds device memory.
const MAX_READY: usize = 8;

/// The largest batch that [`Session::run_batch`] plans for.
pub const MAX_BATCH: usize = 32;

/// A network ready to run on one device.
///
/// ```no_run
/// use std::collections::BTreeMap;
/// use gyrus::{Device, Model, Session, Tensor};
///
/// let model = Model::load("weights/alzheimer".as_ref())?;
/// let mut session = Session::new(&model, &Device::open("auto")?)?;
/// let slice = Tensor::from_f32([1, 1, 208, 176], vec![0.0; 208 * 176])?;
/// for (name, output) in session.run(BTreeMap::from([("image".to_string(), slice)]))? {
///     println!("{name}: {}", output.shape());
/// }
/// # Ok::<(), gyrus::Error>(())
/// ```
pub struct Session {
    file: Arc<OnnxFile>,
    /// The network's name in what is remembered of it.
    name: String,
    device_name: String,
    notices: Vec<String>,
    engine: Engine,
}

enum Engine {
    Cpu(Box<CpuEngine>),
    Gpu(Box<GpuEngine>),
}

impl Session {
    /// Makes a model ready on a device. Plans are made at the first run of each input shape, with the kernels that were
    /// found best there ([`crate::tuning`]).
    ///
    /// # Errors
    /// Unsupported nodes, all of them listed.
    pub fn new(model: &crate::model::Model, device: &Device) -> Result<Session> {
        Session::named(model.name.clone(), model.file.clone(), device)
    }

    /// Makes an ONNX file ready on a device.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn of_file(file: Arc<OnnxFile>, device: &Device) -> Result<Session> {
        Session::named(file.network.name.clone(), file, device)
    }

    fn named(name: String, file: Arc<OnnxFile>, device: &Device) -> Result<Session> {
        let unsupported = graph::unsupported(&file.network);
        if !unsupported.is_empty() {
            return Err(Error::Unsupported(unsupported));
        }
        let mut notices: Vec<String> = device.notice().map(str::to_string).into_iter().collect();
        let engine = match &device.kind {
            Kind::Cpu => Engine::Cpu(Box::new(CpuEngine::new())),
            Kind::Gpu(gpu) => {
                let cache = Cache::of(gpu);
                let (tunings, fault) = cache.load();
                notices.extend(fault);
                notices.extend(left_out(&tunings));
                Engine::Gpu(Box::new(GpuEngine::new(gpu.clone(), tunings.choice(), cache)))
            }
        };
        Ok(Session { file, name, device_name: device.name(), notices, engine })
    }

    /// From the first answer on, measures in the background which kernels are fastest for the input shapes that are
    /// run, where that is not known yet. The sessions after this one profit; a kernel that turns out to compute wrong
    /// is left at once, with a notice. Call [`crate::tuning::shut_down`] last in `main`.
    pub fn tune_in_background(&mut self, adapters: Adapters) {
        if let Engine::Gpu(engine) = &mut self.engine
            && (adapters == Adapters::All || !engine.gpu.is_software())
        {
            engine.background = Some(Background::new(self.file.clone(), self.name.clone()));
        }
    }

    /// Lets kernels answer that were never held against the twins on this device, which takes some seconds for each network; then no
    /// report calls them verified. For those who measure or break kernels.
    pub fn trust_kernels(&mut self) {
        if let Engine::Gpu(engine) = &mut self.engine {
            engine.verifies = false;
        }
    }

    /// Whether the kernels that have answered so far, and those of plans that were made ready, were held against the twins.
    pub fn verified(&self) -> Verified {
        match &self.engine {
            Engine::Cpu(_) => Verified::default(),
            Engine::Gpu(engine) => engine.verified.clone(),
        }
    }

    /// The device's name as every report quotes it.
    pub fn device_name(&self) -> &str {
        &self.device_name
    }

    /// Says from now on to those who hold `verified` whether kernels were held against the twins, and forgets what was said before.
    pub fn say_verified_to(&mut self, verified: &Verified) {
        if let Engine::Gpu(engine) = &mut self.engine {
            verified.become_that_of(&engine.verified);
            engine.verified = verified.clone();
        }
    }

    /// What the user must be told: fall-backs, slow paths, a device that had to be rebuilt.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    pub fn network(&self) -> &Network {
        &self.file.network
    }

    /// How often the device was lost and opened again.
    pub fn rebuilds(&self) -> u64 {
        match &self.engine {
            Engine::Cpu(_) => 0,
            Engine::Gpu(engine) => engine.rebuilds,
        }
    }

    /// The GPU that the network runs on; `None` on the CPU engine.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.engine {
            Engine::Cpu(_) => None,
            Engine::Gpu(engine) => Some(&engine.gpu),
        }
    }

    /// Runs the network once on these inputs, by name. Returns all outputs in the file's order.
    ///
    /// # Errors
    /// A missing, unknown or wrong-shaped input; more memory needed than the device has; an error of the driver.
    pub fn run(&mut self, inputs: BTreeMap<String, Tensor>) -> Result<Vec<(String, Tensor)>> {
        let shapes = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape().clone())).collect();
        let shapes = input_shapes(&self.file.network, &shapes, 1)?;
        let tensors = ordered(&self.file.network, inputs)?;
        let outputs = self.run_ordered(&shapes, &tensors)?;
        let names = self.file.network.outputs.iter().map(|o| o.name.clone());
        Ok(names.zip(outputs).collect())
    }

    /// Runs a batch of independent samples, `[N, ...]`, of a network with one input: on a GPU in plans for 1, 2, 4 ...
    /// samples, so that any N reuses few plans; on the CPU engine each on a core of its own, where that is faster. Returns each
    /// output with N samples.
    ///
    /// # Errors
    /// As [`Session::run`]; a network with several inputs or a fixed batch size.
    pub fn run_batch(&mut self, batch: &Tensor) -> Result<Vec<Tensor>> {
        let (data, shape) = (batch.as_f32()?, batch.shape().clone());
        let [input] = self.file.network.inputs.as_slice() else {
            return Err(Error::Graph("batches need a network with one input".into()));
        };
        let name = input.name.clone();
        let samples =
            *shape.first().ok_or_else(|| Error::tensor(&name, "a batch needs a first dimension"))?;
        let sample = shape.elements() / samples.max(1);
        let names: Vec<String> = self.file.network.outputs.iter().map(|o| o.name.clone()).collect();
        let shape_of = |rows: usize| {
            let mut shape = shape.to_vec();
            shape[0] = rows;
            Shape::new(shape)
        };
        let mut joined = Joined::default();
        for runs in batch::runs_beside(samples, self.at_a_time(&shape_of(1)?)) {
            let size = runs.samples;
            let shape = shape_of(size)?;
            let shapes = self.shapes_of(&name, &shape)?;
            let part = |start: usize| {
                if size == samples {
                    return Ok(Cow::Borrowed(std::slice::from_ref(batch)));
                }
                let data = data[start * sample..(start + size) * sample].to_vec();
                Ok(Cow::Owned(vec![Tensor::from_f32(shape.to_vec(), data)?]))
            };
            self.run_parts(&shapes, &runs, part, |outputs| joined.append(&names, &outputs, size))?;
        }
        joined.whole(samples)
    }

    /// How many samples of this shape, `[1, ...]`, [`Session::run_batch`] computes at a time, each by itself: several on the CPU
    /// engine where each core has its own.
    pub(crate) fn at_a_time(&mut self, sample: &Shape) -> usize {
        let [input] = self.file.network.inputs.as_slice() else { return 1 };
        let shapes = self.shapes_of(&input.name, sample);
        match (&mut self.engine, shapes) {
            (Engine::Cpu(engine), Ok(shapes)) => engine.at_a_time(&self.file.network, &shapes),
            // A network that does not take single samples is refused at the size that it is given.
            (Engine::Cpu(_) | Engine::Gpu(_), _) => 1,
        }
    }

    /// The shapes of all inputs where the one of this name has this shape.
    fn shapes_of(&self, name: &str, shape: &Shape) -> Result<Vec<Shape>> {
        input_shapes(&self.file.network, &BTreeMap::from([(name.to_string(), shape.clone())]), 1)
    }

    fn run_ordered(&mut self, shapes: &[Shape], inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let mut outputs = Vec::new();
        let taken = |found| {
            outputs = found;
            Ok(())
        };
        let once = Runs { samples: 1, starts: vec![0], at_a_time: 1 };
        self.run_parts(shapes, &once, |_| Ok(Cow::Borrowed(inputs)), taken)?;
        Ok(outputs)
    }

    /// Runs the network on the inputs that `part` makes for each start, all of these shapes. A GPU is given the next
    /// before the last are taken.
    fn run_parts<'a>(
        &mut self,
        shapes: &[Shape],
        runs: &Runs,
        part: impl Fn(usize) -> Result<Cow<'a, [Tensor]>> + Sync,
        taken: impl FnMut(Vec<Tensor>) -> Result<()>,
    ) -> Result<()> {
        match &mut self.engine {
            Engine::Cpu(engine) => {
                let result = engine.run_parts(&self.file, shapes, runs, part, taken);
                let notice = engine.notice().filter(|notice| !self.notices.iter().any(|n| n == notice));
                self.notices.extend(notice.map(str::to_string));
                result
            }
            Engine::Gpu(engine) => {
                self.notices.extend(engine.leave_dropped());
                let result = engine.run_parts(
                    &self.file.network,
                    shapes,
                    &runs.starts,
                    part,
                    taken,
                    &mut self.notices,
                );
                // What a damaged file is ignored for was said when it was opened.
                for told in engine.told.drain(..) {
                    if !self.notices.contains(&told) {
                        self.notices.push(told);
                    }
                }
                result
            }
        }
    }

    /// Device time of every step of the plan at these inputs; `None` where the device cannot tell.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn time_steps(&mut self, inputs: &BTreeMap<String, Tensor>) -> Result<Option<(Plan, Vec<StepTime>)>> {
        let Engine::Gpu(engine) = &mut self.engine else { return Ok(None) };
        let shapes = inputs.iter().map(|(name, tensor)| (name.clone(), tensor.shape().clone())).collect();
        let shapes = input_shapes(&self.file.network, &shapes, 1)?;
        let tensors = ordered(&self.file.network, inputs.clone())?;
        let player = engine.player(&self.file.network, &shapes)?;
        let times = player.time_steps(&tensors)?;
        Ok(times.map(|times| (player.plan().clone(), times)))
    }
}

/// The plan of a network for these input shapes and this device, with the kernels of this choice.
///
/// # Errors
/// Unsupported nodes, shapes that do not fit, more memory than the device has.
pub fn compile(network: &Network, shapes: &[Shape], target: &Target, choice: &Choice) -> Result<Plan> {
    plan(&fused(network, shapes)?, target, choice)
}

/// The network at these input shapes, as it is planned.
fn fused(network: &Network, shapes: &[Shape]) -> Result<Graph> {
    let mut graph = graph::build(network, shapes)?;
    graph::fuse(&mut graph);
    Ok(graph)
}

/// Said each time: what is wrong with a device matters to whoever reads its answers.
fn left_out(tunings: &Tunings) -> Option<String> {
    let names: Vec<&str> = tunings.dropped.keys().map(String::as_str).collect();
    let names = (!names.is_empty()).then(|| names.join(", "))?;
    Some(format!(
        "kernels that compute wrong on this device are not used ({names}); `gyrus tune --show` says more"
    ))
}

fn ordered(network: &Network, mut inputs: BTreeMap<String, Tensor>) -> Result<Vec<Tensor>> {
    let take = |name: &str| inputs.remove(name).ok_or_else(|| Error::tensor(name, "this input is missing"));
    network.inputs.iter().map(|input| &input.name).map(String::as_str).map(take).collect()
}
