//! The element-wise family: one or two operands and a fused tail in one dispatch.
//!
//! Relu, Sigmoid, Add and the rest declare themselves in files of their own; this is what they share.

use std::sync::Arc;

use super::broadcast::{broadcast, padded, positions, strides};
use super::epilogue::{Activation, Epilogue, ScaleShift, Stage};
use super::kernel::Kernel;
use super::{Info, Op, Reason, TensorType, Tolerance, expect_f32, optional, required};
use crate::graph::attributes::AttributeReader;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, size, vec4s};
use crate::tensor::{Data, Shape, Tensor};

/// Arithmetic of two operands. The number is the shader's `BINARY`; `Reverse*` is for swapped operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    None = 0,
    Add = 1,
    Sub = 2,
    Mul = 3,
    Div = 4,
    ReverseSub = 5,
    ReverseDiv = 6,
}

impl Arithmetic {
    fn apply(self, a: f64, b: f64) -> f64 {
        match self {
            Arithmetic::None => a,
            Arithmetic::Add => a + b,
            Arithmetic::Sub => a - b,
            Arithmetic::Mul => a * b,
            Arithmetic::Div => a / b,
            Arithmetic::ReverseSub => b - a,
            Arithmetic::ReverseDiv => b / a,
        }
    }

    fn apply_integers(self, a: i64, b: i64) -> Option<i64> {
        match self {
            Arithmetic::None => Some(a),
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Sub => a.checked_sub(b),
            Arithmetic::Mul => a.checked_mul(b),
            Arithmetic::Div => a.checked_div(b),
            Arithmetic::ReverseSub => b.checked_sub(a),
            Arithmetic::ReverseDiv => b.checked_div(a),
        }
    }

    /// The same result with the operands swapped.
    fn swapped(self) -> Arithmetic {
        match self {
            Arithmetic::Sub => Arithmetic::ReverseSub,
            Arithmetic::Div => Arithmetic::ReverseDiv,
            other => other,
        }
    }

    fn ulps(self) -> f32 {
        match self {
            Arithmetic::None => 0.0,
            Arithmetic::Div | Arithmetic::ReverseDiv => 2.5,
            _ => 1.0,
        }
    }
}

/// A node of the element-wise family.
#[derive(Debug, Clone)]
pub struct Pointwise {
    pub arithmetic: Arithmetic,
    pub epilogue: Epilogue,
}

impl Pointwise {
    /// A function of one operand.
    pub fn function(activation: Activation) -> Arc<dyn Op> {
        let epilogue = Epilogue { first: activation, ..Epilogue::default() };
        Arc::new(Pointwise { arithmetic: Arithmetic::None, epilogue })
    }

    /// An operation on two operands.
    fn operation(arithmetic: Arithmetic) -> Arc<dyn Op> {
        Arc::new(Pointwise { arithmetic, epilogue: Epilogue::default() })
    }

    /// An operation on two operands, as a node states it.
    pub fn read_operation(
        arithmetic: Arithmetic,
        attributes: &AttributeReader,
    ) -> Result<Arc<dyn Op>, Reason> {
        // Before operator set 7 the flag asked for what has been the rule since, as long as no axis is given.
        if attributes.opset < 7 {
            attributes.ignore("broadcast");
        }
        Ok(Self::operation(arithmetic))
    }

    fn is_binary(&self) -> bool {
        self.arithmetic != Arithmetic::None
    }

    /// Result and channel of every element, for the twin.
    fn run_f32(&self, shape: &Shape, a: &Tensor, b: Option<&Tensor>) -> Result<Vec<f32>, Reason> {
        let left = a.as_f32()?;
        let from_left = positions(shape, &strides(a.shape(), shape));
        let right = b.map(|b| Ok::<_, Reason>((b.as_f32()?, positions(shape, &strides(b.shape(), shape)))));
        let right = right.transpose()?;
        let inner: usize = shape.iter().skip(2).product();
        let channels = shape.get(1).copied().unwrap_or(1);
        let value = |i: usize| {
            let y = right.as_ref().map_or(0.0, |(values, from)| f64::from(values[from[i]]));
            let x = self.arithmetic.apply(f64::from(left[from_left[i]]), y);
            self.epilogue.apply(x, i / inner % channels, 0.0) as f32
        };
        Ok((0..shape.elements()).map(value).collect())
    }

