//! Weighted sums along dimensions, by tables that the host computes: what Resize, Gather and the moves of
//! channels-last tensors share.
//!
//! No shader computes a position in floating point: an index that is off by one at some sizes is the classic
//! fault of upsampling. Dimensions are resampled one after the other, or two adjacent ones together where
//! that costs few reads.

use super::Reason;
use super::kernel::Kernel;
use super::rearrange::COPY_STRIDED;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, size, vec4s};

/// Up to here f32 holds every integer, which is how tables hold indices.
const MAX_AXIS: usize = 1 << 24;

/// Two dimensions go in one step up to this many reads an element; above, a step each reads less.
const MAX_JOINT_TAPS: usize = 4;

/// Elements of the input along a dimension, each with its weight; `None` for a row of the fill value.
pub type Row = Option<Vec<(usize, f64)>>;

/// For every position of the output along a dimension, what it takes from the input.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    input: usize,
    rows: usize,
    /// Entries of every row; shorter ones are filled up with weights of zero.
    taps: usize,
    entries: Vec<[f32; 2]>,
    is_weighted: bool,
    has_fill: bool,
}

impl Table {
    /// A table over a dimension of this size.
    ///
    /// # Errors
    /// A dimension of more than 2^24 elements.
    pub fn new(input: usize, rows: &[Row]) -> Result<Self, Reason> {
        check_axis(input)?;
        check_axis(rows.len())?;
        let taps = rows.iter().flatten().map(Vec::len).max().unwrap_or(0).max(1);
        let mut entries = Vec::with_capacity(rows.len() * taps);
        for row in rows {
            let row = row.as_deref();
            let taken = row.unwrap_or_default();
            // The last index again, so that a weight of zero brings no other element's infinity in.
            let rest = match taken.last() {
                Some(&(index, _)) => [index as f32, 0.0],
                None if row.is_some() => [0.0, 0.0],
                None => [-1.0, 0.0],
            };
            entries.extend(taken.iter().map(|&(index, weight)| [index as f32, weight as f32]));
            entries.extend(std::iter::repeat_n(rest, taps - taken.len()));
        }
        let is_weighted = taps > 1 || entries.iter().any(|e| e[0] >= 0.0 && e[1] != 1.0);
        let has_fill = rows.iter().any(Option::is_none);
        Ok(Table { input, rows: rows.len(), taps, entries, is_weighted, has_fill })
    }

    /// A table that picks elements, `None` for the fill value.
    pub fn of_indices(
        input: usize,
        indices: impl ExactSizeIterator<Item = Option<usize>>,
    ) -> Result<Self, Reason> {
        check_axis(indices.len())?;
        Table::new(input, &indices.map(|i| i.map(|i| vec![(i, 1.0)])).collect::<Vec<_>>())
    }

    /// Whether the output is the input.
    pub fn is_identity(&self) -> bool {
        self.rows == self.input
            && !self.is_weighted
            && self.entries.iter().enumerate().all(|(i, e)| e[0] == i as f32)
    }

    /// How often every element is repeated, if that is all the table does.
    pub fn repeats(&self) -> Option<usize> {
        let times = self.rows.checked_div(self.input).filter(|times| times * self.input == self.rows)?;
        let repeated = self.taps == 1
            && !self.is_weighted
            && !self.has_fill
            && self.entries.iter().enumerate().all(|(i, e)| e[0] == (i / times) as f32);
        repeated.then_some(times)
    }

    /// The most elements that one of the output takes.
    pub fn taps(&self) -> usize {
        self.taps
    }

    /// For a dimension that stays as it is, beside one that does not.
    fn trivial() -> Self {
        Table { input: 1, rows: 1, taps: 1, entries: vec![[0.0, 1.0]], is_weighted: false, has_fill: false }
    }
}

/// Refuses a dimension too long for a table.
pub fn check_axis(size: usize) -> Result<(), Reason> {
    if size <= MAX_AXIS { Ok(()) } else { Err(Reason(format!("an axis of {size} elements is too long"))) }
}

/// A tensor resampled along some of its dimensions.
#[derive(Debug)]
pub struct Resampling {
    pub shape: Vec<usize>,
    /// By dimension; `None` where it stays as it is.
    pub tables: Vec<Option<Table>>,
    /// What stands where a table takes nothing from the input.
    pub fill: f32,
    /// Channels to take, a whole number of groups of four from the start; channels-last alone.
    pub channels: Option<std::ops::Range<usize>>,
}

impl Resampling {
    pub fn new(shape: &[usize], tables: Vec<Option<Table>>) -> Self {
        Resampling { shape: shape.to_vec(), tables, fill: 0.0, channels: None }
    }

    /// Whether a channels-last tensor can stay so: batch and channels are not resampled, and nothing but zeros
    /// is written to channels that only pad.
    fn keeps_channels(&self) -> bool {
        let fills = self.fill != 0.0 && self.tables.iter().flatten().any(|t| t.has_fill);
        self.shape.len() >= 3 && self.tables[..2].iter().all(Option::is_none) && !fills
    }

