//! Which kernels are fastest on one device, at the shapes of one network: measured, checked and remembered.
//!
//! Every node that has a choice is run by itself with each kernel that applies. What a kernel computes is held against
//! the operator's twin (`check`); one that computes wrong is dropped on that adapter. What the rest took makes up
//! plans of the whole network that compete end to end (`whole`); the winner's kernels are what plans take from then
//! on ([`Cache`], [`crate::plan::lowering::Choice`]). All that happens for one who waits for it, or beside the answers
//! of a session (`background`); never inside a request.

mod background;
mod cache;
mod check;
mod clock;
mod folder;
mod lone;
mod pace;
mod site;
mod verify;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sha2::{Digest, Sha256};

pub(crate) use background::Background;
pub use background::{Adapters, shut_down};
pub use cache::{Cache, Candidate, Dropped, NetworkTimes, PlanTime, SiteTimes, Subject, Tunings};
use cache::{hex, now};
pub use folder::{CACHE_VARIABLE, cache_folder, use_folder};
pub use pace::{Event, Pace, Waiting};
pub(crate) use verify::Gate;
pub use verify::Verdict;
pub use whole::DEFAULT;

use crate::error::{Error, Result};
use crate::gpu::Gpu;
use crate::graph::network::Network;
use crate::graph::{self, Graph, Node};
use crate::memory;
use crate::plan::lowering::{Choice, Decision};
use crate::plan::{Plan, plan_and_decisions, site as site_of};
use crate::tensor::Shape;
pub(crate) use lone::alone;
use lone::{Lone, seeded};
use site::fits;
use whole::Whole;

/// What something must fall below, as a part of the default's time, to be called faster: medians scatter.
const MARGIN: f64 = 0.98;

/// Why a tuning ended before it was done. What had been found is kept.
#[derive(Debug)]
pub enum Halt {
    /// Whoever asked for it wants no more.
    Stopped,
    Failed(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Halt::Failed(error)
    }
}

/// Which sites to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them, and kernels that were found wrong before are checked anew.
    Everything,
    /// Those that nothing is known of; nothing at all if the network is known.
    Unknown,
}

/// A network at one input shape, on one device.
pub struct Tuner<'a> {
    pub gpu: &'a Arc<Gpu>,
    pub cache: &'a Cache,
    pub network: &'a Network,
    pub shapes: &'a [Shape],
    /// The network's name in what is kept.
    pub model: &'a str,
    pub scope: Scope,
}

/// What is known of the network so far.
struct Work {
    graph: Graph,
    decisions: Vec<Decision>,
    known: Tunings,
    found: Tunings,
    /// Kernels that computed right wherever they were checked.
    right: BTreeSet<String>,
}

