//! The convolution kernels, where each applies, and the step that runs one.

use super::{Conv, Problem, pack};
use crate::ops::Reason;
use crate::ops::kernel::Kernel;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, WORKGROUP, size, vec4s};
use crate::plan::{DeviceClass, Target};

params! {
    struct ConvParams {
        batch: u32,
        in_height: u32, in_width: u32, in_quads: u32,
        out_height: u32, out_width: u32, out_channels: u32,
        stride_y: u32, stride_x: u32,
        dilation_y: u32, dilation_x: u32,
        pad_top: i32, pad_left: i32,
        x_offset: u32, x_stride: u32,
        y_offset: u32, y_stride: u32,
        residual_offset: u32, residual_stride: u32,
        group_in: u32, group_out: u32,
        first_a: f32, first_b: f32, last_a: f32, last_b: f32,
    }
}

const GRID: &str = include_str!("../../../shaders/grid.wgsl");
const ACTIVATION: &str = include_str!("../../../shaders/activation.wgsl");
const EPILOGUE: &str = include_str!("../../../shaders/epilogue.wgsl");
const CONV2D: &str = include_str!("../../../shaders/conv2d.wgsl");

static SUBGROUP: Kernel = Kernel {
    name: "conv2d_subgroup_f32",
    sources: &[GRID, ACTIVATION, EPILOGUE, CONV2D, include_str!("../../../shaders/conv2d_subgroup_f32.wgsl")],
    params: ConvParams::LAYOUT,
    subgroups: true,
};
static TILE: Kernel = Kernel {
    name: "conv2d_tile_f32",
    sources: &[GRID, ACTIVATION, EPILOGUE, CONV2D, include_str!("../../../shaders/conv2d_tile_f32.wgsl")],
    params: ConvParams::LAYOUT,
    subgroups: false,
};
static DEPTHWISE: Kernel = Kernel {
    name: "conv2d_depthwise_f32",
    sources: &[
        GRID,
        ACTIVATION,
        EPILOGUE,
        CONV2D,
        include_str!("../../../shaders/conv2d_depthwise_f32.wgsl"),
    ],
    params: ConvParams::LAYOUT,
    subgroups: false,
};
static GROUPED: Kernel = Kernel {
    name: "conv2d_grouped_f32",
    sources: &[GRID, ACTIVATION, EPILOGUE, CONV2D, include_str!("../../../shaders/conv2d_grouped_f32.wgsl")],
    params: ConvParams::LAYOUT,
    subgroups: false,
};

pub static KERNELS: &[&Kernel] = &[&SUBGROUP, &TILE, &DEPTHWISE, &GROUPED];

/// Which kernels compute the problem on the device, the default first.
fn candidates(problem: &Problem, target: &Target) -> Vec<(&'static Kernel, bool)> {
    let dense = problem.group == 1;
    // Broadcasts are from the first eight lanes, so any fixed width from eight on will do.
    let subgroup = dense && target.subgroup.is_some_and(|width| width >= 8);
    let depthwise = problem.group_in() == 1 && problem.group_out() == 1 && !dense;
    let (subgroup, tile) = ((&SUBGROUP, subgroup), (&TILE, dense));
    // Loads decide on a software device. On hardware a load that all lanes share is nearly free and the
    // smaller tile leaves room for more subgroups in flight; no GPU has been measured yet.
    let (first, second) = match target.class {
        DeviceClass::Software => (subgroup, tile),
        DeviceClass::Discrete | DeviceClass::Integrated => (tile, subgroup),
    };
    vec![first, second, (&DEPTHWISE, depthwise), (&GROUPED, true)]
}

/// Pixels that a lane of the subgroup kernel takes: more share a load of weights, but small maps leave
/// lanes of a large block empty. The cost is in vector loads, arithmetic counted as half of one a pixel.
fn pixels_per_lane(problem: &Problem) -> u64 {
    let cost = |pixels: u64| {
        let blocks = (problem.out_pixels() as u64).div_ceil(pixels * WORKGROUP);
        blocks * (4 + 3 * pixels)
    };
    [4, 2, 1].into_iter().min_by_key(|&pixels| cost(pixels)).unwrap_or(1)
}

