//! Pools over a sliding window: what MaxPool and AveragePool share.

use super::case::Case;
use super::kernel::Kernel;
use super::rearrange::expect_elements;
use super::window::{Window, WindowAttributes};
use super::{Info, Op, Reason, TensorType, Tolerance, expect_f32, required};
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, size, vec4s};
use crate::tensor::{DType, Shape, Tensor};

/// A pool with its attributes read.
#[derive(Debug)]
pub struct Pool {
    pub window: WindowAttributes,
    pub reduction: Reduction,
}

/// What a pool makes of the elements under its window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    Max,
    Average { count_padding: bool },
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

    /// The reduction of one plane under the window at an output position.
    fn reduce(&self, window: &Window, plane: &[f32], row: usize, column: usize) -> f32 {
        let elements = window.taps(0, row).flat_map(|(_, y)| {
            window.taps(1, column).map(move |(_, x)| f64::from(plane[y * window.input[1] + x]))
        });
        let elements: Vec<f64> = elements.collect();
        let result = match self.reduction {
            Reduction::Max => elements.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            Reduction::Average { count_padding } => {
                let padded = window.padded_taps(0, row) * window.padded_taps(1, column);
                let count = if count_padding { padded } else { elements.len() };
                elements.iter().sum::<f64>() / count as f64
            }
        };
        result as f32
    }
}

impl Op for Pool {
    fn infer(&self, inputs: &[Option<Info>]) -> Result<Vec<TensorType>, Reason> {
        let x = required(inputs, 0)?;
        expect_f32(x)?;
        let window = self.resolve(&x.shape)?;
        Ok(vec![TensorType::new([&x.shape[..2], window.output_sizes()].concat(), DType::F32)?])
    }

    fn run(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>, Reason> {
        let x = *required(inputs, 0)?;
        let window = self.resolve(x.shape())?;
        let mut data = Vec::new();
        for plane in x.as_f32()?.chunks(window.input[0] * window.input[1]) {
            for row in 0..window.output[0] {
                data.extend((0..window.output[1]).map(|column| self.reduce(&window, plane, row, column)));
            }
        }
        Ok(vec![Tensor::from_f32([&x.shape()[..2], window.output_sizes()].concat(), data)?])
    }

    fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let shape = node.input_shape(0)?;
        let w = self.resolve(&shape)?;
        let (x, y) = (node.input(0, Layout::ChannelsLast)?, node.output(Layout::ChannelsLast)?);
        let params = PoolParams {
            batch: size(shape[0])?,
            quads: vec4s(shape[1]),
            channels: size(shape[1])?,
            input_height: signed(w.input[0])?,
            input_width: signed(w.input[1])?,
            output_height: size(w.output[0])?,
            output_width: size(w.output[1])?,
            kernel_height: signed(w.kernel[0])?,
            kernel_width: signed(w.kernel[1])?,
            stride_height: signed(w.strides[0])?,
            stride_width: signed(w.strides[1])?,
            dilation_height: signed(w.dilations[0])?,
            dilation_width: signed(w.dilations[1])?,
            pad_top: signed(w.pads_begin[0])?,
            pad_left: signed(w.pads_begin[1])?,
            end_height: signed(w.input[0] + w.pads_end[0])?,
            end_width: signed(w.input[1] + w.pads_end[1])?,
            x_offset: x.offset,
            x_stride: x.stride,
            y_offset: y.offset,
            y_stride: y.stride,
        };
        let average = self.reduction != Reduction::Max;
        let count_padding = self.reduction == Reduction::Average { count_padding: true };
        // Positions are counted in 32 bits.
        signed(shape[0] * w.input[0] * w.input[1])?;
        let pixels = shape[0] * w.output[0] * w.output[1];
        node.dispatch(Dispatch {
            kernel: &POOL,
            constants: vec![("AVERAGE", f64::from(average)), ("COUNT_PADDING", f64::from(count_padding))],
            inputs: vec![x],
            output: y,
            params,
            invocations: pixels as u64 * u64::from(params.quads),
        })
    }

    fn tolerance(&self, inputs: &[Option<Info>]) -> Tolerance {
        match (self.reduction, required(inputs, 0).and_then(|x| self.resolve(&x.shape))) {
            (Reduction::Average { .. }, Ok(window)) => Tolerance::Products { terms: window.elements() + 2 },
            _ => Tolerance::Exact,
        }
    }
}

fn signed(value: usize) -> Result<i32, Reason> {
    i32::try_from(value).map_err(|_| Reason(format!("size {value} is beyond 31 bits")))
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
        input_height: i32, input_width: i32, output_height: u32, output_width: u32,
        kernel_height: i32, kernel_width: i32, stride_height: i32, stride_width: i32,
        dilation_height: i32, dilation_width: i32, pad_top: i32, pad_left: i32,
        end_height: i32, end_width: i32,
        x_offset: u32, x_stride: u32, y_offset: u32, y_stride: u32,
    }
}

pub static POOL: Kernel = Kernel {
    name: "pool2d_f32",
    sources: &[
        include_str!("../../shaders/grid.wgsl"),
        include_str!("../../shaders/epilogue.wgsl"),
        include_str!("../../shaders/pool2d_f32.wgsl"),
    ],
    params: PoolParams::LAYOUT,
    subgroups: false,
};
