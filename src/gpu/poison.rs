//! A run on memory full of a pattern, which shows what a kernel failed to write and what it wrote elsewhere.

use wgpu::BufferUsages;

use super::player::{Player, buffer};
use crate::error::{Error, Result};
use crate::plan::{Buffer, Plan, Range};
use crate::tensor::Tensor;

/// A quiet NaN whose payload no arithmetic produces, so that an element that nothing wrote is told from one
/// that is rightly not a number.
const POISON: u32 = 0x7FE5_EED5;

impl Player {
    /// As [`Player::run`], with all activation memory filled with a pattern before.
    ///
    /// # Errors
    /// As [`Player::run`]; an element of an output that nothing wrote; memory between the values that was written.
    pub fn run_poisoned(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        for (slab, &size) in self.slabs.iter().zip(&self.plan.slabs) {
            let pattern = vec![POISON; (size / 4) as usize];
            self.gpu.queue.write_buffer(slab, 0, bytemuck::cast_slice(&pattern));
        }
        self.play(inputs)?;
        // Before anything is converted: a pattern is no boolean and no integer either.
        let bytes = self.map(&self.readback)?;
        self.check_written(&bytes)?;
        self.check_between()?;
        self.tensors(&bytes)
    }

    fn check_written(&self, bytes: &[u8]) -> Result<()> {
        let words: &[u32] = bytemuck::cast_slice(bytes);
        let mut start = 0;
        for port in &self.plan.outputs {
            let elements = words.get(start..start + port.shape.elements()).unwrap_or_default();
            if let Some(at) = elements.iter().position(|&word| word == POISON) {
                let reason = format!("element {at} of output '{}' was never written", port.name);
                return Err(self.fault(reason));
            }
            start += (port.range.size / 4) as usize;
        }
        Ok(())
    }

    fn check_between(&self) -> Result<()> {
        let gaps = gaps(&self.plan);
        let size: u64 = gaps.iter().map(|gap| gap.size).sum();
        if size == 0 {
            return Ok(());
        }
        let copy = buffer(&self.gpu, "between", size, BufferUsages::COPY_DST | BufferUsages::MAP_READ);
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        let mut to = 0;
        for gap in &gaps {
            if let Buffer::Slab(slab) = gap.buffer {
                encoder.copy_buffer_to_buffer(&self.slabs[slab], gap.offset, &copy, to, gap.size);
            }
            to += gap.size;
        }
        self.gpu.queue.submit([encoder.finish()]);
        let bytes = self.map(&copy)?;
        let mut words = bytemuck::cast_slice::<u8, u32>(&bytes).iter();
        for gap in &gaps {
            let written = words.by_ref().take((gap.size / 4) as usize).position(|&word| word != POISON);
            if let (Some(at), Buffer::Slab(slab)) = (written, gap.buffer) {
                let offset = gap.offset + 4 * at as u64;
                return Err(
                    self.fault(format!("byte {offset} of slab {slab}, which is nobody's, was written"))
                );
            }
        }
        Ok(())
    }

    fn fault(&self, reason: String) -> Error {
        Error::Gpu { device: self.gpu.name(), reason }
    }
}

/// What lies in the slabs between the ranges that steps, inputs and outputs use.
fn gaps(plan: &Plan) -> Vec<Range> {
    let steps = plan.steps.iter().flat_map(|step| step.inputs.iter().chain([&step.output]));
    let ports = plan.inputs.iter().chain(&plan.outputs).map(|port| &port.range);
    let mut used: Vec<&Range> = steps.chain(ports).collect();
    used.sort_by_key(|range| (range.buffer, range.offset));
    let mut gaps = Vec::new();
    for (slab, &size) in plan.slabs.iter().enumerate() {
        let buffer = Buffer::Slab(slab);
        let mut end = 0;
        for range in used.iter().filter(|range| range.buffer == buffer) {
            if range.offset > end {
                gaps.push(Range { buffer, offset: end, size: range.offset - end });
            }
            end = end.max(range.offset + range.size);
        }
        if size > end {
            gaps.push(Range { buffer, offset: end, size: size - end });
        }
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Port;
    use crate::tensor::DType;

    #[test]
    fn gaps_are_what_no_range_covers() {
        let range = |slab, offset, size| Range { buffer: Buffer::Slab(slab), offset, size };
        let port = |range| Port { name: "x".into(), shape: Default::default(), dtype: DType::F32, range };
        let inputs = vec![port(range(0, 256, 16)), port(range(0, 0, 32)), port(range(0, 16, 32))];
        let plan =
            Plan { slabs: vec![512, 16], inputs, outputs: vec![port(range(1, 0, 16))], ..Default::default() };
        let found: Vec<(u64, u64)> = gaps(&plan).iter().map(|gap| (gap.offset, gap.size)).collect();
        assert_eq!(found, [(48, 208), (272, 240)]);
    }
}
