//! What convolution kernels cost on llvmpipe: the default order of software devices.

use super::kernels::{Design, Product, Variant};
use super::problem::Problem;
use super::winograd::parts;
use crate::plan::Target;
use crate::plan::lowering::Layout;

/// Nanoseconds that a core takes for eight lanes, fitted to what `gyrus tune` measured at the layers of both shipped networks.
struct Rates {
    /// Four floats read, and four written.
    load: f64,
    store: f64,
    /// Four inputs for four outputs, beside their loads.
    product: f64,
    /// A point of Winograd's transforms beside its loads, and what a product of points takes more: they are so long a code
    /// that it is decoded anew each time.
    to_points: f64,
    from_points: f64,
    point_product: f64,
    /// Tiles that a product takes at once: few leave some of its lanes empty.
    tiles: usize,
}

/// On a CPU with AVX2, whole layers taken together. In buffers loads decide: eight lanes fetch a texel each in a tenth of the
/// time that four floats of a buffer take.
const EIGHT_LANES: Rates = Rates {
    load: 9.0,
    store: 430.0,
    product: 13.0,
    to_points: 220.0,
    from_points: 250.0,
    point_product: 10.0,
    tiles: 1,
};
const EIGHT_LANES_IN_BUFFERS: Rates = Rates { load: 225.0, store: 290.0, ..EIGHT_LANES };

/// On a CPU with AVX-512 and vectors of 512 bits: twice the arithmetic in an instruction, but every float is still stored by
/// itself, so that Winograd's steps pay later.
const SIXTEEN_LANES: Rates = Rates {
    load: 3.0,
    store: 100.0,
    product: 2.9,
    to_points: 109.0,
    from_points: 33.0,
    point_product: 4.7,
    tiles: 16,
};
const SIXTEEN_LANES_IN_BUFFERS: Rates = Rates { load: 18.0, ..SIXTEEN_LANES };

impl Rates {
    fn of(layout: Layout, target: &Target) -> &'static Rates {
        match (target.subgroup, layout) {
            (Some(16), Layout::Texels) => &SIXTEEN_LANES,
            (Some(16), _) => &SIXTEEN_LANES_IN_BUFFERS,
            (_, Layout::Texels) => &EIGHT_LANES,
            _ => &EIGHT_LANES_IN_BUFFERS,
        }
    }

    /// Four inputs for four outputs, with a part in the loads of a tile.
    fn product(&self, share: f64) -> f64 {
        self.product + share * self.load
    }
}

/// About how many nanoseconds a core takes.
pub fn cost(variant: &Variant, problem: &Problem, scratch_room: u64, target: &Target) -> f64 {
    let rates = Rates::of(variant.layout, target);
    let [input, output] =
        [problem.group_in(), problem.out_channels].map(|channels| channels.div_ceil(4) as f64);
    let taps = problem.window.elements() as f64;
    // What a step that gathers the taps of a row has as one.
    let gathered = if problem.gathers() { problem.window.kernel[2] as f64 } else { 1.0 };
    let lanes = problem.items() as f64 / 8.0;
    let direct = |share: f64, gathered: f64| {
        lanes * output * (taps / gathered * input * rates.product(share) + rates.store)
    };
    match variant.design {
        Design::Depthwise => direct(0.0, 1.0) / input.max(1.0),
        Design::Subgroup => direct(share(Product::Subgroup), gathered),
        Design::Tile => direct(share(Product::Tile), gathered),
        // A store to workgroup memory and a load from it for every load, and barriers.
        Design::Group => direct(share(Product::Tile) + 20.0, 1.0),
        Design::Unfolded(by) => {
            let kernel_x = problem.window.kernel[2] as f64;
            let quads = (problem.in_channels as f64 * kernel_x / 4.0).ceil();
            let unfolding = quads * rates.store + problem.in_channels as f64 * kernel_x * 60.0;
            let products = taps / kernel_x * quads * rates.product(share(by));
            lanes * (unfolding + output * (products + rates.store))
        }
        Design::Grouped => direct(20.0, 1.0),
        Design::Winograd(size, by) => {
            let (points, pixels) = (size.points() as f64, (size.side() * size.side()) as f64);
            let tiles = problem.tiles(size.side());
            let there = input * points * (rates.load + rates.to_points);
            let back = output * (points + pixels) * (rates.load + rates.from_points);
            let products = points * input * output * (rates.product(share(by)) + rates.point_product);
            (tiles as f64 * (there + back) + tiles.next_multiple_of(rates.tiles) as f64 * products) / 8.0
                + parts(problem, size, scratch_room, target) as f64 * STEPS_NS
        }
    }
}

