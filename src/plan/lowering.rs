//! What an operator sees of the planner: it names values and layouts, and emits its steps.
//!
//! A step that converts is emitted where a node wants the layout that a value does not have.

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

pub use super::choice::{Choice, Decision};
use super::layout::{
    BUFFER_TO_TEXELS, COPY, LayoutParams, TEXELS_TO_BUFFER, TEXELS_TO_PLAIN, TO_CHANNELS_LAST, TO_PLAIN,
    TO_TEXELS, is_dense, pack_channels_last,
};
pub use super::layout::{
    Home, LAYOUT_KERNELS, Layout, Place, QuadsParams, READ_BUFFER, READ_TEXELS, TEXELS, TEXELS_TO_TEXELS,
    WRITE_BUFFER, WRITE_TEXELS, signed_size, size, vec4s,
};
use super::memory::Medium;
use super::planner::{Draft, Planner};
use super::site::site;
use super::{DeviceClass, TEXELS_A_ROW, Target, max_texture_bytes};
use crate::graph::{Graph, Node, ValueId};
use crate::ops::kernel::Kernel;
use crate::ops::{Info, Reason};
use crate::tensor::{Shape, Tensor};

/// A dispatch as an operator states it.
pub struct Dispatch<P: Pod> {
    pub kernel: &'static Kernel,
    pub constants: Vec<(&'static str, f64)>,
    /// In the order of the kernel's bindings.
    pub inputs: Vec<Place>,
    pub output: Place,
    pub params: P,
    /// Invocations in all; the kernel's `invocation_index` runs over them, in workgroups of 64.
    pub invocations: u64,
    /// How often an invocation goes round its loops at most, all together.
    pub rounds: u64,
}

/// Pixels that are converted from one layout to the other.
#[derive(Clone, Copy)]
struct Block {
    batch: usize,
    channels: usize,
    /// The distance from channel to channel in the row-major tensor.
    plane: usize,
    pixels: usize,
}

/// Invocations that keep the cores of a software device busy.
const SOFTWARE_INVOCATIONS: usize = 2048;

/// Lanes of a workgroup: `WORKGROUP` in `grid.wgsl`.
pub const WORKGROUP: u64 = 64;

/// What a node sees of the planner while it emits its steps.
pub struct Lowering<'p, 'a> {
    pub(super) planner: &'p mut Planner<'a>,
    pub(super) graph: &'a Graph,
    pub(super) node: &'p Node,
}

impl Lowering<'_, '_> {
    pub(super) fn emit(&mut self) -> Result<(), Reason> {
        let infos = self.infos();
        if self.node.op.is_view(&infos) { self.emit_view() } else { self.node.op.clone().lower(self) }
    }

    /// A view shares its input's storage.
    fn emit_view(&mut self) -> Result<(), Reason> {
        let place = self.input(0, Layout::Plain)?;
        let output = self.output_id(0)?;
        self.planner.places.insert((output, Layout::Plain), place);
        Ok(())
    }

    pub fn infos(&self) -> Vec<Option<Info>> {
        self.graph.infos(self.node)
    }

    pub fn target(&self) -> &Target {
        self.planner.target
    }

    /// How many inputs the node has, absent ones counted.
    pub fn input_count(&self) -> usize {
        self.node.inputs.len()
    }

    pub fn input_shape(&self, position: usize) -> Result<Shape, Reason> {
        Ok(self.graph.values[self.input_id(position)?].shape.clone())
    }

    /// The shape of the first output.
    pub fn output_shape(&self) -> Result<Shape, Reason> {
        self.output_shape_at(0)
    }

    pub fn output_shape_at(&self, position: usize) -> Result<Shape, Reason> {
        Ok(self.graph.values[self.output_id(position)?].shape.clone())
    }

    /// Whether anyone reads an output: one that nobody reads needs no step.
    pub fn is_read(&self, position: usize) -> bool {
        self.output_id(position).is_ok_and(|id| self.planner.readers[id] > 0)
    }

    /// The elements of an input that is constant; `None` for one that is computed or absent.
    pub fn constant(&self, position: usize) -> Option<Arc<Tensor>> {
        let id = self.node.inputs.get(position).copied().flatten()?;
        self.graph.values[id].constant.clone()
    }

    /// Whether an input already lies in this layout, so that asking for it costs nothing.
    pub fn has(&self, position: usize, layout: Layout) -> bool {
        self.input_id(position).is_ok_and(|id| self.planner.places.contains_key(&(id, layout)))
    }

