//! The convolution kernels, where each applies, and the steps that run one.
//!
//! A transposed convolution runs the same kernels with another notion of where a window lies.

use std::ops::Range;

use super::pack;
use super::problem::Problem;
use crate::ops::Reason;
use crate::ops::epilogue::Epilogue;
use crate::ops::kernel::Kernel;
use crate::ops::pieces::divide;
use crate::ops::pixel_product::PixelProduct;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, WORKGROUP, signed_size, size, vec4s};
use crate::plan::{DeviceClass, Target};

params! {
    struct ConvParams {
        batch: u32,
        in_depth: u32, in_height: u32, in_width: u32, in_quads: u32,
        out_depth: u32, out_height: u32, out_width: u32, out_channels: u32,
        stride_z: u32, stride_y: u32, stride_x: u32,
        dilation_z: u32, dilation_y: u32, dilation_x: u32,
        pad_front: i32, pad_top: i32, pad_left: i32,
        x_offset: u32, x_stride: u32,
        y_offset: u32, y_stride: u32,
        residual_offset: u32, residual_stride: u32,
        beside_quads: u32,
        group_in: u32, group_out: u32,
        first_a: f32, first_b: f32, last_a: f32, last_b: f32,
    }
}

const GRID: &str = include_str!("../../../shaders/grid.wgsl");
const ACTIVATION: &str = include_str!("../../../shaders/activation.wgsl");
const EPILOGUE: &str = include_str!("../../../shaders/epilogue.wgsl");
const CONV: &str = include_str!("../../../shaders/conv.wgsl");
const WINDOW: &str = include_str!("../../../shaders/conv_window.wgsl");
const TRANSPOSE_WINDOW: &str = include_str!("../../../shaders/conv_transpose_window.wgsl");
const OCTET_TILE: &str = include_str!("../../../shaders/octet_tile.wgsl");
const TILE_MAIN: &str = include_str!("../../../shaders/conv_tile_f32.wgsl");
const DEPTHWISE_MAIN: &str = include_str!("../../../shaders/conv_depthwise_f32.wgsl");
const GROUPED_MAIN: &str = include_str!("../../../shaders/conv_grouped_f32.wgsl");

static SUBGROUP: Kernel = Kernel {
    name: "conv_subgroup_f32",
    sources: &[
        GRID,
        ACTIVATION,
        EPILOGUE,
        CONV,
        WINDOW,
        include_str!("../../../shaders/octet_subgroup.wgsl"),
        include_str!("../../../shaders/conv_subgroup_f32.wgsl"),
    ],
    params: ConvParams::LAYOUT,
    subgroups: true,
};

