//! Which convolution kernels apply, and in which order they are preferred: by measured costs on llvmpipe, by reasoning on
//! hardware.

use super::cost::cost;
use super::kernels::{Design, Minimal, Product, Variant, variants};
use super::problem::Problem;
use crate::ops::kernel::Kernel;
use crate::plan::lowering::Layout;
use crate::plan::{DeviceClass, Precision, Target};

/// Which kernels compute the problem on the device, the default first. `has_beside` says that the sums have a product
/// added to them, `fits_texels` that textures can hold what is read and written; `scratch_room` bytes are left for what is
/// computed on the way.
pub fn candidates(
    problem: &Problem,
    has_beside: bool,
    fits_texels: bool,
    scratch_room: u64,
    target: &Target,
) -> Vec<(&'static Kernel, bool)> {
    let dense = problem.group == 1;
    let depthwise = problem.group_in() == 1 && problem.group_out() == 1 && !dense;
    let applies = |variant: &Variant| {
        let fits = variant.layout != Layout::Texels || fits_texels;
        // Broadcasts are from the first eight lanes, so any fixed width from eight on will do.
        let has_lanes = !variant.design.needs_subgroups() || target.subgroup.is_some_and(|width| width >= 8);
        let suits = match variant.design {
            Design::Subgroup | Design::Tile | Design::Group => dense,
            Design::Unfolded(_) => problem.unfolds(),
            Design::Depthwise => depthwise,
            Design::Grouped => !has_beside && !problem.pooled,
            Design::Winograd(..) => !has_beside && problem.suits_winograd(),
        };
        fits && has_lanes && suits
    };
    let mut order: Vec<&Variant> = variants(problem).iter().collect();
    match target.class {
        DeviceClass::Software => {
            let cost = |variant: &Variant| cost(variant, problem, scratch_room, target);
            order.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
        }
        DeviceClass::Discrete | DeviceClass::Integrated => {
            order.sort_by_key(|variant| rank(variant, problem, target))
        }
    }
    order.into_iter().map(|variant| (&variant.kernel, applies(variant))).collect()
}

/// What hardware prefers, least first, as docs/performance.md reasons: nothing of it is measured.
fn rank(variant: &Variant, problem: &Problem, target: &Target) -> [u8; 2] {
    let design = match variant.design {
        Design::Depthwise => 0,
        Design::Unfolded(Product::Tile) => 1,
        Design::Winograd(size, Product::Tile) if pays(size, problem) => 2,
        Design::Group if fills_tiles(problem) => 3,
        Design::Tile => 4,
        Design::Group => 5,
        Design::Subgroup | Design::Unfolded(Product::Subgroup) => 6,
        Design::Winograd(Minimal::F4, _) => 7,
        Design::Winograd(Minimal::F2, _) => 8,
        Design::Grouped => 9,
    };
    // Textures only for what they alone store.
    let preferred = if target.precision == Precision::F16 { Layout::Texels } else { Layout::ChannelsLast };
    [u8::from(variant.layout != preferred), design]
}

/// Whether a minimal algorithm saves more products than its transforms cost, and is the better of the two: small maps
/// fill too few tiles of the larger one.
fn pays(size: Minimal, problem: &Problem) -> bool {
    let better = if problem.items() >= 512 { Minimal::F4 } else { Minimal::F2 };
    size == better && problem.in_channels >= 64 && problem.out_channels >= 64
}

/// Whether tiles in workgroup memory are filled: by channels of either side, and by taps that reach all of their pixels.
fn fills_tiles(problem: &Problem) -> bool {
    problem.phases() == 1 && problem.out_channels.is_multiple_of(32) && problem.in_channels >= 16
}
