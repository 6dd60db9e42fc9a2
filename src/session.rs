//! A network made ready on a device: plans by input shape, and the recovery of a lost device.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cpu::Cpu;
use crate::device::{Device, Kind};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, StepTime, WeightStore};
use crate::graph::network::Network;
use crate::graph::{self, Graph, input_shapes};
use crate::memory;
use crate::onnx::OnnxFile;
use crate::origin::Verified;
use crate::plan::lowering::{Choice, Decision};
use crate::plan::{DeviceClass, Plan, Target, plan, plan_and_decisions};
use crate::tensor::{Shape, Tensor};
use crate::tuning::{Adapters, Background, Cache, Gate, Tunings};

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
    Cpu { cpu: Box<Cpu>, graphs: BTreeMap<Vec<Shape>, Arc<Graph>> },
    Gpu(Box<GpuEngine>),
}

struct GpuEngine {
    gpu: Arc<Gpu>,
    /// The kernels that tuning found best on this device.
    choice: Choice,
    weights: WeightStore,
    /// Most recently used last.
    ready: Vec<(Vec<Shape>, Player)>,
    background: Option<Background>,
    /// How often the device was opened again.
    rebuilds: u64,
    /// What is known of the device's kernels, and what becomes known.
    cache: Cache,
    /// Whether kernels that nothing is known of are held against the twins before they answer.
    verifies: bool,
    verified: Verified,
    /// What the user must be told of kernels, once.
    told: Vec<String>,
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
            Kind::Cpu => Engine::Cpu { cpu: Box::new(Cpu::new()), graphs: BTreeMap::new() },
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
            Engine::Cpu { .. } => Verified::default(),
            Engine::Gpu(engine) => engine.verified.clone(),
        }
    }

    /// The device's name as every report quotes it.
    pub fn device_name(&self) -> &str {
        &self.device_name
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
            Engine::Cpu { .. } => 0,
            Engine::Gpu(engine) => engine.rebuilds,
        }
    }

    /// The GPU that the network runs on; `None` on the CPU engine.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.engine {
            Engine::Cpu { .. } => None,
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

    /// Runs a batch of independent samples, `[N, ...]`, of a network with one input, in plans for 1, 2, 4 ...
    /// samples, so that any N reuses few plans. Returns each output with N samples.
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
        let mut whole: Vec<(Vec<usize>, Vec<f32>)> = Vec::new();
        for (bucket, starts) in parts(samples) {
            let mut shape = shape.to_vec();
            shape[0] = bucket;
            let given = BTreeMap::from([(name.clone(), Shape::new(shape.clone())?)]);
            let shapes = input_shapes(&self.file.network, &given, 1)?;
            let part = |start: usize| {
                let data = data[start * sample..(start + bucket) * sample].to_vec();
                Ok(Cow::Owned(vec![Tensor::from_f32(shape.clone(), data)?]))
            };
            self.run_parts(&shapes, &starts, part, |outputs| append(&mut whole, &names, &outputs, bucket))?;
        }
        let joined = whole.into_iter().map(|(mut shape, data)| {
            shape[0] = samples;
            Tensor::from_f32(shape, data)
        });
        joined.collect()
    }

    fn run_ordered(&mut self, shapes: &[Shape], inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let mut outputs = Vec::new();
        let taken = |found| {
            outputs = found;
            Ok(())
        };
        self.run_parts(shapes, &[0], |_| Ok(Cow::Borrowed(inputs)), taken)?;
        Ok(outputs)
    }

    /// Runs the network on the inputs that `part` makes for each of `starts`, all of these shapes. A GPU is given the next
    /// before the last are taken.
    fn run_parts<'a>(
        &mut self,
        shapes: &[Shape],
        starts: &[usize],
        part: impl Fn(usize) -> Result<Cow<'a, [Tensor]>>,
        mut taken: impl FnMut(Vec<Tensor>) -> Result<()>,
    ) -> Result<()> {
        match &mut self.engine {
            Engine::Cpu { cpu, graphs } => {
                if !graphs.contains_key(shapes) {
                    if graphs.len() == MAX_READY {
                        graphs.clear();
                    }
                    let graph = graph::build(&self.file.network, shapes)?;
                    memory::check("the network at this input size", graph.peak_bytes())?;
                    graphs.insert(shapes.to_vec(), Arc::new(graph));
                }
                let run = |&start: &usize| taken(cpu.run(&self.file, &graphs[shapes], &part(start)?)?);
                let result = starts.iter().try_for_each(run);
                let notice = cpu.notice().filter(|notice| !self.notices.iter().any(|n| n == notice));
                self.notices.extend(notice.map(str::to_string));
                result
            }
            Engine::Gpu(engine) => {
                self.notices.extend(engine.leave_dropped());
                let result =
                    engine.run_parts(&self.file.network, shapes, starts, part, taken, &mut self.notices);
                self.notices.append(&mut engine.told);
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

impl GpuEngine {
    fn new(gpu: Arc<Gpu>, choice: Choice, cache: Cache) -> GpuEngine {
        GpuEngine {
            gpu,
            choice,
            weights: WeightStore::default(),
            ready: Vec::new(),
            background: None,
            rebuilds: 0,
            cache,
            verifies: true,
            verified: Verified::default(),
            told: Vec::new(),
        }
    }

    fn rebuild(&mut self) -> Result<()> {
        self.gpu = Arc::new(self.gpu.reopen()?);
        self.weights = WeightStore::default();
        self.ready.clear();
        self.rebuilds += 1;
        Ok(())
    }

    fn run_parts<'a>(
        &mut self,
        network: &Network,
        shapes: &[Shape],
        starts: &[usize],
        part: impl Fn(usize) -> Result<Cow<'a, [Tensor]>>,
        mut taken: impl FnMut(Vec<Tensor>) -> Result<()>,
        notices: &mut Vec<String>,
    ) -> Result<()> {
        let request = self.background.as_ref().map(Background::request);
        let mut done = 0;
        let mut run = |engine: &mut GpuEngine| {
            let left = starts[done..].iter().map(|&start| part(start));
            engine.player(network, shapes)?.run_all(left, |outputs| {
                done += 1;
                taken(outputs)
            })
        };
        self.once_more(notices, &mut run)?;
        drop(request);
        if let Some(background) = &mut self.background {
            background.answered(&self.gpu, shapes);
        }
        Ok(())
    }

    /// Does something, and does it again should the device be lost in the midst of it.
    fn once_more(
        &mut self,
        notices: &mut Vec<String>,
        mut run: impl FnMut(&mut GpuEngine) -> Result<()>,
    ) -> Result<()> {
        match run(self) {
            Err(Error::DeviceLost { reason, .. }) => {
                // Once: a device that is lost twice in a row will be lost again.
                self.rebuild()?;
                notices.push(format!("the device was lost ({reason}) and has been rebuilt"));
                run(self)
            }
            result => result,
        }
    }

    /// Makes the plans anew without the kernels that were found to compute wrong; says which they are.
    fn leave_dropped(&mut self) -> Vec<String> {
        let dropped = self.background.as_ref().map(Background::dropped).unwrap_or_default();
        if !dropped.is_empty() {
            self.ready.clear();
            self.choice.dropped.extend(dropped.iter().cloned());
        }
        let said = |kernel: String| {
            format!(
                "{kernel} computes wrong on this device; what was computed before it was left may be wrong"
            )
        };
        dropped.into_iter().map(said).collect()
    }

    fn player(&mut self, network: &Network, shapes: &[Shape]) -> Result<&Player> {
        if let Some(position) = self.ready.iter().position(|(ready, _)| ready == shapes) {
            let entry = self.ready.remove(position);
            self.ready.push(entry);
        } else {
            // First, so that what is too large is refused before anything is allocated for it.
            let graph = fused(network, shapes)?;
            let (mut plan, decisions) = self.plan(&graph)?;
            if self.pass_gate(network, shapes, &graph, decisions)? {
                (plan, _) = self.plan(&graph)?;
            }
            if self.ready.len() == MAX_READY {
                self.ready.remove(0);
            }
            let player = Player::new(&self.gpu, plan, &mut self.weights)?;
            self.ready.push((shapes.to_vec(), player));
        }
        self.ready.last().map(|(_, player)| player).ok_or_else(|| Error::Graph("no plan was made".into()))
    }

    fn plan(&self, graph: &Graph) -> Result<(Plan, Vec<Decision>)> {
        let (plan, decisions) = plan_and_decisions(graph, self.gpu.target(), &self.choice)?;
        // A GPU with memory of its own does not tell how much is left; its driver refuses.
        if self.gpu.target().class != DeviceClass::Discrete {
            memory::check("the plan for this input size", plan.device_bytes())?;
        }
        Ok((plan, decisions))
    }

    /// Sees to it that the kernels of the plan for these shapes compute right. Whether others take the place of some.
    fn pass_gate(
        &mut self,
        network: &Network,
        shapes: &[Shape],
        graph: &Graph,
        decisions: Vec<Decision>,
    ) -> Result<bool> {
        if !self.verifies {
            self.verified.add(false);
            return Ok(false);
        }
        let gate = Gate { gpu: &self.gpu, cache: &self.cache, network, shapes };
        let passed = gate.pass(graph, decisions, &self.choice)?;
        self.verified.add(passed.verified);
        let has_changed = !passed.notices.is_empty();
        if has_changed {
            // Other plans may have the same kernels.
            self.ready.clear();
            self.choice = passed.choice;
            self.told.extend(passed.notices);
        }
        Ok(has_changed)
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

/// A number of samples as batches: their size, and with which samples those of that size start.
fn parts(samples: usize) -> Vec<(usize, Vec<usize>)> {
    let mut parts: Vec<(usize, Vec<usize>)> = Vec::new();
    let mut start = 0;
    while start < samples {
        let size = bucket(samples - start);
        match parts.last_mut() {
            Some((last, starts)) if *last == size => starts.push(start),
            _ => parts.push((size, vec![start])),
        }
        start += size;
    }
    parts
}

/// The largest power of two that still fits, at most [`MAX_BATCH`].
fn bucket(samples: usize) -> usize {
    let mut bucket = MAX_BATCH;
    while bucket > samples {
        bucket /= 2;
    }
    bucket.max(1)
}

fn append(
    whole: &mut Vec<(Vec<usize>, Vec<f32>)>,
    names: &[String],
    outputs: &[Tensor],
    bucket: usize,
) -> Result<()> {
    whole.resize(outputs.len(), Default::default());
    for (((shape, data), name), tensor) in whole.iter_mut().zip(names).zip(outputs) {
        if tensor.shape().first() != Some(&bucket) {
            let reason = format!("shape {} does not begin with the batch size {bucket}", tensor.shape());
            return Err(Error::tensor(name, reason));
        }
        *shape = tensor.shape().to_vec();
        data.extend_from_slice(tensor.as_f32()?);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{bucket, parts};

    #[test]
    fn every_batch_is_a_sum_of_buckets() {
        assert_eq!([1, 2, 3, 5, 31, 32, 100].map(bucket), [1, 2, 2, 4, 16, 32, 32]);
        assert_eq!(parts(100), [(32, vec![0, 32, 64]), (4, vec![96])]);
        assert_eq!(parts(0), []);
    }
}
