//! Pools over a sliding window: what MaxPool and AveragePool share.

use std::ops::Range;

use super::case::Case;
use super::kernel::Kernel;
use super::pieces::{Piece, divide};
use super::rearrange::expect_elements;
use super::window::{Window, WindowAttributes};
use super::{Info, Op, Reason, TensorType, Tolerance, expect_f32, required};
use crate::params;
use crate::plan::lowering::{
    Dispatch, Layout, Lowering, Place, READ_BUFFER, READ_TEXELS, TEXELS, WRITE_BUFFER, WRITE_TEXELS,
    signed_size, size, vec4s,
};
use crate::tensor::{DType, Data, MAX_DEVICE_INTEGER, Shape, Tensor};

/// A pool with its attributes read.
#[derive(Debug)]
pub struct Pool {
    pub window: WindowAttributes,
    pub reduction: Reduction,
}

/// What a pool makes of the elements under its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// The largest; a second output says where it is, each channel counted by rows or by columns.
    Max {
        by_columns: bool,
    },
    Average {
        count_padding: bool,
    },
}

/// What one step of the kernel writes: the shader's `REDUCTION`.
#[derive(Debug, Clone, Copy)]
enum Answer {
    Largest = 0,
    Mean = 1,
    Index = 2,
}

impl Pool {
    fn resolve(&self, shape: &Shape) -> Result<Window, Reason> {
        if shape.rank() < 3 {
            return Err(Reason(format!("input {shape} has no spatial dimensions")));
        }
        expect_elements(shape)?;
        let window = self.window.resolve(&shape[2..])?;
        if !window.always_covers_input() {
            return Err("a window could lie in the padding alone".into());
        }
        Ok(window)
    }

    /// What one step along each dimension adds to the index of an element within its channel.
    fn index_steps(&self, window: &Window) -> [usize; 3] {
        let [depth, height, width] = window.input;
        match self.reduction {
            Reduction::Max { by_columns: true } => [1, depth, depth * height],
            _ => [height * width, width, 1],
        }
    }

    /// The reduction of one channel under the window at an output position, and where the largest element is.
    fn reduce(&self, window: &Window, channel: &[f32], [z, row, column]: [usize; 3]) -> (f32, usize) {
        let steps = self.index_steps(window);
        let mut elements: Vec<(f64, usize)> = Vec::new();
        for (_, d) in window.taps(0, z) {
            for (_, y) in window.taps(1, row) {
                for (_, x) in window.taps(2, column) {
                    let value = channel[(d * window.input[1] + y) * window.input[2] + x];
                    elements.push((f64::from(value), d * steps[0] + y * steps[1] + x * steps[2]));
                }
            }
        }
        match self.reduction {
            Reduction::Max { .. } => {
                // Of equal elements the first counts.
                let larger =
                    |best: (f64, usize), next: (f64, usize)| if next.0 > best.0 { next } else { best };
                let (largest, index) = elements.into_iter().reduce(larger).unwrap_or((f64::NEG_INFINITY, 0));
                (largest as f32, index)
            }
            Reduction::Average { count_padding } => {
                let padded: usize =
                    [(0, z), (1, row), (2, column)].map(|(d, at)| window.padded_taps(d, at)).iter().product();
                let count = if count_padding { padded } else { elements.len() };
                ((elements.iter().map(|e| e.0).sum::<f64>() / count as f64) as f32, 0)
            }
        }
    }

