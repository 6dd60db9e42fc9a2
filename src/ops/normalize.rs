//! Normalisation of rows: `y = (x - mean) / spread * scale + bias`. What the XNormalization operators share.
//!
//! Means are taken before anything is squared, and sums are in f32, which `stash_type` 1 asks for.

use super::broadcast::{broadcast, strides};
use super::case::{Case, CaseInput, values};
use super::kernel::Kernel;
use super::rearrange::expect_elements;
use super::reduce::reduced_shape;
use super::rows::{
    BY_GROUP, BY_LANE, GRID, JOIN_ROUNDS, ROWS, Rows, first_in, four, input_as_it_lies, strides_in,
};
use super::{Info, Op, Reason, TensorType, Tolerance, axes, axis, expect_f32, optional, required};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, size};
use crate::tensor::{DType, Shape, Tensor};

/// What centred elements are divided by. The number is the shader's `SPREAD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// `sqrt(mean(d^2) + epsilon)`.
    RootOfMean = 0,
    /// `sqrt(mean(d^2)) + epsilon`.
    RootThenEpsilon = 1,
    /// `sum(|d|)`; a row of zeros stays one.
    Absolute = 2,
    /// `sqrt(sum(d^2))`; a row of zeros stays one.
    Euclidean = 3,
}

/// Which elements make a row.
#[derive(Debug, Clone)]
pub enum Over {
    /// All pixels of a channel.
    Pixels,
    /// All pixels of a group of channels; scale and bias are of groups or of channels.
    Groups { count: usize, per_channel: bool },
    /// All dimensions from this one on; scale and bias broadcast.
    From(i64),
    /// These dimensions, without scale and bias.
    Axes(Vec<i64>),
}

/// A node that normalises.
#[derive(Debug)]
pub struct Normalize {
    pub over: Over,
    pub centred: bool,
    pub spread: Spread,
    pub epsilon: f32,
    /// Whether mean and reciprocal spread are outputs as well.
    pub has_statistics: bool,
}

/// A tensor's dimensions, the channels split where groups want it, and how scale and bias repeat over them.
struct Geometry {
    sizes: Vec<usize>,
    /// Channels a group.
    split: Option<usize>,
    axes: Vec<usize>,
    scale: Option<Vec<usize>>,
    bias: Option<Vec<usize>>,
}

impl Geometry {
    fn strides(&self, of_tensor: &[usize]) -> Vec<usize> {
        match self.split {
            None => of_tensor.to_vec(),
            Some(channels) => [&[of_tensor[0], of_tensor[1] * channels], &of_tensor[1..]].concat(),
        }
    }

    fn rows<const N: usize>(&self, operands: [&[usize]; N]) -> Rows<N> {
        Rows::of(&self.sizes, operands, &self.axes)
    }

    fn repeat<'a>(&self, strides: &'a Option<Vec<usize>>, zeros: &'a [usize]) -> &'a [usize] {
        strides.as_deref().unwrap_or(zeros)
    }
}

impl Normalize {
    /// The dimensions of a row, within the tensor's own.
    fn axes(&self, shape: &Shape) -> Result<Vec<usize>, Reason> {
        match &self.over {
            Over::Pixels if shape.rank() < 3 => {
                Err(Reason(format!("input {shape} has no spatial dimensions")))
            }
            Over::Groups { .. } if shape.rank() < 2 => Err(Reason(format!("input {shape} has no channels"))),
            Over::Pixels => Ok((2..shape.rank()).collect()),
            Over::Groups { .. } => Ok((1..shape.rank()).collect()),
            Over::From(first) => Ok((axis(*first, shape.rank())?..shape.rank()).collect()),
            Over::Axes(stated) => axes::resolve(stated, shape.rank()),
        }
    }

    fn geometry(
        &self,
        shape: &Shape,
        scale: Option<&Shape>,
        bias: Option<&Shape>,
    ) -> Result<Geometry, Reason> {
        let axes = self.axes(shape)?;
        let (sizes, split, axes) = match self.over {
            Over::Groups { count, .. } => {
                if count == 0 || !shape[1].is_multiple_of(count) {
                    return Err(Reason(format!("{} channels do not make {count} groups", shape[1])));
                }
                let channels = shape[1] / count;
                let sizes = [&[shape[0], count, channels], &shape[2..]].concat();
                (sizes, Some(channels), (2..=shape.rank()).collect())
            }
            _ => (shape.to_vec(), None, axes),
        };
        let repeat = |operand: Option<&Shape>| operand.map(|o| self.repeat(shape, o)).transpose();
        Ok(Geometry { sizes, split, axes, scale: repeat(scale)?, bias: repeat(bias)? })
    }