impl Tuner<'_> {
    /// Measures and keeps what it finds, site by site. Returns what is known of this network then.
    ///
    /// # Errors
    /// When it was stopped, the device was lost, the network does not run there, or nothing can be kept.
    pub fn tune(&self, pace: &mut dyn Pace) -> Result<Tunings, Halt> {
        let mut work = self.begin(pace.most_bytes())?;
        if self.scope == Scope::Unknown && work.known.networks.contains_key(&work.fingerprint()) {
            return Ok(work.known);
        }
        let todo = work.todo(self.scope);
        pace.tell(Event::Sites(todo.len()));
        for decision in &todo {
            pace.tell(Event::Site(&decision.site));
            self.measure(&mut work, decision, pace)?;
        }
        self.compare(&mut work, pace)?;
        Ok(work.found)
    }

    fn begin(&self, most_bytes: u64) -> Result<Work> {
        let mut graph = graph::build(self.network, self.shapes)?;
        graph::fuse(&mut graph);
        let (plan, decisions) = plan_and_decisions(&graph, self.gpu.target(), &Choice::default())?;
        self.check_memory(plan, most_bytes)?;
        // What cannot be used is overwritten; `Session` has said so.
        let (known, _) = self.cache.load();
        let mut found = Tunings::none(known.subject.clone());
        if self.scope == Scope::Unknown {
            found.dropped.clone_from(&known.dropped);
        }
        Ok(Work { graph, decisions: merged(decisions), known, found, right: BTreeSet::new() })
    }

    /// Refuses what cannot be held twice: two plans compete at a time. Inputs are made on the host.
    fn check_memory(&self, plan: Plan, most_bytes: u64) -> Result<()> {
        let inputs: usize = self.shapes.iter().map(|shape| shape.elements() * 4).sum();
        memory::check("the network's input", 2 * inputs as u64)?;
        let bytes = 2 * fits(self.gpu, plan)?.device_bytes();
        if bytes > most_bytes {
            return Err(Error::TooLarge {
                what: "tuning the network".into(),
                needed: bytes >> 20,
                limit_name: "what it may take in the background".into(),
                limit: most_bytes >> 20,
                remedy: "`gyrus tune` takes more".into(),
            });
        }
        Ok(())
    }

    fn measure(&self, work: &mut Work, decision: &Decision, pace: &mut dyn Pace) -> Result<(), Halt> {
        let Some(node) = work.node(&decision.site) else { return Ok(()) };
        let lone = Lone::of(&work.graph, node, self.gpu.precision())?;
        let excluded = |kernel: &&'static str| {
            let dropped = work.found.dropped.get(*kernel);
            (*kernel, dropped.map(|dropped| format!("computes wrong: {}", dropped.reason)))
        };
        let candidates: Vec<_> = decision.candidates.iter().map(excluded).collect();
        let measured = match site::measure(self.gpu, lone, &candidates, pace) {
            Err(Halt::Failed(lost @ Error::DeviceLost { .. })) => {
                // Remembered, so that it is not lost here time and again.
                work.found.sites.insert(decision.site.clone(), SiteTimes::lost(&decision.candidates));
                self.keep(work)?;
                return Err(lost.into());
            }
            measured => measured?,
        };
        for (kernel, reason) in &measured.wrong {
            pace.tell(Event::Dropped { kernel, reason });
            let reason = format!("{reason}, at {}", decision.site);
            work.found.dropped.insert(kernel.clone(), Dropped { reason, measured: now() });
        }
        let right = measured.times.candidates.iter().filter(|c| c.fault.is_none());
        work.right.extend(right.map(|c| c.kernel.clone()));
        work.found.sites.insert(decision.site.clone(), measured.times);
        self.keep(work)?;
        Ok(())
    }

    /// Times whole plans and makes the best one's kernels the winners.
    fn compare(&self, work: &mut Work, pace: &mut dyn Pace) -> Result<(), Halt> {
        work.take_known();
        let dropped = work.found.dropped.keys().cloned().collect();
        let default = Choice { dropped, ..Choice::default() };
        let (_, decisions) = plan_and_decisions(&work.graph, self.gpu.target(), &default)?;
        let decisions = merged(decisions);
        let ports = (0..).zip(work.graph.inputs.iter().map(|&id| &work.graph.values[id]));
        let inputs = ports.map(|(seed, value)| seeded(&value.shape, value.dtype, seed));
        let inputs = inputs.collect::<Result<Vec<_>>>()?;
        let whole = Whole {
            gpu: self.gpu,
            graph: &work.graph,
            inputs: &inputs,
            decisions: &decisions,
            sites: &work.found.sites,
            default: &default,
        };
        let compared = whole.compare(pace)?;
        for decision in &decisions {
            if let Some(site) = work.found.sites.get_mut(&decision.site) {
                let winner = compared.winners.get(&decision.site).map_or(decision.chosen, String::as_str);
                site.winner = Some(winner.to_string());
            }
        }
        let shapes = self.network.inputs.iter().zip(self.shapes);
        let times = NetworkTimes {
            model: self.model.into(),
            inputs: shapes.map(|(input, shape)| format!("{}={shape}", input.name)).collect(),
            sites: work.measured_sites(),
            plans: compared.plans,
            chosen: compared.chosen,
            measured: now(),
        };
        work.found.networks.insert(work.fingerprint(), times);
        self.keep(work)?;
        Ok(())
    }

    fn keep(&self, work: &Work) -> Result<()> {
        let cleared = match self.scope {
            Scope::Everything => work.right.iter().filter(|kernel| !work.found.dropped.contains_key(*kernel)),
            Scope::Unknown => return self.cache.merge(&work.found, &BTreeSet::new()),
        };
        self.cache.merge(&work.found, &cleared.cloned().collect())
    }
}

impl Work {
    /// Sites that are to be measured: those with a choice, or with a kernel that is to be checked anew.
    fn todo(&self, scope: Scope) -> Vec<Decision> {
        let was_dropped = |d: &Decision| d.candidates.iter().any(|k| self.known.dropped.contains_key(*k));
        let has_choice = |d: &&Decision| d.candidates.len() > 1 || was_dropped(d);
        let is_wanted = |d: &&Decision| scope == Scope::Everything || !self.known.sites.contains_key(&d.site);
        self.decisions.iter().filter(has_choice).filter(is_wanted).cloned().collect()
    }

    fn node(&self, site: &str) -> Option<&Node> {
        self.graph.nodes.iter().find(|node| site_of(&self.graph, node) == site)
    }

    /// Takes over what was known of the network's other sites.
    fn take_known(&mut self) {
        for decision in &self.decisions {
            if let Some(known) = self.known.sites.get(&decision.site) {
                self.found.sites.entry(decision.site.clone()).or_insert_with(|| known.clone());
            }
        }
    }

    fn measured_sites(&self) -> Vec<String> {
        let sites = self.decisions.iter().map(|decision| &decision.site);
        sites.filter(|site| self.found.sites.contains_key(*site)).cloned().collect()
    }

    /// What tells networks apart: where their nodes have a choice.
    fn fingerprint(&self) -> String {
        let sites: Vec<&str> = self.decisions.iter().map(|decision| decision.site.as_str()).collect();
        hex(&Sha256::digest(sites.join("\n"))[..12])
    }
}

/// One decision a site, with all candidates that any of its nodes has.
fn merged(decisions: Vec<Decision>) -> Vec<Decision> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut merged: Vec<Decision> = Vec::new();
    for decision in decisions {
        let place = *places.entry(decision.site.clone()).or_insert(merged.len());
        match merged.get_mut(place) {
            None => merged.push(decision),
            Some(first) => {
                let new = decision.candidates.into_iter().filter(|k| !first.candidates.contains(k));
                let new: Vec<&'static str> = new.collect();
                first.candidates.extend(new);
            }
        }
    }
    merged
}

/// Waits until work on the device is welcome.
fn pause(pace: &mut dyn Pace) -> Result<(), Halt> {
    if pace.pause().is_continue() { Ok(()) } else { Err(Halt::Stopped) }
}
