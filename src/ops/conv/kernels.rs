//! The convolution kernels: how each divides the work, and what holds its activations.
//!
//! A transposed convolution runs the same kernels with another notion of where a window lies.

use super::problem::Problem;
use crate::ops::activation::ACTIVATION;
use crate::ops::kernel::{Kernel, ParamsLayout};
use crate::params;
use crate::plan::lowering::{Layout, READ_BUFFER, READ_TEXELS, TEXELS, WRITE_BUFFER, WRITE_TEXELS};

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
        tiles_y: u32, tiles_x: u32, first_tile: u32, tiles: u32, turns: u32,
        first_a: f32, first_b: f32, last_a: f32, last_b: f32,
    }
}

params! {
    pub struct WinogradParams {
        in_height: u32, in_width: u32, in_quads: u32, out_quads: u32,
        pad_top: i32, pad_left: i32,
        tiles_y: u32, tiles_x: u32, first_tile: u32, tiles: u32, points: u32,
        x_offset: u32, x_stride: u32, y_offset: u32,
        turns: u32,
    }
}

params! {
    pub struct UnfoldParams {
        planes: u32, in_height: u32, in_width: u32, out_width: u32, channels: u32,
        stride_x: u32, dilation_x: u32, pad_left: i32,
        quads: u32, y_offset: u32,
    }
}

/// How a kernel divides the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// A register tile of up to 4 pixels by 16 channels, its weights shared through the subgroup.
    Subgroup,
    /// A register tile of 4 pixels by 8 channels.
    Tile,
    /// Tiles of 64 pixels by 32 channels in workgroup memory, a register tile an invocation.
    Group,
    /// A pixel and four channels, each with a filter of its own.
    Depthwise,
    /// A pixel and four channels of groups of any size.
    Grouped,
    /// Winograd's F(2x2, 3x3) or F(4x4, 3x3), with a product of either kind.
    Winograd(Minimal, Product),
    /// The taps of a row side by side as channels, then a tile of either kind: for few input channels.
    Unfolded(Product),
}

/// A minimal algorithm for 3x3 windows, by the side of the tiles of outputs that it computes at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Minimal {
    F2 = 2,
    F4 = 4,
}

/// How the products of a minimal algorithm are computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Product {
    Subgroup,
    Tile,
}

impl Design {
    /// Whether weights lie as [`super::pack::Weights::octets`].
    pub fn reads_octets(self) -> bool {
        matches!(self.base(), Design::Subgroup | Design::Tile | Design::Group)
    }

    /// The design that is run on what was unfolded.
    pub fn base(self) -> Design {
        match self {
            Design::Unfolded(Product::Subgroup) => Design::Subgroup,
            Design::Unfolded(Product::Tile) => Design::Tile,
            design => design,
        }
    }

    pub fn needs_subgroups(self) -> bool {
        matches!(self.base(), Design::Subgroup | Design::Winograd(_, Product::Subgroup))
    }
}

impl Minimal {
    /// Outputs along either side of a tile.
    pub fn side(self) -> usize {
        self as usize
    }

