//! The steps that compute a convolution.

use std::ops::Range;

use super::kernels::{ConvParams, Design, UnfoldParams, Variant, unfold, variants};
use super::order::candidates;
use super::pack;
use super::problem::Problem;
use super::winograd::Winograd;
use crate::ops::Reason;
use crate::ops::epilogue::Epilogue;
use crate::ops::pieces::divide;
use crate::ops::pixel_product::PixelProduct;
use crate::plan::lowering::{Dispatch, Layout, Lowering, Place, WORKGROUP, signed_size, size, vec4s};
use crate::plan::{DeviceClass, Target};

/// The pixels, or tiles, that a workgroup of a subgroup kernel takes.
#[derive(Debug, Clone, Copy)]
pub struct Block {
    /// Of one lane.
    pub pixels: u64,
    pub lanes: u64,
}

impl Block {
    /// The block that wastes least on so many pixels: more pixels a lane share a load of weights, but small maps leave
    /// lanes of a large block empty. The cost is in vector loads, arithmetic counted as one and a half a pixel.
    pub fn of(all: u64, target: &Target) -> Block {
        let blocks = [4, 2, 1].into_iter().map(|pixels| Block { pixels, lanes: Block::lanes(target) });
        let cost = |block: &Block| block.count(all) * block.lanes * (4 + 5 * block.pixels);
        blocks.min_by_key(cost).unwrap_or(Block { pixels: 1, lanes: WORKGROUP })
    }

    /// A software device works through a workgroup a subgroup at a time: the smallest wastes least, and one size for all
    /// maps is one pipeline to compile.
    fn lanes(target: &Target) -> u64 {
        match target.class {
            DeviceClass::Software => target.subgroup.map_or(8, |width| u64::from(width).max(8)),
            DeviceClass::Discrete | DeviceClass::Integrated => WORKGROUP,
        }
    }

    /// How many of them it takes.
    pub fn count(&self, all: u64) -> u64 {
        all.div_ceil(self.pixels * self.lanes)
    }

    pub fn constants(&self) -> [(&'static str, f64); 2] {
        [("PIXELS", self.pixels as f64), ("LANES", self.lanes as f64)]
    }
}

/// How a kernel divides the work on so many output channels: invocations in all.
fn invocations(design: Design, problem: &Problem, channels: usize, block: Block) -> u64 {
    let (items, channels) = (problem.items() as u64, channels as u64);
    match design {
        Design::Subgroup => {
            let phases = problem.phases() as u64;
            block.count(items / phases) * phases * channels.div_ceil(16) * WORKGROUP
        }
        Design::Tile => items.div_ceil(4) * channels.div_ceil(8),
        Design::Group => items.div_ceil(WORKGROUP) * channels.div_ceil(32) * WORKGROUP,
        Design::Depthwise | Design::Grouped | Design::Winograd(..) | Design::Unfolded(_) => {
            items * channels.div_ceil(4)
        }
    }
}

/// How often an invocation goes round its loops: over taps, and over inputs under each.
fn rounds(design: Design, problem: &Problem) -> u64 {
    let group_in = problem.group_in();
    let under_tap = if design.reads_octets() { group_in.div_ceil(4) } else { group_in };
    let around = problem.window.elements() as u64 * (under_tap as u64 + 1);
    // A tile is staged in a loop of its own, then walked in another.
    if design == Design::Group { 3 * around + 8 * problem.window.elements() as u64 } else { around }
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
        let variant = self.choose(node)?;
        if let Design::Winograd(size, product) = variant.design {
            return Winograd { layer: self, variant, size, product }.lower(node);
        }
        let tensor = node.constant(1).ok_or("weights computed by the network are not supported")?;
        let data = tensor.as_f32()?;
        if let Design::Unfolded(_) = variant.design {
            let x = self.unfold(node, variant.layout)?;
            let problem = self.problem.unfolded();
            return Layer { problem: &problem, ..*self }.lower_from(node, variant, x, &self.unfolded(data));
        }
        let x = node.input(0, variant.layout)?;
        self.lower_from(node, variant, x, data)
    }

