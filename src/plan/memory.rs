//! Lays storages out in slabs: those that never live at the same time share bytes, and no dispatch
//! reads the slab it writes, because wgpu tracks usage per whole buffer.

use std::collections::BTreeSet;

use super::{Buffer, Range, Target};
use crate::error::{Error, Result};

/// Memory for one or more values, from the first step that uses it to the last.
#[derive(Debug, Clone)]
pub(super) struct Storage {
    bytes: u64,
    first: usize,
    last: usize,
    /// Storages that some dispatch writes while it reads this one, or the other way round.
    apart: BTreeSet<usize>,
    slab: usize,
    offset: u64,
    aligned: u64,
}

impl Storage {
    pub fn new(bytes: u64) -> Self {
        // Kernels read in groups of four f32.
        let bytes = bytes.next_multiple_of(16).max(16);
        Storage {
            bytes,
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
        Range { buffer: Buffer::Slab(self.slab), offset: self.offset, size: self.bytes }
    }

    fn lives_with(&self, other: &Storage) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

/// Gives every storage a slab and an offset. Returns the sizes of the slabs.
///
/// # Errors
/// A storage that no buffer of the device can hold.
pub(super) fn lay_out(storages: &mut [Storage], target: &Target) -> Result<Vec<u64>> {
    let limit = target.max_buffer;
    if let Some(large) = storages.iter().find(|s| s.bytes > limit) {
        return Err(Error::TooLarge {
            what: "an activation".into(),
            needed: large.bytes.div_ceil(1 << 20),
            limit_name: "the device's largest buffer".into(),
            limit: limit >> 20,
            remedy: "use a smaller input or batch, another device, or --device cpu".into(),
        });
    }
    make_symmetric(storages);
    // Large ones first: small ones then fill the gaps.
    let mut order: Vec<usize> = (0..storages.len()).filter(|&i| storages[i].first != usize::MAX).collect();
    order.sort_by_key(|&i| (std::cmp::Reverse(storages[i].bytes), storages[i].first));
    let mut slabs: Vec<Vec<usize>> = Vec::new();
    for i in order {
        storages[i].aligned = storages[i].bytes.next_multiple_of(target.alignment);
        place(i, storages, &mut slabs, target.max_buffer);
    }
    let end = |members: &Vec<usize>| members.iter().map(|&m| storages[m].offset + storages[m].aligned).max();
    Ok(slabs.iter().map(|members| end(members).unwrap_or(0)).collect())
}

fn make_symmetric(storages: &mut [Storage]) {
    let pairs: Vec<(usize, usize)> =
        storages.iter().enumerate().flat_map(|(i, s)| s.apart.iter().map(move |&j| (j, i))).collect();
    pairs.into_iter().for_each(|(a, b)| {
        storages[a].apart.insert(b);
    });
}

/// Takes the slab that grows least among those that hold nothing this storage must be apart from.
fn place(i: usize, storages: &mut [Storage], slabs: &mut Vec<Vec<usize>>, max_buffer: u64) {
    let mut best: Option<(u64, usize, u64)> = None;
    for (slab, members) in slabs.iter().enumerate() {
        if members.iter().any(|m| storages[i].apart.contains(m)) {
            continue;
        }
        let offset = lowest_gap(&storages[i], members.iter().map(|&m| &storages[m]));
        let size = members.iter().map(|&m| storages[m].offset + storages[m].aligned).max().unwrap_or(0);
        let end = offset + storages[i].aligned;
        let growth = end.saturating_sub(size);
        if end <= max_buffer && best.is_none_or(|(least, ..)| growth < least) {
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
