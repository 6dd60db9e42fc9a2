//! Which convolution kernels apply, and in which order they are preferred: by measured costs on llvmpipe, by reasoning on
//! hardware.

use super::kernels::{Design, Minimal, Product, Variant, variants};
use super::problem::Problem;
use super::winograd::parts;
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

/// About how many nanoseconds a core takes on llvmpipe, fitted to what `gyrus tune` measured at the layers of both shipped
/// networks. In buffers loads decide: where the CPU has no AVX-512, eight lanes fetch a texel each in a tenth of the time
/// that four floats of a buffer take.
fn cost(variant: &Variant, problem: &Problem, scratch_room: u64, target: &Target) -> f64 {
    let in_texels = variant.layout == Layout::Texels;
    let (load, store) = if in_texels { (9.0, 430.0) } else { (225.0, 290.0) };
    let [input, output] =
        [problem.group_in(), problem.out_channels].map(|channels| channels.div_ceil(4) as f64);
    let taps = problem.window.elements() as f64;
    // What a step that gathers the taps of a row has as one.
    let gathered = if problem.gathers() { problem.window.kernel[2] as f64 } else { 1.0 };
    // Four inputs for four outputs of eight lanes: arithmetic, and a part in the loads of a tile.
    let product = |share: f64| 13.0 + share * load;
    let direct = |share: f64, gathered: f64| {
        let lanes = problem.items() as f64 / 8.0;
        lanes * output * (taps / gathered * input * product(share) + store)
    };
    match variant.design {
        Design::Depthwise => direct(0.0, 1.0) / input.max(1.0),
        Design::Subgroup => direct(6.0 / 16.0, gathered),
        Design::Tile => direct(12.0 / 8.0, gathered),
        // A store to workgroup memory and a load from it for every load, and barriers.
        Design::Group => direct(12.0 / 8.0 + 20.0, 1.0),
        Design::Unfolded(by) => {
            let share = if by == Product::Subgroup { 6.0 / 16.0 } else { 12.0 / 8.0 };
            let kernel_x = problem.window.kernel[2] as f64;
            let quads = (problem.in_channels as f64 * kernel_x / 4.0).ceil();
            let lanes = problem.items() as f64 / 8.0;
            let unfolding = quads * store + problem.in_channels as f64 * kernel_x * 60.0;
            lanes * (unfolding + output * (taps / kernel_x * quads * product(share) + store))
        }
        Design::Grouped => direct(20.0, 1.0),
        Design::Winograd(size, product_by) => {
            let (points, pixels) = (size.points() as f64, (size.side() * size.side()) as f64);
            let share = if product_by == Product::Subgroup { 6.0 / 16.0 } else { 12.0 / 8.0 };
            let lanes = problem.tiles(size.side()) as f64 / 8.0;
            // Transforms are so long a code that it is decoded anew each time, and few tiles leave lanes of a product empty.
            let there = input * points * (load + 220.0);
            let back = output * (points + pixels) * (load + 250.0);
            lanes * (there + back + points * input * output * (product(share) + 10.0))
                + parts(problem, size, scratch_room, target) as f64 * STEPS_NS
        }
    }
}

/// What the steps of a part cost to start, on llvmpipe.
const STEPS_NS: f64 = 200_000.0;
