//! The engine: plays one plan. One upload, as few submissions as the driver's watchdog allows, one readback; while a
//! batch is computed, the next is uploaded and the one before is read back.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use wgpu::{
    BindGroup, Buffer, BufferUsages, CommandEncoder, PollType, SubmissionIndex, Texture, TextureUsages,
    TextureView,
};

use super::device::Gpu;
use super::lane::{Lane, mapped};
use super::pipelines::{Pipeline, pipelines};
use super::texels;
use crate::error::Result;
use crate::plan::{self, DeviceClass, Plan, Range, Step};
use crate::tensor::Tensor;

/// Work after which a submission is closed, in milliseconds: Windows resets a GPU that is silent for 2 s.
const SUBMISSION_MS: f64 = 250.0;

/// Uniform bindings are aligned to this; no device asks for more.
const UNIFORM_ALIGNMENT: usize = 256;

/// Packed weights on the device, shared by the plans of one network.
#[derive(Default)]
pub struct WeightStore {
    held: HashMap<String, Held>,
}

/// Weights on the device, in what the plan says holds them.
enum Held {
    Buffer(Buffer),
    Texture(TextureView),
}

/// A plan with everything it needs on the device.
pub struct Player {
    pub(super) gpu: Arc<Gpu>,
    pub(super) plan: Plan,
    pub(super) slabs: Vec<Buffer>,
    /// By what steps name them.
    pub(super) textures: BTreeMap<plan::Buffer, Texture>,
    views: BTreeMap<plan::Buffer, TextureView>,
    pub(super) lanes: [Lane; 2],
    pipelines: Vec<Arc<Pipeline>>,
    bind_groups: Vec<BindGroup>,
    /// Numbers of the first step of each submission.
    submissions: Vec<usize>,
}

/// How much of a slab a kernel is given beside what is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Nothing: drivers keep kernels from what lies past the end.
    Exact,
    /// All up to the next range, so that it shows what a kernel reads or writes past the end.
    Guard,
}

/// What one step took on the device.
#[derive(Debug, Clone)]
pub struct StepTime {
    /// The step's number in the plan.
    pub step: usize,
    pub milliseconds: f64,
}

impl Player {
    /// Allocates, uploads the weights and compiles the kernels.
    ///
    /// # Errors
    /// What the driver refuses: memory, a kernel.
    pub fn new(gpu: &Arc<Gpu>, plan: Plan, store: &mut WeightStore) -> Result<Player> {
        Player::reaching(Reach::Exact, gpu, plan, store)
    }

    /// As [`Player::new`], for [`Player::run_poisoned`]: what a kernel does past the end of what it is given is left to it, as far as
    /// there is memory that is nobody's. Elsewhere drivers drop or bend such accesses, each in its own way.
    ///
    /// # Errors
    /// As [`Player::new`].
    pub fn guarded(gpu: &Arc<Gpu>, plan: Plan, store: &mut WeightStore) -> Result<Player> {
        Player::reaching(Reach::Guard, gpu, plan, store)
    }

