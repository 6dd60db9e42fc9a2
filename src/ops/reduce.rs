//! Reductions over dimensions: what the ReduceX operators and the global pools share.

use super::kernel::Kernel;
use super::rows::{
    BY_GROUP, BY_LANE, GRID, JOIN_ROUNDS, ROWS, Rows, first_in, four, input_as_it_lies, strides_in,
};
use super::{Reason, Tolerance, required};
use crate::params;
use crate::plan::lowering::{
    Dispatch, Layout, Lowering, Place, READ_BUFFER, READ_TEXELS, TEXELS, WORKGROUP, WRITE_BUFFER, size, vec4s,
};
use crate::tensor::{Shape, Tensor};

/// What becomes of the elements that are reduced.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Reduction {
    Sum,
    Mean,
    Max,
    Min,
    Prod,
    L1,
    L2,
    SumSquare,
    LogSum,
    LogSumExp,
    /// `sum(|x|^p)^(1/p)`.
    Norm(f32),
}

impl Reduction {
    /// Walks along a row: one more where the largest element has to be known first.
    fn passes(self) -> u64 {
        if self == Reduction::LogSumExp { 2 } else { 1 }
    }

    /// The shader's `REDUCTION`.
    fn code(self) -> u32 {
        match self {
            Reduction::Sum => 0,
            Reduction::Mean => 1,
            Reduction::Max => 2,
            Reduction::Min => 3,
            Reduction::Prod => 4,
            Reduction::L1 => 5,
            Reduction::L2 => 6,
            Reduction::SumSquare => 7,
            Reduction::LogSum => 8,
            Reduction::LogSumExp => 9,
            Reduction::Norm(_) => 10,
        }
    }

    fn exponent(self) -> f32 {
        if let Reduction::Norm(p) = self { p } else { 1.0 }
    }

    /// Whether a single element is its own result.
    pub fn is_identity_on_one(self) -> bool {
        use Reduction::*;
        matches!(self, Sum | Mean | Max | Min | Prod | LogSumExp)
    }

    /// The twin, on one row.
    fn of(self, row: &[f64]) -> f64 {
        let sum = |f: &dyn Fn(f64) -> f64| row.iter().map(|&v| f(v)).sum::<f64>();
        match self {
            Reduction::Sum => sum(&|v| v),
            Reduction::Mean => sum(&|v| v) / row.len() as f64,
            Reduction::Max => row.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Reduction::Min => row.iter().copied().fold(f64::INFINITY, f64::min),
            Reduction::Prod => row.iter().product(),
            Reduction::L1 => sum(&f64::abs),
            Reduction::L2 => sum(&|v| v * v).sqrt(),
            Reduction::SumSquare => sum(&|v| v * v),
            Reduction::LogSum => sum(&|v| v).ln(),
            Reduction::LogSumExp => {
                let largest = Reduction::Max.of(row);
                largest + sum(&|v| (v - largest).exp()).ln()
            }
            Reduction::Norm(p) => sum(&|v| v.abs().powf(f64::from(p))).powf(1.0 / f64::from(p)),
        }
    }

    /// The twin on integers, which are exact or refused.
    pub fn of_integers(self, row: &[i64]) -> Result<i64, Reason> {
        let fold = |start: i64, f: &dyn Fn(i64, i64) -> Option<i64>| {
            row.iter().try_fold(start, |a, &v| f(a, v)).ok_or_else(|| Reason::from("integer overflow"))
        };
        match self {
            Reduction::Sum => fold(0, &i64::checked_add),
            Reduction::Prod => fold(1, &i64::checked_mul),
            Reduction::Max => {
                row.iter().copied().max().ok_or_else(|| "nothing to take the largest of".into())
            }
            Reduction::Min => {
                row.iter().copied().min().ok_or_else(|| "nothing to take the smallest of".into())
            }
            Reduction::L1 => fold(0, &|a, v| a.checked_add(v.checked_abs()?)),
            Reduction::SumSquare => fold(0, &|a, v| a.checked_add(v.checked_mul(v)?)),
            _ => Err("not supported on integers".into()),
        }
    }

    /// How many roundings a result of so many terms goes through, in units of [`Reduction::magnitude`].
    fn roundings(self, terms: usize) -> usize {
        match self {
            // A power may be off by 2^-21 of its exponent, which the root divides again.
            Reduction::Norm(_) => terms + 40,
            // The terms of a sum of exponentials are off by 3 + 2 |x| units, the sum by one a term, and the
            // logarithm by 2^-21; |x| is at most the logarithm of the number of terms where it matters.
            Reduction::LogSumExp => 2 * terms + 16,
            _ => terms + 6,
        }
    }

    /// What an error of one unit of rounding in every step amounts to, for one row.
    fn magnitude(self, row: &[f64]) -> f64 {
        let absolute: Vec<f64> = row.iter().map(|v| v.abs()).collect();
        match self {
            // Errors of a logarithm's argument count relative to it.
            Reduction::LogSum => {
                let sum = Reduction::Sum.of(row);
                absolute.iter().sum::<f64>() / sum.abs() + 1.0 + sum.ln().abs()
            }
            Reduction::LogSumExp => 1.0 + Reduction::Max.of(row).abs() + self.of(row).abs(),
            _ => self.of(&absolute).abs(),
        }
    }
}

