//! The kernels of one node: each run by itself, held against the twin, and timed.

use std::sync::Arc;
use std::time::Duration;

use super::cache::{Candidate, SiteTimes, now};
use super::check::{Judgement, MOST_TWIN_WORK, TWIN_WORK, agree};
use super::clock::{Rounds, medians, own_steps};
use super::lone::Lone;
use super::pace::Pace;
use super::{Halt, pause};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, WeightStore};
use crate::memory;
use crate::plan::lowering::Choice;
use crate::plan::{DeviceClass, Plan, plan, plan_and_decisions};
use crate::tensor::Tensor;

const ROUNDS: Rounds = Rounds { least: 3, most: 15, enough: Duration::from_millis(300) };

/// What one site gave.
pub struct Measured {
    pub times: SiteTimes,
    /// Kernels that compute wrong, and what is wrong.
    pub wrong: Vec<(String, String)>,
}

/// A kernel that takes part.
struct Contender {
    kernel: &'static str,
    player: Player,
    /// What it computed at full size.
    outputs: Vec<Tensor>,
}

/// Why a kernel does not take part.
#[derive(Debug, Clone)]
enum Fault {
    Wrong(String),
    /// Nothing is known of its results.
    Unusable(String),
}

/// A node at its own size and, where that is too large for the twin, a smaller one, each with its inputs.
struct Problem<'a> {
    gpu: &'a Arc<Gpu>,
    whole: Lone,
    /// What the twin judged, and whether that is the node at its own size.
    judged: Option<(Lone, Judgement)>,
    of_whole: Option<Judgement>,
    store: WeightStore,
}