    fn reaching(reach: Reach, gpu: &Arc<Gpu>, plan: Plan, store: &mut WeightStore) -> Result<Player> {
        let storage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let slabs = plan.slabs.iter().map(|&size| buffer(gpu, "slab", size, storage)).collect();
        let usage = TextureUsages::TEXTURE_BINDING
            | TextureUsages::STORAGE_BINDING
            | TextureUsages::COPY_SRC
            | TextureUsages::COPY_DST;
        let texture =
            |(name, size, precision)| (name, texels::texture(gpu, "texels", size, precision, usage));
        let textures: BTreeMap<plan::Buffer, Texture> = plan.all_textures().map(texture).collect();
        let view = |texture: &Texture| texture.create_view(&Default::default());
        let views = textures.iter().map(|(&name, texture)| (name, view(texture))).collect();
        let lanes = [Lane::new(gpu, &plan), Lane::new(gpu, &plan)];
        for weights in &plan.weights {
            store.upload(gpu, weights);
        }
        gpu.check()?;
        let submissions = submissions(&plan.steps, gpu.target().class);
        let pipelines = pipelines(gpu, &plan.steps)?;
        let mut player = Player {
            gpu: gpu.clone(),
            plan,
            slabs,
            textures,
            views,
            lanes,
            pipelines,
            bind_groups: vec![],
            submissions,
        };
        player.bind(store, reach)?;
        gpu.check()?;
        Ok(player)
    }

    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    fn bind(&mut self, store: &WeightStore, reach: Reach) -> Result<()> {
        let params = self.upload_params();
        let mut offset = 0;
        for (step, pipeline) in self.plan.steps.iter().zip(&self.pipelines) {
            let ranges = step.inputs.iter().chain([&step.output]);
            let mut resources: Vec<wgpu::BindingResource> =
                ranges.map(|range| self.resource(range, store, reach)).collect::<Result<_>>()?;
            let size = uniform_size(step);
            resources.push(resource(&params, offset as u64, size as u64));
            offset += size.next_multiple_of(UNIFORM_ALIGNMENT);
            let entries: Vec<wgpu::BindGroupEntry> = (0..)
                .zip(resources)
                .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
                .collect();
            self.bind_groups.push(self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: Some(step.kernel.as_ref()),
                layout: &pipeline.layout,
                entries: &entries,
            }));
        }
        Ok(())
    }

    fn upload_params(&self) -> Buffer {
        let mut bytes = Vec::new();
        for step in &self.plan.steps {
            bytes.extend_from_slice(&step.params);
            bytes.resize(bytes.len().next_multiple_of(UNIFORM_ALIGNMENT), 0);
        }
        let usage = BufferUsages::UNIFORM | BufferUsages::COPY_DST;
        let params = buffer(&self.gpu, "params", bytes.len() as u64, usage);
        self.gpu.queue.write_buffer(&params, 0, &bytes);
        params
    }

    fn resource<'a>(
        &'a self,
        range: &Range,
        store: &'a WeightStore,
        reach: Reach,
    ) -> Result<wgpu::BindingResource<'a>> {
        let part = |buffer| resource(buffer, range.offset, range.size);
        let found = match range.buffer {
            plan::Buffer::Slab(i) => {
                let size = match reach {
                    Reach::Exact => range.size,
                    Reach::Guard => self.plan.next_range(range) - range.offset,
                };
                self.slabs.get(i).map(|slab| resource(slab, range.offset, size))
            }
            plan::Buffer::Texture(_) | plan::Buffer::HalfTexture(_) => {
                self.views.get(&range.buffer).map(wgpu::BindingResource::TextureView)
            }
            plan::Buffer::Weights(i) => {
                self.plan.weights.get(i).and_then(|w| store.held.get(&w.key)).map(|held| match held {
                    Held::Buffer(buffer) => part(buffer),
                    Held::Texture(view) => wgpu::BindingResource::TextureView(view),
                })
            }
        };
        found.ok_or_else(|| self.gpu.failure("the plan names a buffer that it does not have"))
    }

    /// Runs the plan on these inputs, in the order of the plan's.
    ///
    /// # Errors
    /// An input of another shape; an error of the driver; a lost device.
    pub fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let [lane, _] = &self.lanes;
        let submission = self.submit(lane, inputs)?;
        lane.finish(&self.gpu, submission, |bytes| self.tensors(bytes))
    }

    /// Runs the plan on one batch after the other, each given and taken while its neighbours are computed. Batches that
    /// are done before an error are handed over.
    ///
    /// # Errors
    /// As [`Player::run`], and those of `given` and `taken`.
    pub fn run_all<'a>(
        &self,
        given: impl IntoIterator<Item = Result<Cow<'a, [Tensor]>>>,
        mut taken: impl FnMut(Vec<Tensor>) -> Result<()>,
    ) -> Result<()> {
        let mut finish = |(lane, submission): (&Lane, SubmissionIndex)| {
            taken(lane.finish(&self.gpu, submission, |bytes| self.tensors(bytes))?)
        };
        let mut computed = None;
        for (inputs, lane) in given.into_iter().zip(self.lanes.iter().cycle()) {
            let submitted = inputs.and_then(|inputs| self.submit(lane, &inputs));
            if let Some(before) = computed.take() {
                finish(before)?;
            }
            computed = Some((lane, submitted?));
        }
        computed.map_or(Ok(()), finish)
    }

    /// Hands a batch over to the device, which works on it after those before.
    pub(super) fn submit(&self, lane: &Lane, inputs: &[Tensor]) -> Result<SubmissionIndex> {
        lane.fill(&self.gpu, &self.plan, inputs)?;
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        lane.encode_upload(&mut encoder, &self.plan, &self.slabs);
        for (i, &start) in self.submissions.iter().enumerate() {
            let end = self.submissions.get(i + 1).copied().unwrap_or(self.plan.steps.len());
            self.encode(&mut encoder, start..end);
            if end < self.plan.steps.len() {
                let next = self.gpu.device.create_command_encoder(&Default::default());
                self.gpu.queue.submit([std::mem::replace(&mut encoder, next).finish()]);
            }
        }
        lane.encode_readback(&mut encoder, &self.plan, &self.slabs);
        Ok(self.gpu.queue.submit([encoder.finish()]))
    }

    fn encode(&self, encoder: &mut CommandEncoder, steps: std::ops::Range<usize>) {
        let mut pass = encoder.begin_compute_pass(&Default::default());
        for i in steps {
            self.dispatch(&mut pass, i);
        }
    }

    fn dispatch(&self, pass: &mut wgpu::ComputePass, step: usize) {
        let [x, y, z] = self.plan.steps[step].grid;
        pass.set_pipeline(&self.pipelines[step].pipeline);
        pass.set_bind_group(0, &self.bind_groups[step], &[]);
        pass.dispatch_workgroups(x, y, z);
    }

    pub(super) fn tensors(&self, bytes: &[u8]) -> Result<Vec<Tensor>> {
        let mut start = 0;
        let mut outputs = Vec::with_capacity(self.plan.outputs.len());
        for port in &self.plan.outputs {
            let floats: &[f32] = bytemuck::cast_slice(bytes);
            let data = floats.get(start..start + port.shape.elements()).unwrap_or_default().to_vec();
            outputs.push(Tensor::from_device(port.shape.to_vec(), data, port.dtype)?);
            start += (port.lane_bytes() / 4) as usize;
        }
        Ok(outputs)
    }

    /// Waits for the device and copies a buffer to the host.
    pub(super) fn map(&self, buffer: &Buffer) -> Result<Vec<u8>> {
        mapped(&self.gpu, buffer, PollType::wait_indefinitely(), |bytes| Ok(bytes.to_vec()))
    }

    /// Runs the plan once with every step timed on the device; `None` where the device has no timestamps.
    ///
    /// # Errors
    /// As [`Player::run`].
    pub fn time_steps(&self, inputs: &[Tensor]) -> Result<Option<Vec<StepTime>>> {
        if !self.gpu.timestamps {
            return Ok(None);
        }
        let [lane, _] = &self.lanes;
        lane.fill(&self.gpu, &self.plan, inputs)?;
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        lane.encode_upload(&mut encoder, &self.plan, &self.slabs);
        self.gpu.queue.submit([encoder.finish()]);
        let mut times = Vec::with_capacity(self.plan.steps.len());
        // Few queries at a time: drivers limit the size of a query set.
        for start in (0..self.plan.steps.len()).step_by(64) {
            let end = (start + 64).min(self.plan.steps.len());
            times.extend(self.time_range(start..end)?);
        }
        Ok(Some(times))
    }

    fn time_range(&self, steps: std::ops::Range<usize>) -> Result<Vec<StepTime>> {
        let count = 2 * steps.len() as u32;
        let bytes = u64::from(count) * 8;
        let queries = self.gpu.device.create_query_set(&wgpu::QuerySetDescriptor {
            label: Some("steps"),
            ty: wgpu::QueryType::Timestamp,
            count,
        });
        let resolved =
            buffer(&self.gpu, "resolve", bytes, BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC);
        let mapped = buffer(&self.gpu, "times", bytes, BufferUsages::COPY_DST | BufferUsages::MAP_READ);
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        for (step, query) in steps.clone().zip((0..).step_by(2)) {
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: None,
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &queries,
                    beginning_of_pass_write_index: Some(query),
                    end_of_pass_write_index: Some(query + 1),
                }),
            });
            self.dispatch(&mut pass, step);
        }
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &mapped, 0, bytes);
        self.gpu.queue.submit([encoder.finish()]);
        let bytes = self.map(&mapped)?;
        let ticks: &[u64] = bytemuck::cast_slice(&bytes);
        let period = f64::from(self.gpu.queue.get_timestamp_period());
        let milliseconds = |pair: &[u64]| pair[1].saturating_sub(pair[0]) as f64 * period / 1e6;
        let pairs = ticks.chunks_exact(2).zip(steps);
        Ok(pairs.map(|(pair, step)| StepTime { step, milliseconds: milliseconds(pair) }).collect())
    }
}

