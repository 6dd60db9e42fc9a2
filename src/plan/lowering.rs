//! What an operator sees of the planner: it names values and layouts, and emits its steps.
//!
//! A step that converts is emitted where a node wants the layout that a value does not have (`conversion`).

use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

pub use super::choice::{Choice, Decision};
use super::layout::{COPY, LayoutParams, pack_channels_last};
pub use super::layout::{
    Home, LAYOUT_KERNELS, Layout, Place, QuadsParams, READ_BUFFER, READ_TEXELS, TEXELS, TEXELS_TO_TEXELS,
    WRITE_BUFFER, WRITE_TEXELS, signed_size, size, vec4s,
};
use super::memory::Medium;
use super::planner::{Draft, Planner};
use super::site::site;
use super::{DeviceClass, Precision, TEXELS_A_ROW, Target, max_texture_bytes};
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
                let medium = layout.medium(self.target().precision);
                let mut place = self.planner.add_weights(&name, packed, medium);
                place.stride = vec4s(shape[1]);
                Ok(place)
            }
        }
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

    /// Groups of four for what a node computes on the way, held by what holds activations of this layout, always in f32.
    pub fn scratch_quads(&mut self, layout: Layout, quads: usize) -> Place {
        self.planner.allocate_in(layout.medium(Precision::F32), quads * 4)
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

    /// Weights packed by the node, held by what holds activations of this layout, always in f32.
    pub fn weights_for(&mut self, layout: Layout, kind: &str, data: Vec<f32>) -> Place {
        self.planner.add_weights(&format!("{}/{kind}", self.node.name), data, layout.medium(Precision::F32))
    }

    /// As [`Lowering::weights_for`], for factors of a sum, which are stored as activations are: their errors average out.
    pub fn factors_for(&mut self, layout: Layout, kind: &str, data: Vec<f32>) -> Place {
        let medium = layout.medium(self.target().precision);
        self.planner.add_weights(&format!("{}/{kind}", self.node.name), data, medium)
    }

    /// Whether values and weights of so many f32 each may lie in textures: a step binds all of a texture.
    pub fn fits_texels(&self, elements: &[usize]) -> bool {
        let target = self.planner.target;
        let most = max_texture_bytes(target, Precision::F32).min(target.max_binding);
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

    pub(super) fn dispatch_named<P: Pod>(
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

/// Spreads a number of workgroups over x and y, since each dimension is limited.
fn fold_grid(groups: u64, max: u32) -> Result<[u32; 3], Reason> {
    let rows = groups.div_ceil(u64::from(max)).max(1);
    let columns = groups.div_ceil(rows).max(1);
    match (u32::try_from(columns), u32::try_from(rows)) {
        (Ok(x), Ok(y)) if y <= max => Ok([x, y, 1]),
        _ => Err(Reason(format!("{groups} workgroups are more than the device can start"))),
    }
}
