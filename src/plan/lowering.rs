//! Graph to plan: every node emits its steps here, naming values; memory is laid out afterwards.
//!
//! A value lives row-major ([`Layout::Plain`], NCHW) or channels-last ([`Layout::ChannelsLast`]: NHWC with
//! the channels padded to a multiple of four, so that a kernel reads them as `vec4<f32>`). Padding channels
//! hold zeros: every kernel that writes channels-last keeps that promise, and so may rely on it. A step
//! that converts is emitted where a node wants the layout that a value does not have.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use super::memory::{self, Storage};
use super::{Buffer, Plan, Port, Range, Step, Target, Weights};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, ValueId};
use crate::ops::kernel::Kernel;
use crate::ops::{Info, Reason};
use crate::params;
use crate::tensor::{Shape, Tensor};

/// How a value lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layout {
    /// Row-major in the value's own order of dimensions.
    Plain,
    /// Pixels in row-major order, the channels (axis 1) of each side by side, padded to a multiple of four.
    ChannelsLast,
}

/// Where a kernel finds a tensor: a storage, and within it an offset and the distance from one pixel to
/// the next (channels-last), both in groups of four f32. Plain tensors start at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub home: Home,
    pub offset: u32,
    pub stride: u32,
}

/// The storage behind a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    Storage(usize),
    Weights(usize),
}

/// How to choose among the kernels that apply.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// The name of a kernel to take wherever it applies, for tests that hold each kernel to its twin.
    pub force: Option<String>,
}

/// Compiles a graph for a device.
///
/// # Errors
/// A node that cannot be lowered, by name; a plan that needs more memory than the device binds or allocates.
pub fn plan(graph: &Graph, target: &Target, choice: &Choice) -> Result<Plan> {
    let mut planner = Planner::new(graph, target, choice);
    planner.place_inputs()?;
    for node in &graph.nodes {
        let mut lowering = Lowering { planner: &mut planner, graph, node };
        lowering.emit().map_err(|r| Error::node(&node.name, &node.operator, r.0))?;
    }
    planner.finish()
}

/// A step before memory has been laid out.
struct Draft {
    node: String,
    operator: String,
    kernel: &'static Kernel,
    constants: Vec<(&'static str, f64)>,
    inputs: Vec<Home>,
    output: usize,
    params: Vec<u8>,
    grid: [u32; 3],
    multiply_adds: u64,
    bytes: u64,
}

struct Planner<'a> {
    graph: &'a Graph,
    target: &'a Target,
    choice: &'a Choice,
    storages: Vec<Storage>,
    places: BTreeMap<(ValueId, Layout), Place>,
    weights: Vec<Weights>,
    weight_keys: BTreeMap<String, usize>,
    drafts: Vec<Draft>,
    concats: BTreeMap<ValueId, ConcatPart>,
    concat_homes: BTreeMap<ValueId, usize>,
}

/// A value that is written straight into the channels of a concatenation.
#[derive(Debug, Clone, Copy)]
struct ConcatPart {
    whole: ValueId,
    first_channel: usize,
}

impl<'a> Planner<'a> {
    fn new(graph: &'a Graph, target: &'a Target, choice: &'a Choice) -> Self {
        Planner {
            graph,
            target,
            choice,
            storages: Vec::new(),
            places: BTreeMap::new(),
            weights: Vec::new(),
            weight_keys: BTreeMap::new(),
            drafts: Vec::new(),
            concats: BTreeMap::new(),
            concat_homes: BTreeMap::new(),
        }
    }

    fn place_inputs(&mut self) -> Result<()> {
        self.find_concats();
        for &id in &self.graph.inputs {
            let place = self.allocate(self.graph.values[id].shape.elements());
            self.places.insert((id, Layout::Plain), place);
            if let Home::Storage(storage) = place.home {
                self.storages[storage].written_before_start();
            }
        }
        Ok(())
    }

