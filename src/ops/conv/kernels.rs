//! The convolution kernels: how each divides the work, what holds its activations, and where it applies.
//!
//! A transposed convolution runs the same kernels with another notion of where a window lies.

use super::problem::Problem;
use crate::ops::kernel::{Kernel, ParamsLayout};
use crate::params;
use crate::plan::lowering::Layout;
use crate::plan::{DeviceClass, Target};

params! {
    pub struct ConvParams {
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

/// How a kernel divides the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// A register tile of up to 4 pixels by 16 channels, its weights shared through the subgroup.
    Subgroup,
    /// A register tile of 4 pixels by 8 channels.
    Tile,
    /// A pixel and four channels, each with a filter of its own.
    Depthwise,
    /// A pixel and four channels of groups of any size.
    Grouped,
}

impl Design {
    /// Whether weights lie as [`super::pack::Weights::octets`].
    pub fn reads_octets(self) -> bool {
        matches!(self, Design::Subgroup | Design::Tile)
    }
}

/// A kernel with what the planner has to know of it.
#[derive(Debug)]
pub struct Variant {
    pub kernel: Kernel,
    pub design: Design,
    /// What holds activations and weights.
    pub layout: Layout,
}

const GRID: &str = include_str!("../../../shaders/grid.wgsl");
const ACTIVATION: &str = include_str!("../../../shaders/activation.wgsl");
const EPILOGUE: &str = include_str!("../../../shaders/epilogue.wgsl");
const TEXELS: &str = include_str!("../../../shaders/texels.wgsl");
const IN_BUFFERS: &str = include_str!("../../../shaders/conv_buffers.wgsl");
const IN_TEXELS: &str = include_str!("../../../shaders/conv_texels.wgsl");
const CONV: &str = include_str!("../../../shaders/conv.wgsl");
const WINDOW: &str = include_str!("../../../shaders/conv_window.wgsl");
const TRANSPOSE_WINDOW: &str = include_str!("../../../shaders/conv_transpose_window.wgsl");
const OCTET_SUBGROUP: &str = include_str!("../../../shaders/octet_subgroup.wgsl");
const OCTET_TILE: &str = include_str!("../../../shaders/octet_tile.wgsl");
const SUBGROUP_MAIN: &str = include_str!("../../../shaders/conv_subgroup_f32.wgsl");
const TILE_MAIN: &str = include_str!("../../../shaders/conv_tile_f32.wgsl");
const DEPTHWISE_MAIN: &str = include_str!("../../../shaders/conv_depthwise_f32.wgsl");
const GROUPED_MAIN: &str = include_str!("../../../shaders/conv_grouped_f32.wgsl");

const fn variant(
    name: &'static str,
    design: Design,
    layout: Layout,
    sources: &'static [&'static str],
) -> Variant {
    let params: ParamsLayout = ConvParams::LAYOUT;
    let subgroups = matches!(design, Design::Subgroup);
    Variant { kernel: Kernel { name, sources, params, subgroups }, design, layout }
}

/// A kernel's text: what holds the values, which way windows go, and the way to divide the work.
macro_rules! sources {
    (ChannelsLast, $window:expr, $($main:expr),+) => {
        &[GRID, ACTIVATION, EPILOGUE, IN_BUFFERS, CONV, $window, $($main),+]
    };
    (Texels, $window:expr, $($main:expr),+) => {
        &[GRID, ACTIVATION, EPILOGUE, TEXELS, IN_TEXELS, CONV, $window, $($main),+]
    };
}

macro_rules! variants {
    ($list:ident, $kernels:ident, $window:expr, [$($name:literal $design:ident $layout:ident ($($main:expr),+);)+]) => {
        pub static $list: &[Variant] = &[
            $(variant($name, Design::$design, Layout::$layout, sources!($layout, $window, $($main),+))),+
        ];
        pub static $kernels: &[&Kernel] = &{
            const COUNT: usize = [$($name),+].len();
            let mut kernels = [&$list[0].kernel; COUNT];
            let mut i = 0;
            while i < COUNT {
                kernels[i] = &$list[i].kernel;
                i += 1;
            }
            kernels
        };
    };
}

