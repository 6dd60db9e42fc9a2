//! The steps that bring a value from one layout to another.

use super::layout::{
    BUFFER_TO_TEXELS, LayoutParams, QuadsParams, TEXELS_TO_BUFFER, TEXELS_TO_PLAIN, TEXELS_TO_TEXELS,
    TO_CHANNELS_LAST, TO_PLAIN, TO_TEXELS, is_dense,
};
use super::lowering::{Dispatch, Layout, Lowering, Place, size, vec4s};
use crate::graph::ValueId;
use crate::ops::Reason;
use crate::ops::kernel::Kernel;
use crate::tensor::Shape;

/// Pixels that are converted from one layout to the other.
#[derive(Clone, Copy)]
struct Block {
    batch: usize,
    channels: usize,
    /// The distance from channel to channel in the row-major tensor.
    plane: usize,
    pixels: usize,
}

impl Lowering<'_, '_> {
    /// Emits the step that converts a value from a layout that it has to this one.
    pub(super) fn convert(&mut self, id: ValueId, shape: &Shape, layout: Layout) -> Result<Place, Reason> {
        let place = |&other: &Layout| Some((other, *self.planner.places.get(&(id, other))?));
        let (other, from) = Layout::ALL.iter().find_map(place).ok_or("its input has not been computed")?;
        if shape.rank() < 2 {
            return Err("channels-last needs a tensor of at least 2 dimensions".into());
        }
        match (other, layout) {
            (Layout::Plain, Layout::ChannelsLast) | (Layout::ChannelsLast, Layout::Plain) => {
                self.convert_in_buffers(id, shape, layout, from)
            }
            (Layout::Plain, _) | (_, Layout::Plain) => {
                let to = self.planner.output(id, layout);
                let (batch, channels, pixels) = (shape[0], shape[1], shape[2..].iter().product());
                let block = Block { batch, channels, plane: pixels, pixels };
                self.convert_part([other, layout], block, 0, [from, to])?;
                Ok(to)
            }
            _ => {
                let to = self.planner.output(id, layout);
                let kernel = if layout == Layout::Texels { &BUFFER_TO_TEXELS } else { &TEXELS_TO_BUFFER };
                self.copy_quads("layout", kernel, shape, [from, to])?;
                Ok(to)
            }
        }
    }

    /// Copies a part of a concatenation from one texture to another.
    pub fn copy_texels(&mut self, shape: &Shape, places: [Place; 2]) -> Result<(), Reason> {
        let operator = self.node.operator.clone();
        self.copy_quads(&operator, &TEXELS_TO_TEXELS, shape, places)
    }

    fn copy_quads(
        &mut self,
        operator: &str,
        kernel: &'static Kernel,
        shape: &Shape,
        [from, to]: [Place; 2],
    ) -> Result<(), Reason> {
        let pixels = shape.elements() / shape[1].max(1);
        let params = QuadsParams {
            pixels: size(pixels)?,
            quads: vec4s(shape[1]),
            x_offset: from.offset,
            x_stride: from.stride,
            y_offset: to.offset,
            y_stride: to.stride,
        };
        let invocations = pixels as u64 * u64::from(vec4s(shape[1]));
        let (constants, rounds) = (vec![], 0);
        let dispatch =
            Dispatch { kernel, constants, inputs: vec![from], output: to, params, invocations, rounds };
        self.dispatch_named(operator, dispatch, &[("x_offset", from), ("y_offset", to)], 0)
    }

    fn convert_in_buffers(
        &mut self,
        id: ValueId,
        shape: &Shape,
        layout: Layout,
        from: Place,
    ) -> Result<Place, Reason> {
        let pixels = shape[2..].iter().product::<usize>();
        // One pixel and whole groups of four: both layouts are the same bytes.
        if pixels == 1 && shape[1].is_multiple_of(4) && from.offset == 0 && is_dense(&from, shape[1]) {
            let place = Place { stride: vec4s(shape[1]), ..from };
            self.planner.places.insert((id, layout), place);
            return Ok(place);
        }
        let to = self.planner.output(id, layout);
        let (batch, channels) = (shape[0], shape[1]);
        match self.parts_to_fit(&[from, to]) {
            1 => {
                let block = Block { batch, channels, plane: pixels, pixels };
                self.convert_part(buffers(layout), block, 0, [from, to])?
            }
            parts => {
                let step = pixels.div_ceil(parts.div_ceil(batch));
                for (sample, first) in (0..batch).flat_map(|n| (0..pixels).step_by(step).map(move |p| (n, p)))
                {
                    let block = Block { batch: 1, channels, plane: pixels, pixels: step.min(pixels - first) };
                    self.convert_pixels(layout, block, sample, first, [from, to])?;
                }
            }
        }
        Ok(to)
    }

    /// Converts some pixels of one sample, binding only what they touch.
    fn convert_pixels(
        &mut self,
        layout: Layout,
        block: Block,
        sample: usize,
        first: usize,
        [from, to]: [Place; 2],
    ) -> Result<(), Reason> {
        let alignment = self.planner.target.alignment;
        let to_plain = layout == Layout::Plain;
        let (plain, quads) = if to_plain { (to, from) } else { (from, to) };
        let pixel = (sample * block.plane + first) as u64;
        let quads = quads.cut_pixels(&(pixel..pixel + block.pixels as u64), alignment)?;
        // From the first pixel in the first channel to the last pixel in the last.
        let start = (sample * block.channels * block.plane + first) as u64;
        let end = start + ((block.channels - 1) * block.plane + block.pixels) as u64;
        let plain = plain.cut(&(start / 4..end.div_ceil(4)), alignment)?;
        let skipped = plain.part.map_or(0, |part| part.start / 4);
        let places = if to_plain { [quads, plain] } else { [plain, quads] };
        self.convert_part(buffers(layout), block, (start - skipped) as usize, places)
    }

    /// `first` is where the row-major side of the block begins in what is bound of it.
    fn convert_part(
        &mut self,
        [before, layout]: [Layout; 2],
        block: Block,
        first: usize,
        [from, to]: [Place; 2],
    ) -> Result<(), Reason> {
        let Block { batch, channels, plane, pixels } = block;
        let channels_last = if before == Layout::Plain { to } else { from };
        let params = LayoutParams {
            batch: size(batch)?,
            channels: size(channels)?,
            pixels: size(pixels)?,
            offset: channels_last.offset,
            stride: channels_last.stride,
            first: size(first)?,
            plane: size(plane)?,
        };
        let kernel = match (before, layout) {
            (Layout::Texels, _) => &TEXELS_TO_PLAIN,
            (_, Layout::Texels) => &TO_TEXELS,
            (_, Layout::Plain) => &TO_PLAIN,
            _ => &TO_CHANNELS_LAST,
        };
        let count = if layout == Layout::Plain { channels } else { channels.div_ceil(4) };
        let invocations = (batch * pixels * count) as u64;
        let dispatch = Dispatch {
            kernel,
            constants: vec![],
            inputs: vec![from],
            output: to,
            params,
            invocations,
            rounds: 0,
        };
        self.dispatch_named("layout", dispatch, &[("offset", channels_last)], 0)
    }
}

/// The way between the layouts in buffers that ends in this one.
fn buffers(layout: Layout) -> [Layout; 2] {
    match layout {
        Layout::Plain => [Layout::ChannelsLast, Layout::Plain],
        _ => [Layout::Plain, Layout::ChannelsLast],
    }
}