    /// Strides of scale or bias over the dimensions of [`Geometry::sizes`].
    fn repeat(&self, shape: &Shape, operand: &Shape) -> Result<Vec<usize>, Reason> {
        let vector = |length: usize, strides: &[usize]| {
            if **operand != [length] {
                return Err(Reason(format!("scale or bias is {operand}, expected {length}")));
            }
            let mut strides = strides.to_vec();
            let split = usize::from(matches!(self.over, Over::Groups { .. }));
            strides.resize(shape.rank() + split, 0);
            Ok(strides)
        };
        match self.over {
            Over::Pixels => vector(shape[1], &[0, 1]),
            Over::Groups { count, per_channel: true } => vector(shape[1], &[0, shape[1] / count, 1]),
            Over::Groups { count, per_channel: false } => vector(count, &[0, 1]),
            Over::From(_) if broadcast(operand, shape)? == *shape => Ok(strides(operand, shape)),
            Over::From(_) => Err(Reason(format!("scale or bias {operand} does not broadcast to {shape}"))),
            Over::Axes(_) => Err("scale and bias are not expected".into()),
        }
    }

    fn geometry_of(&self, inputs: &[Option<Info>]) -> Result<Geometry, Reason> {
        let shape = |position| optional(inputs, position).map(|info: &Info| &info.shape);
        self.geometry(&required(inputs, 0)?.shape, shape(1), shape(2))
    }

    /// Mean and reciprocal spread of a row.
    fn statistics(&self, row: &[f64]) -> (f64, f64) {
        let (length, epsilon) = (row.len() as f64, f64::from(self.epsilon));
        let mean = if self.centred { row.iter().sum::<f64>() / length } else { 0.0 };
        let squares: f64 = row.iter().map(|v| (v - mean) * (v - mean)).sum();
        let spread = match self.spread {
            Spread::RootOfMean => (squares / length + epsilon).sqrt(),
            Spread::RootThenEpsilon => (squares / length).sqrt() + epsilon,
            Spread::Absolute => row.iter().map(|v| (v - mean).abs()).sum(),
            Spread::Euclidean => squares.sqrt(),
        };
        let is_of_zeros = matches!(self.spread, Spread::Absolute | Spread::Euclidean) && spread == 0.0;
        (mean, if is_of_zeros { 0.0 } else { 1.0 / spread })
    }