/// What the steps of a part cost to start.
const STEPS_NS: f64 = 200_000.0;

/// The loads that one product has of those of its tile.
fn share(product: Product) -> f64 {
    match product {
        Product::Subgroup => 6.0 / 16.0,
        Product::Tile => 12.0 / 8.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::conv::kernels::variants;
    use crate::ops::window::Window;
    use crate::plan::DeviceClass;

    const NAMES: [&str; 3] = [
        "conv_subgroup_texels_f32",
        "conv_winograd4_subgroup_texels_f32",
        "conv_winograd2_subgroup_texels_f32",
    ];

    /// Channels in and out, height and width of 3x3 layers, first those of the shipped networks, and the microseconds that
    /// `gyrus tune` found for these three kernels with sixteen lanes, on a Zen 5, 2026-11-29.
    const MEASURED: [([usize; 4], [u32; 3]); 18] = [
        ([16, 16, 208, 176], [2419, 4298, 6280]),
        ([16, 32, 103, 87], [1248, 3909, 5193]),
        ([32, 32, 103, 87], [1802, 3193, 3810]),
        ([32, 64, 51, 43], [903, 1563, 1738]),
        ([64, 64, 51, 43], [1471, 2178, 2719]),
        ([64, 128, 25, 21], [761, 1127, 1320]),
        ([128, 128, 25, 21], [1336, 1624, 1918]),
        ([128, 256, 12, 10], [600, 792, 669]),
        ([256, 256, 12, 10], [1193, 1376, 1092]),
        ([128, 64, 32, 32], [1182, 1353, 1842]),
        ([256, 128, 16, 16], [1194, 1193, 1324]),
        ([64, 128, 16, 16], [355, 428, 520]),
        ([128, 256, 8, 8], [318, 849, 428]),
        ([64, 64, 128, 128], [10253, 10052, 16150]),
        ([128, 128, 40, 40], [3562, 3412, 4233]),
        ([256, 256, 16, 16], [2322, 1774, 2074]),
        ([256, 256, 32, 32], [8973, 4861, 7780]),
        ([512, 512, 16, 16], [10150, 5330, 6596]),
    ];

    fn layer([in_channels, out_channels, height, width]: [usize; 4]) -> Problem {
        let window = Window {
            input: [1, height, width],
            output: [1, height, width],
            kernel: [1, 3, 3],
            strides: [1; 3],
            dilations: [1; 3],
            pads_begin: [0, 1, 1],
            pads_end: [0, 1, 1],
            rank: 2,
        };
        let (batch, group, enlarged, pooled, transposed) = (1, 1, [1; 2], false, false);
        Problem { batch, in_channels, out_channels, group, window, enlarged, pooled, transposed }
    }

    #[test]
    fn what_is_cheapest_by_count_was_fastest_or_nearly() {
        let target = Target { class: DeviceClass::Software, subgroup: Some(16), ..Target::portable() };
        for (sizes, measured) in MEASURED {
            let problem = layer(sizes);
            let costs = NAMES.map(|name| {
                let variant = variants(&problem).iter().find(|variant| variant.kernel.name == name);
                cost(variant.expect("a kernel of this name"), &problem, 64 << 20, &target)
            });
            let (_, taken) = costs.iter().zip(measured).min_by(|a, b| a.0.total_cmp(b.0)).expect("three");
            let fastest = measured.into_iter().min().expect("three");
            assert!(taken * 10 <= fastest * 11, "{sizes:?}: {costs:?} for {measured:?}");
        }
    }
}
