//! The gate at first use: before a network answers on a device, its kernels are held against the operators' twins.
//!
//! Every node is run by itself with the kernel that the network's plan takes, at its own size, on memory full of a pattern. A twin that is
//! slow computes some thousands of the outputs, all over them, within what the operator allows. What came of it is kept with the
//! tunings of the adapter, driver, version and shaders, so it is done once. A kernel that computes wrong is dropped there and
//! the next best takes its place; where none is left the network is refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Cache;
use super::cache::{Dropped, Tunings, now};
use super::check::Judgement;
use super::lone::Lone;
use super::site::fits;
use crate::conformance::judge::Worst;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, WeightStore};
use crate::graph::network::{Dim, Network, ValueDef};
use crate::graph::{self, Graph, Node};
use crate::plan::lowering::{Choice, Decision};
use crate::plan::{plan_and_decisions, site as site_of};
use crate::tensor::Shape;

/// Outputs of a dispatch that are held against the twin where all would take it long.
const SAMPLES: usize = 4096;

/// What was found of one kernel at one site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How many outputs were held against the twin; none where it could not say.
    pub outputs: usize,
    /// The worst error in units of what is allowed.
    pub worst: f64,
    /// Seconds since 1970.
    pub checked: u64,
}

/// A network at one input shape, on one device.
pub(crate) struct Gate<'a> {
    pub gpu: &'a Arc<Gpu>,
    pub cache: &'a Cache,
    pub network: &'a Network,
    pub shapes: &'a [Shape],
}

/// What the gate found.
#[derive(Debug, Default)]
pub(crate) struct Passed {
    /// How plans are to choose: without what computes wrong.
    pub choice: Choice,
    /// Whether the twin could say of every kernel that it computes right.
    pub verified: bool,
    /// What the user must be told.
    pub notices: Vec<String>,
}

/// What is wrong with a kernel, and where.
struct Wrong {
    node: String,
    kernel: String,
    reason: String,
}

/// What became of a graph.
enum Found {
    Right {
        /// Whether the twin could say so of every kernel.
        of_all: bool,
    },
    Wrong(Wrong),
}

