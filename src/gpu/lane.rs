//! The way to the device and back. A plan has two lanes, so that one batch is written, and the one before it read, while
//! another is computed. Their memory is allocated once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;

use wgpu::{Buffer, BufferDescriptor, BufferUsages, CommandEncoder, MapMode, PollType, SubmissionIndex};

use super::device::Gpu;
use super::player::buffer;
use crate::error::{Error, Result};
use crate::plan::{self, Plan};
use crate::tensor::Tensor;

/// Memory of the host that the device copies inputs from and outputs to.
pub(super) struct Lane {
    upload: Buffer,
    /// Whether the host may write to `upload`: not while the device may read it.
    is_writable: Arc<AtomicBool>,
    readback: Buffer,
}

impl Lane {
    pub fn new(gpu: &Gpu, plan: &Plan) -> Lane {
        let upload = gpu.device.create_buffer(&BufferDescriptor {
            label: Some("upload"),
            size: plan.upload_bytes().max(16),
            usage: BufferUsages::MAP_WRITE | BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        });
        let usage = BufferUsages::COPY_DST | BufferUsages::MAP_READ;
        let readback = buffer(gpu, "readback", plan.readback_bytes(), usage);
        Lane { upload, is_writable: Arc::new(AtomicBool::new(true)), readback }
    }

    /// Writes the inputs to where the next commands copy them from.
    ///
    /// # Errors
    /// An input of another shape or type than the plan's; an error of the driver.
    pub fn fill(&self, gpu: &Gpu, plan: &Plan, inputs: &[Tensor]) -> Result<()> {
        if !self.is_writable.load(Ordering::Acquire) {
            // A run before this one failed half-way.
            self.make_writable();
            gpu.device.poll(PollType::wait_indefinitely()).map_err(|e| gpu.failure(e))?;
        }
        let mut offset = 0;
        for (port, tensor) in plan.inputs.iter().zip(inputs) {
            if *tensor.shape() != port.shape {
                let reason = format!("shape {} is not the {} planned for", tensor.shape(), port.shape);
                return Err(Error::tensor(&port.name, reason));
            }
            if tensor.dtype() != port.dtype {
                let reason = format!("is {} where the network wants {}", tensor.dtype(), port.dtype);
                return Err(Error::tensor(&port.name, reason));
            }
            let data = tensor.to_device()?;
            let bytes: &[u8] = bytemuck::cast_slice(&data);
            if !bytes.is_empty() {
                let range = offset..offset + bytes.len() as u64;
                let mut view = self.upload.get_mapped_range_mut(range).map_err(|e| gpu.failure(e))?;
                view.copy_from_slice(bytes);
            }
            offset += port.lane_bytes();
        }
        self.upload.unmap();
        self.is_writable.store(false, Ordering::Release);
        gpu.check()
    }

    pub fn encode_upload(&self, encoder: &mut CommandEncoder, plan: &Plan, slabs: &[Buffer]) {
        let mut from = 0;
        for port in &plan.inputs {
            if let plan::Buffer::Slab(slab) = port.range.buffer {
                let bytes = port.shape.elements() as u64 * 4;
                encoder.copy_buffer_to_buffer(&self.upload, from, &slabs[slab], port.range.offset, bytes);
            }
            from += port.lane_bytes();
        }
    }

    pub fn encode_readback(&self, encoder: &mut CommandEncoder, plan: &Plan, slabs: &[Buffer]) {
        let mut to = 0;
        for port in &plan.outputs {
            if let plan::Buffer::Slab(slab) = port.range.buffer {
                let (from, size) = (port.range.offset, port.range.size);
                encoder.copy_buffer_to_buffer(&slabs[slab], from, &self.readback, to, size);
            }
            to += port.lane_bytes();
        }
    }

    /// Waits for a submission that ended in [`Lane::encode_readback`] and hands its results over.
    ///
    /// # Errors
    /// An error of the driver; a lost device.
    pub fn finish<T>(
        &self,
        gpu: &Gpu,
        submission: SubmissionIndex,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        self.make_writable();
        let until = PollType::Wait { submission_index: Some(submission), timeout: None };
        mapped(gpu, &self.readback, until, read)
    }

    /// Lets the host write again as soon as the device has read what was written.
    fn make_writable(&self) {
        let is_writable = self.is_writable.clone();
        self.upload.map_async(MapMode::Write, .., move |result| {
            is_writable.store(result.is_ok(), Ordering::Release);
        });
    }
}

/// Waits for the device and hands a buffer's contents over.
///
/// # Errors
/// An error of the driver; a lost device.
pub(super) fn mapped<T>(
    gpu: &Gpu,
    buffer: &Buffer,
    until: PollType,
    read: impl FnOnce(&[u8]) -> Result<T>,
) -> Result<T> {
    let (sender, receiver) = channel();
    buffer.map_async(MapMode::Read, .., move |result| {
        // The receiver waits below, unless the wait itself failed.
        let _ = sender.send(result);
    });
    let waited = gpu.device.poll(until);
    gpu.check()?;
    waited.map_err(|e| gpu.failure(e))?;
    receiver.recv().map_err(|e| gpu.failure(e))?.map_err(|e| gpu.failure(e))?;
    let view = buffer.get_mapped_range(..).map_err(|e| gpu.failure(e))?;
    let found = read(&view);
    drop(view);
    buffer.unmap();
    found
}