variants!(VARIANTS, KERNELS, WINDOW, [
    "conv_subgroup_f32" Subgroup ChannelsLast (OCTET_SUBGROUP, SUBGROUP_MAIN);
    "conv_subgroup_texels_f32" Subgroup Texels (OCTET_SUBGROUP, SUBGROUP_MAIN);
    "conv_tile_f32" Tile ChannelsLast (OCTET_TILE, TILE_MAIN);
    "conv_tile_texels_f32" Tile Texels (OCTET_TILE, TILE_MAIN);
    "conv_depthwise_f32" Depthwise ChannelsLast (DEPTHWISE_MAIN);
    "conv_depthwise_texels_f32" Depthwise Texels (DEPTHWISE_MAIN);
    "conv_grouped_f32" Grouped ChannelsLast (GROUPED_MAIN);
    "conv_grouped_texels_f32" Grouped Texels (GROUPED_MAIN);
]);

variants!(TRANSPOSE_VARIANTS, TRANSPOSE_KERNELS, TRANSPOSE_WINDOW, [
    "conv_transpose_subgroup_f32" Subgroup ChannelsLast (OCTET_SUBGROUP, SUBGROUP_MAIN);
    "conv_transpose_subgroup_texels_f32" Subgroup Texels (OCTET_SUBGROUP, SUBGROUP_MAIN);
    "conv_transpose_tile_f32" Tile ChannelsLast (OCTET_TILE, TILE_MAIN);
    "conv_transpose_tile_texels_f32" Tile Texels (OCTET_TILE, TILE_MAIN);
    "conv_transpose_depthwise_f32" Depthwise ChannelsLast (DEPTHWISE_MAIN);
    "conv_transpose_depthwise_texels_f32" Depthwise Texels (DEPTHWISE_MAIN);
    "conv_transpose_grouped_f32" Grouped ChannelsLast (GROUPED_MAIN);
    "conv_transpose_grouped_texels_f32" Grouped Texels (GROUPED_MAIN);
]);

/// Those that add a product beside to their sums.
pub static BESIDE_KERNELS: &[&Kernel] =
    &[&VARIANTS[0].kernel, &VARIANTS[1].kernel, &VARIANTS[2].kernel, &VARIANTS[3].kernel];

/// The kernels that convolutions of this direction choose from.
pub fn variants(problem: &Problem) -> &'static [Variant] {
    if problem.transposed { TRANSPOSE_VARIANTS } else { VARIANTS }
}

/// Which kernels compute the problem on the device, the default first. `has_beside` says that the sums have a product
/// added to them, `fits_texels` that textures can hold what is read and written.
pub fn candidates(
    problem: &Problem,
    has_beside: bool,
    fits_texels: bool,
    target: &Target,
) -> Vec<(&'static Kernel, bool)> {
    let dense = problem.group == 1;
    let depthwise = problem.group_in() == 1 && problem.group_out() == 1 && !dense;
    let applies = |variant: &Variant| {
        let fits = variant.layout != Layout::Texels || fits_texels;
        fits && match variant.design {
            // Broadcasts are from the first eight lanes, so any fixed width from eight on will do.
            Design::Subgroup => dense && target.subgroup.is_some_and(|width| width >= 8),
            Design::Tile => dense,
            Design::Depthwise => depthwise,
            Design::Grouped => !has_beside,
        }
    };
    let mut order: Vec<&Variant> = variants(problem).iter().collect();
    order.sort_by_key(|variant| rank(variant, target.class));
    order.into_iter().map(|variant| (&variant.kernel, applies(variant))).collect()
}

/// What a class of devices prefers, least first.
fn rank(variant: &Variant, class: DeviceClass) -> [u8; 2] {
    use Design::{Depthwise, Grouped, Subgroup, Tile};
    let in_texels = variant.layout == Layout::Texels;
    match class {
        // Loads decide: llvmpipe gathers a texel in a tenth of the time that it takes for four floats of a buffer where
        // the CPU has no AVX-512, and in three quarters of it elsewhere.
        DeviceClass::Software => {
            let design = match variant.design {
                Depthwise => 0,
                Subgroup => 1,
                Tile => 2,
                Grouped => 3,
            };
            [design, u8::from(!in_texels)]
        }
        // A load that all lanes share is nearly free, and the smaller tile leaves room for more subgroups in flight.
        // Reasoned, not measured.
        DeviceClass::Discrete | DeviceClass::Integrated => {
            let design = match variant.design {
                Depthwise => 0,
                Tile => 1,
                Subgroup => 2,
                Grouped => 3,
            };
            [u8::from(in_texels), design]
        }
    }
}
