//! Winograd's minimal algorithms F(2x2, 3x3) and F(4x4, 3x3): tiles of the input are transformed, multiplied point by point
//! with transformed weights, and transformed back. 2.25 and 4 times fewer multiplications than the direct sum, for more
//! loads and some rounding. Lavin and Gray, 2015: <https://arxiv.org/abs/1509.09308>

use super::kernels::{Minimal, Product, Transforms, Variant, WinogradParams, transforms};
use super::lower::{Block, Layer};
use super::pack;
use super::problem::Problem;
use crate::ops::Reason;
use crate::plan::Target;
use crate::plan::lowering::{Dispatch, Lowering, Place, WORKGROUP, signed_size, size, vec4s};

/// A convolution that a minimal algorithm computes.
pub struct Winograd<'l, 'a> {
    pub layer: &'l Layer<'a>,
    pub variant: &'static Variant,
    pub size: Minimal,
    pub product: Product,
}

/// Tiles that are worked on together, counted through all planes.
#[derive(Clone, Copy)]
struct Part {
    first: usize,
    tiles: usize,
}

/// The values of a part between its steps.
struct Scratch {
    transformed: Place,
    products: Place,
}

impl Winograd<'_, '_> {
    /// Emits the three steps of every part of the tiles.
    pub fn lower(&self, node: &mut Lowering) -> Result<(), Reason> {
        let layout = self.variant.layout;
        let x = node.input(0, layout)?;
        let residual = match self.layer.epilogue.residual {
            true => Some(node.input(node.input_count() - 1, layout)?),
            false => None,
        };
        let y = node.output(layout)?;
        let tensor = node.constant(1).ok_or("weights computed by the network are not supported")?;
        let epilogue = self.layer.epilogue;
        let pre = epilogue.pre.as_ref();
        let weights = pack::Weights {
            problem: self.layer.problem,
            data: tensor.as_f32()?,
            pre,
            beside: None,
            outputs: 0..self.layer.problem.out_channels,
        };
        let kind = format!("F{} points", self.size.side());
        let points = node.weights_for(layout, &kind, weights.winograd(self.size));
        let channels = pack::channels(&weights.outputs, self.layer.bias, epilogue, None);
        let channels = node.weights_for(layout, "channels", channels);
        for part in self.parts(node) {
            let scratch = self.scratch(node, part.tiles);
            self.emit_input(node, part, x, &scratch)?;
            self.emit_product(node, part, points, &scratch)?;
            self.emit_output(node, part, &scratch, channels, residual, y)?;
        }
        Ok(())
    }

    fn quads(&self) -> [u32; 2] {
        [vec4s(self.layer.problem.in_channels), vec4s(self.layer.problem.out_channels)]
    }

    fn parts(&self, node: &Lowering) -> Vec<Part> {
        let all = self.layer.problem.tiles(self.size.side());
        let count = parts(self.layer.problem, self.size, node.scratch_room(), node.target());
        let tiles = all.div_ceil(count.max(1));
        (0..all).step_by(tiles.max(1)).map(|first| Part { first, tiles: tiles.min(all - first) }).collect()
    }

    fn scratch(&self, node: &mut Lowering, tiles: usize) -> Scratch {
        let [input, output] = self.quads();
        let quads = |channels: u32| self.size.points() * tiles * channels as usize;
        let layout = self.variant.layout;
        Scratch {
            transformed: node.scratch_quads(layout, quads(input)),
            products: node.scratch_quads(layout, quads(output)),
        }
    }