    fn lower_answer(
        &self,
        node: &mut Lowering,
        kernel: &'static Kernel,
        answer: Answer,
        x: Place,
        y: Place,
    ) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let window = self.resolve(&shape)?;
        // An index counts through the whole input, and a texture is bound whole.
        let is_whole = matches!(answer, Answer::Index) || kernel.name == POOL_TEXELS.name;
        let parts = if is_whole { 1 } else { node.parts_to_fit(&[x, y]) };
        let alignment = node.target().alignment;
        for piece in divide(&window, shape[0], parts, false) {
            let cut = |place: Place, pixels: &Range<u64>| match parts {
                1 => Ok(place),
                _ => place.cut_pixels(pixels, alignment),
            };
            let (x, y) = (cut(x, &piece.input)?, cut(y, &piece.output)?);
            self.emit(node, kernel, answer, &piece, x, y)?;
        }
        Ok(())
    }

    fn emit(
        &self,
        node: &mut Lowering,
        kernel: &'static Kernel,
        answer: Answer,
        piece: &Piece,
        x: Place,
        y: Place,
    ) -> Result<(), Reason> {
        let (shape, w) = (node.input_shape(0)?, &piece.window);
        let steps = self.index_steps(w);
        let params = PoolParams {
            batch: size(piece.batch)?,
            quads: vec4s(shape[1]),
            channels: size(shape[1])?,
            input_depth: signed_size(w.input[0])?,
            input_height: signed_size(w.input[1])?,
            input_width: signed_size(w.input[2])?,
            output_depth: size(w.output[0])?,
            output_height: size(w.output[1])?,
            output_width: size(w.output[2])?,
            kernel_depth: signed_size(w.kernel[0])?,
            kernel_height: signed_size(w.kernel[1])?,
            kernel_width: signed_size(w.kernel[2])?,
            stride_depth: signed_size(w.strides[0])?,
            stride_height: signed_size(w.strides[1])?,
            stride_width: signed_size(w.strides[2])?,
            dilation_depth: signed_size(w.dilations[0])?,
            dilation_height: signed_size(w.dilations[1])?,
            dilation_width: signed_size(w.dilations[2])?,
            pad_front: signed_size(w.pads_begin[0])?,
            pad_top: signed_size(w.pads_begin[1])?,
            pad_left: signed_size(w.pads_begin[2])?,
            end_depth: signed_size(w.input[0] + w.pads_end[0])?,
            end_height: signed_size(w.input[1] + w.pads_end[1])?,
            end_width: signed_size(w.input[2] + w.pads_end[2])?,
            index_depth: signed_size(steps[0])?,
            index_height: signed_size(steps[1])?,
            index_width: signed_size(steps[2])?,
            x_offset: x.offset,
            x_stride: x.stride,
            y_offset: y.offset,
            y_stride: y.stride,
            turns: node.turns(vec4s(shape[1]), piece.batch * w.output.iter().product::<usize>()),
        };
        let count_padding = self.reduction == Reduction::Average { count_padding: true };
        let small = match answer {
            Answer::Largest => rows_and_columns(w).map_or([0.0; 2], |sizes| sizes.map(|n| n as f64)),
            Answer::Mean | Answer::Index => [0.0; 2],
        };
        // Positions are counted in 32 bits.
        signed_size(piece.batch * w.input.iter().product::<usize>())?;
        let pixels = piece.batch * w.output.iter().product::<usize>();
        let dispatch = Dispatch {
            kernel,
            constants: vec![
                ("REDUCTION", f64::from(answer as u32)),
                ("COUNT_PADDING", f64::from(count_padding)),
                ("ROWS", small[0]),
                ("COLUMNS", small[1]),
            ],
            inputs: vec![x],
            output: y,
            params,
            invocations: pixels as u64 * u64::from(params.turns),
            // For every group of channels every element, and every row and plane of the window.
            rounds: u64::from(params.quads.div_ceil(params.turns))
                * (2 * w.elements() as u64 + w.kernel[0] as u64 + 1),
        };
        node.dispatch_at(dispatch, &[("x_offset", x), ("y_offset", y)])
    }
}

/// The size of a window that the shader need not walk: its `ROWS` and `COLUMNS`.
fn rows_and_columns(window: &Window) -> Option<[usize; 2]> {
    let [depth, rows, columns] = window.kernel;
    let is_flat = depth == 1 && window.pads_begin[0] == 0;
    let is_dense = window.dilations[1..].iter().all(|&dilation| dilation == 1);
    (is_flat && is_dense && rows <= 3 && columns <= 3).then_some([rows, columns])
}

impl Op for Pool {
    fn is_pool_by_two(&self, inputs: &[Option<Info>]) -> bool {
        let window = required(inputs, 0).and_then(|x| self.resolve(&x.shape));
        matches!(self.reduction, Reduction::Max { .. }) && window.is_ok_and(|window| window.halves_planes())
    }

    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        let window = self.resolve(&x.shape)?;
        let shape = [&x.shape[..2], window.output_sizes()].concat();
        let mut types = vec![TensorType::new(shape.clone(), DType::F32)?];
        // Indices beyond what a device counts exactly are not there to be read.
        if matches!(self.reduction, Reduction::Max { .. }) && x.shape.elements() as u64 <= MAX_DEVICE_INTEGER
        {
            types.push(TensorType::new(shape, DType::I64)?);
        }
        Ok(types)
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let window = self.resolve(x.shape())?;
        let length: usize = window.input.iter().product();
        let [depth, height, width] = window.output;
        let (mut values, mut indices) = (Vec::new(), Vec::new());
        for (number, channel) in x.as_f32()?.chunks(length).enumerate() {
            for pixel in 0..depth * height * width {
                let at = [pixel / (height * width), pixel / width % height, pixel % width];
                let (value, index) = self.reduce(&window, channel, at);
                values.push(value);
                indices.push((number * length + index) as i64);
            }
        }
        let shape = [&x.shape()[..2], window.output_sizes()].concat();
        let mut outputs = vec![Tensor::from_f32(shape.clone(), values)?];
        if matches!(self.reduction, Reduction::Max { .. }) {
            outputs.push(Tensor::new(shape, Data::I64(indices))?);
        }
        Ok(outputs)
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let elements = shape.elements() / shape[1].max(1) * shape[1].next_multiple_of(4);
        let fits = node.fits_texels(&[elements]);
        // Last the one that would have to convert its input, for tests that force it.
        let candidates =
            [(&POOL_TEXELS, fits && node.has(0, Layout::Texels)), (&POOL, true), (&POOL_TEXELS, fits)];
        let kernel = node.choose(&candidates)?;
        let layout = if kernel.name == POOL.name { Layout::ChannelsLast } else { Layout::Texels };
        let x = node.input(0, layout)?;
        if node.is_read(0) {
            let y = node.output(layout)?;
            let answer =
                if matches!(self.reduction, Reduction::Max { .. }) { Answer::Largest } else { Answer::Mean };
            self.lower_answer(node, kernel, answer, x, y)?;
        }
        if node.is_read(1) {
            let y = node.output_at(1, layout)?;
            self.lower_answer(node, kernel, Answer::Index, x, y)?;
        }
        Ok(())
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        match (self.reduction, required(inputs, 0).and_then(|x| self.resolve(&x.shape))) {
            (Reduction::Average { .. }, Ok(window)) => Tolerance::Products { terms: window.elements() + 2 },
            _ => Tolerance::Exact,
        }
    }
}

