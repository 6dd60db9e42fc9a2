//! The kernels of the attention gate, and the steps that run one.

use super::AttentionGate;
use crate::ops::Reason;
use crate::ops::conv::lower::pixels_per_lane;
use crate::ops::kernel::Kernel;
use crate::params;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, WORKGROUP, size, vec4s};
use crate::plan::{DeviceClass, Target};

params! {
    struct GateParams {
        pixels: u32, channels: u32, x_quads: u32, signal_quads: u32, octets: u32,
        x_offset: u32, x_stride: u32,
        signal_offset: u32, signal_stride: u32,
        y_offset: u32, y_stride: u32,
    }
}

const GRID: &str = include_str!("../../../shaders/grid.wgsl");
const ACTIVATION: &str = include_str!("../../../shaders/activation.wgsl");
const EPILOGUE: &str = include_str!("../../../shaders/epilogue.wgsl");
const GATE: &str = include_str!("../../../shaders/attention_gate.wgsl");
const OCTET_TILE: &str = include_str!("../../../shaders/octet_tile.wgsl");
const TILE_MAIN: &str = include_str!("../../../shaders/attention_gate_tile_f32.wgsl");

/// Needs neither subgroups nor barriers.
static TILE: Kernel = Kernel {
    name: "attention_gate_tile_f32",
    sources: &[
        GRID,
        ACTIVATION,
        EPILOGUE,
        GATE,
        OCTET_TILE,
        include_str!("../../../shaders/attention_gate_lane.wgsl"),
        TILE_MAIN,
    ],
    params: GateParams::LAYOUT,
    subgroups: false,
};

static SHARED: Kernel = Kernel {
    name: "attention_gate_shared_f32",
    sources: &[
        GRID,
        ACTIVATION,
        EPILOGUE,
        GATE,
        OCTET_TILE,
        include_str!("../../../shaders/attention_gate_group.wgsl"),
        TILE_MAIN,
    ],
    params: GateParams::LAYOUT,
    subgroups: false,
};

static SUBGROUP: Kernel = Kernel {
    name: "attention_gate_subgroup_f32",
    sources: &[
        GRID,
        ACTIVATION,
        EPILOGUE,
        GATE,
        include_str!("../../../shaders/octet_subgroup.wgsl"),
        include_str!("../../../shaders/attention_gate_subgroup_f32.wgsl"),
    ],
    params: GateParams::LAYOUT,
    subgroups: true,
};

pub static KERNELS: &[&Kernel] = &[&TILE, &SHARED, &SUBGROUP];

/// Invocations that share the sums of a pixel, at most.
const MOST_SHARE: u64 = 8;

/// Which kernels compute the gate on the device, the default first.
fn candidates(gate: &AttentionGate, target: &Target) -> [(&'static Kernel, bool); 3] {
    // Broadcasts are from the first eight lanes, so any fixed width from eight on will do.
    let subgroup = (&SUBGROUP, target.subgroup.is_some_and(|width| width >= 8));
    let shared = (&SHARED, share(gate) > 1);
    match target.class {
        // Loads decide.
        DeviceClass::Software => [subgroup, (&TILE, true), shared],
        // A deep level has few pixels: the sums of each are shared out to fill the device. Not measured on a GPU yet.
        DeviceClass::Discrete | DeviceClass::Integrated => [shared, (&TILE, true), subgroup],
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
    let kernel = node.choose(&candidates(gate, node.target()))?;
    let x = node.input(0, Layout::ChannelsLast)?;
    let signal = node.input(1, Layout::ChannelsLast)?;
    let y = node.output(Layout::ChannelsLast)?;
    let tables = [node.weights("octets", rows(gate)), node.weights("channels", channels(gate))];
    let shape = node.output_shape()?;
    let pixels = shape.elements() / shape[1].max(1);
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

fn emit(
    gate: &AttentionGate,
    node: &mut Lowering,
    kernel: &'static Kernel,
    pixels: usize,
    [x, signal, y]: [Place; 3],
    [rows, channels]: [Place; 2],
) -> Result<(), Reason> {
    let in_place = signal.home == y.home;
    let per_lane = pixels_per_lane(pixels as u64);
    let mut constants = vec![("SIGNAL_IN_PLACE", f64::from(in_place))];
    let tiles = (pixels as u64).div_ceil(4);
    let invocations = match kernel.name {
        name if name == SUBGROUP.name => {
            constants.push(("PIXELS", per_lane as f64));
            (pixels as u64).div_ceil(per_lane * WORKGROUP) * WORKGROUP
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
    node.dispatch(Dispatch { kernel, constants, inputs, output: y, params, invocations, rounds })
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