/// A kernel that needs nothing special of a device.
const fn portable(name: &'static str, sources: &'static [&'static str]) -> Kernel {
    Kernel { name, sources, params: ConvParams::LAYOUT, subgroups: false }
}

static TILE: Kernel =
    portable("conv_tile_f32", &[GRID, ACTIVATION, EPILOGUE, CONV, WINDOW, OCTET_TILE, TILE_MAIN]);
static DEPTHWISE: Kernel =
    portable("conv_depthwise_f32", &[GRID, ACTIVATION, EPILOGUE, CONV, WINDOW, DEPTHWISE_MAIN]);
static GROUPED: Kernel =
    portable("conv_grouped_f32", &[GRID, ACTIVATION, EPILOGUE, CONV, WINDOW, GROUPED_MAIN]);
static TRANSPOSE_TILE: Kernel = portable(
    "conv_transpose_tile_f32",
    &[GRID, ACTIVATION, EPILOGUE, CONV, TRANSPOSE_WINDOW, OCTET_TILE, TILE_MAIN],
);
static TRANSPOSE_DEPTHWISE: Kernel = portable(
    "conv_transpose_depthwise_f32",
    &[GRID, ACTIVATION, EPILOGUE, CONV, TRANSPOSE_WINDOW, DEPTHWISE_MAIN],
);
static TRANSPOSE_GROUPED: Kernel = portable(
    "conv_transpose_grouped_f32",
    &[GRID, ACTIVATION, EPILOGUE, CONV, TRANSPOSE_WINDOW, GROUPED_MAIN],
);

pub static KERNELS: &[&Kernel] = &[&SUBGROUP, &TILE, &DEPTHWISE, &GROUPED];
/// Those that add a product beside to their sums.
pub static BESIDE_KERNELS: &[&Kernel] = &[&SUBGROUP, &TILE];
pub static TRANSPOSE_KERNELS: &[&Kernel] = &[&TRANSPOSE_TILE, &TRANSPOSE_DEPTHWISE, &TRANSPOSE_GROUPED];

/// Which kernels compute the problem on the device, the default first. `has_beside` says that the sums have a product
/// added to them.
fn candidates(problem: &Problem, has_beside: bool, target: &Target) -> Vec<(&'static Kernel, bool)> {
    let dense = problem.group == 1;
    let depthwise = problem.group_in() == 1 && problem.group_out() == 1 && !dense;
    if problem.transposed {
        return vec![(&TRANSPOSE_TILE, dense), (&TRANSPOSE_DEPTHWISE, depthwise), (&TRANSPOSE_GROUPED, true)];
    }
    // Broadcasts are from the first eight lanes, so any fixed width from eight on will do.
    let subgroup = dense && target.subgroup.is_some_and(|width| width >= 8);
    let (subgroup, tile) = ((&SUBGROUP, subgroup), (&TILE, dense));
    // Loads decide on a software device. On hardware a load that all lanes share is nearly free and the
    // smaller tile leaves room for more subgroups in flight; no GPU has been measured yet.
    let (first, second) = match target.class {
        DeviceClass::Software => (subgroup, tile),
        DeviceClass::Discrete | DeviceClass::Integrated => (tile, subgroup),
    };
    vec![first, second, (&DEPTHWISE, depthwise), (&GROUPED, !has_beside)]
}

/// Whether a kernel reads its weights as [`pack::Weights::octets`].
fn reads_octets(kernel: &Kernel) -> bool {
    [SUBGROUP.name, TILE.name, TRANSPOSE_TILE.name].contains(&kernel.name)
}

/// Pixels that a lane of the subgroup kernel takes: more share a load of weights, but small maps leave
/// lanes of a large block empty. The cost is in vector loads, arithmetic counted as half of one a pixel.
pub fn pixels_per_lane(all: u64) -> u64 {
    let cost = |pixels: u64| {
        let blocks = all.div_ceil(pixels * WORKGROUP);
        blocks * (4 + 3 * pixels)
    };
    [4, 2, 1].into_iter().min_by_key(|&pixels| cost(pixels)).unwrap_or(1)
}

/// How a kernel divides the work on so many output channels: invocations in all.
fn invocations(kernel: &Kernel, problem: &Problem, channels: usize, pixels_per_lane: u64) -> u64 {
    let (items, channels) = (problem.items() as u64, channels as u64);
    if kernel.name == SUBGROUP.name {
        return items.div_ceil(pixels_per_lane * WORKGROUP) * channels.div_ceil(16) * WORKGROUP;
    }
    if reads_octets(kernel) { items.div_ceil(4) * channels.div_ceil(8) } else { items * channels.div_ceil(4) }
}

/// How often an invocation goes round its loops: over taps, and over inputs under each.
fn rounds(kernel: &Kernel, problem: &Problem) -> u64 {
    let group_in = problem.group_in();
    let under_tap = if reads_octets(kernel) { group_in.div_ceil(4) } else { group_in };
    problem.window.elements() as u64 * (under_tap as u64 + 1)
}

/// The activations that a step reads and writes.
struct Places {
    x: Place,
    y: Place,
    /// The residual, or what lies under a product beside.
    added: Option<Place>,
}

/// A convolution with what follows it, as a node states it.
pub struct Layer<'a> {
    pub problem: &'a Problem,
    pub epilogue: &'a Epilogue,
    pub bias: Option<&'a [f32]>,
    pub beside: Option<&'a PixelProduct>,
}

