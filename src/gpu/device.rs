//! An open GPU: device, queue, compiled pipelines, and what went wrong on it.

use std::sync::{Arc, Mutex, PoisonError};

use wgpu::{DeviceDescriptor, Features};

use super::adapters::{Adapter, Found, find};
use super::pipeline_file::PipelineFile;
use super::pipelines::Pipelines;
use crate::error::{Error, Result};
use crate::plan::{DeviceClass, Precision, Target};

/// Rounds of a loop that software drivers are trusted with: Mesa's llvmpipe ends every loop of an invocation once it
/// has gone round 65,535 times in all. Some are left for the loops that no operator counts.
const SOFTWARE_ROUNDS: u64 = 65_000;

/// An open GPU. Errors of the driver are kept here and become errors of the run that hits them.
pub struct Gpu {
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pipelines: Pipelines,
    /// Compiled kernels from one start to the next, where the backend gives them away.
    pub(super) kept: Option<PipelineFile>,
    pub(super) timestamps: bool,
    adapter: Adapter,
    target: Target,
    faults: Arc<Mutex<Faults>>,
}

#[derive(Default)]
struct Faults {
    lost: Option<String>,
    error: Option<Fault>,
}

/// What the driver said.
struct Fault {
    text: String,
    /// Whether that is only a matter of memory, of which there may be more at another time.
    is_memory: bool,
}

impl std::fmt::Debug for Gpu {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Gpu({})", self.name())
    }
}

impl Gpu {
    /// Opens the first adapter that the choice accepts.
    ///
    /// # Errors
    /// No such adapter, or one that the driver does not open.
    pub fn open(what: &str, accept: impl Fn(&Adapter) -> bool) -> Result<Gpu> {
        let found = find();
        let names: Vec<String> =
            found.iter().map(|f| format!("{} {}", f.adapter.number, f.adapter.name)).collect();
        let chosen = found.into_iter().find(|f| accept(&f.adapter)).ok_or_else(|| Error::Device {
            device: what.to_string(),
            reason: match names.as_slice() {
                [] => "no GPU and no software Vulkan driver found; --device cpu needs neither".into(),
                names => format!("no such device; there are: cpu, {}", names.join(", ")),
            },
        })?;
        Gpu::from_adapter(chosen)
    }

    /// Opens the same adapter again: after the device was lost, or for work beside it. What was broken stays broken.
    ///
    /// # Errors
    /// As [`Gpu::open`].
    pub fn reopen(&self) -> Result<Gpu> {
        let (name, backend) = (self.adapter.name.clone(), self.adapter.backend.clone());
        let gpu = Gpu::open(&name, |a| a.name == name && a.backend == backend)?.storing(self.precision());
        if let Some([from, to]) = self.pipelines.sabotage.get() {
            gpu.break_kernels(from, to);
        }
        Ok(gpu)
    }

    fn from_adapter(found: Found) -> Result<Gpu> {
        let Found { adapter, handle } = found;
        let wanted = Features::SUBGROUP | Features::TIMESTAMP_QUERY | Features::PIPELINE_CACHE;
        let descriptor = DeviceDescriptor {
            label: Some("gyrus"),
            required_features: handle.features() & wanted,
            // The defaults would cap bindings at 128 MiB on every GPU.
            required_limits: handle.limits(),
            ..Default::default()
        };
        let (device, queue) = pollster::block_on(handle.request_device(&descriptor))
            .map_err(|e| Error::Device { device: adapter.name.clone(), reason: e.to_string() })?;
        let faults = Arc::new(Mutex::new(Faults::default()));
        watch(&device, &faults);
        let limits = device.limits();
        let target = Target {
            class: adapter.class,
            subgroup: adapter.subgroup,
            max_binding: adapter.max_binding_bytes.min(u64::from(u32::MAX)),
            max_buffer: adapter.max_buffer_bytes,
            alignment: u64::from(limits.min_storage_buffer_offset_alignment),
            max_groups: limits.max_compute_workgroups_per_dimension,
            max_rounds: if adapter.class == DeviceClass::Software { SOFTWARE_ROUNDS } else { u64::MAX },
            max_texture_side: limits.max_texture_dimension_2d,
            precision: Precision::F32,
        };
        let (pipelines, kept) = (Pipelines::default(), PipelineFile::open(&device, &handle.get_info()));
        let timestamps = device.features().contains(Features::TIMESTAMP_QUERY);
        Ok(Gpu { device, queue, pipelines, kept, timestamps, adapter, target, faults })
    }

