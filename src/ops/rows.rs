//! Rows: the elements that go into one result, or into one set of statistics. What reductions, softmax and
//! the normalisations share: how rows lie in memory, and which invocations walk them.

use super::Reason;
use super::broadcast::positions;
use super::kernel::Kernel;
use crate::plan::lowering::{Layout, Lowering, Place, WORKGROUP, size};
use crate::tensor::Shape;

/// Places for dimensions in the shaders, of rows and within a row each.
const PLACES: usize = 4;

/// Rounds in which a workgroup of 64 joins its results: half as many take part in each.
pub const JOIN_ROUNDS: u64 = 7;

/// One dimension: its size, and how far apart its elements lie in each of the operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dim<const N: usize> {
    pub size: usize,
    pub strides: [usize; N],
}

/// Dimensions over which rows are counted, and those within a row.
#[derive(Debug)]
pub struct Rows<const N: usize> {
    pub kept: Vec<Dim<N>>,
    pub gone: Vec<Dim<N>>,
}

impl<const N: usize> Rows<N> {
    /// Dimensions of a tensor, split: those at `axes` lie within a row.
    pub fn of(shape: &[usize], strides: [&[usize]; N], axes: &[usize]) -> Self {
        let dim = |d: usize| Dim { size: shape[d], strides: strides.map(|s| s[d]) };
        let part = |gone: bool| (0..shape.len()).filter(move |d| axes.contains(d) == gone).map(dim);
        Rows { kept: part(false).collect(), gone: part(true).collect() }
    }

    pub fn count(&self) -> usize {
        self.kept.iter().map(|d| d.size).product()
    }

    /// Elements of a row.
    pub fn length(&self) -> usize {
        self.gone.iter().map(|d| d.size).product()
    }

    /// Position of every row in an operand.
    pub fn starts(&self, operand: usize) -> Result<Vec<usize>, Reason> {
        walk(&self.kept, operand)
    }

    /// Position of every element of a row, from the row's own.
    pub fn steps(&self, operand: usize) -> Result<Vec<usize>, Reason> {
        walk(&self.gone, operand)
    }

    /// The kernel to walk these rows with: one invocation a row, or one workgroup a row.
    pub fn choose(
        &self,
        node: &Lowering,
        by_lane: &'static Kernel,
        by_group: &'static Kernel,
        passes: u64,
    ) -> Result<&'static Kernel, Reason> {
        let lanes = self.suit_lanes(node, passes);
        node.choose(&[(by_group, self.suit_groups()), (by_lane, lanes), (by_group, self.fill_groups())])
    }

    /// Whether one invocation may walk a row so many times.
    pub fn suit_lanes(&self, node: &Lowering, passes: u64) -> bool {
        self.rounds(false, passes) <= node.target().max_rounds
    }

    /// How often an invocation goes round its loops for so many walks along a row.
    pub fn rounds(&self, by_group: bool, passes: u64) -> u64 {
        let length = self.length() as u64;
        passes * if by_group { length.div_ceil(WORKGROUP) + JOIN_ROUNDS } else { length }
    }

    /// Whether a workgroup a row beats an invocation a row.
    ///
    /// Invocations side by side should read elements side by side, and there have to be enough of them.
    pub fn suit_groups(&self) -> bool {
        let gone = joined(&self.gone);
        let is_dense = gone.last().is_some_and(|d| d.strides[0] == 1);
        self.length() as u64 >= WORKGROUP && (is_dense || self.count() < 1024)
    }

    /// Whether a row has enough elements to be shared by a workgroup at all.
    pub fn fill_groups(&self) -> bool {
        self.length() as u64 >= WORKGROUP / 8
    }

    /// The shaders' `ROW_DIMENSIONS`.
    pub fn constant(&self) -> (&'static str, f64) {
        ("ROW_DIMENSIONS", joined(&self.gone).len() as f64)
    }

    /// Invocations for a kernel that walks rows.
    pub fn invocations(&self, by_group: bool) -> u64 {
        self.count() as u64 * if by_group { WORKGROUP } else { 1 }
    }
}

fn walk<const N: usize>(dims: &[Dim<N>], operand: usize) -> Result<Vec<usize>, Reason> {
    let sizes: Vec<usize> = dims.iter().map(|d| d.size).collect();
    let strides: Vec<usize> = dims.iter().map(|d| d.strides[operand]).collect();
    Ok(positions(&Shape::new(sizes)?, &strides))
}