    fn transforms(&self) -> &'static Transforms {
        transforms(self.size, self.variant.layout)
    }

    fn params(&self, part: Part, from: Place, to: Place) -> Result<WinogradParams, Reason> {
        let window = &self.layer.problem.window;
        let side = self.size.side();
        let [in_quads, out_quads] = self.quads();
        // Kernels count groups of four in 32 bits.
        size(self.size.points() * part.tiles * in_quads.max(out_quads) as usize)?;
        Ok(WinogradParams {
            in_height: size(window.input[1])?,
            in_width: size(window.input[2])?,
            in_quads,
            out_quads,
            pad_top: signed_size(window.pads_begin[1])?,
            pad_left: signed_size(window.pads_begin[2])?,
            tiles_y: size(window.output[1].div_ceil(side))?,
            tiles_x: size(window.output[2].div_ceil(side))?,
            first_tile: size(part.first)?,
            tiles: size(part.tiles)?,
            points: size(self.size.points())?,
            x_offset: from.offset,
            x_stride: from.stride,
            y_offset: to.offset,
            turns: 0,
        })
    }

    fn emit_input(&self, node: &mut Lowering, part: Part, x: Place, scratch: &Scratch) -> Result<(), Reason> {
        let mut params = self.params(part, x, scratch.transformed)?;
        params.turns = node.turns(params.in_quads, part.tiles);
        let dispatch = Dispatch {
            kernel: &self.transforms().input,
            constants: vec![],
            inputs: vec![x],
            output: scratch.transformed,
            params,
            invocations: part.tiles as u64 * u64::from(params.turns),
            rounds: u64::from(params.in_quads.div_ceil(params.turns)),
        };
        node.dispatch_counted(dispatch, &[("x_offset", x), ("y_offset", scratch.transformed)], 0)
    }

    fn emit_product(
        &self,
        node: &mut Lowering,
        part: Part,
        weights: Place,
        scratch: &Scratch,
    ) -> Result<(), Reason> {
        let Scratch { transformed, products } = *scratch;
        let params = self.params(part, transformed, products)?;
        let (tiles, points) = (part.tiles as u64, self.size.points() as u64);
        let (constants, invocations) = match self.product {
            Product::Subgroup => {
                let block = Block::of(tiles, node.target());
                let groups = block.count(tiles) * points * u64::from(params.out_quads).div_ceil(4);
                (block.constants().to_vec(), groups * WORKGROUP)
            }
            Product::Tile => (vec![], tiles.div_ceil(4) * points * u64::from(params.out_quads).div_ceil(2)),
        };
        let dispatch = Dispatch {
            kernel: &self.variant.kernel,
            constants,
            inputs: vec![transformed, weights],
            output: products,
            params,
            invocations,
            rounds: u64::from(params.in_quads),
        };
        let problem = self.layer.problem;
        let multiply_adds = tiles * points * (problem.in_channels * problem.out_channels) as u64;
        let offsets = [("x_offset", transformed), ("y_offset", products)];
        node.dispatch_counted(dispatch, &offsets, multiply_adds)
    }

    fn emit_output(
        &self,
        node: &mut Lowering,
        part: Part,
        scratch: &Scratch,
        channels: Place,
        residual: Option<Place>,
        y: Place,
    ) -> Result<(), Reason> {
        let problem = self.layer.problem;
        let (from, added) = (scratch.products, residual.unwrap_or(channels));
        let mut params = self.layer.params(problem, problem.out_channels, [from, y, added])?;
        let tiles = self.params(part, from, y)?;
        (params.tiles_y, params.tiles_x) = (tiles.tiles_y, tiles.tiles_x);
        (params.first_tile, params.tiles) = (tiles.first_tile, tiles.tiles);
        params.turns = node.turns(tiles.out_quads, part.tiles);
        let dispatch = Dispatch {
            kernel: &self.transforms().output,
            constants: self.layer.constants(node, self.variant.design),
            inputs: vec![from, channels, channels, added],
            output: y,
            params,
            invocations: part.tiles as u64 * u64::from(params.turns),
            rounds: u64::from(tiles.out_quads.div_ceil(params.turns)),
        };
        let offsets = [("x_offset", from), ("y_offset", y), ("residual_offset", added)];
        node.dispatch_counted(dispatch, &offsets, 0)
    }
}

/// Into how many parts the tiles are divided for what lies between the steps to need little memory beside the network's
/// own values, of which so many bytes are left.
pub fn parts(problem: &Problem, size: Minimal, room: u64, target: &Target) -> usize {
    let all = problem.tiles(size.side());
    let quads = vec4s(problem.in_channels.max(problem.out_channels));
    let bytes_a_tile = size.points() as u64 * u64::from(quads) * 16;
    let room = (room / 2).min(target.max_binding);
    all.div_ceil(usize::try_from(room / bytes_a_tile).unwrap_or(all).max(LEAST_TILES))
}

/// Fewer tiles at a time are not worth their steps.
const LEAST_TILES: usize = 64;
