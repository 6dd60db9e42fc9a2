//! Whole networks, timed end to end: what is fastest node by node need not be so together.
//!
//! A kernel may want its inputs in another layout than the nodes around it, and a conversion costs a dispatch. So several
//! plans compete with the default one, alternated: each node's fastest kernel; only those of them that bring no
//! conversion; and one kernel wherever it applies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::cache::{PlanTime, SiteTimes};
use super::check::agree;
use super::clock::{Rounds, end_to_end, medians};
use super::pace::{Event, Pace};
use super::site::fits;
use super::{Halt, MARGIN, pause};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, WeightStore};
use crate::graph::Graph;
use crate::plan::lowering::{Choice, Decision, LAYOUT_KERNELS};
use crate::plan::{Plan, plan};
use crate::tensor::Tensor;

/// The name of the plan in each operator's own order.
pub const DEFAULT: &str = "default";

const ROUNDS: Rounds = Rounds { least: 5, most: 31, enough: Duration::from_secs(2) };

/// Kernels that compete for being used everywhere; each plan holds memory.
const MOST_EVERYWHERE: usize = 3;

/// Kernels by site, where they are not the default.
type Winners = BTreeMap<String, String>;

/// A network whose sites were measured.
pub struct Whole<'a> {
    pub gpu: &'a Arc<Gpu>,
    pub graph: &'a Graph,
    pub inputs: &'a [Tensor],
    /// The default plan's, and so without the kernels that compute wrong.
    pub decisions: &'a [Decision],
    pub sites: &'a BTreeMap<String, SiteTimes>,
    /// The default order without the kernels that compute wrong.
    pub default: &'a Choice,
}

/// What the plans took, and the winners of the best.
pub struct Compared {
    pub plans: Vec<PlanTime>,
    pub chosen: String,
    pub winners: Winners,
}

struct Contender {
    name: String,
    winners: Winners,
    result: Result<Player, String>,
}

