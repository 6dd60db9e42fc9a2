//! The kernels of the attention gate, and the steps that run one.

use super::AttentionGate;
use crate::ops::Reason;
use crate::ops::activation::ACTIVATION;
use crate::ops::conv::lower::Block;
use crate::ops::kernel::Kernel;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, TEXELS, WORKGROUP, size, vec4s};
use crate::plan::{DeviceClass, Precision, Target};

params! {
    struct GateParams {
        pixels: u32, channels: u32, x_quads: u32, signal_quads: u32, octets: u32,
        x_offset: u32, x_stride: u32,
        signal_offset: u32, signal_stride: u32,
        y_offset: u32, y_stride: u32,
    }
}

params! {
    struct ApplyParams {
        pixels: u32, quads: u32,
        x_offset: u32, x_stride: u32,
        mask_offset: u32,
        y_offset: u32, y_stride: u32,
        turns: u32,
    }
}

const GRID: &str = include_str!("../../../shaders/grid.wgsl");
const EPILOGUE: &str = include_str!("../../../shaders/epilogue.wgsl");
const GATE: &str = include_str!("../../../shaders/attention_gate.wgsl");
const IN_BUFFERS: &str = include_str!("../../../shaders/attention_gate_buffers.wgsl");
const IN_TEXELS: &str = include_str!("../../../shaders/attention_gate_texels.wgsl");
const IN_HELD: &str = include_str!("../../../shaders/attention_gate_held.wgsl");
const MASKS_HELD: &str = include_str!("../../../shaders/attention_gate_masks_held.wgsl");
const OCTET_TILE: &str = include_str!("../../../shaders/octet_tile.wgsl");
const OCTET_SUBGROUP: &str = include_str!("../../../shaders/octet_subgroup.wgsl");
const LANE: &str = include_str!("../../../shaders/attention_gate_lane.wgsl");
const GROUP: &str = include_str!("../../../shaders/attention_gate_group.wgsl");
const TILE_MAIN: &str = include_str!("../../../shaders/attention_gate_tile_f32.wgsl");
const SUBGROUP_MAIN: &str = include_str!("../../../shaders/attention_gate_subgroup_f32.wgsl");