    /// The layout to work in, given the kernel that works on row-major tensors.
    pub fn layout(&self, node: &Lowering, plain: &'static Kernel) -> Result<Layout, Reason> {
        let keeps = self.keeps_channels();
        // From a texture groups of four are copied, which costs less than taking them apart.
        let is_quads = node.has(0, Layout::ChannelsLast) || node.has(0, Layout::Texels);
        let is_natural = keeps && is_quads;
        // Last the one that would have to convert its input, for tests that force it.
        let candidates = [(&RESAMPLE_VEC4, is_natural), (plain, true), (&RESAMPLE_VEC4, keeps)];
        let chosen = node.choose(&candidates)?;
        Ok(if chosen.name == RESAMPLE_VEC4.name { Layout::ChannelsLast } else { Layout::Plain })
    }

    /// Emits the steps from the first input to an output.
    pub fn emit(&self, node: &mut Lowering, position: usize, layout: Layout) -> Result<(), Reason> {
        let mut from = node.input(0, layout)?;
        let to = node.output_at(position, layout)?;
        let mut grid = Grid::of(&self.shape, layout);
        if let (Some(channels), Layout::ChannelsLast) = (&self.channels, layout) {
            from.offset += vec4s(channels.start);
            grid.quads = vec4s(channels.len());
        }
        let passes = self.passes();
        for (i, &(first, count)) in passes.iter().enumerate() {
            let tables = &self.tables[first..first + count];
            let after = grid.resampled(grid.axis(first), tables);
            let place = if i + 1 == passes.len() { to } else { after.scratch(node)? };
            self.emit_pass(node, &grid, grid.axis(first), tables, from, place)?;
            (from, grid) = (place, after);
        }
        Ok(())
    }

    /// The first dimension of each step, and how many the step takes: none for a mere copy.
    fn passes(&self) -> Vec<(usize, usize)> {
        let mut passes = Vec::new();
        let mut d = 0;
        while d < self.tables.len() {
            let next = self.tables.get(d + 1).and_then(Option::as_ref);
            let count = match (&self.tables[d], next) {
                (None, _) => 0,
                (Some(rows), Some(columns)) if rows.taps * columns.taps <= MAX_JOINT_TAPS => 2,
                (Some(_), _) => 1,
            };
            if count > 0 {
                passes.push((d, count));
            }
            d += count.max(1);
        }
        if passes.is_empty() {
            passes.push((self.tables.len(), 0));
        }
        passes
    }

    fn emit_pass(
        &self,
        node: &mut Lowering,
        grid: &Grid,
        axis: usize,
        tables: &[Option<Table>],
        from: Place,
        to: Place,
    ) -> Result<(), Reason> {
        let trivial = Table::trivial();
        let table = |i: usize| tables.get(i).and_then(Option::as_ref).unwrap_or(&trivial);
        let (rows, columns) = (table(0), table(1));
        let inner: usize = grid.sizes[(axis + tables.len()).min(grid.sizes.len())..].iter().product();
        let outer: usize = grid.sizes[..axis].iter().product();
        // Row-major tensors go four at a time where whole groups lie side by side.
        let by_four = grid.layout == Layout::ChannelsLast || inner.is_multiple_of(4);
        let inner = if grid.layout == Layout::Plain && by_four { inner / 4 } else { inner };
        let elements = outer * rows.rows * columns.rows * inner * grid.quads as usize;
        let params = ResampleParams {
            elements: size(elements)?,
            rows: size(rows.rows)?,
            columns: size(columns.rows)?,
            inner: size(inner)?,
            quads: grid.quads,
            x_rows: size(rows.input)?,
            x_columns: size(columns.input)?,
            row_taps: size(rows.taps)?,
            column_taps: size(columns.taps)?,
            x_offset: from.offset,
            x_stride: from.stride.max(1),
            y_offset: to.offset,
            y_stride: to.stride.max(1),
            fill: self.fill,
        };
        let is_weighted = rows.is_weighted || columns.is_weighted;
        let taps = upload(node, rows, columns);
        node.dispatch(Dispatch {
            kernel: if by_four { &RESAMPLE_VEC4 } else { &RESAMPLE },
            constants: vec![("WEIGHTED", f64::from(u8::from(is_weighted)))],
            inputs: vec![from, taps],
            output: to,
            params,
            invocations: elements as u64,
            rounds: (rows.taps * (columns.taps + 1)) as u64,
        })
    }
}

/// The tables as weights.
fn upload(node: &mut Lowering, rows: &Table, columns: &Table) -> Place {
    let entries = rows.entries.iter().chain(&columns.entries).flatten();
    node.weights("taps", entries.copied().collect())
}

