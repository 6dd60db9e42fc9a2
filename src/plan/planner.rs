//! Graph to plan: nodes emit steps on storages, and memory is laid out once all are there.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use super::layout::{Home, Layout, Part, Place, channels_last_elements, vec4s};
use super::lowering::{Choice, Decision, Lowering};
use super::memory::{self, Medium, Storage};
use super::{Buffer, Plan, Port, Precision, Range, Step, TEXELS_A_ROW, Target, Weights};
use crate::error::{Error, Result};
use crate::graph::{Graph, Node, ValueId};
use crate::ops::kernel::Kernel;
use crate::tensor::DType;

/// The largest number that f16 stores.
const MAX_F16: f32 = 65_504.0;

/// Compiles a graph for a device.
///
/// # Errors
/// A node that cannot be lowered, by name; a plan that needs more memory than the device binds or allocates.
pub fn plan(graph: &Graph, target: &Target, choice: &Choice) -> Result<Plan> {
    Ok(plan_and_decisions(graph, target, choice)?.0)
}

/// As [`plan`], and where nodes had a choice among kernels, in the order of the steps.
///
/// # Errors
/// As [`plan`].
pub fn plan_and_decisions(graph: &Graph, target: &Target, choice: &Choice) -> Result<(Plan, Vec<Decision>)> {
    let mut planner = Planner::new(graph, target, choice);
    planner.place_inputs()?;
    let live = live_bytes(graph);
    let peak = live.iter().copied().max().unwrap_or(0);
    for (node, live) in graph.nodes.iter().zip(live) {
        planner.scratch_room = if choice.roomy { u64::MAX } else { peak - live };
        let mut lowering = Lowering { planner: &mut planner, graph, node };
        lowering.emit().map_err(|r| Error::node(&node.name, &node.operator, r.0))?;
    }
    let decisions = planner.decisions.take();
    Ok((planner.finish()?, decisions))
}

/// Bytes of the activations that are alive while each node runs, channels-last.
fn live_bytes(graph: &Graph) -> Vec<u64> {
    let bytes = |id: ValueId| channels_last_elements(&graph.values[id].shape) as u64 * 4;
    let mut readers = graph.reader_counts();
    let mut live: u64 = graph.inputs.iter().copied().map(bytes).sum();
    let mut all = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        live += node.outputs.iter().map(|&id| bytes(id)).sum::<u64>();
        all.push(live);
        for &id in node.inputs.iter().flatten() {
            readers[id] -= 1;
            if readers[id] == 0 && graph.values[id].constant.is_none() {
                live = live.saturating_sub(bytes(id));
            }
        }
    }
    all
}

/// A step before memory has been laid out.
pub(super) struct Draft {
    pub(super) node: String,
    pub(super) operator: String,
    pub(super) kernel: &'static Kernel,
    pub(super) constants: Vec<(&'static str, f64)>,
    pub(super) inputs: Vec<(Home, Option<Part>)>,
    pub(super) output: usize,
    pub(super) output_part: Option<Part>,
    pub(super) params: Vec<u8>,
    /// Where in the parameters an offset stands that counts from the start of a texture, and whose it is.
    pub(super) texel_offsets: Vec<(usize, usize)>,
    pub(super) grid: [u32; 3],
    pub(super) multiply_adds: u64,
    pub(super) bytes: u64,
}

pub(super) struct Planner<'a> {
    pub(super) graph: &'a Graph,
    pub(super) target: &'a Target,
    pub(super) choice: &'a Choice,
    pub(super) storages: Vec<Storage>,
    pub(super) places: BTreeMap<(ValueId, Layout), Place>,
    pub(super) weights: Vec<Weights>,
    pub(super) weight_keys: BTreeMap<String, usize>,
    pub(super) drafts: Vec<Draft>,
    /// Nodes choose while they look at the planner.
    pub(super) decisions: RefCell<Vec<Decision>>,
    pub(super) concats: BTreeMap<ValueId, ConcatPart>,
    pub(super) concat_homes: BTreeMap<(ValueId, Layout), usize>,
    /// How many nodes read each value.
    pub(super) readers: Vec<usize>,
    /// Bytes that the node at hand may take for what it computes on the way.
    pub(super) scratch_room: u64,
}