impl WeightStore {
    fn upload(&mut self, gpu: &Gpu, weights: &plan::Weights) {
        if self.held.contains_key(&weights.key) {
            return;
        }
        let (label, precision) = (&weights.key, weights.precision);
        let bytes = texels::stored(&weights.data, precision);
        let held = if weights.texture {
            let usage =
                TextureUsages::TEXTURE_BINDING | TextureUsages::STORAGE_BINDING | TextureUsages::COPY_DST;
            let texture = texels::texture(gpu, label, weights.bytes, precision, usage);
            texels::write(gpu, &texture, &bytes);
            Held::Texture(texture.create_view(&Default::default()))
        } else {
            let buffer = buffer(gpu, label, weights.bytes, BufferUsages::STORAGE | BufferUsages::COPY_DST);
            gpu.queue.write_buffer(&buffer, 0, &bytes);
            Held::Buffer(buffer)
        };
        self.held.insert(weights.key.clone(), held);
    }
}

pub(super) fn buffer(gpu: &Gpu, label: &str, size: u64, usage: BufferUsages) -> Buffer {
    let (label, size) = (Some(label), size.max(16));
    gpu.device.create_buffer(&wgpu::BufferDescriptor { label, size, usage, mapped_at_creation: false })
}

fn resource(buffer: &Buffer, offset: u64, size: u64) -> wgpu::BindingResource<'_> {
    let size = std::num::NonZeroU64::new(size);
    wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer, offset, size })
}

/// WGSL rounds the size of a struct up to its alignment, 16 at most.
fn uniform_size(step: &Step) -> usize {
    step.params.len().next_multiple_of(16).max(16)
}

/// Where submissions start: a new one once the estimate for the last reaches [`SUBMISSION_MS`].
fn submissions(steps: &[Step], class: DeviceClass) -> Vec<usize> {
    // Pessimistic rates, so that even a slow GPU of the class answers in time; a software device has no
    // watchdog, but its user may want to stop.
    let (multiply_adds_per_ms, bytes_per_ms) = match class {
        DeviceClass::Discrete => (2e8, 2e7),
        DeviceClass::Integrated => (3e7, 5e6),
        DeviceClass::Software => (5e6, 2e6),
    };
    let mut starts = vec![0];
    let mut estimate = 0.0;
    for (i, step) in steps.iter().enumerate() {
        let cost = step.multiply_adds as f64 / multiply_adds_per_ms + step.bytes as f64 / bytes_per_ms;
        if estimate > 0.0 && estimate + cost > SUBMISSION_MS {
            starts.push(i);
            estimate = 0.0;
        }
        estimate += cost;
    }
    starts
}