impl Layer<'_> {
    /// Emits the steps of the node; a residual, or what lies under a product beside, is its last input.
    pub fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let kernel = node.choose(&candidates(self.problem, self.beside.is_some(), node.target()))?;
        let x = node.input(0, Layout::ChannelsLast)?;
        let added = match self.epilogue.residual || self.beside.is_some() {
            true => Some(node.input(node.input_count() - 1, Layout::ChannelsLast)?),
            false => None,
        };
        let y = node.output(Layout::ChannelsLast)?;
        let tensor = node.constant(1).ok_or("weights computed by the network are not supported")?;
        let data = tensor.as_f32()?;
        let parts = node.parts_to_fit(&[x, y, added.unwrap_or(y)]);
        if parts > 1 && self.problem.enlarged != [1; 2] {
            return Err("what it reads through an enlargement does not fit a binding".into());
        }
        for outputs in self.channel_parts(kernel, node.target().max_binding) {
            let weights = self.weights(node, kernel, data, &outputs);
            for piece in divide(&self.problem.window, self.problem.batch, parts, self.problem.transposed) {
                let problem = Problem { batch: piece.batch, window: piece.window, ..*self.problem };
                let alignment = node.target().alignment;
                let cut = |place: Place, pixels: &Range<u64>| match parts {
                    1 => Ok(place),
                    _ => place.cut_pixels(pixels, alignment),
                };
                let from_first =
                    |place: Place| Place { offset: place.offset + outputs.start as u32 / 4, ..place };
                let added = added.map(|a| cut(a, &piece.output)).transpose()?;
                let added = if self.epilogue.residual { added.map(from_first) } else { added };
                let places =
                    Places { x: cut(x, &piece.input)?, y: from_first(cut(y, &piece.output)?), added };
                self.emit(node, kernel, &problem, outputs.len(), weights, places)?;
            }
        }
        Ok(())
    }

    /// Packed weights, and bias, scale and shift, of some output channels.
    fn weights(
        &self,
        node: &mut Lowering,
        kernel: &Kernel,
        data: &[f32],
        outputs: &Range<usize>,
    ) -> [Place; 2] {
        let pre = self.epilogue.pre.as_ref();
        let (problem, beside) = (self.problem, self.beside);
        let weights = pack::Weights { problem, data, pre, beside, outputs: outputs.clone() };
        let first = outputs.start;
        let packed = match reads_octets(kernel) {
            true => node.weights(&format!("octets from {first}"), weights.octets()),
            false => node.weights(&format!("quads from {first}"), weights.quads()),
        };
        let channels = pack::channels(outputs, self.bias, self.epilogue, self.beside);
        [packed, node.weights(&format!("channels from {first}"), channels)]
    }

    fn emit(
        &self,
        node: &mut Lowering,
        kernel: &'static Kernel,
        problem: &Problem,
        channels: usize,
        [weights, per_channel]: [Place; 2],
        places: Places,
    ) -> Result<(), Reason> {
        let added = places.added.unwrap_or(weights);
        node.dispatch(Dispatch {
            kernel,
            constants: self.constants(kernel),
            inputs: vec![places.x, weights, per_channel, added],
            output: places.y,
            params: self.params(problem, channels, [places.x, places.y, added])?,
            invocations: invocations(kernel, problem, channels, self.pixels_per_lane()),
            rounds: rounds(kernel, problem) + u64::from(self.beside_quads()),
        })
    }

    /// The output channels, in as many parts as it takes for the weights of each to fit a binding. Groups are not
    /// divided: with more than one of them weights are small.
    fn channel_parts(&self, kernel: &Kernel, max_binding: u64) -> Vec<Range<usize>> {
        let all = self.problem.out_channels;
        let taps = self.problem.window.elements() as u64;
        let quads = u64::from(vec4s(self.problem.group_in())) * taps + u64::from(self.beside_quads());
        let bytes = quads * 16;
        // A step of the subgroup kernel takes 16 channels.
        let fitting = usize::try_from(max_binding / bytes.max(1)).unwrap_or(all) / 16 * 16;
        if !reads_octets(kernel) || fitting == 0 {
            return std::iter::once(0..all).collect();
        }
        (0..all).step_by(fitting).map(|first| first..(first + fitting).min(all)).collect()
    }

    fn pixels_per_lane(&self) -> u64 {
        pixels_per_lane(self.problem.out_pixels() as u64)
    }

    /// Groups of four channels under the product beside.
    fn beside_quads(&self) -> u32 {
        self.beside.map_or(0, |product| vec4s(product.inputs()))
    }

    fn constants(&self, kernel: &Kernel) -> Vec<(&'static str, f64)> {
        let (epilogue, window) = (self.epilogue, &self.problem.window);
        let mut constants = vec![
            ("KERNEL_Z", window.kernel[0] as f64),
            ("KERNEL_Y", window.kernel[1] as f64),
            ("KERNEL_X", window.kernel[2] as f64),
            ("FIRST", f64::from(epilogue.first.code())),
            ("LAST", f64::from(epilogue.last.code())),
            ("HAS_POST", f64::from(epilogue.post.is_some())),
            ("HAS_RESIDUAL", f64::from(epilogue.residual)),
            ("HAS_BESIDE", f64::from(self.beside.is_some())),
        ];
        if !self.problem.transposed {
            constants.push(("IS_DEEP", f64::from(window.is_deep())));
            constants.push(("ENLARGED_Y", self.problem.enlarged[0] as f64));
            constants.push(("ENLARGED_X", self.problem.enlarged[1] as f64));
        }
        if kernel.name == SUBGROUP.name {
            constants.push(("PIXELS", self.pixels_per_lane() as f64));
        }
        constants
    }

    fn params(
        &self,
        problem: &Problem,
        channels: usize,
        [x, y, added]: [Place; 3],
    ) -> Result<ConvParams, Reason> {
        let window = &problem.window;
        let ([first_a, first_b], [last_a, last_b]) =
            (self.epilogue.first.constants(), self.epilogue.last.constants());
        // Kernels count pixels in 32 bits.
        size(problem.items())?;
        Ok(ConvParams {
            batch: size(problem.batch)?,
            in_depth: size(window.input[0])?,
            in_height: size(window.input[1] / problem.enlarged[0])?,
            in_width: size(window.input[2] / problem.enlarged[1])?,
            in_quads: vec4s(problem.in_channels),
            out_depth: size(window.output[0])?,
            out_height: size(window.output[1])?,
            out_width: size(window.output[2])?,
            out_channels: size(channels)?,
            stride_z: size(window.strides[0])?,
            stride_y: size(window.strides[1])?,
            stride_x: size(window.strides[2])?,
            dilation_z: size(window.dilations[0])?,
            dilation_y: size(window.dilations[1])?,
            dilation_x: size(window.dilations[2])?,
            pad_front: signed_size(window.pads_begin[0])?,
            pad_top: signed_size(window.pads_begin[1])?,
            pad_left: signed_size(window.pads_begin[2])?,
            x_offset: x.offset,
            x_stride: x.stride,
            y_offset: y.offset,
            y_stride: y.stride,
            residual_offset: added.offset,
            residual_stride: added.stride,
            beside_quads: self.beside_quads(),
            group_in: size(problem.group_in())?,
            group_out: size(problem.group_out())?,
            first_a,
            first_b,
            last_a,
            last_b,
        })
    }
}
