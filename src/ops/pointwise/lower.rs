//! The two kernels of the element-wise family, and how operands meet in them.

use super::{Binary, Pointwise};
use crate::ops::Reason;
use crate::ops::activation::ACTIVATION;
use crate::ops::broadcast::{padded, strides};
use crate::ops::epilogue::Epilogue;
use crate::ops::kernel::Kernel;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, size, vec4s};
use crate::tensor::Shape;

pub fn lower(op: &Pointwise, node: &mut Lowering) -> Result<(), Reason> {
    match Operands::find(op, node)? {
        Some(operands) => lower_rows(op, node, &operands),
        None => {
            let (a, b) = (node.input(0, Layout::Plain)?, node.input(1, Layout::Plain)?);
            let (a_shape, b_shape) =
                (node.input_shape(0)?, op.right_shape(&node.input_shape(0)?, &node.input_shape(1)?)?);
            let (y, shape) = (node.output(Layout::Plain)?, node.output_shape()?);
            let step = Broadcast {
                binary: op.binary,
                epilogue: &op.epilogue,
                operands: [(a, &a_shape), (b, &b_shape)],
                shape: &shape,
            };
            step.emit(node, y)
        }
    }
}

fn lower_rows(op: &Pointwise, node: &mut Lowering, operands: &Operands) -> Result<(), Reason> {
    let shape = node.output_shape()?;
    let layout = operands.layout;
    let a = node.input(operands.full, layout)?;
    let b = match &operands.other {
        Some(other) => other.place(node, layout)?,
        None => Second { place: a, row_stride: 0, column_stride: 0, rows_per_row: 1, splat: false },
    };
    let post = node.weights("post", pack_post(&op.epilogue, &shape));
    let y = node.output(layout)?;
    let whole = match layout {
        Layout::Plain => {
            Rows { first: 0, rows: 1, columns: shape.elements().div_ceil(4), channels: shape.elements() }
        }
        Layout::ChannelsLast | Layout::Texels => Rows {
            first: 0,
            rows: shape.elements() / shape[1],
            columns: shape[1].div_ceil(4),
            channels: shape[1],
        },
    };
    let swapped = operands.full == 1;
    let parts = node.parts_to_fit(&[a, b.place, y]);
    if parts == 1 {
        return emit_rows(op, node, &whole, swapped, [a, y, post], &b);
    }
    let alignment = node.target().alignment;
    for part in whole.divide(layout, parts) {
        // A row-major tensor is one row, divided along its columns.
        let along = |stride: u32| match layout {
            Layout::Plain => part.first as u64..(part.first + part.columns) as u64,
            Layout::ChannelsLast | Layout::Texels => {
                part.first as u64 * u64::from(stride)..(part.first + part.rows) as u64 * u64::from(stride)
            }
        };
        let walks =
            b.rows_per_row == 1 && if layout == Layout::Plain { b.column_stride } else { b.row_stride } > 0;
        let (a, y) = (a.cut(&along(a.stride), alignment)?, y.cut(&along(y.stride), alignment)?);
        let place = match operands.other {
            None => a,
            Some(_) if walks => b.place.cut(&along(b.row_stride), alignment)?,
            Some(_) => b.place,
        };
        let b = Second { place, ..b };
        emit_rows(op, node, &part, swapped, [a, y, post], &b)?;
    }
    Ok(())
}

/// What one step of the row kernel works on.
struct Rows {
    /// The first row, or the first column of a row-major tensor.
    first: usize,
    rows: usize,
    /// In groups of four.
    columns: usize,
    channels: usize,
}

impl Rows {
    fn divide(&self, layout: Layout, parts: usize) -> Vec<Rows> {
        let count = if layout == Layout::Plain { self.columns } else { self.rows };
        let step = count.div_ceil(parts);
        let part = |first: usize| {
            let length = step.min(count - first);
            match layout {
                Layout::Plain => {
                    Rows { first, rows: 1, columns: length, channels: self.channels - first * 4 }
                }
                Layout::ChannelsLast | Layout::Texels => Rows { first, rows: length, ..*self },
            }
        };
        (0..count).step_by(step).map(part).collect()
    }
}