    fn run_integers(&self, shape: &Shape, a: &Tensor, b: &Tensor) -> Result<Data, Reason> {
        let (left, right) = (a.to_i64s()?, b.to_i64s()?);
        let at = |operand: &Tensor| positions(shape, &strides(operand.shape(), shape));
        let pairs = at(a).into_iter().zip(at(b));
        let result: Option<Vec<i64>> =
            pairs.map(|(i, j)| self.arithmetic.apply_integers(left[i], right[j])).collect();
        let result = result.ok_or("integer overflow or division by zero")?;
        match a.data() {
            Data::I64(_) => Ok(Data::I64(result)),
            Data::I32(_) => Ok(Data::I32(result.iter().map(|&v| v as i32).collect())),
            _ => Err("element type bool is not supported here".into()),
        }
    }

    fn lower_rows(&self, node: &mut Lowering, operands: &Operands) -> Result<(), Reason> {
        let shape = node.output_shape()?;
        let layout = operands.layout;
        let a = node.input(operands.full, layout)?;
        let b = match &operands.other {
            Some(other) => other.place(node, layout)?,
            None => Second { place: a, row_stride: 0, column_stride: 0, rows_per_row: 1, splat: false },
        };
        let post = node.weights("post", || self.pack_post(&shape));
        let y = node.output(layout)?;
        let (rows, columns, channels) = match layout {
            Layout::Plain => (1, shape.elements().div_ceil(4), shape.elements()),
            Layout::ChannelsLast => (shape.elements() / shape[1], shape[1].div_ceil(4), shape[1]),
        };
        let ([first_a, first_b], [last_a, last_b]) =
            (self.epilogue.first.constants(), self.epilogue.last.constants());
        let params = ElementwiseParams {
            rows: size(rows)?,
            columns: size(columns)?,
            channels: size(channels)?,
            a_offset: a.offset,
            a_stride: a.stride,
            b_offset: b.place.offset,
            b_row_stride: b.row_stride,
            b_column_stride: b.column_stride,
            b_rows_per_row: b.rows_per_row,
            y_offset: y.offset,
            y_stride: y.stride,
            first_a,
            first_b,
            last_a,
            last_b,
        };
        let mut constants = self.constants(operands.arithmetic);
        constants.push(("HAS_POST", f64::from(self.epilogue.post.is_some())));
        constants.push(("SPLAT", f64::from(b.splat)));
        let invocations = rows as u64 * columns as u64;
        let inputs = vec![a, b.place, post];
        node.dispatch(Dispatch { kernel: &ELEMENTWISE, constants, inputs, output: y, params, invocations })
    }

    fn lower_broadcast(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.output_shape()?;
        if shape.rank() > 8 {
            return Err("broadcasting of more than 8 dimensions is not supported".into());
        }
        let (a, b) = (node.input(0, Layout::Plain)?, node.input(1, Layout::Plain)?);
        let y = node.output(Layout::Plain)?;
        let ([first_a, first_b], [last_a, last_b]) =
            (self.epilogue.first.constants(), self.epilogue.last.constants());
        let params = BroadcastParams {
            shape: eight(&shape, 1)?,
            a_strides: eight(&strides(&node.input_shape(0)?, &shape), 0)?,
            b_strides: eight(&strides(&node.input_shape(1)?, &shape), 0)?,
            elements: size(shape.elements())?,
            first_a,
            first_b,
            last_a,
            last_b,
        };
        let constants = self.constants(self.arithmetic);
        let (inputs, invocations) = (vec![a, b], shape.elements() as u64);
        node.dispatch(Dispatch { kernel: &BROADCAST, constants, inputs, output: y, params, invocations })
    }