    fn lower_from(
        &self,
        node: &mut Lowering,
        variant: &'static Variant,
        x: Place,
        data: &[f32],
    ) -> Result<(), Reason> {
        let added = match self.epilogue.residual || self.beside.is_some() {
            true => Some(node.input(node.input_count() - 1, variant.layout)?),
            false => None,
        };
        let y = node.output(variant.layout)?;
        // A texture is bound whole.
        let parts = match variant.layout {
            Layout::Texels => 1,
            _ => node.parts_to_fit(&[x, y, added.unwrap_or(y)]),
        };
        if parts > 1 && (self.problem.enlarged != [1; 2] || self.problem.pooled) {
            return Err("what it reads through an enlargement, or pools, does not fit a binding".into());
        }
        for outputs in self.channel_parts(variant.design, node.target().max_binding) {
            let weights = self.weights(node, variant, data, &outputs);
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
                self.emit(node, variant, &problem, outputs.len(), weights, places)?;
            }
        }
        Ok(())
    }

    /// Emits the step that lays the taps of a row side by side, and says where they then lie.
    fn unfold(&self, node: &mut Lowering, layout: Layout) -> Result<Place, Reason> {
        let x = node.input(0, Layout::Plain)?;
        let (problem, window) = (self.problem, &self.problem.window);
        let features = problem.in_channels * window.kernel[2];
        let pixels = problem.batch * window.input[1] * window.output[2];
        let quads = vec4s(features);
        let y = Place { stride: quads, ..node.scratch_quads(layout, pixels * quads as usize) };
        let params = UnfoldParams {
            planes: size(problem.batch)?,
            in_height: size(window.input[1])?,
            in_width: size(window.input[2])?,
            out_width: size(window.output[2])?,
            channels: size(problem.in_channels)?,
            stride_x: size(window.strides[2])?,
            dilation_x: size(window.dilations[2])?,
            pad_left: signed_size(window.pads_begin[2])?,
            quads,
            y_offset: y.offset,
        };
        let dispatch = Dispatch {
            kernel: unfold(layout),
            constants: vec![("KERNEL_X", window.kernel[2] as f64)],
            inputs: vec![x],
            output: y,
            params,
            invocations: pixels as u64,
            rounds: u64::from(quads),
        };
        node.dispatch_counted(dispatch, &[("y_offset", y)], 0)?;
        Ok(y)
    }

    /// The weights in ONNX's order, the taps of a row as channels.
    fn unfolded(&self, data: &[f32]) -> Vec<f32> {
        let (problem, [kernel_z, kernel_y, kernel_x]) = (self.problem, self.problem.window.kernel);
        let rows = kernel_z * kernel_y;
        let mut unfolded = Vec::with_capacity(data.len());
        for (o, i) in (0..problem.out_channels).flat_map(|o| (0..problem.in_channels).map(move |i| (o, i))) {
            for (x, row) in (0..kernel_x).flat_map(|x| (0..rows).map(move |row| (x, row))) {
                unfolded.push(data[problem.weight(o, i, row * kernel_x + x)]);
            }
        }
        unfolded
    }

    /// Whether a step loads the taps of a row as the channels of one group.
    fn gathers(&self, design: Design) -> bool {
        matches!(design, Design::Subgroup | Design::Tile) && self.problem.gathers()
    }

    fn choose(&self, node: &Lowering) -> Result<&'static Variant, Reason> {
        let problem = self.problem;
        let pixels_in = problem.batch * problem.window.input.iter().product::<usize>();
        let quads = |pixels: usize, channels: usize| pixels.saturating_mul(channels.next_multiple_of(4));
        let weights = problem.window.elements() * problem.group_in().next_multiple_of(4);
        let fits_texels = node.fits_texels(&[
            quads(pixels_in, problem.in_channels),
            quads(problem.out_pixels(), problem.out_channels),
            quads(problem.out_pixels(), self.beside.map_or(0, |product| product.inputs())),
            (weights + self.beside_quads() as usize * 4).saturating_mul(problem.out_channels + 16),
        ]);
        let kernel = node.choose(&candidates(
            problem,
            self.beside.is_some(),
            fits_texels,
            node.scratch_room(),
            node.target(),
        ))?;
        let variant = variants(problem).iter().find(|variant| variant.kernel.name == kernel.name);
        variant.ok_or_else(|| "the chosen kernel is none of a convolution".into())
    }

    /// Packed weights, and bias, scale and shift, of some output channels.
    fn weights(
        &self,
        node: &mut Lowering,
        variant: &Variant,
        data: &[f32],
        outputs: &Range<usize>,
    ) -> [Place; 2] {
        let pre = self.epilogue.pre.as_ref();
        let gathered = self.gathers(variant.design).then(|| (self.problem.unfolded(), self.unfolded(data)));
        let (problem, data) = gathered.as_ref().map_or((self.problem, data), |(p, data)| (p, data));
        let beside = self.beside;
        let weights = pack::Weights { problem, data, pre, beside, outputs: outputs.clone() };
        let first = outputs.start;
        let layout = variant.layout;
        let packed = match variant.design.reads_octets() {
            true => node.factors_for(layout, &format!("octets from {first}"), weights.octets()),
            false => node.factors_for(layout, &format!("quads from {first}"), weights.quads()),
        };
        let channels = pack::channels(outputs, self.bias, self.epilogue, self.beside);
        [packed, node.weights_for(layout, &format!("channels from {first}"), channels)]
    }

    fn emit(
        &self,
        node: &mut Lowering,
        variant: &'static Variant,
        problem: &Problem,
        channels: usize,
        [weights, per_channel]: [Place; 2],
        places: Places,
    ) -> Result<(), Reason> {
        let added = places.added.unwrap_or(weights);
        let dispatch = Dispatch {
            kernel: &variant.kernel,
            constants: self.constants(node, variant.design.base()),
            inputs: vec![places.x, weights, per_channel, added],
            output: places.y,
            params: self.params(problem, channels, [places.x, places.y, added])?,
            invocations: invocations(variant.design.base(), problem, channels, self.block(node)),
            rounds: rounds(variant.design, problem) + u64::from(self.beside_quads()),
        };
        let offsets = [("x_offset", places.x), ("y_offset", places.y), ("residual_offset", added)];
        node.dispatch_at(dispatch, &offsets)
    }

    /// The output channels, in as many parts as it takes for the weights of each to fit a binding. Groups are not
    /// divided: with more than one of them weights are small.
    fn channel_parts(&self, design: Design, max_binding: u64) -> Vec<Range<usize>> {
        let all = self.problem.out_channels;
        let taps = self.problem.window.elements() as u64;
        let quads = u64::from(vec4s(self.problem.group_in())) * taps + u64::from(self.beside_quads());
        let bytes = quads * 16;
        // A step of the subgroup kernel takes 16 channels.
        let fitting = usize::try_from(max_binding / bytes.max(1)).unwrap_or(all) / 16 * 16;
        if !design.reads_octets() || fitting == 0 {
            return std::iter::once(0..all).collect();
        }
        (0..all).step_by(fitting).map(|first| first..(first + fitting).min(all)).collect()
    }

    fn block(&self, node: &Lowering) -> Block {
        if self.problem.pooled {
            // The four pixels of a lane become one.
            return Block { pixels: 4, lanes: Block::lanes(node.target()) };
        }
        Block::of((self.problem.items() / self.problem.phases()) as u64, node.target())
    }

    /// Groups of four channels under the product beside.
    fn beside_quads(&self) -> u32 {
        self.beside.map_or(0, |product| vec4s(product.inputs()))
    }

    pub(super) fn constants(&self, node: &Lowering, design: Design) -> Vec<(&'static str, f64)> {
        let (epilogue, window) = (self.epilogue, &self.problem.window);
        let [kernel_z, kernel_y, mut kernel_x] = window.kernel;
        let gathered = if self.gathers(design) { std::mem::replace(&mut kernel_x, 1) } else { 0 };
        let mut constants = vec![
            ("KERNEL_Z", kernel_z as f64),
            ("KERNEL_Y", kernel_y as f64),
            ("KERNEL_X", kernel_x as f64),
            ("GATHERED", gathered as f64),
            ("FIRST", f64::from(epilogue.first.code())),
            ("LAST", f64::from(epilogue.last.code())),
            ("HAS_POST", f64::from(epilogue.post.is_some())),
            ("HAS_RESIDUAL", f64::from(epilogue.residual)),
            ("HAS_BESIDE", f64::from(self.beside.is_some())),
            ("POOLED", f64::from(self.problem.pooled)),
        ];
        if self.problem.transposed {
            let names = ["STRIDE_Z", "STRIDE_Y", "STRIDE_X"];
            constants.extend(names.into_iter().zip(window.strides.map(|stride| stride as f64)));
        } else {
            constants.push(("IS_DEEP", f64::from(window.is_deep())));
            constants.push(("ENLARGED_Y", self.problem.enlarged[0] as f64));
            constants.push(("ENLARGED_X", self.problem.enlarged[1] as f64));
        }
        if design == Design::Subgroup {
            constants.extend(self.block(node).constants());
        }
        constants
    }

    pub(super) fn params(
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
            tiles_y: 0,
            tiles_x: 0,
            first_tile: 0,
            tiles: 0,
            turns: 0,
            first_a,
            first_b,
            last_a,
            last_b,
        })
    }
}
