//! A network made ready on a GPU: plans by input shape, and the recovery of a lost device.

use std::borrow::Cow;
use std::sync::Arc;

use super::{MAX_READY, fused};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, WeightStore};
use crate::graph::Graph;
use crate::graph::network::Network;
use crate::memory;
use crate::origin::Verified;
use crate::plan::lowering::{Choice, Decision};
use crate::plan::{DeviceClass, Plan, plan_and_decisions};
use crate::tensor::{Shape, Tensor};
use crate::tuning::{Background, Cache, Gate};

pub(super) struct GpuEngine {
    pub gpu: Arc<Gpu>,
    /// The kernels that tuning found best on this device.
    choice: Choice,
    weights: WeightStore,
    /// Most recently used last.
    ready: Vec<(Vec<Shape>, Player)>,
    pub background: Option<Background>,
    /// How often the device was opened again.
    pub rebuilds: u64,
    /// What is known of the device's kernels, and what becomes known.
    cache: Cache,
    /// Whether kernels that nothing is known of are held against the twins before they answer.
    pub verifies: bool,
    pub verified: Verified,
    /// What the user must be told of kernels, once.
    pub told: Vec<String>,
}

impl GpuEngine {
    pub fn new(gpu: Arc<Gpu>, choice: Choice, cache: Cache) -> GpuEngine {
        GpuEngine {
            gpu,
            choice,
            weights: WeightStore::default(),
            ready: Vec::new(),
            background: None,
            rebuilds: 0,
            cache,
            verifies: true,
            verified: Verified::default(),
            told: Vec::new(),
        }
    }

    fn rebuild(&mut self) -> Result<()> {
        self.gpu = Arc::new(self.gpu.reopen()?);
        self.weights = WeightStore::default();
        self.ready.clear();
        self.rebuilds += 1;
        Ok(())
    }

    /// Runs the network on the inputs that `part` makes for each of `starts`, all of these shapes. The device is given the next
    /// before the last are taken.
    pub fn run_parts<'a>(
        &mut self,
        network: &Network,
        shapes: &[Shape],
        starts: &[usize],
        part: impl Fn(usize) -> Result<Cow<'a, [Tensor]>>,
        mut taken: impl FnMut(Vec<Tensor>) -> Result<()>,
        notices: &mut Vec<String>,
    ) -> Result<()> {
        let request = self.background.as_ref().map(Background::request);
        let mut done = 0;
        let mut run = |engine: &mut GpuEngine| {
            let left = starts[done..].iter().map(|&start| part(start));
            engine.player(network, shapes)?.run_all(left, |outputs| {
                done += 1;
                taken(outputs)
            })
        };
        self.once_more(notices, &mut run)?;
        drop(request);
        if let Some(background) = &mut self.background {
            background.answered(&self.gpu, shapes);
        }
        Ok(())
    }

    /// Does something, and does it again should the device be lost in the midst of it.
    fn once_more(
        &mut self,
        notices: &mut Vec<String>,
        mut run: impl FnMut(&mut GpuEngine) -> Result<()>,
    ) -> Result<()> {
        match run(self) {
            Err(Error::DeviceLost { reason, .. }) => {
                // Once: a device that is lost twice in a row will be lost again.
                self.rebuild()?;
                notices.push(format!("the device was lost ({reason}) and has been rebuilt"));
                run(self)
            }
            result => result,
        }
    }

    /// Makes the plans anew without the kernels that were found to compute wrong; says which they are.
    pub fn leave_dropped(&mut self) -> Vec<String> {
        let dropped = self.background.as_ref().map(Background::dropped).unwrap_or_default();
        if !dropped.is_empty() {
            self.ready.clear();
            self.choice.dropped.extend(dropped.iter().cloned());
        }
        let said = |kernel: String| {
            format!(
                "{kernel} computes wrong on this device; what was computed before it was left may be wrong"
            )
        };
        dropped.into_iter().map(said).collect()
    }

    pub fn player(&mut self, network: &Network, shapes: &[Shape]) -> Result<&Player> {
        if let Some(position) = self.ready.iter().position(|(ready, _)| ready == shapes) {
            let entry = self.ready.remove(position);
            self.ready.push(entry);
        } else {
            // First, so that what is too large is refused before anything is allocated for it.
            let graph = fused(network, shapes)?;
            let (mut plan, decisions) = self.plan(&graph)?;
            if self.pass_gate(network, shapes, &graph, &plan, decisions)? {
                (plan, _) = self.plan(&graph)?;
            }
            if self.ready.len() == MAX_READY {
                self.ready.remove(0);
            }
            let player = Player::new(&self.gpu, plan, &mut self.weights).inspect_err(|_| {
                // What was not allocated must not be taken for weights.
                self.weights = WeightStore::default();
            });
            self.ready.push((shapes.to_vec(), player?));
        }
        self.ready.last().map(|(_, player)| player).ok_or_else(|| Error::Graph("no plan was made".into()))
    }

    fn plan(&self, graph: &Graph) -> Result<(Plan, Vec<Decision>)> {
        let (plan, decisions) = plan_and_decisions(graph, self.gpu.target(), &self.choice)?;
        // A GPU with memory of its own does not tell how much is left; its driver refuses.
        if self.gpu.target().class != DeviceClass::Discrete {
            memory::check("the plan for this input size", plan.device_bytes())?;
        }
        Ok((plan, decisions))
    }

    /// Sees to it that the kernels of the plan for these shapes compute right. Whether others take the place of some.
    fn pass_gate(
        &mut self,
        network: &Network,
        shapes: &[Shape],
        graph: &Graph,
        plan: &Plan,
        decisions: Vec<Decision>,
    ) -> Result<bool> {
        if !self.verifies {
            self.verified.add(false);
            return Ok(false);
        }
        let gate = Gate { gpu: &self.gpu, cache: &self.cache, network, shapes };
        let passed = gate.pass(graph, plan, decisions, &self.choice)?;
        self.verified.add(passed.verified);
        self.told.extend(passed.notices);
        if passed.has_changed {
            // Other plans may have the same kernels.
            self.ready.clear();
            self.choice = passed.choice;
        }
        Ok(passed.has_changed)
    }
}
