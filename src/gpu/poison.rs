//! A run on memory full of a pattern, which shows what a kernel failed to write and what it wrote elsewhere.

use wgpu::BufferUsages;

use super::player::{Player, buffer};
use super::texels;
use crate::error::{Error, Result};
use crate::plan::{Buffer, Plan};
use crate::tensor::Tensor;

/// A signalling NaN, which arithmetic makes a quiet one: an element that nothing wrote is told from one that is rightly not a number,
/// and so is what was computed of the pattern. Either half of it is a NaN in f16.
const POISON: u32 = 0x7FA5_7EED;

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
        for (name, size, _) in self.plan.all_textures() {
            let pattern = vec![POISON; (size / 4) as usize];
            if let Some(texture) = self.textures.get(&name) {
                texels::write(&self.gpu, texture, bytemuck::cast_slice(&pattern));
            }
        }
        let [lane, _] = &self.lanes;
        let submission = self.submit(lane, inputs)?;
        // Before anything is converted: a pattern is no boolean and no integer either.
        let bytes = lane.finish(&self.gpu, submission, |bytes| Ok(bytes.to_vec()))?;
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
            start += (port.lane_bytes() / 4) as usize;
        }
        Ok(())
    }

    fn check_between(&self) -> Result<()> {
        let slabs = (0..).map(Buffer::Slab).zip(self.plan.slabs.iter().copied());
        let textures = self.plan.all_textures().map(|(name, size, _)| (name, size));
        for (memory, size) in slabs.chain(textures) {
            let gaps = gaps(&self.plan, memory, size);
            if gaps.is_empty() {
                continue;
            }
            let bytes = self.contents(memory, size)?;
            for gap in gaps {
                let words: &[u32] = bytemuck::cast_slice(bytes.get(gap.clone()).unwrap_or_default());
                if let Some(at) = words.iter().position(|&word| word != POISON) {
                    let byte = gap.start + 4 * at;
                    let reason = format!("byte {byte} of {memory:?}, which is nobody's, was written");
                    return Err(self.fault(reason));
                }
            }
        }
        Ok(())
    }

    fn contents(&self, memory: Buffer, size: u64) -> Result<Vec<u8>> {
        let copy = buffer(&self.gpu, "between", size, BufferUsages::COPY_DST | BufferUsages::MAP_READ);
        let mut encoder = self.gpu.device.create_command_encoder(&Default::default());
        match memory {
            Buffer::Slab(i) => encoder.copy_buffer_to_buffer(&self.slabs[i], 0, &copy, 0, size),
            Buffer::Texture(_) | Buffer::HalfTexture(_) => {
                if let Some(texture) = self.textures.get(&memory) {
                    texels::encode_copy(&mut encoder, texture, size, &copy);
                }
            }
            Buffer::Weights(_) => {}
        }
        self.gpu.queue.submit([encoder.finish()]);
        self.map(&copy)
    }

    fn fault(&self, reason: String) -> Error {
        Error::Gpu { device: self.gpu.name(), reason }
    }
}

/// What lies in a slab or texture of this size between the ranges that steps, inputs and outputs use, in bytes.
fn gaps(plan: &Plan, memory: Buffer, size: u64) -> Vec<std::ops::Range<usize>> {
    let mut used: Vec<(u64, u64)> =
        plan.ranges_in(memory).map(|range| (range.offset, range.offset + range.size)).collect();
    used.sort_unstable();
    let mut gaps = Vec::new();
    let mut covered = 0;
    for (start, end) in used.into_iter().chain([(size, size)]) {
        if start > covered {
            gaps.push(covered as usize..start as usize);
        }
        covered = covered.max(end);
    }
    gaps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Port, Range};
    use crate::tensor::DType;

    #[test]
    fn gaps_are_what_no_range_covers() {
        let range = |slab, offset, size| Range { buffer: Buffer::Slab(slab), offset, size };
        let port = |range| Port { name: "x".into(), shape: Default::default(), dtype: DType::F32, range };
        let inputs = vec![port(range(0, 256, 16)), port(range(0, 0, 32)), port(range(0, 16, 32))];
        let plan =
            Plan { slabs: vec![512, 16], inputs, outputs: vec![port(range(1, 0, 16))], ..Default::default() };
        assert_eq!(gaps(&plan, Buffer::Slab(0), 512), [48..256, 272..512]);
        assert!(gaps(&plan, Buffer::Slab(1), 16).is_empty());
    }
}