impl Gate<'_> {
    /// Checks what is not known yet of a network's graph, with the decisions that its plan takes by this choice, and keeps what it finds.
    ///
    /// # Errors
    /// No kernel left that computes right; a lost device; a network that does not run there.
    pub fn pass(&self, graph: &Graph, mut decisions: Vec<Decision>, choice: &Choice) -> Result<Passed> {
        let smaller = self.smaller(graph)?;
        let graphs = [graph, smaller.as_ref().unwrap_or(graph)];
        let (mut known, _) = self.cache.load();
        let mut passed = Passed { choice: choice.clone(), ..Passed::default() };
        let mut found = Tunings::none(known.subject.clone());
        loop {
            let outcome = self.check_all(graphs, &decisions, &passed.choice, &mut known, &mut found);
            // Also what was found before an error: it is not to be done again. A cache that cannot be written costs the next start the same.
            if !found.is_empty()
                && let Err(error) = self.cache.merge(&found, &BTreeSet::new())
            {
                tracing::debug!(%error, "what was verified is not kept");
            }
            let wrong = match outcome? {
                Found::Right { of_all } => {
                    passed.verified = of_all;
                    return Ok(passed);
                }
                Found::Wrong(wrong) => wrong,
            };
            let Wrong { node, kernel, reason } = &wrong;
            passed.notices.push(format!(
                "{kernel} computes wrong on this device and is not used (node '{node}': {reason}); another kernel takes its place"
            ));
            found.dropped.insert(kernel.clone(), Dropped { reason: reason.clone(), measured: now() });
            passed.choice.dropped.insert(kernel.clone());
            match plan_and_decisions(graph, self.gpu.target(), &passed.choice) {
                Ok((_, others)) => decisions = others,
                // No kernel is left at that node.
                Err(Error::Node { .. }) => return Err(self.refused(wrong)),
                Err(error) => return Err(error),
            }
        }
    }

    /// The same nodes on two samples where there are more; none where it is no smaller, or shapes decide what becomes of the network.
    fn smaller(&self, graph: &Graph) -> Result<Option<Graph>> {
        let shapes = self.two_samples();
        if shapes == self.shapes {
            return Ok(None);
        }
        let mut small = graph::build(self.network, &shapes)?;
        graph::fuse(&mut small);
        Ok(Some(small).filter(|small| small.nodes.len() == graph.nodes.len()))
    }

    /// The input shapes with two samples where there are more: what goes wrong between samples goes wrong between two.
    fn two_samples(&self) -> Vec<Shape> {
        let small = |(input, shape): (&ValueDef, &Shape)| {
            let is_open = !matches!(input.dims.as_deref().and_then(<[Dim]>::first), Some(Dim::Fixed(_)));
            let mut sizes = shape.to_vec();
            if let (Some(samples), true) = (sizes.first_mut(), is_open) {
                *samples = (*samples).min(2);
            }
            Shape::new(sizes).unwrap_or_else(|_| shape.clone())
        };
        self.network.inputs.iter().zip(self.shapes).map(small).collect()
    }

    /// Checks each node of the smaller graph with the kernel that is chosen for it in the whole one, up to the first that is wrong.
    fn check_all(
        &self,
        [whole, small]: [&Graph; 2],
        decisions: &[Decision],
        choice: &Choice,
        known: &mut Tunings,
        found: &mut Tunings,
    ) -> Result<Found> {
        let mut of_all = true;
        for (node, in_whole) in small.nodes.iter().zip(&whole.nodes) {
            let (site, place) = (site_of(small, node), site_of(whole, in_whole));
            let chosen =
                decisions.iter().filter(|decision| decision.site == place).map(|decision| decision.chosen);
            let mut kernels: Vec<Option<&str>> = chosen.map(Some).collect();
            if kernels.is_empty() {
                kernels.push(None);
            }
            kernels.dedup();
            for kernel in kernels {
                let name = kernel.unwrap_or(ONLY).to_string();
                if let Some(verdict) = known.verified.get(&site).and_then(|verdicts| verdicts.get(&name)) {
                    of_all &= verdict.outputs > 0;
                    continue;
                }
                match self.check(small, node, kernel, choice)? {
                    Ok(verdict) => {
                        of_all &= verdict.outputs > 0;
                        known.verified.entry(site.clone()).or_default().insert(name.clone(), verdict.clone());
                        found.verified.entry(site.clone()).or_default().insert(name, verdict);
                    }
                    Err(wrong) if kernel.is_none() => return Err(self.refused(wrong)),
                    Err(wrong) => return Ok(Found::Wrong(wrong)),
                }
            }
        }
        Ok(Found::Right { of_all })
    }

    /// Runs a node by itself and judges it. A node without a choice is run with the kernels that it has.
    fn check(
        &self,
        graph: &Graph,
        node: &Node,
        kernel: Option<&str>,
        choice: &Choice,
    ) -> Result<std::result::Result<Verdict, Wrong>> {
        let unknown = Verdict { outputs: 0, worst: 0.0, checked: now() };
        let lone = Lone::of(graph, node, self.gpu.precision())?;
        let choice = match kernel {
            Some(kernel) => Choice::forcing_alone(kernel),
            None => Choice { roomy: true, ..choice.clone() },
        };
        let (plan, _) = plan_and_decisions(&lone.graph, self.gpu.target(), &choice)?;
        if plan.steps.is_empty() {
            // A view: nothing is computed.
            return Ok(Ok(Verdict { outputs: lone.graph.values.len(), ..unknown }));
        }
        let names: BTreeSet<&str> = plan.steps.iter().map(|step| step.kernel.as_ref()).collect();
        let kernel = kernel.map_or_else(|| names.into_iter().collect::<Vec<_>>().join(", "), str::to_string);
        let Ok(judgement) = Judgement::of_some(&lone, self.gpu.precision(), SAMPLES) else {
            return Ok(Ok(unknown));
        };
        let Ok(plan) = fits(self.gpu, plan) else { return Ok(Ok(unknown)) };
        let wrong = |reason: String| Wrong { node: node.name.clone(), kernel: kernel.clone(), reason };
        let player = Player::new(self.gpu, plan, &mut WeightStore::default())?;
        let outputs = match player.run_poisoned(&lone.inputs) {
            Ok(outputs) => outputs,
            Err(lost @ Error::DeviceLost { .. }) => return Err(lost),
            Err(Error::Gpu { reason, .. }) => return Ok(Err(wrong(reason))),
            Err(error) => return Err(error),
        };
        let (worst, verdict) = judgement.judge_worst(&kernel, &outputs);
        let worst = worst.as_ref().map_or(0.0, Worst::ratio);
        Ok(verdict.map(|()| Verdict { outputs: judgement.outputs(), worst, ..unknown }).map_err(wrong))
    }

    /// No kernel is left at a node.
    fn refused(&self, Wrong { node, kernel, reason }: Wrong) -> Error {
        Error::Wrong { device: self.gpu.name(), node, kernel, reason }
    }
}

/// What stands for the kernels of a node that has no choice.
const ONLY: &str = "only";