    fn allocate(&mut self, elements: usize) -> Place {
        self.storages.push(Storage::new(elements as u64 * 4));
        Place { home: Home::Storage(self.storages.len() - 1), offset: 0, stride: 0 }
    }

    /// Decides which values their producers write into a concatenation of channels themselves.
    ///
    /// A part may not be one that its producer computes from another part: a dispatch that reads and
    /// writes one buffer is not allowed.
    fn find_concats(&mut self) {
        let joins = |n: &&Node| n.op.concat_axis(&self.graph.infos(n)) == Some(1);
        for node in self.graph.nodes.iter().filter(joins) {
            let Some(&whole) = node.outputs.first() else { continue };
            let parts: Vec<ValueId> = node.inputs.iter().flatten().copied().collect();
            if self.graph.values[whole].shape.rank() < 3 {
                continue;
            }
            let mut first_channel = 0;
            for &part in &parts {
                let aligned = first_channel % 4 == 0;
                if aligned && self.may_write_in_place(part, &parts) {
                    self.concats.entry(part).or_insert(ConcatPart { whole, first_channel });
                }
                first_channel += self.graph.values[part].shape.get(1).copied().unwrap_or(0);
            }
        }
    }

    fn may_write_in_place(&self, part: ValueId, parts: &[ValueId]) -> bool {
        let channels = self.graph.values[part].shape.get(1).copied().unwrap_or(0);
        let once = parts.iter().filter(|&&p| p == part).count() == 1;
        let producer = self.graph.nodes.iter().find(|n| n.outputs.contains(&part));
        // Padding channels of a part would overwrite its neighbour's first ones.
        channels % 4 == 0
            && once
            && producer.is_some_and(|n| !n.inputs.iter().flatten().any(|input| parts.contains(input)))
    }

    fn concat_home(&mut self, whole: ValueId) -> Place {
        if let Some(&storage) = self.concat_homes.get(&whole) {
            return Place { home: Home::Storage(storage), offset: 0, stride: 0 };
        }
        let place = self.allocate(channels_last_elements(&self.graph.values[whole].shape));
        if let Home::Storage(storage) = place.home {
            self.concat_homes.insert(whole, storage);
        }
        place
    }

    fn output(&mut self, id: ValueId, layout: Layout) -> Place {
        if let Some(&place) = self.places.get(&(id, layout)) {
            return place;
        }
        let shape = self.graph.values[id].shape.clone();
        let mut place = match (layout, self.concats.get(&id).copied()) {
            (Layout::Plain, _) => self.allocate(shape.elements()),
            (Layout::ChannelsLast, Some(part)) => {
                let mut place = self.concat_home(part.whole);
                place.offset = (part.first_channel / 4) as u32;
                place.stride = vec4s(self.graph.values[part.whole].shape[1]);
                place
            }
            (Layout::ChannelsLast, None) if self.concat_homes.contains_key(&id) => self.concat_home(id),
            (Layout::ChannelsLast, None) => self.allocate(channels_last_elements(&shape)),
        };
        if layout == Layout::ChannelsLast && place.stride == 0 {
            place.stride = vec4s(shape[1]);
        }
        self.places.insert((id, layout), place);
        place
    }

    fn add_weights(&mut self, key: String, data: impl FnOnce() -> Vec<f32>) -> Place {
        let index = *self.weight_keys.entry(key.clone()).or_insert_with(|| {
            let mut data = data();
            // Bindings are read as vec4, and none may be empty.
            data.resize(data.len().next_multiple_of(4).max(4), 0.0);
            self.weights.push(Weights { key, bytes: data.len() as u64 * 4, data: Arc::new(data) });
            self.weights.len() - 1
        });
        Place { home: Home::Weights(index), offset: 0, stride: 0 }
    }