fn emit_rows(
    op: &Pointwise,
    node: &mut Lowering,
    part: &Rows,
    swapped: bool,
    [a, y, post]: [Place; 3],
    b: &Second,
) -> Result<(), Reason> {
    let ([first_a, first_b], [last_a, last_b]) =
        (op.epilogue.first.constants(), op.epilogue.last.constants());
    let params = ElementwiseParams {
        rows: size(part.rows)?,
        columns: size(part.columns)?,
        channels: size(part.channels)?,
        a_offset: a.offset,
        a_stride: a.stride,
        // Of an operand that only some rows move along, all is bound.
        b_first_row: if b.rows_per_row > 1 { size(part.first)? } else { 0 },
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
    let mut constants = constants(op.binary, &op.epilogue);
    constants.push(("SWAPPED", f64::from(swapped)));
    constants.push(("HAS_POST", f64::from(op.epilogue.post.is_some())));
    constants.push(("SPLAT", f64::from(b.splat)));
    let invocations = part.rows as u64 * part.columns as u64;
    let inputs = vec![a, b.place, post];
    let kernel = &ELEMENTWISE;
    node.dispatch(Dispatch { kernel, constants, inputs, output: y, params, invocations, rounds: 0 })
}

/// Two row-major operands that are repeated to one shape.
pub struct Broadcast<'a> {
    pub binary: Binary,
    pub epilogue: &'a Epilogue,
    pub operands: [(Place, &'a Shape); 2],
    pub shape: &'a Shape,
}

impl Broadcast<'_> {
    /// Emits the step that writes the result to `y`.
    pub fn emit(&self, node: &mut Lowering, y: Place) -> Result<(), Reason> {
        if self.shape.rank() > 8 {
            return Err("broadcasting of more than 8 dimensions is not supported".into());
        }
        let [(a, a_shape), (b, b_shape)] = self.operands;
        let ([first_a, first_b], [last_a, last_b]) =
            (self.epilogue.first.constants(), self.epilogue.last.constants());
        let params = BroadcastParams {
            shape: eight(self.shape, 1)?,
            a_strides: eight(&strides(a_shape, self.shape), 0)?,
            b_strides: eight(&strides(b_shape, self.shape), 0)?,
            elements: size(self.shape.elements())?,
            first_a,
            first_b,
            last_a,
            last_b,
        };
        let constants = constants(self.binary, self.epilogue);
        let (inputs, invocations) = (vec![a, b], self.shape.elements() as u64);
        let kernel = &BROADCAST;
        node.dispatch(Dispatch { kernel, constants, inputs, output: y, params, invocations, rounds: 8 })
    }
}

fn constants(binary: Binary, epilogue: &Epilogue) -> Vec<(&'static str, f64)> {
    vec![
        ("BINARY", f64::from(binary as u32)),
        ("FIRST", f64::from(epilogue.first.code())),
        ("LAST", f64::from(epilogue.last.code())),
    ]
}

fn pack_post(epilogue: &Epilogue, shape: &Shape) -> Vec<f32> {
    let Some(post) = &epilogue.post else { return Vec::new() };
    let padded = shape[1].next_multiple_of(4);
    let mut packed = vec![0.0; padded * 2];
    packed[..post.scale.len()].copy_from_slice(&post.scale);
    packed[padded..padded + post.shift.len()].copy_from_slice(&post.shift);
    packed
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
#[derive(Clone, Copy)]
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
            let data = tensor.to_device()?.into_owned();
            let channels = data.len();
            let place = node.weights("channels", data);
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
            return Ok(Some(Operands { layout: channels_last(0), full: 0, other: None }));
        }
        let a = node.input_shape(0)?;
        let b = op.right_shape(&a, &node.input_shape(1)?)?;
        for (full, other) in [(0, 1), (1, 0)] {
            let (full_shape, other_shape) = if full == 0 { (&a, &b) } else { (&b, &a) };
            if *full_shape != shape || node.constant(full).is_some() {
                continue;
            }
            let layout = channels_last(full);
            let is_constant = node.constant(other).is_some();
            let same_rank = node.input_shape(other)?.rank() == shape.rank();
            if let Some(meets) = meet(&shape, other_shape, layout, is_constant, same_rank) {
                let other = Some(Other { position: other, meets });
                return Ok(Some(Operands { layout, full, other }));
            }
        }
        Ok(None)
    }
}

/// `same_rank` says whether the operand lies in memory with as many dimensions as the result.
fn meet(shape: &Shape, other: &Shape, layout: Layout, is_constant: bool, same_rank: bool) -> Option<Meets> {
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
    match (sizes[0], sizes[1]) {
        (1, c) if c == shape[1] && one_pixel && (is_constant || same_rank) => Some(Meets::Channels),
        (n, c) if n == shape[0] && c == shape[1] && one_pixel && same_rank => {
            Some(Meets::SampleChannels { pixels })
        }
        (n, 1) if n == shape[0] && sizes[2..] == shape[2..] && same_rank => Some(Meets::Pixels),
        _ => None,
    }
}

params! {
    struct ElementwiseParams {
        rows: u32, columns: u32, channels: u32,
        a_offset: u32, a_stride: u32,
        b_first_row: u32, b_offset: u32, b_row_stride: u32, b_column_stride: u32, b_rows_per_row: u32,
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

const GRID: &str = include_str!("../../../shaders/grid.wgsl");
const EPILOGUE: &str = include_str!("../../../shaders/epilogue.wgsl");
const BINARY: &str = include_str!("../../../shaders/binary.wgsl");

static ELEMENTWISE: Kernel = Kernel {
    name: "elementwise_f32",
    sources: &[GRID, ACTIVATION, EPILOGUE, BINARY, include_str!("../../../shaders/elementwise_f32.wgsl")],
    params: ElementwiseParams::LAYOUT,
    subgroups: false,
};

static BROADCAST: Kernel = Kernel {
    name: "broadcast_f32",
    sources: &[GRID, ACTIVATION, EPILOGUE, BINARY, include_str!("../../../shaders/broadcast_f32.wgsl")],
    params: BroadcastParams::LAYOUT,
    subgroups: false,
};

/// Kernels of functions of one operand.
pub static UNARY_KERNELS: &[&Kernel] = &[&ELEMENTWISE];
/// Kernels of functions of two operands.
pub static BINARY_KERNELS: &[&Kernel] = &[&ELEMENTWISE, &BROADCAST];
