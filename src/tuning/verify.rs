//! The gate at first use: before a network answers on a device, its kernels are held against the operators' twins.
//!
//! Every node is run by itself with the kernel that the network's plan takes, on memory full of a pattern: on two samples where
//! there are more, and row-major as from outside, unless the network's plan compiles it otherwise. A twin that is slow computes some thousands of the
//! outputs, all over them, within what the operator allows. What came of it is kept with the tunings of the adapter, driver,
//! version and shaders, so it is done once. A kernel that computes wrong is dropped there and the next best takes its place;
//! where none is left the network is refused. A network is called verified where all that its plan compiles was run so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Cache;
use super::cache::{Dropped, Tunings, now};
use super::check::Judgement;
use super::lone::{Lone, Source, alone};
use super::site::fits;
use crate::conformance::judge::Worst;
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, WeightStore};
use crate::graph::network::{Dim, Network, ValueDef};
use crate::graph::{self, Graph, Node};
use crate::plan::lowering::{Choice, Decision};
use crate::plan::{Plan, Step, plan_and_decisions, site as site_of};
use crate::tensor::Shape;

/// Outputs of a dispatch that are held against the twin where all would take it long.
const SAMPLES: usize = 4096;

/// What stands for the kernels of a node that has no choice.
pub(super) const ONLY: &str = "only";

/// What was found of one kernel at one site: it computes right.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// How many outputs were held against the twin.
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
    /// Whether that is another choice than before.
    pub has_changed: bool,
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
        /// The kernels that no twin could say anything of, as they are compiled, or with the node at which it could not.
        unseen: BTreeSet<String>,
    },
    Wrong(Wrong),
}

/// A plan of the whole network, and what was decided at its nodes.
struct Planned {
    steps: Vec<Step>,
    decisions: Vec<Decision>,
}

impl Planned {
    fn of(graph: &Graph, gpu: &Gpu, choice: &Choice) -> Result<Planned> {
        let (plan, decisions) = plan_and_decisions(graph, gpu.target(), choice)?;
        Ok(Planned { steps: plan.steps, decisions })
    }

    /// What was chosen at a site; one without a name where there was no choice.
    fn chosen(&self, site: &str) -> Vec<Option<&'static str>> {
        let here = self.decisions.iter().filter(|decision| decision.site == site);
        let mut kernels: Vec<Option<&str>> = here.map(|decision| Some(decision.chosen)).collect();
        kernels.dedup();
        if kernels.is_empty() { vec![None] } else { kernels }
    }

    /// The steps that compute a node.
    fn steps_of(&self, node: &Node) -> Vec<Step> {
        self.steps.iter().filter(|step| step.node == node.name).cloned().collect()
    }
}

/// A node by itself, planned to take a kernel.
struct Trial<'a> {
    whole: &'a Graph,
    node: &'a Node,
    source: Source,
    plan: Plan,
    compiled: BTreeSet<String>,
    /// Whether it is there for the parts in which the network's plan computes the node.
    in_parts: bool,
}

impl Trial<'_> {
    fn site(&self) -> String {
        let site = site_of(self.whole, self.node);
        match self.source {
            Source::Outside if self.in_parts => format!("{site} in parts"),
            Source::Outside => site,
            Source::Pools(layout) => format!("{site} from {layout:?}"),
        }
    }
}

/// In how many dispatches of one kernel a node is computed, each a part of it.
fn parts(steps: &[Step]) -> usize {
    let alike = |one: &Step| steps.iter().filter(|step| step.kernel == one.kernel).count();
    steps.iter().map(alike).max().unwrap_or(1)
}

/// What is compiled for a step: a kernel with the values of its constants, and with what its textures store.
fn compiled(steps: &[Step]) -> BTreeSet<String> {
    steps.iter().map(|step| format!("{} {:?} {:?}", step.kernel, step.constants, step.textures())).collect()
}