/// A value that is written straight into the channels of a concatenation.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConcatPart {
    pub(super) whole: ValueId,
    pub(super) first_channel: usize,
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
            decisions: RefCell::default(),
            concats: BTreeMap::new(),
            concat_homes: BTreeMap::new(),
            readers: graph.reader_counts(),
            scratch_room: 0,
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

    pub(super) fn allocate(&mut self, elements: usize) -> Place {
        self.allocate_in(Medium::Buffer, elements)
    }

    pub(super) fn allocate_in(&mut self, medium: Medium, elements: usize) -> Place {
        self.storages.push(Storage::new(elements, medium));
        Place::whole(Home::Storage(self.storages.len() - 1))
    }

    /// Memory of its own for a channels-last value, wherever it may also be a part.
    pub(super) fn allocate_quads(&mut self, id: ValueId, layout: Layout) -> Place {
        let value = &self.graph.values[id];
        // f16 holds integers only up to 2,048.
        let precision = if value.dtype == DType::F32 { self.target.precision } else { Precision::F32 };
        let (elements, stride) = (channels_last_elements(&value.shape), vec4s(value.shape[1]));
        Place { stride, ..self.allocate_in(layout.medium(precision), elements) }
    }

    /// Decides which values their producers write into a concatenation of channels themselves.
    ///
    /// A part may not be one that its producer computes from another part, unless it knows how to: a dispatch that
    /// binds one buffer to read and to write is not allowed.
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
            && producer.is_some_and(|n| {
                // Parts of a concatenation lie in a storage of its own: it cannot also lie within another.
                let is_concat = n.op.concat_axis(&self.graph.infos(n)) == Some(1);
                let is_foreign = |(position, input): (usize, &Option<ValueId>)| {
                    input.is_none_or(|id| !parts.contains(&id) || n.op.reads_in_place(position))
                };
                !is_concat && n.inputs.iter().enumerate().all(is_foreign)
            })
    }

    fn concat_home(&mut self, whole: ValueId, layout: Layout) -> Place {
        if let Some(&storage) = self.concat_homes.get(&(whole, layout)) {
            return Place::whole(Home::Storage(storage));
        }
        let place = self.allocate_quads(whole, layout);
        if let Home::Storage(storage) = place.home {
            self.concat_homes.insert((whole, layout), storage);
        }
        place
    }

    fn is_joined_in_place(&self, id: ValueId) -> bool {
        self.concats.values().any(|part| part.whole == id)
    }

    pub(super) fn output(&mut self, id: ValueId, layout: Layout) -> Place {
        if let Some(&place) = self.places.get(&(id, layout)) {
            return place;
        }
        let shape = self.graph.values[id].shape.clone();
        let mut place = match (layout, self.concats.get(&id).copied()) {
            (Layout::Plain, _) => self.allocate(shape.elements()),
            (_, Some(part)) => {
                let mut place = self.concat_home(part.whole, layout);
                place.offset = (part.first_channel / 4) as u32;
                place.stride = vec4s(self.graph.values[part.whole].shape[1]);
                place
            }
            // Parts may be written into it later: by their producers, or by a conversion.
            (_, None) if self.is_joined_in_place(id) => self.concat_home(id, layout),
            (_, None) => self.allocate_quads(id, layout),
        };
        if layout != Layout::Plain && place.stride == 0 {
            place.stride = vec4s(shape[1]);
        }
        self.places.insert((id, layout), place);
        place
    }

    /// Adds packed weights, unless the same are there already. Engines keep weights by key from one input shape to the
    /// next, and constants may have been folded from the shape: a fingerprint tells those apart that a name does not.
    pub(super) fn add_weights(&mut self, name: &str, mut data: Vec<f32>, medium: Medium) -> Place {
        // Bindings are read as vec4, and none may be empty.
        data.resize(data.len().next_multiple_of(4).max(4), 0.0);
        let precision = match medium {
            Medium::Texture(Precision::F16) if data.iter().all(|v| v.abs() <= MAX_F16) => Precision::F16,
            _ => Precision::F32,
        };
        let texture = medium != Medium::Buffer;
        if texture && data.len() > TEXELS_A_ROW as usize * 4 {
            data.resize(data.len().next_multiple_of(TEXELS_A_ROW as usize * 4), 0.0);
        }
        let mut hasher = DefaultHasher::new();
        hasher.write(bytemuck::cast_slice(&data));
        let kind = match (texture, precision) {
            (false, _) => "",
            (true, Precision::F32) => " texels",
            (true, Precision::F16) => " half texels",
        };
        let key = format!("{name}{kind} {:016x}", hasher.finish());
        let index = *self.weight_keys.entry(key.clone()).or_insert_with(|| {
            let bytes = data.len() as u64 / 4 * precision.texel_bytes();
            self.weights.push(Weights { key, bytes, texture, precision, data: Arc::new(data) });
            self.weights.len() - 1
        });
        Place::whole(Home::Weights(index))
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
            for (home, _) in &draft.inputs {
                if let Home::Storage(s) = home {
                    self.storages[*s].used_at(position);
                    self.storages[*s].not_beside(draft.output);
                }
            }
            self.storages[draft.output].used_at(position);
        }
        let memory::Slabs { buffers, textures, half_textures } =
            memory::lay_out(&mut self.storages, self.target)?;
        let steps: Vec<Step> = self.drafts.iter().map(|d| self.step(d)).collect();
        steps.iter().try_for_each(|step| self.check_bindings(step))?;
        let inputs = self.graph.inputs.iter().map(|&id| self.port(id, &self.graph.values[id].name)).collect();
        let ports = self.graph.outputs.iter().zip(&self.graph.output_names);
        let outputs = ports.map(|(&id, name)| self.port(id, name)).collect();
        Ok(Plan { slabs: buffers, textures, half_textures, weights: self.weights, inputs, outputs, steps })
    }

    fn check_bindings(&self, step: &Step) -> Result<()> {
        let limit = self.target.max_binding;
        let is_bound = |r: &&Range| r.size > limit && !self.is_texture(r.buffer);
        let Some(large) = step.inputs.iter().chain([&step.output]).find(is_bound) else {
            return Ok(());
        };
        let what = if matches!(large.buffer, Buffer::Weights(_)) { "weights" } else { "an activation" };
        Err(Error::TooLarge {
            what: format!("{what} of node '{}' ({})", step.node, step.operator),
            needed: large.size.div_ceil(1 << 20),
            limit_name: "the device's largest binding".into(),
            limit: limit >> 20,
            remedy: "use a smaller input or batch, another device, or --device cpu".into(),
        })
    }

    fn is_texture(&self, buffer: Buffer) -> bool {
        match buffer {
            Buffer::Slab(_) => false,
            Buffer::Texture(_) | Buffer::HalfTexture(_) => true,
            Buffer::Weights(i) => self.weights[i].texture,
        }
    }

    fn range(&self, home: Home, part: Option<Part>) -> Range {
        let whole = match home {
            Home::Weights(i) => Range { buffer: Buffer::Weights(i), offset: 0, size: self.weights[i].bytes },
            Home::Storage(i) => self.storages[i].range(),
        };
        part.map_or(whole, |part| Range { offset: whole.offset + part.start, size: part.bytes, ..whole })
    }

    fn port(&self, id: ValueId, name: &str) -> Port {
        let place = self.places.get(&(id, Layout::Plain)).map_or(Home::Storage(0), |p| p.home);
        let value = &self.graph.values[id];
        Port {
            name: name.to_string(),
            shape: value.shape.clone(),
            dtype: value.dtype,
            range: self.range(place, None),
        }
    }

    /// The parameters, with the places of textures' values filled in.
    fn params(&self, draft: &Draft) -> Vec<u8> {
        let mut params = draft.params.clone();
        for &(at, storage) in &draft.texel_offsets {
            if let Some(field) = params.get_mut(at..at + 4) {
                let within: u32 = bytemuck::pod_read_unaligned(field);
                field.copy_from_slice(&(within + self.storages[storage].first_texel()).to_le_bytes());
            }
        }
        params
    }

    fn step(&self, draft: &Draft) -> Step {
        Step {
            node: draft.node.clone(),
            operator: draft.operator.clone(),
            kernel: Cow::Borrowed(draft.kernel.name),
            constants: draft.constants.iter().map(|&(name, v)| (Cow::Borrowed(name), v)).collect(),
            inputs: draft.inputs.iter().map(|&(home, part)| self.range(home, part)).collect(),
            output: self.range(Home::Storage(draft.output), draft.output_part),
            params: self.params(draft),
            grid: draft.grid,
            multiply_adds: draft.multiply_adds,
            bytes: draft.bytes,
        }
    }
}