    fn constants(&self, arithmetic: Arithmetic) -> Vec<(&'static str, f64)> {
        let epilogue = &self.epilogue;
        vec![
            ("BINARY", f64::from(arithmetic as u32)),
            ("FIRST", f64::from(epilogue.first.code())),
            ("LAST", f64::from(epilogue.last.code())),
        ]
    }

    fn pack_post(&self, shape: &Shape) -> Vec<f32> {
        let Some(post) = &self.epilogue.post else { return Vec::new() };
        let padded = shape[1].next_multiple_of(4);
        let mut packed = vec![0.0; padded * 2];
        packed[..post.scale.len()].copy_from_slice(&post.scale);
        packed[padded..padded + post.shift.len()].copy_from_slice(&post.shift);
        packed
    }
}

/// The strides or sizes, right-aligned in eight places.
pub fn eight(values: &[usize], fill: u32) -> Result<[u32; 8], Reason> {
    let mut places = [fill; 8];
    let start = 8usize.checked_sub(values.len()).ok_or("more than 8 dimensions are not supported")?;
    for (place, &value) in places[start..].iter_mut().zip(values) {
        *place = size(value)?;
    }
    Ok(places)
}

/// How the two operands meet in the row kernel.
struct Operands {
    layout: Layout,
    arithmetic: Arithmetic,
    /// The input that has the result's shape.
    full: usize,
    other: Option<Other>,
}

struct Other {
    position: usize,
    meets: Meets,
}

/// What the second operand is to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meets {
    Same,
    Scalar,
    /// One value a channel: `[1, C, 1, ...]`.
    Channels,
    /// One value a sample and channel: `[N, C, 1, ...]`.
    SampleChannels {
        pixels: usize,
    },
    /// One value a pixel: `[N, 1, ...]`.
    Pixels,
}

/// The second operand as the kernel addresses it.
struct Second {
    place: Place,
    row_stride: u32,
    column_stride: u32,
    rows_per_row: u32,
    splat: bool,
}

impl Other {
    fn place(&self, node: &mut Lowering, layout: Layout) -> Result<Second, Reason> {
        let Other { position, meets } = *self;
        let second = |place, row_stride, column_stride| Second {
            place,
            row_stride,
            column_stride,
            rows_per_row: 1,
            splat: false,
        };
        Ok(match meets {
            Meets::Same => {
                let place = node.input(position, layout)?;
                second(place, place.stride, 1)
            }
            Meets::Scalar => Second { splat: true, ..second(node.input(position, Layout::Plain)?, 0, 0) },
            Meets::Channels => second(channel_vector(node, position)?, 0, 1),
            Meets::SampleChannels { pixels } => {
                let place = node.input(position, Layout::ChannelsLast)?;
                Second { rows_per_row: size(pixels)?, ..second(place, place.stride, 1) }
            }
            Meets::Pixels => {
                let place = node.input(position, Layout::ChannelsLast)?;
                Second { splat: true, ..second(place, place.stride, 0) }
            }
        })
    }
}

/// One value a channel, which may be a constant of lower rank (`[C, 1, 1]`).
fn channel_vector(node: &mut Lowering, position: usize) -> Result<Place, Reason> {
    match node.constant(position) {
        Some(tensor) => {
            let data = tensor.as_f32()?.to_vec();
            let channels = data.len();
            let place = node.weights("channels", || data);
            Ok(Place { stride: vec4s(channels), ..place })
        }
        None => node.input(position, Layout::ChannelsLast),
    }
}