const fn kernel(name: &'static str, sources: &'static [&'static str], subgroups: bool) -> Kernel {
    Kernel { name, sources, params: GateParams::LAYOUT, subgroups }
}

/// Needs neither subgroups nor barriers.
static TILE: Kernel = kernel(
    "attention_gate_tile_f32",
    &[GRID, ACTIVATION, EPILOGUE, GATE, IN_BUFFERS, OCTET_TILE, LANE, TILE_MAIN],
    false,
);
static SHARED: Kernel = kernel(
    "attention_gate_shared_f32",
    &[GRID, ACTIVATION, EPILOGUE, GATE, IN_BUFFERS, OCTET_TILE, GROUP, TILE_MAIN],
    false,
);
static SUBGROUP: Kernel = kernel(
    "attention_gate_subgroup_f32",
    &[GRID, ACTIVATION, EPILOGUE, GATE, IN_BUFFERS, OCTET_SUBGROUP, SUBGROUP_MAIN],
    true,
);
static TILE_TEXELS: Kernel = kernel(
    "attention_gate_tile_texels_f32",
    &[GRID, ACTIVATION, EPILOGUE, TEXELS, GATE, IN_HELD, IN_TEXELS, OCTET_TILE, LANE, TILE_MAIN],
    false,
);
static SUBGROUP_TEXELS: Kernel = kernel(
    "attention_gate_subgroup_texels_f32",
    &[GRID, ACTIVATION, EPILOGUE, TEXELS, GATE, IN_HELD, IN_TEXELS, OCTET_SUBGROUP, SUBGROUP_MAIN],
    true,
);
/// What follows those that only find the masks.
static APPLY_TEXELS: Kernel = Kernel {
    name: "attention_gate_apply_texels_f32",
    sources: &[
        GRID,
        TEXELS,
        MASKS_HELD,
        include_str!("../../../shaders/attention_gate_apply_texels_f32.wgsl"),
    ],
    params: ApplyParams::LAYOUT,
    subgroups: false,
};

pub static KERNELS: &[&Kernel] = &[&TILE, &SHARED, &SUBGROUP, &TILE_TEXELS, &SUBGROUP_TEXELS, &APPLY_TEXELS];

/// Invocations that share the sums of a pixel, at most.
const MOST_SHARE: u64 = 8;

/// Which kernels compute the gate on the device, the default first.
fn candidates(gate: &AttentionGate, fits: bool, target: &Target) -> [(&'static Kernel, bool); 5] {
    // Broadcasts are from the first eight lanes, so any fixed width from eight on will do.
    let is_wide = target.subgroup.is_some_and(|width| width >= 8);
    let (subgroup, in_texels) = ((&SUBGROUP, is_wide), (&SUBGROUP_TEXELS, is_wide && fits));
    let tile_in_texels = (&TILE_TEXELS, fits);
    let shared = (&SHARED, share(gate) > 1);
    match target.class {
        // Only textures store f16.
        _ if target.precision == Precision::F16 => {
            [in_texels, tile_in_texels, subgroup, (&TILE, true), shared]
        }
        // Loads decide.
        DeviceClass::Software => [in_texels, subgroup, tile_in_texels, (&TILE, true), shared],
        // A deep level has few pixels: the sums of each are shared out to fill the device. Not measured on a GPU yet.
        DeviceClass::Discrete | DeviceClass::Integrated => {
            [shared, (&TILE, true), subgroup, in_texels, tile_in_texels]
        }
    }
}

/// Groups of eight sums; even in number, since the subgroup kernel takes two at a time.
fn octets(gate: &AttentionGate) -> usize {
    gate.mask.inputs().div_ceil(8).next_multiple_of(2)
}

/// How many invocations share the sums of a pixel: a power of two that leaves none without any.
fn share(gate: &AttentionGate) -> u64 {
    let octets = gate.mask.inputs().div_ceil(8) as u64;
    (1 << octets.ilog2()).min(MOST_SHARE)
}

/// Emits the steps of the gate.
pub fn lower(gate: &AttentionGate, node: &mut Lowering) -> Result<(), Reason> {
    let shape = node.output_shape()?;
    let pixels = shape.elements() / shape[1].max(1);
    let quads = |channels: usize| pixels * channels.next_multiple_of(4);
    let fits = node.fits_texels(&[quads(gate.x.inputs()), quads(gate.signal.inputs()), rows(gate).len()]);
    let kernel = node.choose(&candidates(gate, fits, node.target()))?;
    if [TILE_TEXELS.name, SUBGROUP_TEXELS.name].contains(&kernel.name) {
        return lower_in_texels(gate, node, kernel, pixels);
    }
    let x = node.input(0, Layout::ChannelsLast)?;
    let signal = node.input(1, Layout::ChannelsLast)?;
    let y = node.output(Layout::ChannelsLast)?;
    let tables = [node.weights("octets", rows(gate)), node.weights("channels", channels(gate))];
    let (parts, alignment) = (node.parts_to_fit(&[x, signal, y]), node.target().alignment);
    let step = pixels.div_ceil(parts);
    for first in (0..pixels).step_by(step.max(1)) {
        let count = step.min(pixels - first);
        let range = first as u64..(first + count) as u64;
        let cut = |place: Place| if parts == 1 { Ok(place) } else { place.cut_pixels(&range, alignment) };
        emit(gate, node, kernel, count, [cut(x)?, cut(signal)?, cut(y)?], tables)?;
    }
    Ok(())
}

/// Finds the masks first, then applies them: a texture is not read and written in one dispatch.
fn lower_in_texels(
    gate: &AttentionGate,
    node: &mut Lowering,
    kernel: &'static Kernel,
    pixels: usize,
) -> Result<(), Reason> {
    let (x, signal) = (node.input(0, Layout::Texels)?, node.input(1, Layout::Texels)?);
    let masks = node.scratch_quads(Layout::Texels, pixels);
    let y = node.output(Layout::Texels)?;
    let tables = [
        node.factors_for(Layout::Texels, "octets", rows(gate)),
        node.weights_for(Layout::Texels, "channels", channels(gate)),
    ];
    emit(gate, node, kernel, pixels, [x, signal, masks], tables)?;
    let quads = vec4s(gate.x.inputs());
    let params = ApplyParams {
        pixels: size(pixels)?,
        quads,
        x_offset: x.offset,
        x_stride: x.stride,
        mask_offset: masks.offset,
        y_offset: y.offset,
        y_stride: y.stride,
        turns: node.turns(quads, pixels),
    };
    let dispatch = Dispatch {
        kernel: &APPLY_TEXELS,
        constants: vec![],
        inputs: vec![x, masks],
        output: y,
        params,
        invocations: pixels as u64 * u64::from(params.turns),
        rounds: u64::from(quads.div_ceil(params.turns)),
    };
    node.dispatch_at(dispatch, &[("x_offset", x), ("mask_offset", masks), ("y_offset", y)])
}

fn emit(
    gate: &AttentionGate,
    node: &mut Lowering,
    kernel: &'static Kernel,
    pixels: usize,
    [x, signal, y]: [Place; 3],
    [rows, channels]: [Place; 2],
) -> Result<(), Reason> {
    let in_place = signal.home == y.home;
    let block = Block::of(pixels as u64, node.target());
    let in_buffers = ![TILE_TEXELS.name, SUBGROUP_TEXELS.name].contains(&kernel.name);
    let mut constants = if in_buffers { vec![("SIGNAL_IN_PLACE", f64::from(in_place))] } else { vec![] };
    let tiles = (pixels as u64).div_ceil(4);
    let invocations = match kernel.name {
        name if [SUBGROUP.name, SUBGROUP_TEXELS.name].contains(&name) => {
            constants.extend(block.constants());
            block.count(pixels as u64) * WORKGROUP
        }
        name if name == SHARED.name => {
            constants.push(("SHARE", share(gate) as f64));
            tiles * share(gate)
        }
        _ => tiles,
    };
    let (x_quads, signal_quads) = (vec4s(gate.x.inputs()), vec4s(gate.signal.inputs()));
    let octets = size(octets(gate))?;
    let params = GateParams {
        pixels: size(pixels)?,
        channels: size(gate.x.inputs())?,
        x_quads,
        signal_quads,
        octets,
        x_offset: x.offset,
        x_stride: x.stride,
        signal_offset: signal.offset,
        signal_stride: signal.stride,
        y_offset: y.offset,
        y_stride: y.stride,
    };
    let rounds = u64::from(octets) * (u64::from(x_quads) + u64::from(signal_quads) + 1) + u64::from(x_quads);
    // No step may bind what it writes a second time.
    let inputs = vec![x, if in_place { rows } else { signal }, rows, channels];
    let dispatch = Dispatch { kernel, constants, inputs, output: y, params, invocations, rounds };
    node.dispatch_at(dispatch, &[("x_offset", x), ("signal_offset", signal), ("y_offset", y)])
}

/// The rows of both products, octet by octet.
fn rows(gate: &AttentionGate) -> Vec<f32> {
    let hidden = gate.mask.inputs();
    let mut packed = Vec::new();
    for first in (0..octets(gate)).map(|octet| octet * 8) {
        let outputs = first.min(hidden)..(first + 8).min(hidden);
        gate.x.append_octet(outputs.clone(), &mut packed);
        gate.signal.append_octet(outputs, &mut packed);
    }
    packed
}

/// Bias of all sums, their weights in the mask, the mask's bias. Sums that only fill up an octet weigh nothing.
fn channels(gate: &AttentionGate) -> Vec<f32> {
    let padded = octets(gate) * 8;
    let mut packed = vec![0.0; padded * 2 + 4];
    for h in 0..gate.mask.inputs() {
        packed[h] = gate.x.bias(h) + gate.signal.bias(h);
        packed[padded + h] = gate.mask.weight(0, h);
    }
    packed[padded * 2] = gate.mask.bias(0);
    packed
}