impl Whole<'_> {
    /// Times the plans that the sites' times suggest.
    ///
    /// # Errors
    /// When the tuning is to stop, the device is lost, or the default plan itself cannot be run.
    pub fn compare(&self, pace: &mut dyn Pace) -> Result<Compared, Halt> {
        let proposals = self.proposals()?;
        if proposals.len() < 2 {
            let plans = vec![PlanTime { name: DEFAULT.into(), milliseconds: None, fault: None }];
            return Ok(Compared { plans, chosen: DEFAULT.into(), winners: Winners::new() });
        }
        pace.tell(Event::Plans);
        let contenders = self.contenders(proposals, pace)?;
        let players: Vec<&Player> = contenders.iter().filter_map(|c| c.result.as_ref().ok()).collect();
        let medians = medians(&players, ROUNDS, pace, |player| end_to_end(player, self.inputs))?;
        Ok(judged(contenders, medians))
    }

    /// Plans by name, the default first, none twice.
    fn proposals(&self) -> Result<Vec<(String, Winners)>> {
        let fastest = self.fastest();
        let quiet = self.without_conversions(&fastest)?;
        let mut proposals = vec![
            (DEFAULT.to_string(), Winners::new()),
            ("fastest kernels".to_string(), fastest.clone()),
            ("fastest kernels without conversions".to_string(), quiet),
        ];
        for kernel in frequent(&fastest) {
            proposals.push((format!("{kernel} everywhere"), self.everywhere(&kernel, &fastest)));
        }
        let mut distinct: Vec<(String, Winners)> = Vec::new();
        for (name, winners) in proposals {
            if distinct.iter().all(|(_, other)| *other != winners) {
                distinct.push((name, winners));
            }
        }
        Ok(distinct)
    }

    /// The fastest kernel of each site where that is not the default.
    fn fastest(&self) -> Winners {
        let fastest = |decision: &Decision| {
            let kernel = self.sites.get(&decision.site)?.fastest()?;
            (kernel != decision.chosen).then(|| (decision.site.clone(), kernel.to_string()))
        };
        self.decisions.iter().filter_map(fastest).collect()
    }

    /// Those of the winners that convert no more than the default does, each taken by itself.
    fn without_conversions(&self, winners: &Winners) -> Result<Winners> {
        let conversions = |winners: Winners| Ok::<usize, Error>(conversions(&self.plan(winners)?));
        let before = conversions(Winners::new())?;
        let mut quiet = Winners::new();
        for (site, kernel) in winners {
            if conversions(Winners::from([(site.clone(), kernel.clone())]))? <= before {
                quiet.insert(site.clone(), kernel.clone());
            }
        }
        Ok(quiet)
    }

    /// One kernel at all sites where it computes right, and the fastest at the others.
    fn everywhere(&self, kernel: &str, fastest: &Winners) -> Winners {
        let mut winners = fastest.clone();
        for decision in self.decisions {
            let times = self.sites.get(&decision.site).and_then(|site| site.milliseconds(kernel));
            if times.is_some() && decision.chosen != kernel {
                winners.insert(decision.site.clone(), kernel.to_string());
            } else if times.is_some() {
                winners.remove(&decision.site);
            }
        }
        winners
    }

    fn plan(&self, winners: Winners) -> Result<Plan> {
        plan(self.graph, self.gpu.target(), &Choice { winners, ..self.default.clone() })
    }

    /// Makes the plans ready and runs each once. One that cannot be, or that answers otherwise than the default, is
    /// out of the race.
    fn contenders(
        &self,
        proposals: Vec<(String, Winners)>,
        pace: &mut dyn Pace,
    ) -> Result<Vec<Contender>, Halt> {
        let mut store = WeightStore::default();
        let mut expected: Option<Vec<Tensor>> = None;
        let mut contenders = Vec::new();
        for (name, winners) in proposals {
            pause(pace)?;
            let player = self.plan(winners.clone()).and_then(|plan| fits(self.gpu, plan));
            let player = player.and_then(|plan| Player::new(self.gpu, plan, &mut store));
            let played = player.and_then(|player| Ok((player.run(self.inputs)?, player)));
            let result = match (played, &expected) {
                (Err(error @ Error::DeviceLost { .. }), _) | (Err(error), None) => return Err(error.into()),
                (Err(error), Some(_)) => Err(error.to_string()),
                (Ok((outputs, player)), None) => {
                    expected = Some(outputs);
                    Ok(player)
                }
                (Ok((outputs, player)), Some(expected)) if agree(expected, &outputs) => Ok(player),
                (Ok(_), Some(_)) => Err("its answer is not the default plan's".into()),
            };
            contenders.push(Contender { name, winners, result });
        }
        Ok(contenders)
    }
}

/// Steps that only convert from one layout to another.
fn conversions(plan: &Plan) -> usize {
    let converts = |kernel: &str| LAYOUT_KERNELS.iter().any(|k| k.name == kernel);
    plan.steps.iter().filter(|step| converts(&step.kernel)).count()
}

/// The kernels that win at most sites.
fn frequent(winners: &Winners) -> Vec<String> {
    let mut counts: BTreeMap<&String, usize> = BTreeMap::new();
    winners.values().for_each(|kernel| *counts.entry(kernel).or_default() += 1);
    let mut kernels: Vec<(&String, usize)> = counts.into_iter().collect();
    kernels.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kernels.into_iter().take(MOST_EVERYWHERE).map(|(kernel, _)| kernel.clone()).collect()
}

/// `medians` are those of the contenders that are still in the race. The default stays unless one beats it by more
/// than measurements scatter.
fn judged(contenders: Vec<Contender>, medians: Vec<Option<f64>>) -> Compared {
    let mut medians = medians.into_iter();
    let mut compared = Compared { plans: Vec::new(), chosen: DEFAULT.into(), winners: Winners::new() };
    let mut best: Option<f64> = None;
    for Contender { name, winners, result } in contenders {
        let milliseconds = if result.is_ok() { medians.next().flatten() } else { None };
        if name == DEFAULT {
            best = milliseconds.map(|ms| MARGIN * ms);
        } else if let (Some(ms), Some(limit)) = (milliseconds, best)
            && ms < limit
        {
            best = Some(ms);
            compared.chosen.clone_from(&name);
            compared.winners = winners;
        }
        compared.plans.push(PlanTime { name, milliseconds, fault: result.err() });
    }
    compared
}