/// The elements of a tensor as a step sees them.
#[derive(Debug, Clone)]
struct Grid {
    layout: Layout,
    /// The dimensions, but for the channels of a channels-last tensor.
    sizes: Vec<usize>,
    /// Groups of four channels of a channels-last tensor, else 1.
    quads: u32,
}

impl Grid {
    fn of(shape: &[usize], layout: Layout) -> Self {
        match layout {
            Layout::Plain => Grid { layout, sizes: shape.to_vec(), quads: 1 },
            Layout::ChannelsLast | Layout::Texels => {
                Grid { layout, sizes: [&shape[..1], &shape[2..]].concat(), quads: vec4s(shape[1]) }
            }
        }
    }

    /// The place of one of the tensor's dimensions among `sizes`.
    fn axis(&self, dimension: usize) -> usize {
        if self.layout == Layout::Plain { dimension } else { dimension - 1 }
    }

    fn resampled(&self, axis: usize, tables: &[Option<Table>]) -> Self {
        let mut after = self.clone();
        for (size, table) in after.sizes[axis..].iter_mut().zip(tables.iter().flatten()) {
            *size = table.rows;
        }
        after
    }

    /// Storage between two steps.
    fn scratch(&self, node: &mut Lowering) -> Result<Place, Reason> {
        let lanes = if self.layout == Layout::Plain { 1 } else { 4 * self.quads as usize };
        let pixels = self.sizes.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        let elements =
            pixels.and_then(|n| n.checked_mul(lanes)).ok_or("an intermediate result is too large")?;
        let stride = if self.layout == Layout::Plain { 0 } else { self.quads };
        Ok(Place { stride, ..node.scratch(elements) })
    }
}

params! {
    struct ResampleParams {
        elements: u32, rows: u32, columns: u32, inner: u32, quads: u32, x_rows: u32, x_columns: u32,
        row_taps: u32, column_taps: u32, x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32, fill: f32,
    }
}

/// Row-major tensors of any shape, and channels-last ones through [`RESAMPLE_VEC4`].
pub static RESAMPLE: Kernel = Kernel {
    name: "resample_f32",
    sources: &[
        include_str!("../../shaders/element_f32.wgsl"),
        include_str!("../../shaders/grid.wgsl"),
        include_str!("../../shaders/resample.wgsl"),
    ],
    params: ResampleParams::LAYOUT,
    subgroups: false,
};

pub static RESAMPLE_VEC4: Kernel = Kernel {
    name: "resample_vec4_f32",
    sources: &[
        include_str!("../../shaders/element_vec4_f32.wgsl"),
        include_str!("../../shaders/grid.wgsl"),
        include_str!("../../shaders/resample.wgsl"),
    ],
    params: ResampleParams::LAYOUT,
    subgroups: false,
};

/// The kernels of an operator that moves elements: row-major by strides, channels-last by tables.
pub const MOVE_KERNELS: &[&Kernel] = &[&COPY_STRIDED, &RESAMPLE_VEC4];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fill_short_rows_and_know_what_they_do() {
        let rows = [Some(vec![(0, 1.0)]), Some(vec![(0, 0.25), (1, 0.75)]), None];
        let table = Table::new(2, &rows).unwrap();
        let expected = [[0.0, 1.0], [0.0, 0.0], [0.0, 0.25], [1.0, 0.75], [-1.0, 0.0], [-1.0, 0.0]];
        assert_eq!((table.taps, table.is_weighted, table.has_fill), (2, true, true));
        assert_eq!(table.entries, expected);
        let picks = |input: usize, indices: &[usize]| {
            Table::of_indices(input, indices.iter().map(|&i| Some(i))).unwrap()
        };
        assert!(picks(3, &[0, 1, 2]).is_identity());
        assert!(!picks(4, &[0, 1, 2]).is_identity());
        assert!(!picks(3, &[0, 2, 1]).is_identity());
        assert!(Table::of_indices(MAX_AXIS + 1, [Some(0)].into_iter()).is_err());
    }

    #[test]
    fn adjacent_dimensions_share_a_step_while_that_reads_little() {
        let table = |taps: usize| {
            let row = Some((0..taps).map(|i| (i, 1.0 / taps as f64)).collect());
            Some(Table::new(8, &[row]).unwrap())
        };
        let passes = |tables: Vec<Option<Table>>| Resampling::new(&vec![8; tables.len()], tables).passes();
        assert_eq!(passes(vec![None, None, table(1), table(1)]), [(2, 2)]);
        assert_eq!(passes(vec![None, None, table(2), table(2), table(2)]), [(2, 2), (4, 1)]);
        assert_eq!(passes(vec![table(4), table(4)]), [(0, 1), (1, 1)]);
        assert_eq!(passes(vec![table(4), None, table(1)]), [(0, 1), (2, 1)]);
        assert_eq!(passes(vec![None, None]), [(2, 0)]);
    }
}