    /// The device with plans whose textures store numbers so.
    pub fn storing(mut self, precision: Precision) -> Gpu {
        self.target.precision = precision;
        self
    }

    /// How plans for it store activations and weights in textures.
    pub fn precision(&self) -> Precision {
        self.target.precision
    }

    /// The adapter's name and backend, and what it stores if that is less than f32, as reports quote it.
    pub fn name(&self) -> String {
        let software = if self.is_software() { ", software" } else { "" };
        let stored = if self.precision() == Precision::F16 { ", storing f16" } else { "" };
        format!("{} ({}{software}{stored})", self.adapter.name, self.adapter.backend)
    }

    pub fn is_software(&self) -> bool {
        self.adapter.class == DeviceClass::Software
    }

    /// What the system says of the adapter.
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Whether the device tells how long single dispatches take.
    pub fn times_steps(&self) -> bool {
        self.timestamps
    }

    /// The device as the planner sees it.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Ends the device as a driver reset would, for tests of the recovery.
    pub fn destroy(&self) {
        self.device.destroy();
    }

    /// Compiles kernels with one text in place of another, once and for good: for tests of whether a suite notices.
    pub fn break_kernels(&self, from: &str, to: &str) {
        // A device that is broken already stays as it is.
        let _ = self.pipelines.sabotage.set([from.to_string(), to.to_string()]);
    }

    /// The text that was broken, and what stands for it.
    pub fn broken(&self) -> Option<&[String; 2]> {
        self.pipelines.sabotage.get()
    }

    /// Fails if the driver reported anything since the last check.
    pub(super) fn check(&self) -> Result<()> {
        let faults = || self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if faults().error.is_some() {
            // A device that was lost shows first in buffers that are invalid; that it was lost is told by the next poll.
            let _ = self.device.poll(wgpu::PollType::Poll);
        }
        let mut faults = faults();
        if let Some(reason) = &faults.lost {
            return Err(Error::DeviceLost { device: self.name(), reason: one_line(reason) });
        }
        match faults.error.take() {
            Some(Fault { text, is_memory: true }) => {
                Err(Error::Memory { device: self.name(), reason: one_line(&text) })
            }
            Some(Fault { text, .. }) => Err(Error::Gpu { device: self.name(), reason: one_line(&text) }),
            None => Ok(()),
        }
    }

    /// The error of a wait or map that failed: the device's own words where it has any.
    pub(super) fn failure(&self, what: impl std::fmt::Display) -> Error {
        // That the device was lost is told by a poll.
        let _ = self.device.poll(wgpu::PollType::Poll);
        self.check().err().unwrap_or_else(|| Error::Gpu { device: self.name(), reason: what.to_string() })
    }
}

fn watch(device: &wgpu::Device, faults: &Arc<Mutex<Faults>>) {
    let lost = faults.clone();
    device.set_device_lost_callback(move |reason, message| {
        let text = if message.is_empty() { format!("{reason:?}") } else { message };
        lost.lock().unwrap_or_else(PoisonError::into_inner).lost = Some(text);
    });
    let errors = faults.clone();
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        let is_memory = matches!(error, wgpu::Error::OutOfMemory { .. });
        let fault = Fault { text: error.to_string(), is_memory };
        // The first error explains the others.
        errors.lock().unwrap_or_else(PoisonError::into_inner).error.get_or_insert(fault);
    }));
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