    /// The layout that costs least, of those in buffers: channels-last if any input lies so.
    pub fn natural_layout(&self) -> Layout {
        let is_quads = |i| self.has(i, Layout::ChannelsLast) || self.has(i, Layout::Texels);
        let any = (0..self.input_count()).any(is_quads);
        if any { Layout::ChannelsLast } else { Layout::Plain }
    }

    /// Where an input lies in this layout; emits the conversion if it lies in the other one.
    pub fn input(&mut self, position: usize, layout: Layout) -> Result<Place, Reason> {
        let id = self.input_id(position)?;
        if let Some(&place) = self.planner.places.get(&(id, layout)) {
            return Ok(place);
        }
        let value = &self.graph.values[id];
        if let Some(tensor) = &value.constant {
            let place = self.upload(&value.name, tensor, layout)?;
            self.planner.places.insert((id, layout), place);
            return Ok(place);
        }
        let shape = value.shape.clone();
        self.convert(id, &shape, layout)
    }

    fn upload(&mut self, name: &str, tensor: &Tensor, layout: Layout) -> Result<Place, Reason> {
        let data = tensor.to_device()?;
        let shape = tensor.shape();
        match layout {
            Layout::Plain => {
                Ok(self.planner.add_weights(&format!("{name}/plain"), data.into_owned(), Medium::Buffer))
            }
            Layout::ChannelsLast | Layout::Texels => {
                let packed = pack_channels_last(&data, shape);
                let name = format!("{name}/channels-last");
                let mut place = self.planner.add_weights(&name, packed, layout.medium());
                place.stride = vec4s(shape[1]);
                Ok(place)
            }
        }
    }