    fn finish(mut self) -> Result<Plan> {
        for (&id, name) in self.graph.outputs.iter().zip(&self.graph.output_names) {
            let node = Node {
                name: name.clone(),
                operator: "output".into(),
                op: Arc::new(crate::ops::identity::Identity),
                inputs: vec![Some(id)],
                outputs: vec![],
            };
            let graph = self.graph;
            let place = Lowering { planner: &mut self, graph, node: &node }
                .input_storage(0)
                .map_err(|r| Error::node(name, "output", r.0))?;
            self.storages[place].read_after_end();
        }
        for (position, draft) in self.drafts.iter().enumerate() {
            for home in &draft.inputs {
                if let Home::Storage(s) = home {
                    self.storages[*s].used_at(position);
                    self.storages[*s].not_beside(draft.output);
                }
            }
            self.storages[draft.output].used_at(position);
        }
        let slabs = memory::lay_out(&mut self.storages, self.target)?;
        self.check_weights()?;
        let steps = self.drafts.iter().map(|d| self.step(d)).collect();
        let inputs = self.graph.inputs.iter().map(|&id| self.port(id, &self.graph.values[id].name)).collect();
        let ports = self.graph.outputs.iter().zip(&self.graph.output_names);
        let outputs = ports.map(|(&id, name)| self.port(id, name)).collect();
        Ok(Plan { slabs, weights: self.weights, inputs, outputs, steps })
    }

    fn check_weights(&self) -> Result<()> {
        match self.weights.iter().find(|w| w.bytes > self.target.max_binding) {
            None => Ok(()),
            Some(w) => Err(Error::TooLarge {
                what: format!("weights '{}'", w.key),
                needed: w.bytes >> 20,
                limit_name: "the device's largest binding".into(),
                limit: self.target.max_binding >> 20,
                remedy: "use another device or --device cpu".into(),
            }),
        }
    }

    fn range(&self, home: Home) -> Range {
        match home {
            Home::Weights(i) => Range { buffer: Buffer::Weights(i), offset: 0, size: self.weights[i].bytes },
            Home::Storage(i) => self.storages[i].range(),
        }
    }

    fn port(&self, id: ValueId, name: &str) -> Port {
        let place = self.places.get(&(id, Layout::Plain)).map_or(Home::Storage(0), |p| p.home);
        Port { name: name.to_string(), shape: self.graph.values[id].shape.clone(), range: self.range(place) }
    }

    fn step(&self, draft: &Draft) -> Step {
        Step {
            node: draft.node.clone(),
            operator: draft.operator.clone(),
            kernel: Cow::Borrowed(draft.kernel.name),
            constants: draft.constants.iter().map(|&(name, v)| (Cow::Borrowed(name), v)).collect(),
            inputs: draft.inputs.iter().map(|&h| self.range(h)).collect(),
            output: self.storages[draft.output].range(),
            params: draft.params.clone(),
            grid: draft.grid,
            multiply_adds: draft.multiply_adds,
            bytes: draft.bytes,
        }
    }
}

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
}

/// Lanes of a workgroup: `WORKGROUP` in `grid.wgsl`.
pub const WORKGROUP: u64 = 64;

/// What a node sees of the planner while it emits its steps.
pub struct Lowering<'p, 'a> {
    planner: &'p mut Planner<'a>,
    graph: &'a Graph,
    node: &'p Node,
}