    /// Walks all rows: `of_row` makes a row's mean and reciprocal spread, or what stands for them, and
    /// `of_element` an element of it with its scale and bias.
    fn walk<R: Copy>(
        &self,
        inputs: &[Option<&Tensor>],
        of_row: impl Fn(&[f64]) -> R,
        statistics: impl Fn(R) -> [f64; 2],
        of_element: impl Fn(R, f64, f64, f64) -> f64,
    ) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let parameter = |position| optional(inputs, position).map(|t: &&Tensor| Ok::<_, Reason>(t.as_f32()?));
        let (data, scale, bias) = (x.as_f32()?, parameter(1).transpose()?, parameter(2).transpose()?);
        let shape = |position| optional(inputs, position).map(|t: &&Tensor| t.shape());
        let geometry = self.geometry(x.shape(), shape(1), shape(2))?;
        let (plain, zeros) = (geometry.strides(&x.shape().strides()), vec![0; geometry.sizes.len()]);
        let (scales, biases) =
            (geometry.repeat(&geometry.scale, &zeros), geometry.repeat(&geometry.bias, &zeros));
        let rows = geometry.rows([&plain, scales, biases]);
        let (steps, scale_steps, bias_steps) = (rows.steps(0)?, rows.steps(1)?, rows.steps(2)?);
        let (mut y, mut by_row) = (vec![0.0; data.len()], [Vec::new(), Vec::new()]);
        let starts = rows.starts(0)?.into_iter().zip(rows.starts(1)?.into_iter().zip(rows.starts(2)?));
        for (first, (first_scale, first_bias)) in starts {
            let row: Vec<f64> = steps.iter().map(|step| f64::from(data[first + step])).collect();
            let state = of_row(&row);
            for (k, &v) in row.iter().enumerate() {
                let scale = scale.map_or(1.0, |s| f64::from(s[first_scale + scale_steps[k]]));
                let bias = bias.map_or(0.0, |b| f64::from(b[first_bias + bias_steps[k]]));
                y[first + steps[k]] = of_element(state, v, scale, bias) as f32;
            }
            statistics(state).into_iter().zip(&mut by_row).for_each(|(v, to)| to.push(v as f32));
        }
        let mut outputs = vec![Tensor::from_f32(x.shape().to_vec(), y)?];
        if self.has_statistics {
            let shape = reduced_shape(x.shape(), &self.axes(x.shape())?, true);
            for values in by_row {
                outputs.push(Tensor::from_f32(shape.clone(), values)?);
            }
        }
        Ok(outputs)
    }

    fn dispatch(&self, node: &mut Lowering, step: &Written) -> Result<(), Reason> {
        let Written { rows, kernel, x, y, writes } = *step;
        let (kept_shape, [kept_x, kept_y, kept_scale, kept_bias]) = four(&rows.kept)?;
        let (gone_shape, [gone_x, gone_y, gone_scale, gone_bias]) = four(&rows.gone)?;
        let params = NormalizeParams {
            kept_shape,
            kept_x,
            kept_y,
            kept_scale,
            kept_bias,
            gone_shape,
            gone_x,
            gone_y,
            gone_scale,
            gone_bias,
            rows: size(rows.count())?,
            length: size(rows.length())?,
            x_first: first_in(&x)?,
            y_first: first_in(&y)?,
            epsilon: self.epsilon,
        };
        let mut inputs = vec![x];
        let mut constants = vec![
            ("CENTRED", f64::from(self.centred)),
            ("SPREAD", f64::from(self.spread as u32)),
            ("WRITES", f64::from(writes)),
            rows.constant(),
        ];
        for (position, name) in [(1, "HAS_SCALE"), (2, "HAS_BIAS")] {
            let is_there = node.infos().get(position).is_some_and(Option::is_some);
            // A binding that the kernel does not read still has to be filled.
            inputs.push(if is_there { node.input(position, Layout::Plain)? } else { x });
            constants.push((name, f64::from(is_there)));
        }
        let by_group = kernel.name == NORMALIZE_GROUP.name;
        let (invocations, rounds) =
            (rows.invocations(by_group), rows.rounds(by_group, PASSES) / 4 + PASSES * JOIN_ROUNDS);
        node.dispatch(Dispatch { kernel, constants, inputs, output: y, params, invocations, rounds })
    }
}

/// One step: what it writes, and where.
struct Written<'a> {
    rows: &'a Rows<4>,
    kernel: &'static Kernel,
    x: Place,
    y: Place,
    /// The shader's `WRITES`.
    writes: u32,
}