impl Operands {
    /// How the operands meet, or `None` where only the general broadcasting kernel serves.
    fn find(op: &Pointwise, node: &Lowering) -> Result<Option<Operands>, Reason> {
        let shape = node.output_shape()?;
        let needs_channels = op.epilogue.post.is_some();
        let channels_last = |full: usize| {
            if needs_channels || node.has(full, Layout::ChannelsLast) {
                Layout::ChannelsLast
            } else {
                Layout::Plain
            }
        };
        if !op.is_binary() {
            let arithmetic = Arithmetic::None;
            return Ok(Some(Operands { layout: channels_last(0), arithmetic, full: 0, other: None }));
        }
        let (a, b) = (node.input_shape(0)?, node.input_shape(1)?);
        for (full, other, arithmetic) in [(0, 1, op.arithmetic), (1, 0, op.arithmetic.swapped())] {
            let (full_shape, other_shape) = if full == 0 { (&a, &b) } else { (&b, &a) };
            if *full_shape != shape || node.constant(full).is_some() {
                continue;
            }
            let layout = channels_last(full);
            let is_constant = node.constant(other).is_some();
            if let Some(meets) = meet(&shape, other_shape, layout, is_constant) {
                let other = Some(Other { position: other, meets });
                return Ok(Some(Operands { layout, arithmetic, full, other }));
            }
        }
        Ok(None)
    }
}

fn meet(shape: &Shape, other: &Shape, layout: Layout, is_constant: bool) -> Option<Meets> {
    if shape == other {
        return Some(Meets::Same);
    }
    if other.elements() == 1 {
        return Some(Meets::Scalar);
    }
    if layout == Layout::Plain {
        return None;
    }
    let sizes = padded(other, shape.rank());
    let pixels: usize = shape.iter().skip(2).product();
    let one_pixel = sizes[2..].iter().all(|&s| s == 1);
    let same_rank = other.rank() == shape.rank();
    match (sizes[0], sizes[1]) {
        (1, c) if c == shape[1] && one_pixel && (is_constant || same_rank) => Some(Meets::Channels),
        (n, c) if n == shape[0] && c == shape[1] && one_pixel && same_rank => {
            Some(Meets::SampleChannels { pixels })
        }
        (n, 1) if n == shape[0] && sizes[2..] == shape[2..] && same_rank => Some(Meets::Pixels),
        _ => None,
    }
}

