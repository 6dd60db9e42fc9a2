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
use super::clock::{Rounds, end_to_end, median, pairs};
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

const ROUNDS: Rounds = Rounds { least: 7, most: 31, enough: Duration::from_secs(2) };

/// The part of the rounds that a plan has to win, so that what else runs on the machine does not decide.
const CLEARLY: f64 = 0.8;

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

/// The plans that have been timed.
struct Race {
    /// The default's times, against all challengers.
    default: Vec<f64>,
    plans: Vec<PlanTime>,
    /// The least time in units of the default's, and whose it is.
    best: Option<(f64, String, Winners)>,
}

impl Whole<'_> {
    /// Times the plans that the sites' times suggest, each in turn with the default, so that two are held at a time.
    ///
    /// # Errors
    /// When the tuning is to stop, the device is lost, or the default plan itself cannot be run.
    pub fn compare(&self, pace: &mut dyn Pace) -> Result<Compared, Halt> {
        let proposals = self.proposals()?;
        let mut race = Race { default: Vec::new(), plans: Vec::new(), best: None };
        if !proposals.is_empty() {
            pace.tell(Event::Plans);
            pause(pace)?;
            let mut store = WeightStore::default();
            let default = self.player(&Winners::new(), &mut store)?;
            let expected = default.run(self.inputs)?;
            for (name, winners) in proposals {
                pause(pace)?;
                match self.challenger(&winners, &expected, &mut store)? {
                    Err(fault) => race.plans.push(PlanTime::failed(name, fault)),
                    Ok(player) => {
                        let time = |player: &Player| end_to_end(player, self.inputs);
                        race.add(name, winners, &pairs([&default, &player], ROUNDS, pace, time)?);
                    }
                }
            }
        }
        Ok(race.finish())
    }

    fn player(&self, winners: &Winners, store: &mut WeightStore) -> Result<Player> {
        Player::new(self.gpu, fits(self.gpu, self.plan(winners.clone())?)?, store)
    }

    /// A plan that was run once; or why it is out of the race.
    fn challenger(
        &self,
        winners: &Winners,
        expected: &[Tensor],
        store: &mut WeightStore,
    ) -> Result<Result<Player, String>> {
        let played = self.player(winners, store).and_then(|player| Ok((player.run(self.inputs)?, player)));
        match played {
            Err(lost @ Error::DeviceLost { .. }) => Err(lost),
            Err(error) => Ok(Err(error.to_string())),
            Ok((outputs, player)) if agree(expected, &outputs, self.gpu.precision()) => Ok(Ok(player)),
            Ok(_) => Ok(Err("its answer is not the default plan's".into())),
        }
    }

    /// Plans by name that are not the default, none twice.
    fn proposals(&self) -> Result<Vec<(String, Winners)>> {
        let fastest = self.fastest();
        let quiet = self.without_conversions(&fastest)?;
        let mut proposals = vec![
            ("fastest kernels".to_string(), fastest.clone()),
            ("fastest kernels without conversions".to_string(), quiet),
        ];
        for kernel in frequent(&fastest) {
            proposals.push((format!("{kernel} everywhere"), self.everywhere(&kernel, &fastest)));
        }
        let mut distinct: Vec<(String, Winners)> = Vec::new();
        for (name, winners) in proposals {
            if !winners.is_empty() && distinct.iter().all(|(_, other)| *other != winners) {
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

impl Race {
    /// `rounds` are the times of the default and of a challenger, alternated.
    fn add(&mut self, name: String, winners: Winners, rounds: &[(f64, f64)]) {
        let ratios: Vec<f64> = rounds.iter().map(|(default, challenger)| challenger / default).collect();
        let Some(ratio) = median(&ratios) else {
            self.plans
                .push(PlanTime::failed(name, "other work on the device left no time to measure it".into()));
            return;
        };
        let won = ratios.iter().filter(|ratio| **ratio < 1.0).count();
        let least = self.best.as_ref().map_or(MARGIN, |(least, ..)| *least);
        if ratio < least && won as f64 >= CLEARLY * ratios.len() as f64 {
            self.best = Some((ratio, name.clone(), winners));
        }
        let defaults = rounds.iter().map(|(default, _)| *default);
        let challengers: Vec<f64> = rounds.iter().map(|(_, challenger)| *challenger).collect();
        self.default.extend(defaults);
        self.plans.push(PlanTime {
            name,
            milliseconds: median(&challengers),
            speed_up: Some(1.0 / ratio).filter(|speed_up| speed_up.is_finite()),
            rounds: rounds.len(),
            won,
            fault: None,
        });
    }

    fn finish(self) -> Compared {
        let Race { default, plans, best } = self;
        let default = PlanTime {
            name: DEFAULT.into(),
            milliseconds: median(&default),
            speed_up: None,
            rounds: default.len(),
            won: 0,
            fault: None,
        };
        let (chosen, winners) =
            best.map_or((DEFAULT.into(), Winners::new()), |(_, name, winners)| (name, winners));
        Compared { plans: [default].into_iter().chain(plans).collect(), chosen, winners }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_stays_unless_another_is_clearly_faster() {
        let chosen = |challengers: &[&[(f64, f64)]]| {
            let mut race = Race { default: Vec::new(), plans: Vec::new(), best: None };
            for (i, rounds) in challengers.iter().enumerate() {
                let winners = Winners::from([("site".to_string(), i.to_string())]);
                race.add(i.to_string(), winners, rounds);
            }
            let compared = race.finish();
            assert_eq!(compared.plans.len(), challengers.len() + 1);
            (compared.chosen.clone(), compared.winners.into_values().next().unwrap_or_default())
        };
        let is = |name: &str, kernel: &str| (name.to_string(), kernel.to_string());
        assert_eq!(chosen(&[]), is(DEFAULT, ""));
        assert_eq!(chosen(&[&[], &[(10.0, 9.9)], &[(10.0, 12.0)]]), is(DEFAULT, ""));
        // A clock that slows down slows both.
        let faster = [(10.0, 8.0), (20.0, 15.0), (30.0, 29.0), (30.0, 20.0)];
        assert_eq!(chosen(&[&[(10.0, 9.0)], &faster]), is("1", "1"));
        // Faster on the whole, but not in most rounds: something else ran.
        let lucky = [(10.0, 5.0), (10.0, 5.0), (10.0, 9.0), (10.0, 10.1), (10.0, 10.1)];
        assert_eq!(chosen(&[&lucky]), is(DEFAULT, ""));
    }
}