/// The shape that is left.
pub fn reduced_shape(shape: &Shape, axes: &[usize], keep_dims: bool) -> Vec<usize> {
    let kept = (0..shape.rank()).filter(|d| keep_dims || !axes.contains(d));
    kept.map(|d| if axes.contains(&d) { 1 } else { shape[d] }).collect()
}

/// How many elements go into each result.
pub fn terms(shape: &Shape, axes: &[usize]) -> usize {
    axes.iter().map(|&d| shape[d]).product()
}

/// A function of every row.
pub fn by_row<T: Copy, U>(
    shape: &Shape,
    axes: &[usize],
    data: &[T],
    f: impl Fn(&[T]) -> U,
) -> Result<Vec<U>, Reason> {
    let rows = Rows::of(shape, [&shape.strides()], axes);
    let steps = rows.steps(0)?;
    let row = |first: usize| steps.iter().map(|step| data[first + step]).collect::<Vec<T>>();
    Ok(rows.starts(0)?.into_iter().map(|first| f(&row(first))).collect())
}

fn by_row_f64(
    inputs: &[Option<&Tensor>],
    axes: &[usize],
    keep_dims: bool,
    f: impl Fn(&[f64]) -> f64,
) -> Result<Tensor, Reason> {
    let x = *required(inputs, 0)?;
    let data: Vec<f64> = x.as_f32()?.iter().map(|&v| f64::from(v)).collect();
    let results = by_row(x.shape(), axes, &data, |row| f(row) as f32)?;
    Ok(Tensor::from_f32(reduced_shape(x.shape(), axes, keep_dims), results)?)
}

/// The twin.
pub fn run(
    reduction: Reduction,
    inputs: &[Option<&Tensor>],
    axes: &[usize],
    keep_dims: bool,
) -> Result<Tensor, Reason> {
    by_row_f64(inputs, axes, keep_dims, |row| reduction.of(row))
}

/// For [`super::Op::tolerance`]. Where nothing cancels, the magnitude is the result itself.
pub fn tolerance(reduction: Reduction, terms: usize) -> Tolerance {
    match reduction {
        Reduction::Max | Reduction::Min => Tolerance::Exact,
        _ => Tolerance::Products { terms: reduction.roundings(terms) },
    }
}

/// For [`super::Op::magnitudes`].
pub fn magnitudes(
    reduction: Reduction,
    inputs: &[Option<&Tensor>],
    axes: &[usize],
    keep_dims: bool,
) -> Result<Tensor, Reason> {
    by_row_f64(inputs, axes, keep_dims, |row| reduction.magnitude(row))
}

/// Emits the reduction of the node's first input over these axes.
pub fn lower(reduction: Reduction, node: &mut Lowering, axes: &[usize]) -> Result<(), Reason> {
    let shape = node.input_shape(0)?;
    let over_pixels = shape.rank() >= 3 && axes.len() == shape.rank() - 2 && axes.iter().all(|&d| d >= 2);
    let fits_texels =
        over_pixels && node.fits_texels(&[shape.elements() / shape[1].max(1) * shape[1].next_multiple_of(4)]);
    if fits_texels && node.has(0, Layout::Texels) {
        let kernel = node.choose(&[(&REDUCE_PIXELS_TEXELS, true), (&REDUCE_PIXELS, true)])?;
        return lower_pixels(reduction, node, &shape, kernel);
    }
    let (x, layout) = input_as_it_lies(node)?;
    let rows = Rows::of(&shape, [&strides_in(&shape, layout, &x)], axes);
    let kernel = node.choose(&[
        (&REDUCE_PIXELS, over_pixels && layout == Layout::ChannelsLast),
        (&REDUCE_GROUP, rows.suit_groups()),
        (&REDUCE_LANE, rows.suit_lanes(node, reduction.passes())),
        (&REDUCE_GROUP, rows.fill_groups()),
        (&REDUCE_PIXELS, over_pixels),
        (&REDUCE_PIXELS_TEXELS, fits_texels),
    ])?;
    if [REDUCE_PIXELS.name, REDUCE_PIXELS_TEXELS.name].contains(&kernel.name) {
        lower_pixels(reduction, node, &shape, kernel)
    } else {
        lower_rows(reduction, node, x, &rows, kernel)
    }
}