/// Cases for either kind of pool.
pub fn cases(operator: &'static str) -> Vec<Case> {
    let case = |name: &str, shape: &[usize], kernel: &[i64]| {
        Case::new(operator, name).given(shape).ints("kernel_shape", kernel)
    };
    let mut cases = vec![
        case("one element", &[1, 1, 1, 1], &[1, 1]),
        case("pads", &[2, 5, 7, 6], &[3, 3]).ints("pads", &[1, 0, 2, 1]).ints("strides", &[2, 1]),
        case("ceil", &[1, 3, 8, 7], &[3, 2]).ints("strides", &[2, 2]).int("ceil_mode", 1),
        case("ceil with pads", &[1, 4, 6, 6], &[3, 3])
            .ints("strides", &[2, 2])
            .ints("pads", &[0, 1, 0, 1])
            .int("ceil_mode", 1),
        case("dilations", &[1, 6, 9, 8], &[2, 3])
            .opset(19)
            .ints("dilations", &[3, 2])
            .ints("pads", &[1, 1, 1, 1]),
        case("same upper", &[1, 2, 7, 5], &[2, 3]).text("auto_pad", "SAME_UPPER").ints("strides", &[2, 2]),
        case("same lower", &[1, 2, 7, 6], &[2, 3]).text("auto_pad", "SAME_LOWER"),
        case("valid", &[1, 2, 7, 6], &[3, 3]).text("auto_pad", "VALID").ints("strides", &[3, 2]),
        case("line", &[2, 5, 17], &[3]).ints("strides", &[2]).ints("pads", &[1, 1]),
        case("whole input", &[1, 9, 4, 5], &[4, 5]),
        case("volume", &[2, 5, 6, 5, 7], &[2, 3, 2])
            .ints("strides", &[2, 1, 3])
            .ints("pads", &[1, 1, 0, 0, 1, 1]),
        case("volume, as deep as the input", &[1, 8, 2, 24, 24], &[2, 3, 3]),
        case("volume, dilated", &[1, 3, 7, 6, 5], &[2, 2, 2]).opset(19).ints("dilations", &[3, 2, 1]),
        case("past 65,535 workgroups", &[1, 1, 2048, 2049], &[1, 1]),
    ];
    // Sizes at which index arithmetic in floats goes wrong by one elsewhere.
    cases.extend([214, 218, 255].map(|n| {
        case(&format!("size {n}"), &[1, 1, n, 3], &[3, 3])
            .ints("strides", &[2, 2])
            .ints("pads", &[0, 0, 1, 1])
    }));
    cases
}

params! {
    struct PoolParams {
        batch: u32, quads: u32, channels: u32,
        input_depth: i32, input_height: i32, input_width: i32,
        output_depth: u32, output_height: u32, output_width: u32,
        kernel_depth: i32, kernel_height: i32, kernel_width: i32,
        stride_depth: i32, stride_height: i32, stride_width: i32,
        dilation_depth: i32, dilation_height: i32, dilation_width: i32,
        pad_front: i32, pad_top: i32, pad_left: i32,
        end_depth: i32, end_height: i32, end_width: i32,
        index_depth: i32, index_height: i32, index_width: i32,
        x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
        turns: u32,
    }
}

const GRID: &str = include_str!("../../shaders/grid.wgsl");
const EPILOGUE: &str = include_str!("../../shaders/epilogue.wgsl");
const MAIN: &str = include_str!("../../shaders/pool_f32.wgsl");

static POOL: Kernel = Kernel {
    name: "pool_f32",
    sources: &[GRID, EPILOGUE, READ_BUFFER, WRITE_BUFFER, MAIN],
    params: PoolParams::LAYOUT,
    subgroups: false,
};

static POOL_TEXELS: Kernel = Kernel {
    name: "pool_texels_f32",
    sources: &[GRID, EPILOGUE, TEXELS, READ_TEXELS, WRITE_TEXELS, MAIN],
    params: PoolParams::LAYOUT,
    subgroups: false,
};

pub static KERNELS: &[&Kernel] = &[&POOL, &POOL_TEXELS];