impl Gate<'_> {
    /// Checks what is not known yet of a network's graph as it is planned by this choice, with these decisions, and keeps what it finds.
    ///
    /// # Errors
    /// No kernel left that computes right; a lost device; a network that does not run there.
    pub fn pass(
        &self,
        graph: &Graph,
        plan: &Plan,
        decisions: Vec<Decision>,
        choice: &Choice,
    ) -> Result<Passed> {
        let smaller = self.smaller(graph)?;
        let graphs = [graph, smaller.as_ref().unwrap_or(graph)];
        let (mut known, fault) = self.cache.load();
        let mut passed = Passed { choice: choice.clone(), ..Passed::default() };
        passed.notices.extend(fault);
        // Somebody else may have found them since.
        passed.choice.dropped.extend(known.dropped.keys().cloned());
        passed.has_changed = passed.choice != *choice;
        let mut found = Tunings::none(known.subject.clone());
        let mut planned = match passed.has_changed {
            true => Planned::of(graph, self.gpu, &passed.choice)?,
            false => Planned { steps: plan.steps.clone(), decisions },
        };
        loop {
            let outcome = self.check_all(graphs, &planned, &passed.choice, &mut known, &mut found);
            // Also what was found before an error: it is not to be done again.
            if !found.is_empty()
                && let Err(error) = self.cache.merge(&found, &BTreeSet::new())
            {
                passed.notices.push(format!(
                    "what was verified is not kept, and is done again at the next start: {error}"
                ));
            }
            let wrong = match outcome? {
                Found::Right { unseen } => {
                    passed.verified = unseen.is_empty();
                    if !unseen.is_empty() {
                        let unseen = unseen.into_iter().collect::<Vec<_>>().join(", ");
                        passed
                            .notices
                            .push(format!("kernels that could not be verified on this device: {unseen}"));
                    }
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
            passed.has_changed = true;
            planned = match Planned::of(graph, self.gpu, &passed.choice) {
                Ok(planned) => planned,
                // No kernel is left at that node.
                Err(Error::Node { .. }) => return Err(self.refused(wrong)),
                Err(error) => return Err(error),
            };
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

    /// Checks the kernels that are chosen for the nodes of the whole graph, up to the first that is wrong.
    fn check_all(
        &self,
        [whole, small]: [&Graph; 2],
        planned: &Planned,
        choice: &Choice,
        known: &mut Tunings,
        found: &mut Tunings,
    ) -> Result<Found> {
        let mut unseen = compiled(&planned.steps);
        let mut unsaid = BTreeSet::new();
        for (node, in_whole) in small.nodes.iter().zip(&whole.nodes) {
            let steps = planned.steps_of(in_whole);
            let wanted = compiled(&steps);
            for kernel in planned.chosen(&site_of(whole, in_whole)) {
                let wanted: BTreeSet<String> = wanted.intersection(&unseen).cloned().collect();
                let name = kernel.unwrap_or(ONLY);
                let mut is_said = false;
                let mut trials = self.trials([(small, node), (whole, in_whole)], kernel, choice, wanted)?;
                let in_parts = || format!("{name} in parts at node '{}'", node.name);
                if trials.iter().all(|trial| parts(&trial.plan.steps) < parts(&steps)) {
                    match self.in_parts((whole, in_whole), kernel, choice) {
                        Some(trial) => trials.push(trial),
                        None => unsaid.extend([in_parts()]),
                    }
                }
                for trial in trials {
                    let site = trial.site();
                    if known.verified.get(&site).is_none_or(|verdicts| !verdicts.contains_key(name)) {
                        let verdict = match self.check(&trial, kernel)? {
                            None if trial.in_parts => {
                                unsaid.insert(in_parts());
                                continue;
                            }
                            None => continue,
                            Some(Ok(verdict)) => verdict,
                            Some(Err(wrong)) => match self.wrong_pool(&trial, choice)? {
                                Some(pool) => return Ok(Found::Wrong(pool)),
                                None if kernel.is_none() => return Err(self.refused(wrong)),
                                None => return Ok(Found::Wrong(wrong)),
                            },
                        };
                        for tunings in [&mut *known, &mut *found] {
                            let verdicts = tunings.verified.entry(site.clone()).or_default();
                            verdicts.insert(name.to_string(), verdict.clone());
                        }
                    }
                    is_said = true;
                    unseen.retain(|one| !trial.compiled.contains(one));
                }
                if !is_said {
                    unsaid.insert(format!("{name} at node '{}'", node.name));
                }
            }
        }
        let names = unseen.iter().filter_map(|one| one.split(' ').next()).map(str::to_string);
        Ok(Found::Right { unseen: names.chain(unsaid).collect() })
    }

    /// The node by itself with this kernel: on two samples as from outside, and in the other forms where they are compiled to more
    /// of what is wanted. None where it takes another kernel by itself.
    fn trials<'a>(
        &self,
        forms: [(&'a Graph, &'a Node); 2],
        kernel: Option<&str>,
        choice: &Choice,
        mut wanted: BTreeSet<String>,
    ) -> Result<Vec<Trial<'a>>> {
        let mut trials = Vec::new();
        let is_same = std::ptr::eq(forms[0].1, forms[1].1);
        for (whole, node) in forms.into_iter().take(if is_same { 1 } else { 2 }) {
            let alone = alone(whole, node);
            for source in Source::ALL {
                if !trials.is_empty() && wanted.is_empty() {
                    return Ok(trials);
                }
                let Some((graph, pools)) = source.of(&alone) else { continue };
                if pools.values().any(|pool| choice.dropped.contains(pool)) {
                    continue;
                }
                let plan = match self.planned(&graph, kernel, choice, pools, true) {
                    Ok(Some(plan)) => plan,
                    Err(error) if source == Source::Outside && trials.is_empty() => return Err(error),
                    _ => continue,
                };
                let compiled = compiled(&plan.steps);
                if trials.is_empty() || !wanted.is_disjoint(&compiled) {
                    wanted.retain(|one| !compiled.contains(one));
                    trials.push(Trial { whole, node, source, plan, compiled, in_parts: false });
                }
            }
        }
        Ok(trials)
    }

    /// The node of the whole graph with this kernel, divided as far as it can be: what tells a part where it begins is wrong in none but
    /// the later ones.
    fn in_parts<'a>(
        &self,
        (whole, node): (&'a Graph, &'a Node),
        kernel: Option<&str>,
        choice: &Choice,
    ) -> Option<Trial<'a>> {
        let graph = alone(whole, node);
        let plan = self.planned(&graph, kernel, choice, BTreeMap::new(), false).ok()??;
        let compiled = compiled(&plan.steps);
        Some(Trial { whole, node, source: Source::Outside, plan, compiled, in_parts: true })
    }

    /// Where a node was wrong behind pools, the pool that is to blame, if one is.
    fn wrong_pool(&self, trial: &Trial, choice: &Choice) -> Result<Option<Wrong>> {
        let Some((whole, pools)) = trial.source.of(&alone(trial.whole, trial.node)) else { return Ok(None) };
        for node in &whole.nodes {
            let Some(kernel) = pools.get(&site_of(&whole, node)) else { continue };
            let graph = alone(&whole, node);
            let Ok(Some(plan)) = self.planned(&graph, Some(kernel), choice, BTreeMap::new(), true) else {
                continue;
            };
            let compiled = compiled(&plan.steps);
            let source = Source::Outside;
            let pool = Trial { whole: &whole, node, source, plan, compiled, in_parts: false };
            if let Some(Err(wrong)) = self.check(&pool, Some(kernel))? {
                let reason = format!("in front of it to try it, {}", wrong.reason);
                return Ok(Some(Wrong { node: trial.node.name.clone(), reason, ..wrong }));
            }
        }
        Ok(None)
    }

    /// A plan for the node of this graph that takes the kernel, if there is one; a node without a choice takes what it has.
    fn planned(
        &self,
        graph: &Graph,
        kernel: Option<&str>,
        choice: &Choice,
        pools: BTreeMap<String, String>,
        roomy: bool,
    ) -> Result<Option<Plan>> {
        let mut choice = match kernel {
            Some(kernel) => Choice { dropped: choice.dropped.clone(), roomy, ..Choice::forcing(kernel) },
            None => Choice { roomy, ..choice.clone() },
        };
        choice.winners.extend(pools);
        let (plan, decisions) = plan_and_decisions(graph, self.gpu.target(), &choice)?;
        let is_taken = |kernel| decisions.iter().any(|decision| decision.chosen == kernel);
        Ok(kernel.is_none_or(is_taken).then_some(plan))
    }

    /// Runs a node by itself and judges it; none where the twin cannot say, or there is no memory for it now.
    fn check(
        &self,
        trial: &Trial,
        kernel: Option<&str>,
    ) -> Result<Option<std::result::Result<Verdict, Wrong>>> {
        let lone = Lone::of(trial.whole, trial.node, self.gpu.precision())?;
        if trial.plan.steps.is_empty() {
            // A view: nothing is computed.
            return Ok(Some(Ok(Verdict { outputs: lone.graph.values.len(), worst: 0.0, checked: now() })));
        }
        let names: BTreeSet<&str> = trial.plan.steps.iter().map(|step| step.kernel.as_ref()).collect();
        let kernel = kernel.map_or_else(|| names.into_iter().collect::<Vec<_>>().join(", "), str::to_string);
        let samples = SAMPLES * parts(&trial.plan.steps);
        let Ok(judgement) = Judgement::of_some(&lone, self.gpu.precision(), samples) else { return Ok(None) };
        let Ok(plan) = fits(self.gpu, trial.plan.clone()) else { return Ok(None) };
        let wrong = |reason: String| Wrong { node: trial.node.name.clone(), kernel: kernel.clone(), reason };
        let played = Player::new(self.gpu, plan, &mut WeightStore::default())
            .and_then(|player| player.run_poisoned(&lone.inputs));
        let outputs = match played {
            Ok(outputs) => outputs,
            Err(Error::Memory { .. }) => return Ok(None),
            // Also a kernel that the driver does not take: another one may be to its liking.
            Err(Error::Gpu { reason, .. }) => return Ok(Some(Err(wrong(reason)))),
            Err(error) => return Err(error),
        };
        let (worst, verdict) = judgement.judge_worst(&kernel, &outputs);
        let (outputs, worst) = (judgement.outputs(), worst.as_ref().map_or(0.0, Worst::ratio));
        let verdict = verdict.map(|()| Verdict { outputs, worst, checked: now() }).map_err(wrong);
        Ok((outputs > 0).then_some(verdict))
    }

    /// No kernel is left at a node.
    fn refused(&self, Wrong { node, kernel, reason }: Wrong) -> Error {
        Error::Wrong { device: self.gpu.name(), node, kernel, reason }
    }
}