impl Lowering<'_, '_> {
    fn emit(&mut self) -> Result<(), Reason> {
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

    pub fn output_shape(&self) -> Result<Shape, Reason> {
        Ok(self.graph.values[self.output_id(0)?].shape.clone())
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

    /// The layout that costs nothing: channels-last if any input lies so.
    pub fn natural_layout(&self) -> Layout {
        let any = (0..self.input_count()).any(|i| self.has(i, Layout::ChannelsLast));
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
        let data = tensor.as_f32()?;
        let shape = tensor.shape();
        match layout {
            Layout::Plain => Ok(self.planner.add_weights(format!("{name}/plain"), || data.to_vec())),
            Layout::ChannelsLast => {
                let pack = || pack_channels_last(data, shape);
                let mut place = self.planner.add_weights(format!("{name}/channels-last"), pack);
                place.stride = vec4s(shape[1]);
                Ok(place)
            }
        }
    }

    fn convert(&mut self, id: ValueId, shape: &Shape, layout: Layout) -> Result<Place, Reason> {
        let other = match layout {
            Layout::Plain => Layout::ChannelsLast,
            Layout::ChannelsLast => Layout::Plain,
        };
        let from = *self.planner.places.get(&(id, other)).ok_or("its input has not been computed")?;
        if shape.rank() < 2 {
            return Err("channels-last needs a tensor of at least 2 dimensions".into());
        }
        let pixels = shape[2..].iter().product::<usize>();
        // One pixel and whole groups of four: both layouts are the same bytes.
        if pixels == 1 && shape[1].is_multiple_of(4) && from.offset == 0 && is_dense(&from, shape[1]) {
            let place = Place { stride: vec4s(shape[1]), ..from };
            self.planner.places.insert((id, layout), place);
            return Ok(place);
        }
        let to = self.planner.output(id, layout);
        let channels_last = if layout == Layout::ChannelsLast { to } else { from };
        let params = LayoutParams {
            batch: size(shape[0])?,
            channels: size(shape[1])?,
            pixels: size(pixels)?,
            offset: channels_last.offset,
            stride: channels_last.stride,
        };
        let kernel = if layout == Layout::Plain { &TO_PLAIN } else { &TO_CHANNELS_LAST };
        let groups = shape[0] * pixels * shape[1].div_ceil(4);
        let invocations = if layout == Layout::Plain { shape.elements() } else { groups } as u64;
        let dispatch =
            Dispatch { kernel, constants: vec![], inputs: vec![from], output: to, params, invocations };
        self.dispatch_named("layout", dispatch)?;
        Ok(to)
    }

    /// Where to write an output in this layout.
    pub fn output(&mut self, layout: Layout) -> Result<Place, Reason> {
        let id = self.output_id(0)?;
        Ok(self.planner.output(id, layout))
    }

    /// Whether an input is already written in its place within this node's output (in-place concat).
    pub fn is_in_place(&self, position: usize) -> bool {
        let (Ok(id), Ok(whole)) = (self.input_id(position), self.output_id(0)) else { return false };
        let part = self.planner.concats.get(&id);
        part.is_some_and(|p| p.whole == whole)
            && self.planner.places.contains_key(&(id, Layout::ChannelsLast))
    }

    /// Weights packed by the node; `kind` tells apart several packings of one node.
    pub fn weights(&mut self, kind: &str, data: impl FnOnce() -> Vec<f32>) -> Place {
        self.planner.add_weights(format!("{}/{kind}", self.node.name), data)
    }

    /// The first kernel of the list that applies, or the forced one.
    pub fn choose(&self, candidates: &[(&'static Kernel, bool)]) -> Result<&'static Kernel, Reason> {
        let applying: Vec<&'static Kernel> = candidates.iter().filter(|c| c.1).map(|c| c.0).collect();
        let forced = self.planner.choice.force.as_deref();
        let forced = applying.iter().find(|k| Some(k.name) == forced);
        forced.or(applying.first()).copied().ok_or_else(|| "no kernel applies on this device".into())
    }

    /// Emits a step of this node.
    pub fn dispatch<P: Pod>(&mut self, dispatch: Dispatch<P>) -> Result<(), Reason> {
        let operator = self.node.operator.clone();
        self.dispatch_named(&operator, dispatch)
    }

    fn dispatch_named<P: Pod>(&mut self, operator: &str, dispatch: Dispatch<P>) -> Result<(), Reason> {
        let Home::Storage(output) = dispatch.output.home else {
            return Err("a step would write to weights".into());
        };
        let grid = fold_grid(dispatch.invocations.div_ceil(WORKGROUP), self.planner.target.max_groups)?;
        let multiply_adds =
            if self.counts_for_node(operator) { self.graph.node_multiply_adds(self.node) } else { 0 };
        let inputs: Vec<Home> = dispatch.inputs.iter().map(|p| p.home).collect();
        let bytes =
            inputs.iter().map(|&h| self.home_bytes(h)).sum::<u64>() + self.home_bytes(dispatch.output.home);
        self.planner.drafts.push(Draft {
            node: self.node.name.clone(),
            operator: operator.to_string(),
            kernel: dispatch.kernel,
            constants: dispatch.constants,
            inputs,
            output,
            params: bytemuck::bytes_of(&dispatch.params).to_vec(),
            grid,
            multiply_adds,
            bytes,
        });
        Ok(())
    }

    /// Whether this is the node's first step of its own: the one that its multiply-adds are booked on.
    fn counts_for_node(&self, operator: &str) -> bool {
        let mut own = self.planner.drafts.iter().rev().take_while(|d| d.node == self.node.name);
        operator == self.node.operator && own.all(|d| d.multiply_adds == 0)
    }

    fn home_bytes(&self, home: Home) -> u64 {
        match home {
            Home::Storage(i) => self.planner.storages[i].bytes(),
            Home::Weights(i) => self.planner.weights[i].bytes,
        }
    }

    fn input_storage(&mut self, position: usize) -> Result<usize, Reason> {
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

params! {
    /// Parameters of the kernels that convert between layouts.
    struct LayoutParams {
        batch: u32,
        channels: u32,
        pixels: u32,
        offset: u32,
        stride: u32,
    }
}

const TO_CHANNELS_LAST: Kernel = Kernel {
    name: "layout_to_channels_last_f32",
    sources: &[
        include_str!("../../shaders/grid.wgsl"),
        include_str!("../../shaders/layout_to_channels_last_f32.wgsl"),
    ],
    params: LayoutParams::LAYOUT,
    subgroups: false,
};
const TO_PLAIN: Kernel = Kernel {
    name: "layout_to_plain_f32",
    sources: &[
        include_str!("../../shaders/grid.wgsl"),
        include_str!("../../shaders/layout_to_plain_f32.wgsl"),
    ],
    params: LayoutParams::LAYOUT,
    subgroups: false,
};
const COPY: Kernel = Kernel {
    name: "layout_copy_f32",
    sources: &[include_str!("../../shaders/grid.wgsl"), include_str!("../../shaders/layout_copy_f32.wgsl")],
    params: LayoutParams::LAYOUT,
    subgroups: false,
};

/// The kernels that belong to no operator.
pub const LAYOUT_KERNELS: &[&Kernel] = &[&TO_CHANNELS_LAST, &TO_PLAIN, &COPY];

/// Groups of four that hold this many channels.
pub fn vec4s(channels: usize) -> u32 {
    channels.div_ceil(4) as u32
}

/// A size as shaders take it.
pub fn size(value: usize) -> Result<u32, Reason> {
    u32::try_from(value).map_err(|_| Reason(format!("size {value} is beyond 32 bits")))
}

fn is_dense(place: &Place, channels: usize) -> bool {
    place.stride == 0 || place.stride == vec4s(channels)
}

fn channels_last_elements(shape: &Shape) -> usize {
    shape.elements() / shape[1].max(1) * shape[1].next_multiple_of(4)
}

fn pack_channels_last(data: &[f32], shape: &Shape) -> Vec<f32> {
    let (channels, pixels) = (shape[1], shape[2..].iter().product::<usize>());
    let padded = channels.next_multiple_of(4);
    let mut packed = vec![0.0; shape[0] * pixels * padded];
    for (i, &value) in data.iter().enumerate() {
        let (n, c, p) = (i / (channels * pixels), i / pixels % channels, i % pixels);
        packed[(n * pixels + p) * padded + c] = value;
    }
    packed
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