    /// Points of a transformed tile.
    pub fn points(self) -> usize {
        (self.side() + 2).pow(2)
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
const EPILOGUE: &str = include_str!("../../../shaders/epilogue.wgsl");
const IN_BUFFERS: &str = include_str!("../../../shaders/conv_buffers.wgsl");
const IN_TEXELS: &str = include_str!("../../../shaders/conv_texels.wgsl");
const IN_HELD: &str = include_str!("../../../shaders/conv_held.wgsl");
const CONV: &str = include_str!("../../../shaders/conv.wgsl");
const WINDOW: &str = include_str!("../../../shaders/conv_window.wgsl");
const TRANSPOSE_WINDOW: &str = include_str!("../../../shaders/conv_transpose_window.wgsl");
const OCTET_SUBGROUP: &str = include_str!("../../../shaders/octet_subgroup.wgsl");
const OCTET_TILE: &str = include_str!("../../../shaders/octet_tile.wgsl");
const GROUP_MAIN: &str = include_str!("../../../shaders/conv_group_f32.wgsl");
const UNFOLD_MAIN: &str = include_str!("../../../shaders/conv_unfold.wgsl");
const WINOGRAD: &str = include_str!("../../../shaders/winograd.wgsl");
const WINOGRAD_INPUT: &str = include_str!("../../../shaders/winograd_input.wgsl");
const WINOGRAD_OUTPUT: &str = include_str!("../../../shaders/winograd_output.wgsl");
const TO_F2: &str = include_str!("../../../shaders/winograd2_input.wgsl");
const TO_F4: &str = include_str!("../../../shaders/winograd4_input.wgsl");
const BACK_F2: &str = include_str!("../../../shaders/winograd2_output.wgsl");
const BACK_F4: &str = include_str!("../../../shaders/winograd4_output.wgsl");
const PRODUCT: &str = include_str!("../../../shaders/winograd_product.wgsl");
const PRODUCT_BUFFERS: &str = include_str!("../../../shaders/winograd_buffers.wgsl");
const PRODUCT_TEXELS: &str = include_str!("../../../shaders/winograd_texels.wgsl");
const PRODUCT_HELD: &str = include_str!("../../../shaders/winograd_held.wgsl");
const PRODUCT_SUBGROUP: &str = include_str!("../../../shaders/winograd_product_subgroup_f32.wgsl");
const PRODUCT_TILE: &str = include_str!("../../../shaders/winograd_product_tile_f32.wgsl");
const SUBGROUP_MAIN: &str = include_str!("../../../shaders/conv_subgroup_f32.wgsl");
const TILE_MAIN: &str = include_str!("../../../shaders/conv_tile_f32.wgsl");
const DEPTHWISE_MAIN: &str = include_str!("../../../shaders/conv_depthwise_f32.wgsl");
const GROUPED_MAIN: &str = include_str!("../../../shaders/conv_grouped_f32.wgsl");

const fn variant(kernel: Kernel, design: Design, layout: Layout) -> Variant {
    Variant { kernel, design, layout }
}

const fn kernel(
    name: &'static str,
    sources: &'static [&'static str],
    params: ParamsLayout,
    design: Design,
) -> Kernel {
    let subgroups = matches!(
        design,
        Design::Subgroup | Design::Winograd(_, Product::Subgroup) | Design::Unfolded(Product::Subgroup)
    );
    Kernel { name, sources, params, subgroups }
}

/// A kernel's text: what holds the values, which way windows go, and the way to divide the work.
macro_rules! sources {
    (ChannelsLast, $window:expr, $($main:expr),+) => {
        &[GRID, ACTIVATION, EPILOGUE, IN_BUFFERS, CONV, $window, $($main),+]
    };
    (Texels, $window:expr, $($main:expr),+) => {
        &[GRID, ACTIVATION, EPILOGUE, TEXELS, IN_HELD, IN_TEXELS, CONV, $window, $($main),+]
    };
}

macro_rules! direct {
    ($name:literal, $design:ident $(($product:ident))?, $layout:ident, $window:expr, $($main:expr),+) => {{
        let design = Design::$design $((Product::$product))?;
        let sources = sources!($layout, $window, $($main),+);
        variant(kernel($name, sources, ConvParams::LAYOUT, design), design, Layout::$layout)
    }};
}

macro_rules! winograd {
    ($name:literal, $size:ident, Subgroup, ChannelsLast) => {
        winograd!($name, $size, Subgroup, ChannelsLast, [PRODUCT_BUFFERS, PRODUCT, OCTET_SUBGROUP, PRODUCT_SUBGROUP])
    };
    ($name:literal, $size:ident, Subgroup, Texels) => {
        winograd!($name, $size, Subgroup, Texels, [TEXELS, PRODUCT_HELD, PRODUCT_TEXELS, PRODUCT, OCTET_SUBGROUP, PRODUCT_SUBGROUP])
    };
    ($name:literal, $size:ident, Tile, ChannelsLast) => {
        winograd!($name, $size, Tile, ChannelsLast, [PRODUCT_BUFFERS, PRODUCT, OCTET_TILE, PRODUCT_TILE])
    };
    ($name:literal, $size:ident, Tile, Texels) => {
        winograd!($name, $size, Tile, Texels, [TEXELS, PRODUCT_HELD, PRODUCT_TEXELS, PRODUCT, OCTET_TILE, PRODUCT_TILE])
    };
    ($name:literal, $size:ident, $product:ident, $layout:ident, [$($source:expr),+]) => {{
        let design = Design::Winograd(Minimal::$size, Product::$product);
        let sources = &[GRID, WINOGRAD, $($source),+];
        variant(kernel($name, sources, WinogradParams::LAYOUT, design), design, Layout::$layout)
    }};
}

pub static VARIANTS: [Variant; 22] = [
    direct!("conv_subgroup_f32", Subgroup, ChannelsLast, WINDOW, OCTET_SUBGROUP, SUBGROUP_MAIN),
    direct!("conv_subgroup_texels_f32", Subgroup, Texels, WINDOW, OCTET_SUBGROUP, SUBGROUP_MAIN),
    direct!("conv_tile_f32", Tile, ChannelsLast, WINDOW, OCTET_TILE, TILE_MAIN),
    direct!("conv_tile_texels_f32", Tile, Texels, WINDOW, OCTET_TILE, TILE_MAIN),
    direct!("conv_group_f32", Group, ChannelsLast, WINDOW, OCTET_TILE, GROUP_MAIN),
    direct!("conv_group_texels_f32", Group, Texels, WINDOW, OCTET_TILE, GROUP_MAIN),
    direct!(
        "conv_unfolded_subgroup_f32",
        Unfolded(Subgroup),
        ChannelsLast,
        WINDOW,
        OCTET_SUBGROUP,
        SUBGROUP_MAIN
    ),
    direct!(
        "conv_unfolded_subgroup_texels_f32",
        Unfolded(Subgroup),
        Texels,
        WINDOW,
        OCTET_SUBGROUP,
        SUBGROUP_MAIN
    ),
    direct!("conv_unfolded_tile_f32", Unfolded(Tile), ChannelsLast, WINDOW, OCTET_TILE, TILE_MAIN),
    direct!("conv_unfolded_tile_texels_f32", Unfolded(Tile), Texels, WINDOW, OCTET_TILE, TILE_MAIN),
    direct!("conv_depthwise_f32", Depthwise, ChannelsLast, WINDOW, DEPTHWISE_MAIN),
    direct!("conv_depthwise_texels_f32", Depthwise, Texels, WINDOW, DEPTHWISE_MAIN),
    direct!("conv_grouped_f32", Grouped, ChannelsLast, WINDOW, GROUPED_MAIN),
    direct!("conv_grouped_texels_f32", Grouped, Texels, WINDOW, GROUPED_MAIN),
    winograd!("conv_winograd2_subgroup_f32", F2, Subgroup, ChannelsLast),
    winograd!("conv_winograd2_subgroup_texels_f32", F2, Subgroup, Texels),
    winograd!("conv_winograd2_tile_f32", F2, Tile, ChannelsLast),
    winograd!("conv_winograd2_tile_texels_f32", F2, Tile, Texels),
    winograd!("conv_winograd4_subgroup_f32", F4, Subgroup, ChannelsLast),
    winograd!("conv_winograd4_subgroup_texels_f32", F4, Subgroup, Texels),
    winograd!("conv_winograd4_tile_f32", F4, Tile, ChannelsLast),
    winograd!("conv_winograd4_tile_texels_f32", F4, Tile, Texels),
];

pub static TRANSPOSE_VARIANTS: [Variant; 10] = [
    direct!(
        "conv_transpose_subgroup_f32",
        Subgroup,
        ChannelsLast,
        TRANSPOSE_WINDOW,
        OCTET_SUBGROUP,
        SUBGROUP_MAIN
    ),
    direct!(
        "conv_transpose_subgroup_texels_f32",
        Subgroup,
        Texels,
        TRANSPOSE_WINDOW,
        OCTET_SUBGROUP,
        SUBGROUP_MAIN
    ),
    direct!("conv_transpose_tile_f32", Tile, ChannelsLast, TRANSPOSE_WINDOW, OCTET_TILE, TILE_MAIN),
    direct!("conv_transpose_tile_texels_f32", Tile, Texels, TRANSPOSE_WINDOW, OCTET_TILE, TILE_MAIN),
    direct!("conv_transpose_group_f32", Group, ChannelsLast, TRANSPOSE_WINDOW, OCTET_TILE, GROUP_MAIN),
    direct!("conv_transpose_group_texels_f32", Group, Texels, TRANSPOSE_WINDOW, OCTET_TILE, GROUP_MAIN),
    direct!("conv_transpose_depthwise_f32", Depthwise, ChannelsLast, TRANSPOSE_WINDOW, DEPTHWISE_MAIN),
    direct!("conv_transpose_depthwise_texels_f32", Depthwise, Texels, TRANSPOSE_WINDOW, DEPTHWISE_MAIN),
    direct!("conv_transpose_grouped_f32", Grouped, ChannelsLast, TRANSPOSE_WINDOW, GROUPED_MAIN),
    direct!("conv_transpose_grouped_texels_f32", Grouped, Texels, TRANSPOSE_WINDOW, GROUPED_MAIN),
];

/// The transform of the input, and that back to pixels, of a minimal algorithm.
pub struct Transforms {
    pub input: Kernel,
    pub output: Kernel,
}

macro_rules! transforms {
    ($input:literal, $output:literal, $layout:ident, [$($medium:expr),+], $to:expr, $back:expr) => {
        Transforms {
            input: Kernel {
                name: $input,
                sources: &[GRID, $($medium,)+ WINOGRAD, $to, WINOGRAD_INPUT],
                params: WinogradParams::LAYOUT,
                subgroups: false,
            },
            output: Kernel {
                name: $output,
                sources: sources!($layout, WINDOW, WINOGRAD_OUTPUT, $back),
                params: ConvParams::LAYOUT,
                subgroups: false,
            },
        }
    };
}

static TRANSFORMS: [Transforms; 4] = [
    transforms!(
        "winograd2_input_f32",
        "winograd2_output_f32",
        ChannelsLast,
        [READ_BUFFER, WRITE_BUFFER],
        TO_F2,
        BACK_F2
    ),
    transforms!(
        "winograd2_input_texels_f32",
        "winograd2_output_texels_f32",
        Texels,
        [TEXELS, READ_TEXELS, WRITE_TEXELS],
        TO_F2,
        BACK_F2
    ),
    transforms!(
        "winograd4_input_f32",
        "winograd4_output_f32",
        ChannelsLast,
        [READ_BUFFER, WRITE_BUFFER],
        TO_F4,
        BACK_F4
    ),
    transforms!(
        "winograd4_input_texels_f32",
        "winograd4_output_texels_f32",
        Texels,
        [TEXELS, READ_TEXELS, WRITE_TEXELS],
        TO_F4,
        BACK_F4
    ),
];

/// The steps before and after the products of a minimal algorithm.
pub fn transforms(size: Minimal, layout: Layout) -> &'static Transforms {
    match (size, layout) {
        (Minimal::F2, Layout::Texels) => &TRANSFORMS[1],
        (Minimal::F2, _) => &TRANSFORMS[0],
        (Minimal::F4, Layout::Texels) => &TRANSFORMS[3],
        (Minimal::F4, _) => &TRANSFORMS[2],
    }
}