impl Op for Normalize {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        inputs.iter().flatten().try_for_each(expect_f32)?;
        expect_elements(&x.shape)?;
        self.geometry_of(inputs)?;
        let mut types = vec![TensorType { shape: x.shape.clone(), dtype: DType::F32 }];
        if self.has_statistics {
            let shape = reduced_shape(&x.shape, &self.axes(&x.shape)?, true);
            types.extend([TensorType::new(shape.clone(), DType::F32)?, TensorType::new(shape, DType::F32)?]);
        }
        Ok(types)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let of_element = |(mean, factor), v, scale, bias| (v - mean) * factor * scale + bias;
        self.walk(inputs, |row| self.statistics(row), |(mean, factor)| [mean, factor], of_element)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let geometry = self.geometry_of(&node.infos())?;
        let (x, x_layout) = input_as_it_lies(node)?;
        // Every row is written once, which leaves no one to write padding channels.
        let is_unpadded = x_layout == Layout::ChannelsLast && shape[1].is_multiple_of(4);
        let y_layout = if is_unpadded { Layout::ChannelsLast } else { Layout::Plain };
        for position in (0..=2).filter(|&position| position == 0 || self.has_statistics) {
            if !node.is_read(position) {
                continue;
            }
            let layout = if position == 0 { y_layout } else { Layout::Plain };
            let y = node.output_at(position, layout)?;
            let strides_of = |layout, place| geometry.strides(&strides_in(&shape, layout, place));
            let zeros = vec![0; geometry.sizes.len()];
            let rows = geometry.rows([
                &strides_of(x_layout, &x),
                &strides_of(layout, &y),
                geometry.repeat(&geometry.scale, &zeros),
                geometry.repeat(&geometry.bias, &zeros),
            ]);
            let kernel = rows.choose(node, &NORMALIZE_LANE, &NORMALIZE_GROUP, PASSES)?;
            self.dispatch(node, &Written { rows: &rows, kernel, x, y, writes: position as u32 })?;
        }
        Ok(())
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        let geometry = self.geometry_of(inputs);
        let length = geometry.map_or(1, |g| g.axes.iter().map(|&d| g.sizes[d]).product());
        // A sum over the row behind mean and spread, and a dozen roundings on the way to an element: the root
        // and the reciprocal are each granted some.
        Tolerance::Products { terms: length + 12 }
    }

    /// The mean may be off by `n * eps * mean(|x|)`. That moves every element, and the square of it widens
    /// the spread, which matters where the row lies far from zero.
    fn magnitudes(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let state = |row: &[f64]| {
            let (mean, factor) = self.statistics(row);
            let absolute = row.iter().map(|v| v.abs()).sum::<f64>() / row.len() as f64;
            let centre = if self.centred { absolute } else { 0.0 };
            let shift = row.len() as f64 * f64::from(f32::EPSILON) * (centre * factor).powi(2);
            (mean, factor, centre, shift)
        };
        let of_element =
            |(mean, factor, centre, shift): (f64, f64, f64, f64), v: f64, scale: f64, bias: f64| {
                let deviation = (v - mean).abs();
                (centre + v.abs() + deviation * (1.0 + shift)) * factor * scale.abs() + bias.abs()
            };
        self.walk(inputs, state, |(_, factor, centre, shift)| [centre, factor * (1.0 + shift)], of_element)
    }
}

/// Rows that are long, lie far from zero, or are all alike, for any operator that takes scale and bias of
/// these shapes.
pub fn cases(operator: &'static str, shape: &[usize], parameters: &[usize]) -> Vec<Case> {
    let far = values(shape, 7).as_f32().map(|v| v.iter().map(|v| 1000.0 + v).collect()).unwrap_or_default();
    let given = |data: Vec<f32>| Tensor::from_f32(shape, data).map_or(CaseInput::Absent, CaseInput::Given);
    let alike = vec![-3.5; shape.iter().product()];
    vec![
        Case::new(operator, "constant parameters").given(shape).constant(parameters).constant(parameters),
        Case::new(operator, "given parameters").given(shape).given(parameters).given(parameters),
        Case::new(operator, "far from zero").with(given(far)).constant(parameters).constant(parameters),
        Case::new(operator, "all alike").with(given(alike)).constant(parameters).constant(parameters),
    ]
}

/// Walks along a row: for the mean, the spread, and to write it. Each takes four elements at a time.
const PASSES: u64 = 3;

params! {
    struct NormalizeParams {
        kept_shape: [u32; 4], kept_x: [u32; 4], kept_y: [u32; 4], kept_scale: [u32; 4], kept_bias: [u32; 4],
        gone_shape: [u32; 4], gone_x: [u32; 4], gone_y: [u32; 4], gone_scale: [u32; 4], gone_bias: [u32; 4],
        rows: u32, length: u32, x_first: u32, y_first: u32, epsilon: f32,
    }
}

const NORMALIZE: &str = include_str!("../../shaders/normalize_rows_f32.wgsl");

static NORMALIZE_LANE: Kernel = Kernel {
    name: "normalize_lane_f32",
    sources: &[GRID, ROWS, BY_LANE, NORMALIZE],
    params: NormalizeParams::LAYOUT,
    subgroups: false,
};

static NORMALIZE_GROUP: Kernel = Kernel {
    name: "normalize_group_f32",
    sources: &[GRID, ROWS, BY_GROUP, NORMALIZE],
    params: NormalizeParams::LAYOUT,
    subgroups: false,
};

/// The kernels of every operator of the family.
pub static NORMALIZE_KERNELS: &[&Kernel] = &[&NORMALIZE_LANE, &NORMALIZE_GROUP];