fn lower_pixels(
    reduction: Reduction,
    node: &mut Lowering,
    shape: &Shape,
    kernel: &'static Kernel,
) -> Result<(), Reason> {
    let in_texels = kernel.name == REDUCE_PIXELS_TEXELS.name;
    let x = node.input(0, if in_texels { Layout::Texels } else { Layout::ChannelsLast })?;
    let y = node.output(Layout::ChannelsLast)?;
    let params = PixelsParams {
        batch: size(shape[0])?,
        quads: vec4s(shape[1]),
        channels: size(shape[1])?,
        pixels: size(shape[2..].iter().product())?,
        x_offset: x.offset,
        x_stride: x.stride,
        y_offset: y.offset,
        y_stride: y.stride,
        exponent: reduction.exponent(),
    };
    let dispatch = Dispatch {
        kernel,
        constants: vec![("REDUCTION", f64::from(reduction.code()))],
        inputs: vec![x],
        output: y,
        params,
        // A workgroup for every group of channels.
        invocations: shape[0] as u64 * u64::from(params.quads) * WORKGROUP,
        rounds: u64::from(params.pixels).div_ceil(WORKGROUP) + JOIN_ROUNDS,
    };
    node.dispatch_at(dispatch, &[("x_offset", x)])
}

fn lower_rows(
    reduction: Reduction,
    node: &mut Lowering,
    x: Place,
    rows: &Rows<1>,
    kernel: &'static Kernel,
) -> Result<(), Reason> {
    let y = node.output(Layout::Plain)?;
    let ((kept_shape, [kept_strides]), (gone_shape, [gone_strides])) = (four(&rows.kept)?, four(&rows.gone)?);
    let params = RowsParams {
        kept_shape,
        kept_strides,
        gone_shape,
        gone_strides,
        rows: size(rows.count())?,
        length: size(rows.length())?,
        x_first: first_in(&x)?,
        exponent: reduction.exponent(),
    };
    node.dispatch(Dispatch {
        kernel,
        constants: vec![("REDUCTION", f64::from(reduction.code())), rows.constant()],
        inputs: vec![x],
        output: y,
        params,
        invocations: rows.invocations(kernel.name == REDUCE_GROUP.name),
        rounds: rows.rounds(kernel.name == REDUCE_GROUP.name, reduction.passes()),
    })
}

params! {
    struct PixelsParams {
        batch: u32, quads: u32, channels: u32, pixels: u32,
        x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
        exponent: f32,
    }
}

params! {
    struct RowsParams {
        kept_shape: [u32; 4], kept_strides: [u32; 4], gone_shape: [u32; 4], gone_strides: [u32; 4],
        rows: u32, length: u32, x_first: u32, exponent: f32,
    }
}

const REDUCTION: &str = include_str!("../../shaders/reduction.wgsl");
const EPILOGUE: &str = include_str!("../../shaders/epilogue.wgsl");
const PIXELS_MAIN: &str = include_str!("../../shaders/reduce_pixels_f32.wgsl");
const REDUCE_ROWS: &str = include_str!("../../shaders/reduce_rows_f32.wgsl");

static REDUCE_PIXELS: Kernel = Kernel {
    name: "reduce_pixels_f32",
    sources: &[GRID, READ_BUFFER, WRITE_BUFFER, EPILOGUE, ROWS, BY_GROUP, REDUCTION, PIXELS_MAIN],
    params: PixelsParams::LAYOUT,
    subgroups: false,
};

static REDUCE_PIXELS_TEXELS: Kernel = Kernel {
    name: "reduce_pixels_texels_f32",
    sources: &[GRID, TEXELS, READ_TEXELS, WRITE_BUFFER, EPILOGUE, ROWS, BY_GROUP, REDUCTION, PIXELS_MAIN],
    params: PixelsParams::LAYOUT,
    subgroups: false,
};

static REDUCE_GROUP: Kernel = Kernel {
    name: "reduce_group_f32",
    sources: &[GRID, ROWS, BY_GROUP, REDUCTION, REDUCE_ROWS],
    params: RowsParams::LAYOUT,
    subgroups: false,
};

static REDUCE_LANE: Kernel = Kernel {
    name: "reduce_lane_f32",
    sources: &[GRID, ROWS, BY_LANE, REDUCTION, REDUCE_ROWS],
    params: RowsParams::LAYOUT,
    subgroups: false,
};

/// The kernels of every operator of the family.
pub static REDUCE_KERNELS: &[&Kernel] = &[&REDUCE_PIXELS, &REDUCE_PIXELS_TEXELS, &REDUCE_GROUP, &REDUCE_LANE];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_exact_or_refused() {
        assert_eq!(Reduction::Sum.of_integers(&[3, -5, 4]), Ok(2));
        assert_eq!(Reduction::Prod.of_integers(&[]), Ok(1));
        assert_eq!(Reduction::Min.of_integers(&[3, -5, 4]), Ok(-5));
        assert!(Reduction::Sum.of_integers(&[i64::MAX, 1]).is_err());
        assert!(Reduction::L1.of_integers(&[i64::MIN]).is_err());
        assert!(Reduction::Max.of_integers(&[]).is_err());
        assert!(Reduction::Mean.of_integers(&[1, 2]).is_err());
    }

    #[test]
    fn reducing_nothing_gives_the_neutral_element() {
        assert_eq!(Reduction::Sum.of(&[]), 0.0);
        assert_eq!(Reduction::Prod.of(&[]), 1.0);
        assert_eq!(Reduction::Min.of(&[]), f64::INFINITY);
        assert_eq!(Reduction::LogSumExp.of(&[]), f64::NEG_INFINITY);
    }
}