/// Every kernel of a convolution.
pub static KERNELS: &[&Kernel] = &kernels_of::<22, 4, 32>(&VARIANTS, &TRANSFORMS);
pub static TRANSPOSE_KERNELS: &[&Kernel] = &kernels_of::<10, 0, 10>(&TRANSPOSE_VARIANTS, &[]);

/// What lays the taps of a row side by side.
pub fn unfold(layout: Layout) -> &'static Kernel {
    if layout == Layout::Texels { &UNFOLD_TEXELS } else { &UNFOLD }
}

static UNFOLD: Kernel = Kernel {
    name: "conv_unfold_f32",
    sources: &[GRID, WRITE_BUFFER, UNFOLD_MAIN],
    params: UnfoldParams::LAYOUT,
    subgroups: false,
};
static UNFOLD_TEXELS: Kernel = Kernel {
    name: "conv_unfold_texels_f32",
    sources: &[GRID, TEXELS, WRITE_TEXELS, UNFOLD_MAIN],
    params: UnfoldParams::LAYOUT,
    subgroups: false,
};

const fn kernels_of<const V: usize, const T: usize, const ALL: usize>(
    variants: &'static [Variant; V],
    transforms: &'static [Transforms; T],
) -> [&'static Kernel; ALL] {
    let mut kernels = [&variants[0].kernel; ALL];
    let mut i = 0;
    while i < V {
        kernels[i] = &variants[i].kernel;
        i += 1;
    }
    let mut i = 0;
    while i < T {
        kernels[V + 2 * i] = &transforms[i].input;
        kernels[V + 2 * i + 1] = &transforms[i].output;
        i += 1;
    }
    if T > 0 {
        kernels[ALL - 2] = &UNFOLD;
        kernels[ALL - 1] = &UNFOLD_TEXELS;
    }
    kernels
}