/// Measures these kernels at a node. `excluded` are not run, for the reasons beside them.
///
/// # Errors
/// When the tuning is to stop; a lost device. What is wrong with a kernel is its own affair.
pub fn measure(
    gpu: &Arc<Gpu>,
    whole: Lone,
    candidates: &[(&'static str, Option<String>)],
    pace: &mut dyn Pace,
) -> Result<Measured, Halt> {
    let mut problem = Problem { gpu, whole, judged: None, of_whole: None, store: WeightStore::default() };
    let mut results: Vec<(&'static str, Result<Contender, Fault>)> = Vec::new();
    if let Err(reason) = problem.ask_twin(pace) {
        let fault = Fault::Unusable(format!("the twin could not check it: {reason}"));
        results.extend(candidates.iter().map(|(kernel, _)| (*kernel, Err(fault.clone()))));
        return Ok(measured(results, &[]));
    }
    for (kernel, excluded) in candidates {
        let result = match excluded {
            Some(reason) => Err(Fault::Unusable(reason.clone())),
            None => problem.contender(kernel, pace)?,
        };
        results.push((kernel, result));
    }
    problem.settle(&mut results, pace);
    let contenders: Vec<&Contender> = results.iter().filter_map(|(_, r)| r.as_ref().ok()).collect();
    let operator = problem.whole.operator().to_string();
    let times = medians(&contenders, ROUNDS, pace, |contender| {
        own_steps(&contender.player, &problem.whole.inputs, &operator)
    })?;
    Ok(measured(results, &times))
}

/// `times` are those of the kernels that took part, in their order.
fn measured(results: Vec<(&'static str, Result<Contender, Fault>)>, times: &[Option<f64>]) -> Measured {
    let (mut times, mut wrong, mut candidates) = (times.iter(), Vec::new(), Vec::new());
    for (kernel, result) in results {
        let (milliseconds, fault) = match result {
            Ok(_) => (times.next().copied().flatten(), None),
            Err(Fault::Unusable(reason)) => (None, Some(reason)),
            Err(Fault::Wrong(reason)) => {
                wrong.push((kernel.to_string(), reason.clone()));
                (None, Some(format!("computes wrong: {reason}")))
            }
        };
        candidates.push(Candidate { kernel: kernel.into(), milliseconds, fault });
    }
    Measured { times: SiteTimes { candidates, winner: None, measured: now() }, wrong }
}

impl Problem<'_> {
    /// Has the twin compute the node, smaller where it is large.
    fn ask_twin(&mut self, pace: &mut dyn Pace) -> Result<(), String> {
        if self.whole.work() > TWIN_WORK {
            if let Some(cut) = self.whole.cut(TWIN_WORK) {
                let judgement = judgement(self.gpu, &cut, pace)?;
                self.judged = Some((cut, judgement));
                return Ok(());
            }
            if self.whole.work() > MOST_TWIN_WORK {
                return Err("the node is too large, and is another one on fewer pixels".into());
            }
        }
        self.of_whole = Some(judgement(self.gpu, &self.whole, pace)?);
        Ok(())
    }

    /// Runs a kernel on memory full of a pattern and judges what it computes.
    fn contender(
        &mut self,
        kernel: &'static str,
        pace: &mut dyn Pace,
    ) -> Result<Result<Contender, Fault>, Halt> {
        pause(pace)?;
        if let Some((cut, judgement)) = &self.judged {
            // A kernel that does not apply to the smaller node is left to the comparison at full size.
            if let Some(plan) = planned(self.gpu, cut, kernel) {
                let result = play(self.gpu, plan, &cut.inputs, &mut WeightStore::default())?;
                match result.and_then(|(_, outputs)| judgement.judge(kernel, &outputs).map_err(Fault::Wrong))
                {
                    Ok(()) => {}
                    Err(fault) => return Ok(Err(fault)),
                }
                pause(pace)?;
            }
        }
        let choice = Choice::forcing_alone(kernel);
        let plan = match plan(&self.whole.graph, self.gpu.target(), &choice).and_then(|p| fits(self.gpu, p)) {
            Ok(plan) => plan,
            Err(error) => return Ok(Err(Fault::Unusable(error.to_string()))),
        };
        let (player, outputs) = match play(self.gpu, plan, &self.whole.inputs, &mut self.store)? {
            Ok(played) => played,
            Err(fault) => return Ok(Err(fault)),
        };
        let judged = self.of_whole.as_ref().map_or(Ok(()), |judgement| judgement.judge(kernel, &outputs));
        Ok(judged.map(|()| Contender { kernel, player, outputs }).map_err(Fault::Wrong))
    }

    /// Holds what kernels computed at full size against each other. Where they differ the twin says who is wrong, and
    /// so it does where the smaller node could not be used.
    fn settle(&mut self, results: &mut [(&'static str, Result<Contender, Fault>)], pace: &mut dyn Pace) {
        if self.of_whole.is_some() || self.is_settled(results) {
            return;
        }
        let judgement = judgement(self.gpu, &self.whole, pace);
        for (_, result) in results {
            let Ok(contender) = result else { continue };
            let fault = match &judgement {
                Ok(judgement) => {
                    judgement.judge(contender.kernel, &contender.outputs).err().map(Fault::Wrong)
                }
                Err(reason) => Some(Fault::Unusable(format!("the twin could not check it: {reason}"))),
            };
            if let Some(fault) = fault {
                *result = Err(fault);
            }
        }
    }

    /// Whether all agree, and at least one of them was judged on the smaller node.
    fn is_settled(&self, results: &[(&'static str, Result<Contender, Fault>)]) -> bool {
        let mut contenders = results.iter().filter_map(|(_, result)| result.as_ref().ok());
        let Some(first) = contenders.next() else { return true };
        let was_judged = |contender: &Contender| {
            self.judged.as_ref().is_some_and(|(cut, _)| planned(self.gpu, cut, contender.kernel).is_some())
        };
        let mut is_judged = was_judged(first);
        contenders.all(|contender| {
            is_judged |= was_judged(contender);
            agree(&first.outputs, &contender.outputs, self.gpu.precision())
        }) && is_judged
    }
}

fn judgement(gpu: &Gpu, lone: &Lone, pace: &mut dyn Pace) -> Result<Judgement, String> {
    let mut judgement = Err("it was not asked".to_string());
    pace.compute(&mut || judgement = Judgement::of(lone, gpu.precision()));
    judgement
}

/// The plan with this kernel; none where it does not apply.
fn planned(gpu: &Gpu, lone: &Lone, kernel: &str) -> Option<Plan> {
    let (plan, decisions) =
        plan_and_decisions(&lone.graph, gpu.target(), &Choice::forcing_alone(kernel)).ok()?;
    decisions.iter().any(|decision| decision.chosen == kernel).then_some(plan)
}

/// Refuses a plan that the machine has no memory for. A GPU with memory of its own does not tell how much is left; its
/// driver refuses.
pub fn fits(gpu: &Gpu, plan: Plan) -> Result<Plan> {
    if gpu.target().class != DeviceClass::Discrete {
        memory::check("the plan", plan.device_bytes())?;
    }
    Ok(plan)
}

/// A player and what it computed. Only a kernel that ran can be wrong: what could not be made ready says nothing.
fn play(
    gpu: &Arc<Gpu>,
    plan: Plan,
    inputs: &[Tensor],
    store: &mut WeightStore,
) -> Result<Result<(Player, Vec<Tensor>), Fault>, Halt> {
    let player = match Player::new(gpu, plan, store) {
        Ok(player) => player,
        Err(error) => return unless_lost(error).map(|reason| Err(Fault::Unusable(reason))),
    };
    match player.run_poisoned(inputs) {
        Ok(outputs) => Ok(Ok((player, outputs))),
        Err(error @ Error::Memory { .. }) => Ok(Err(Fault::Unusable(error.to_string()))),
        Err(error) => unless_lost(error).map(|reason| Err(Fault::Wrong(reason))),
    }
}

fn unless_lost(error: Error) -> Result<String, Halt> {
    match error {
        Error::DeviceLost { .. } => Err(Halt::Failed(error)),
        Error::Gpu { reason, .. } => Ok(reason),
        other => Ok(other.to_string()),
    }
}