impl Op for Pointwise {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let a = required(inputs, 0)?;
        if !self.is_binary() {
            expect_f32(a)?;
            return Ok(vec![TensorType { shape: a.shape.clone(), dtype: a.dtype }]);
        }
        let b = required(inputs, 1)?;
        if a.dtype != b.dtype {
            return Err(Reason(format!("operands are {} and {}", a.dtype, b.dtype)));
        }
        Ok(vec![TensorType { shape: broadcast(&a.shape, &b.shape)?, dtype: a.dtype }])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let a = *required(inputs, 0)?;
        let b = if self.is_binary() { Some(*required(inputs, 1)?) } else { None };
        let shape = b.map_or_else(|| Ok(a.shape().clone()), |b| broadcast(a.shape(), b.shape()))?;
        let data = match (a.data(), b) {
            (Data::F32(_), _) => Data::F32(self.run_f32(&shape, a, b)?),
            (_, Some(b)) => self.run_integers(&shape, a, b)?,
            (_, None) => return Err("expected f32".into()),
        };
        Ok(vec![Tensor::new(shape.to_vec(), data)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        match Operands::find(self, node)? {
            Some(operands) => self.lower_rows(node, &operands),
            None => self.lower_broadcast(node),
        }
    }

    fn tolerance(&self, _inputs: &[Option<Info>]) -> Tolerance {
        let ulps = self.arithmetic.ulps() + self.epilogue.first.ulps() + self.epilogue.last.ulps();
        if ulps == 0.0 && self.epilogue.post.is_none() {
            Tolerance::Exact
        } else {
            Tolerance::Ulps(ulps + 6.0)
        }
    }

    fn as_stage(&self, inputs: &[Option<Info>], position: usize) -> Option<Stage> {
        if !self.is_binary() {
            let only_first = Epilogue { first: self.epilogue.first, ..Epilogue::default() };
            return (self.epilogue == only_first).then_some(Stage::Activation(self.epilogue.first));
        }
        if !self.epilogue.is_empty() {
            return None;
        }
        let (own, other) = (optional(inputs, position)?, optional(inputs, 1 - position)?);
        match &other.value {
            Some(value) => self.constant_stage(&own.shape, value, position),
            None if self.arithmetic == Arithmetic::Add && own.shape == other.shape => {
                Some(Stage::Residual { position: 1 - position })
            }
            None => None,
        }
    }

    fn with_stage(&self, stage: &Stage, inputs: &[Option<Info>]) -> Option<Arc<dyn Op>> {
        let fusable = match stage {
            Stage::Activation(_) => true,
            // Only the row kernel knows channels.
            Stage::ScaleShift(_) => !self.is_binary() && required(inputs, 0).ok()?.shape.rank() >= 2,
            Stage::Residual { .. } => false,
        };
        let epilogue = if fusable { self.epilogue.with(stage, false)? } else { return None };
        Some(Arc::new(Pointwise { arithmetic: self.arithmetic, epilogue }))
    }
}

impl Pointwise {
    /// Arithmetic with a constant per channel, or one for all, as a scale and shift.
    fn constant_stage(&self, shape: &Shape, value: &Tensor, position: usize) -> Option<Stage> {
        let channels = *shape.get(1)?;
        let data = value.as_f32().ok()?;
        let sizes = padded(value.shape(), shape.rank());
        let per_channel = value.shape().rank() <= shape.rank()
            && sizes.iter().enumerate().all(|(d, &s)| s == 1 || (d == 1 && s == channels));
        if !per_channel {
            return None;
        }
        let operand: Vec<f32> =
            (0..channels).map(|c| if data.len() == 1 { data[0] } else { data[c] }).collect();
        let (ones, zeros) = (vec![1.0; channels], vec![0.0; channels]);
        let (scale, shift) = match (self.arithmetic, position) {
            (Arithmetic::Add, _) => (ones, operand),
            (Arithmetic::Sub, 0) => (ones, operand.iter().map(|v| -v).collect()),
            (Arithmetic::Sub, 1) => (vec![-1.0; channels], operand),
            (Arithmetic::Mul, _) => (operand, zeros),
            // Division stays a division: its reciprocal would round differently.
            _ => return None,
        };
        Some(Stage::ScaleShift(ScaleShift { scale: scale.into(), shift: shift.into() }))
    }
}

params! {
    struct ElementwiseParams {
        rows: u32, columns: u32, channels: u32,
        a_offset: u32, a_stride: u32,
        b_offset: u32, b_row_stride: u32, b_column_stride: u32, b_rows_per_row: u32,
        y_offset: u32, y_stride: u32,
        first_a: f32, first_b: f32, last_a: f32, last_b: f32,
    }
}

params! {
    struct BroadcastParams {
        shape: [u32; 8], a_strides: [u32; 8], b_strides: [u32; 8],
        elements: u32,
        first_a: f32, first_b: f32, last_a: f32, last_b: f32,
    }
}

const GRID: &str = include_str!("../../shaders/grid.wgsl");
const EPILOGUE: &str = include_str!("../../shaders/epilogue.wgsl");
const BINARY: &str = include_str!("../../shaders/binary.wgsl");

static ELEMENTWISE: Kernel = Kernel {
    name: "elementwise_f32",
    sources: &[GRID, EPILOGUE, BINARY, include_str!("../../shaders/elementwise_f32.wgsl")],
    params: ElementwiseParams::LAYOUT,
    subgroups: false,
};

static BROADCAST: Kernel = Kernel {
    name: "broadcast_f32",
    sources: &[GRID, EPILOGUE, BINARY, include_str!("../../shaders/broadcast_f32.wgsl")],
    params: BroadcastParams::LAYOUT,
    subgroups: false,
};

/// Kernels of functions of one operand.
pub static UNARY_KERNELS: &[&Kernel] = &[&ELEMENTWISE];
/// Kernels of operations on two operands.
pub static BINARY_KERNELS: &[&Kernel] = &[&ELEMENTWISE, &BROADCAST];