const fn kernels_at<const N: usize>(
    variants: &'static [Variant],
    positions: [usize; N],
) -> [&'static Kernel; N] {
    let mut kernels = [&variants[0].kernel; N];
    let mut i = 0;
    while i < N {
        kernels[i] = &variants[positions[i]].kernel;
        i += 1;
    }
    kernels
}

/// Those that add a product beside to their sums.
pub static BESIDE_KERNELS: &[&Kernel] = &kernels_at(&VARIANTS, [0, 1, 2, 3, 4, 5]);

/// Those that pool what they compute: all but those of groups.
pub static POOLED_KERNELS: &[&Kernel] =
    &kernels_at(&VARIANTS, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 14, 15, 16, 17, 18, 19, 20, 21]);

/// The kernels that convolutions of this direction choose from.
pub fn variants(problem: &Problem) -> &'static [Variant] {
    if problem.transposed { &TRANSPOSE_VARIANTS } else { &VARIANTS }
}

/// By how much the largest bound of a case holds for all of its elements: the outputs of a tile share the roundings of a
/// minimal algorithm.
pub fn spread(kernel: &str) -> f64 {
    let of = |variant: &Variant| match variant.design {
        Design::Winograd(Minimal::F2, _) => 1.0,
        Design::Winograd(Minimal::F4, _) => 4.0,
        _ => 0.0,
    };
    VARIANTS.iter().find(|variant| variant.kernel.name == kernel).map_or(0.0, of)
}
