//! Lays storages out in slabs: those that never live at the same time share bytes, and no dispatch
//! reads the slab it writes, because wgpu tracks usage per whole buffer.

use std::collections::BTreeSet;

use super::{Buffer, Precision, Range, Target, max_texture_bytes, row_bytes};
use crate::error::{Error, Result};

/// What memory is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Medium {
    Buffer,
    Texture(Precision),
}

impl Medium {
    /// Bytes that one piece of it holds at most.
    fn limit(self, target: &Target) -> u64 {
        match self {
            Medium::Buffer => target.max_buffer,
            Medium::Texture(precision) => max_texture_bytes(target, precision),
        }
    }

    /// Bytes of a group of four numbers, the least that kernels read.
    fn quad_bytes(self) -> u64 {
        match self {
            Medium::Buffer => 16,
            Medium::Texture(precision) => precision.texel_bytes(),
        }
    }

    fn slab(self, number: usize) -> Buffer {
        match self {
            Medium::Buffer => Buffer::Slab(number),
            Medium::Texture(Precision::F32) => Buffer::Texture(number),
            Medium::Texture(Precision::F16) => Buffer::HalfTexture(number),
        }
    }
}

/// Memory for one or more values, from the first step that uses it to the last.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    bytes: u64,
    medium: Medium,
    first: usize,
    last: usize,
    /// Storages that some dispatch writes while it reads this one, or the other way round.
    apart: BTreeSet<usize>,
    slab: usize,
    offset: u64,
    aligned: u64,
}

impl Storage {
    /// For so many numbers.
    pub fn new(elements: usize, medium: Medium) -> Self {
        let bytes = (elements as u64).div_ceil(4).max(1) * medium.quad_bytes();
        Storage {
            bytes,
            medium,
            first: usize::MAX,
            last: 0,
            apart: BTreeSet::new(),
            slab: 0,
            offset: 0,
            aligned: bytes,
        }
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn written_before_start(&mut self) {
        self.first = 0;
    }

    pub fn read_after_end(&mut self) {
        self.last = usize::MAX;
    }

    pub fn used_at(&mut self, step: usize) {
        self.first = self.first.min(step);
        self.last = self.last.max(step);
    }

    pub fn not_beside(&mut self, other: usize) {
        self.apart.insert(other);
    }

    pub fn range(&self) -> Range {
        Range { buffer: self.medium.slab(self.slab), offset: self.offset, size: self.bytes }
    }

    /// Where a texture's texels of this value begin: a texture is bound whole, so a step has to be told.
    pub fn first_texel(&self) -> u32 {
        match self.medium {
            Medium::Buffer => 0,
            // A texture has no more texels than 32 bits count.
            Medium::Texture(precision) => (self.offset / precision.texel_bytes()) as u32,
        }
    }

    fn lives_with(&self, other: &Storage) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Sizes in bytes of what storages were laid out in.
pub(super) struct Slabs {
    pub buffers: Vec<u64>,
    pub textures: Vec<u64>,
    pub half_textures: Vec<u64>,
}

/// Gives every storage a slab and an offset.
///
/// # Errors
/// A storage that no buffer or texture of the device can hold.
pub(super) fn lay_out(storages: &mut [Storage], target: &Target) -> Result<Slabs> {
    if let Some(large) = storages.iter().find(|s| s.bytes > s.medium.limit(target)) {
        return Err(Error::TooLarge {
            what: "an activation".into(),
            needed: large.bytes.div_ceil(1 << 20),
            limit_name: "the device's largest buffer or texture".into(),
            limit: large.medium.limit(target) >> 20,
            remedy: "use a smaller input or batch, another device, or --device cpu".into(),
        });
    }
    make_symmetric(storages);
    let buffers = lay_out_in(Medium::Buffer, storages, target);
    let mut textures = |precision| {
        let sizes = lay_out_in(Medium::Texture(precision), storages, target);
        // A texture has whole rows.
        sizes.iter().map(|size| size.next_multiple_of(row_bytes(precision))).collect()
    };
    let (textures, half_textures) = (textures(Precision::F32), textures(Precision::F16));
    Ok(Slabs { buffers, textures, half_textures })
}

fn lay_out_in(medium: Medium, storages: &mut [Storage], target: &Target) -> Vec<u64> {
    let is_used = |s: &Storage| s.medium == medium && s.first != usize::MAX;
    // Large ones first: small ones then fill the gaps.
    let mut order: Vec<usize> = (0..storages.len()).filter(|&i| is_used(&storages[i])).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(storages[i].bytes), storages[i].first));
    let mut slabs: Vec<Vec<usize>> = Vec::new();
    for i in order {
        storages[i].aligned = storages[i].bytes.next_multiple_of(target.alignment);
        place(i, storages, &mut slabs, medium.limit(target));
    }
    let end = |members: &Vec<usize>| members.iter().map(|&m| storages[m].offset + storages[m].aligned).max();
    slabs.iter().map(|members| end(members).unwrap_or(0)).collect()
}

fn make_symmetric(storages: &mut [Storage]) {
    let pairs: Vec<(usize, usize)> =
        storages.iter().enumerate().flat_map(|(i, s)| s.apart.iter().map(move |&j| (j, i))).collect();
    pairs.into_iter().for_each(|(a, b)| {
        storages[a].apart.insert(b);
    });
}

/// Takes the slab that grows least among those that hold nothing this storage must be apart from.
fn place(i: usize, storages: &mut [Storage], slabs: &mut Vec<Vec<usize>>, limit: u64) {
    let mut best: Option<(u64, usize, u64)> = None;
    for (slab, members) in slabs.iter().enumerate() {
        if members.iter().any(|m| storages[i].apart.contains(m)) {
            continue;
        }
        let offset = lowest_gap(&storages[i], members.iter().map(|&m| &storages[m]));
        let size = members.iter().map(|&m| storages[m].offset + storages[m].aligned).max().unwrap_or(0);
        let end = offset + storages[i].aligned;
        let growth = end.saturating_sub(size);
        if end <= limit && best.is_none_or(|(least, ..)| growth < least) {
            best = Some((growth, slab, offset));
        }
    }
    let (slab, offset) = best.map_or((slabs.len(), 0), |(_, slab, offset)| (slab, offset));
    if slab == slabs.len() {
        slabs.push(Vec::new());
    }
    storages[i].slab = slab;
    storages[i].offset = offset;
    slabs[slab].push(i);
}

fn lowest_gap<'a>(storage: &Storage, members: impl Iterator<Item = &'a Storage>) -> u64 {
    let mut busy: Vec<(u64, u64)> =
        members.filter(|m| m.lives_with(storage)).map(|m| (m.offset, m.offset + m.aligned)).collect();
    busy.sort_unstable();
    let mut offset = 0;
    for (start, end) in busy {
        if offset + storage.aligned <= start {
            break;
        }
        offset = offset.max(end);
    }
    offset
}