/// Drops dimensions of one element and joins neighbours that every operand walks as one.
fn joined<const N: usize>(dims: &[Dim<N>]) -> Vec<Dim<N>> {
    let mut joined: Vec<Dim<N>> = Vec::new();
    for dim in dims.iter().filter(|d| d.size != 1) {
        match joined.last_mut() {
            Some(last) if (0..N).all(|i| last.strides[i] == dim.strides[i] * dim.size) => {
                *last = Dim { size: last.size * dim.size, strides: dim.strides };
            }
            _ => joined.push(*dim),
        }
    }
    joined
}

/// Sizes and strides as the shaders take them, right-aligned in four places.
pub fn four<const N: usize>(dims: &[Dim<N>]) -> Result<([u32; PLACES], [[u32; PLACES]; N]), Reason> {
    let dims = joined(dims);
    let start = PLACES.checked_sub(dims.len());
    let start = start.ok_or("its dimensions alternate too often between reduced and kept ones")?;
    let (mut sizes, mut strides) = ([1; PLACES], [[0; PLACES]; N]);
    for (place, dim) in dims.iter().enumerate() {
        sizes[start + place] = size(dim.size)?;
        for (operand, stride) in dim.strides.iter().enumerate() {
            strides[operand][start + place] = size(*stride)?;
        }
    }
    Ok((sizes, strides))
}

/// Distances between elements of a value in f32, dimension by dimension.
pub fn strides_in(shape: &Shape, layout: Layout, place: &Place) -> Vec<usize> {
    if layout == Layout::Plain {
        return shape.strides();
    }
    let pixel = place.stride as usize * 4;
    let pixels: usize = shape[2..].iter().product();
    let mut strides = shape.strides();
    strides[..2].copy_from_slice(&[pixels * pixel, 1]);
    strides[2..].iter_mut().for_each(|s| *s *= pixel);
    strides
}

/// The first element of a value, in f32.
pub fn first_in(place: &Place) -> Result<u32, Reason> {
    place.offset.checked_mul(4).ok_or_else(|| "its input lies beyond 32 bits".into())
}

/// The node's first input in the layout that it lies in: kernels that walk rows read either.
pub fn input_as_it_lies(node: &mut Lowering) -> Result<(Place, Layout), Reason> {
    let has = |layout| node.has(0, layout);
    let is_channels_last = has(Layout::ChannelsLast) && !has(Layout::Plain);
    let layout = if is_channels_last { Layout::ChannelsLast } else { Layout::Plain };
    Ok((node.input(0, layout)?, layout))
}

/// Refuses rows in which an index is not exact in f32, which is how devices hold it.
pub fn expect_exact_indices(length: usize) -> Result<(), Reason> {
    if length <= 1 << 24 { Ok(()) } else { Err(Reason(format!("rows of {length} elements are too long"))) }
}

pub const GRID: &str = include_str!("../../shaders/grid.wgsl");
/// What kernels that walk rows share, then either way to walk them.
pub const ROWS: &str = include_str!("../../shaders/rows.wgsl");
pub const BY_LANE: &str = include_str!("../../shaders/rows_lane.wgsl");
pub const BY_GROUP: &str = include_str!("../../shaders/rows_group.wgsl");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_joined_where_all_operands_agree() {
        let dims = |rows: &[(usize, [usize; 2])]| -> Vec<Dim<2>> {
            rows.iter().map(|&(size, strides)| Dim { size, strides }).collect()
        };
        let both = dims(&[(2, [12, 12]), (1, [7, 9]), (3, [4, 4]), (4, [1, 1])]);
        assert_eq!(joined(&both), dims(&[(24, [1, 1])]));
        let repeated = dims(&[(2, [12, 0]), (3, [4, 4]), (4, [1, 1])]);
        assert_eq!(joined(&repeated), dims(&[(2, [12, 0]), (12, [1, 1])]));
        assert_eq!(four(&repeated).unwrap(), ([1, 1, 2, 12], [[0, 0, 12, 1], [0, 0, 0, 1]]));
    }

    #[test]
    fn channels_last_keeps_channels_side_by_side() {
        let place = Place { home: crate::plan::lowering::Home::Weights(0), offset: 1, stride: 2, part: None };
        let shape = Shape::new([2, 5, 3, 4]).unwrap();
        assert_eq!(strides_in(&shape, Layout::ChannelsLast, &place), [96, 1, 32, 8]);
        assert_eq!(strides_in(&shape, Layout::Plain, &place), [60, 12, 4, 1]);
    }
}