/// How a kernel divides the work: invocations in all.
fn invocations(kernel: &Kernel, problem: &Problem) -> u64 {
    let (pixels, channels) = (problem.out_pixels() as u64, problem.out_channels as u64);
    match kernel.name {
        name if name == SUBGROUP.name => {
            pixels.div_ceil(pixels_per_lane(problem) * WORKGROUP) * channels.div_ceil(16) * WORKGROUP
        }
        name if name == TILE.name => pixels.div_ceil(4) * channels.div_ceil(8),
        _ => pixels * channels.div_ceil(4),
    }
}

pub(super) fn lower(conv: &Conv, problem: &Problem, node: &mut Lowering) -> Result<(), Reason> {
    let kernel = node.choose(&candidates(problem, node.target()))?;
    let x = node.input(0, Layout::ChannelsLast)?;
    let weights = weights(conv, problem, kernel, node)?;
    let channels = channels(conv, problem, node)?;
    let residual = match conv.epilogue.residual {
        true => node.input(node.input_count() - 1, Layout::ChannelsLast)?,
        false => weights,
    };
    let y = node.output(Layout::ChannelsLast)?;
    node.dispatch(Dispatch {
        kernel,
        constants: constants(conv, problem, kernel),
        inputs: vec![x, weights, channels, residual],
        output: y,
        params: params(conv, problem, [x, y, residual])?,
        invocations: invocations(kernel, problem),
    })
}

fn weights(conv: &Conv, problem: &Problem, kernel: &Kernel, node: &mut Lowering) -> Result<Place, Reason> {
    let tensor = node.constant(1).ok_or("weights computed by the network are not supported")?;
    let data = tensor.as_f32()?;
    let weights = pack::Weights { problem, data, pre: conv.epilogue.pre.as_ref() };
    let in_octets = kernel.name == SUBGROUP.name || kernel.name == TILE.name;
    Ok(match in_octets {
        true => node.weights("octets", || weights.octets()),
        false => node.weights("quads", || weights.quads()),
    })
}

fn channels(conv: &Conv, problem: &Problem, node: &mut Lowering) -> Result<Place, Reason> {
    let bias = if conv.has_bias(&node.infos()) { node.constant(2) } else { None };
    let bias = bias.as_ref().map(|b| b.as_f32()).transpose()?;
    Ok(node.weights("channels", || pack::channels(problem.out_channels, bias, &conv.epilogue)))
}

fn constants(conv: &Conv, problem: &Problem, kernel: &Kernel) -> Vec<(&'static str, f64)> {
    let epilogue = &conv.epilogue;
    let mut constants = vec![
        ("KERNEL_Y", problem.window.kernel[0] as f64),
        ("KERNEL_X", problem.window.kernel[1] as f64),
        ("FIRST", f64::from(epilogue.first.code())),
        ("LAST", f64::from(epilogue.last.code())),
        ("HAS_POST", f64::from(epilogue.post.is_some())),
        ("HAS_RESIDUAL", f64::from(epilogue.residual)),
    ];
    if kernel.name == SUBGROUP.name {
        constants.push(("PIXELS", pixels_per_lane(problem) as f64));
    }
    constants
}

fn params(conv: &Conv, problem: &Problem, [x, y, residual]: [Place; 3]) -> Result<ConvParams, Reason> {
    let window = &problem.window;
    let signed =
        |value: usize| i32::try_from(value).map_err(|_| Reason(format!("padding {value} is too large")));
    let ([first_a, first_b], [last_a, last_b]) =
        (conv.epilogue.first.constants(), conv.epilogue.last.constants());
    Ok(ConvParams {
        batch: size(problem.batch)?,
        in_height: size(window.input[0])?,
        in_width: size(window.input[1])?,
        in_quads: vec4s(problem.in_channels),
        out_height: size(window.output[0])?,
        out_width: size(window.output[1])?,
        out_channels: size(problem.out_channels)?,
        stride_y: size(window.strides[0])?,
        stride_x: size(window.strides[1])?,
        dilation_y: size(window.dilations[0])?,
        dilation_x: size(window.dilations[1])?,
        pad_top: signed(window.pads_begin[0])?,
        pad_left: signed(window.pads_begin[1])?,
        x_offset: x.offset,
        x_stride: x.stride,
        y_offset: y.offset,
        y_stride: y.stride,
        residual_offset: residual.offset,
        residual_stride: residual.stride,
        group_in: size(problem.group_in())?,
        group_out: size(problem.group_out())?,
        first_a,
        first_b,
        last_a,
        last_b,
    })
}