    fn convert(&mut self, id: ValueId, shape: &Shape, layout: Layout) -> Result<Place, Reason> {
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

    /// Where to write the first output in this layout.
    pub fn output(&mut self, layout: Layout) -> Result<Place, Reason> {
        self.output_at(0, layout)
    }

    pub fn output_at(&mut self, position: usize, layout: Layout) -> Result<Place, Reason> {
        let id = self.output_id(position)?;
        Ok(self.planner.output(id, layout))
    }

    /// Row-major memory for what a node computes on the way, by the number of its elements.
    pub fn scratch(&mut self, elements: usize) -> Place {
        self.planner.allocate(elements)
    }

    /// Groups of four for what a node computes on the way, held by what holds activations of this layout.
    pub fn scratch_quads(&mut self, layout: Layout, quads: usize) -> Place {
        self.planner.allocate_in(layout.medium(), quads * 4)
    }

    /// How many invocations share the groups of channels of a pixel: one for each group on hardware, which wants many. A
    /// software device divides integers lane by lane, so finding a pixel costs more than what is done for it.
    pub fn turns(&self, quads: u32, pixels: usize) -> u32 {
        let enough = match self.planner.target.class {
            DeviceClass::Software => SOFTWARE_INVOCATIONS.div_ceil(pixels.max(1)),
            DeviceClass::Discrete | DeviceClass::Integrated => usize::MAX,
        };
        quads.min(u32::try_from(enough).unwrap_or(u32::MAX)).max(1)
    }

    /// Bytes that the node may take for what it computes on the way without making the network's memory much larger.
    pub fn scratch_room(&self) -> u64 {
        self.planner.scratch_room
    }

    /// Whether an input is already written in its place within this node's output (in-place concat).
    pub fn is_in_place(&self, position: usize, layout: Layout) -> bool {
        let (Ok(id), Ok(whole)) = (self.input_id(position), self.output_id(0)) else { return false };
        let home = self.planner.concat_homes.get(&(whole, layout)).map(|&storage| Home::Storage(storage));
        let place = self.planner.places.get(&(id, layout)).map(|place| place.home);
        self.planner.concats.get(&id).is_some_and(|part| part.whole == whole)
            && home.is_some()
            && place == home
    }

    /// Weights packed by the node; `kind` says in what order, for those who look at the plan.
    pub fn weights(&mut self, kind: &str, data: Vec<f32>) -> Place {
        self.weights_for(Layout::ChannelsLast, kind, data)
    }

    /// Weights packed by the node, held by what holds activations of this layout.
    pub fn weights_for(&mut self, layout: Layout, kind: &str, data: Vec<f32>) -> Place {
        self.planner.add_weights(&format!("{}/{kind}", self.node.name), data, layout.medium())
    }

    /// Whether values and weights of so many f32 each may lie in textures: a step binds all of a texture.
    pub fn fits_texels(&self, elements: &[usize]) -> bool {
        let target = self.planner.target;
        let most = max_texture_bytes(target).min(target.max_binding);
        TEXELS_A_ROW <= target.max_texture_side && elements.iter().all(|&n| n as u64 * 4 <= most)
    }

    /// The kernel of the list that is to be taken: the first that applies, unless tuning found another or one is forced.
    pub fn choose(&self, candidates: &[(&'static Kernel, bool)]) -> Result<&'static Kernel, Reason> {
        let mut applying: Vec<&'static Kernel> = Vec::new();
        for (kernel, _) in candidates.iter().filter(|(_, applies)| *applies) {
            if applying.iter().all(|k| k.name != kernel.name) {
                applying.push(kernel);
            }
        }
        let site = site(self.graph, self.node);
        let kernel = self.planner.choice.pick(&applying, &site)?;
        let candidates = applying.iter().map(|k| k.name).collect();
        self.planner.decisions.borrow_mut().push(Decision { site, candidates, chosen: kernel.name });
        Ok(kernel)
    }

    /// Emits a step of this node.
    pub fn dispatch<P: Pod>(&mut self, dispatch: Dispatch<P>) -> Result<(), Reason> {
        self.dispatch_at(dispatch, &[])
    }

    /// Emits a step of this node of which some places may lie in textures: for each the parameter that holds its offset.
    pub fn dispatch_at<P: Pod>(
        &mut self,
        dispatch: Dispatch<P>,
        offsets: &[(&str, Place)],
    ) -> Result<(), Reason> {
        let first = self.counts_for_node();
        let multiply_adds = if first { self.graph.node_multiply_adds(self.node) } else { 0 };
        self.dispatch_counted(dispatch, offsets, multiply_adds)
    }

    /// As [`Lowering::dispatch_at`], for a node whose steps multiply less than its operator says.
    pub fn dispatch_counted<P: Pod>(
        &mut self,
        dispatch: Dispatch<P>,
        offsets: &[(&str, Place)],
        multiply_adds: u64,
    ) -> Result<(), Reason> {
        let operator = self.node.operator.clone();
        self.dispatch_named(&operator, dispatch, offsets, multiply_adds)
    }

    fn dispatch_named<P: Pod>(
        &mut self,
        operator: &str,
        dispatch: Dispatch<P>,
        offsets: &[(&str, Place)],
        multiply_adds: u64,
    ) -> Result<(), Reason> {
        let Home::Storage(output) = dispatch.output.home else {
            return Err("a step would write to weights".into());
        };
        let most = self.planner.target.max_rounds;
        if dispatch.rounds > most {
            return Err(Reason(format!(
                "an invocation would go round its loops {} times, and a software driver is trusted with {most}; run it \
                 on a GPU or with --device cpu",
                dispatch.rounds
            )));
        }
        let grid = fold_grid(dispatch.invocations.div_ceil(WORKGROUP), self.planner.target.max_groups)?;
        let places = dispatch.inputs.iter().chain([&dispatch.output]);
        let bytes = places.map(|place| self.moved_bytes(place)).sum();
        self.planner.drafts.push(Draft {
            node: self.node.name.clone(),
            operator: operator.to_string(),
            kernel: dispatch.kernel,
            constants: dispatch.constants,
            inputs: dispatch.inputs.iter().map(|place| (place.home, place.part)).collect(),
            output,
            output_part: dispatch.output.part,
            params: bytemuck::bytes_of(&dispatch.params).to_vec(),
            texel_offsets: texel_offsets(dispatch.kernel, offsets),
            grid,
            multiply_adds,
            bytes,
        });
        Ok(())
    }

    /// Whether this is the node's first step of its own: the one that its multiply-adds are booked on.
    fn counts_for_node(&self) -> bool {
        let mut own = self.planner.drafts.iter().rev().take_while(|d| d.node == self.node.name);
        own.all(|d| d.multiply_adds == 0)
    }

    /// Bytes that a step binds at a place.
    pub fn bound_bytes(&self, place: &Place) -> u64 {
        match (place.part, place.home) {
            (Some(part), _) => part.bytes,
            (None, Home::Storage(i)) => self.planner.storages[i].bytes(),
            (None, Home::Weights(i)) => self.planner.weights[i].bytes,
        }
    }

    /// Bytes that a step reads or writes at a place: of a concatenation only what lies in the channels of its part.
    fn moved_bytes(&self, place: &Place) -> u64 {
        let is_there = |id: &&ValueId| {
            let at = self.planner.places.get(&(**id, Layout::ChannelsLast));
            at.is_some_and(|at| at.home == place.home)
        };
        let values = self.node.inputs.iter().flatten().chain(&self.node.outputs).filter(is_there);
        let quads: u64 = values.map(|id| u64::from(vec4s(self.graph.values[*id].shape[1]))).sum();
        match (quads, u64::from(place.stride)) {
            (1.., stride) if quads < stride => self.bound_bytes(place) / stride * quads,
            _ => self.bound_bytes(place),
        }
    }

    /// Into how many parts work must be divided for all these places to fit bindings.
    pub fn parts_to_fit(&self, places: &[Place]) -> usize {
        // A part may reach into its neighbours: the halo of a window, the device's alignment.
        let room = self.planner.target.max_binding.saturating_sub(self.planner.target.alignment).max(1);
        let parts = |place: &Place| match self.bound_bytes(place) {
            bytes if bytes <= self.planner.target.max_binding => 1,
            bytes => bytes.div_ceil(room),
        };
        places.iter().map(|place| parts(place) as usize).max().unwrap_or(1)
    }

    pub(super) fn input_storage(&mut self, position: usize) -> Result<usize, Reason> {
        let place = self.input(position, Layout::Plain)?;
        match place.home {
            Home::Storage(storage) => Ok(storage),
            Home::Weights(_) => self.copy_constant(position, place),
        }
    }

    /// A network output that is constant still has to lie where outputs are read back.
    fn copy_constant(&mut self, position: usize, from: Place) -> Result<usize, Reason> {
        let id = self.input_id(position)?;
        let elements = self.graph.values[id].shape.elements();
        let to = self.planner.allocate(elements);
        let params =
            LayoutParams { batch: 1, channels: 1, pixels: size(elements)?, stride: 1, ..Zeroable::zeroed() };
        let (kernel, invocations) = (&COPY, elements.div_ceil(4) as u64);
        self.dispatch(Dispatch {
            kernel,
            constants: vec![],
            inputs: vec![from],
            output: to,
            params,
            invocations,
            rounds: 0,
        })?;
        self.planner.places.insert((id, Layout::Plain), to);
        match to.home {
            Home::Storage(storage) => Ok(storage),
            Home::Weights(_) => Err("outputs cannot lie in weights".into()),
        }
    }

    fn input_id(&self, position: usize) -> Result<ValueId, Reason> {
        let id = self.node.inputs.get(position).copied().flatten();
        id.ok_or_else(|| Reason(format!("input {position} is missing")))
    }

    fn output_id(&self, position: usize) -> Result<ValueId, Reason> {
        self.node.outputs.get(position).copied().ok_or_else(|| "the node has no output".into())
    }
}

/// Where the kernel's parameters hold the offsets of these places, and in which storage each lies.
fn texel_offsets(kernel: &Kernel, offsets: &[(&str, Place)]) -> Vec<(usize, usize)> {
    let field = |name: &str| kernel.params.fields.iter().find(|(field, _)| *field == name).map(|f| f.1);
    let offset = |&(name, place): &(&str, Place)| match place.home {
        Home::Storage(storage) => Some((field(name)?, storage)),
        Home::Weights(_) => None,
    };
    offsets.iter().filter_map(offset).collect()
}

/// The way between the layouts in buffers that ends in this one.
fn buffers(layout: Layout) -> [Layout; 2] {
    match layout {
        Layout::Plain => [Layout::ChannelsLast, Layout::Plain],
        _ => [Layout::Plain, Layout::ChannelsLast],
    }
}

/// Spreads a number of workgroups over x and y, since each dimension is limited.
fn fold_grid(groups: u64, max: u32) -> Result<[u32; 3], Reason> {
    let rows = groups.div_ceil(u64::from(max)).max(1);
    let columns = groups.div_ceil(rows).max(1);
    match (u32::try_from(columns), u32::try_from(rows)) {
        (Ok(x), Ok(y)) if y <= max => Ok([x, y, 1]),
        _ => Err(Reason(format!("{groups} workgroups are more than the device can start"))),
    }
}
