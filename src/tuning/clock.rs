//! Times of several contenders, taken in turn so that a clock that changes is the same to all.

use std::time::{Duration, Instant};

use super::Halt;
use super::pace::Pace;
use crate::error::Result;
use crate::gpu::Player;
use crate::tensor::Tensor;

/// How long to go on.
#[derive(Debug, Clone, Copy)]
pub struct Rounds {
    pub least: usize,
    pub most: usize,
    /// After so long the least will do.
    pub enough: Duration,
}

/// One that is this many times slower than the best is not run any more: after one round, and after several.
const HOPELESS: [f64; 2] = [8.0, 2.0];

/// How often a run that was disturbed is repeated before the round goes on without it.
const REPEATS: usize = 20;

/// The median of each contender's milliseconds, in their order; none where all its rounds were disturbed. `time` runs
/// a contender once.
pub fn medians<T>(
    contenders: &[T],
    rounds: Rounds,
    pace: &mut dyn Pace,
    mut time: impl FnMut(&T) -> Result<f64>,
) -> Result<Vec<Option<f64>>, Halt> {
    let mut times: Vec<Vec<f64>> = vec![Vec::new(); contenders.len()];
    let start = Instant::now();
    for round in 0..rounds.most {
        if round >= rounds.least && start.elapsed() >= rounds.enough {
            break;
        }
        let best = times.iter().filter_map(|t| median(t)).fold(f64::INFINITY, f64::min);
        for (contender, times) in contenders.iter().zip(&mut times) {
            let limit = HOPELESS[usize::from(times.len() > 1)] * best;
            if median(times).is_none_or(|median| median <= limit) {
                times.extend(undisturbed(pace, || time(contender))?);
            }
        }
    }
    Ok(times.iter().map(|times| median(times)).collect())
}

/// The milliseconds of two, one after the other, round for round.
pub fn pairs<T>(
    [first, second]: [&T; 2],
    rounds: Rounds,
    pace: &mut dyn Pace,
    time: impl Fn(&T) -> Result<f64>,
) -> Result<Vec<(f64, f64)>, Halt> {
    let start = Instant::now();
    let mut pairs = Vec::new();
    for round in 0..rounds.most {
        if round >= rounds.least && start.elapsed() >= rounds.enough {
            break;
        }
        let first = undisturbed(pace, || time(first))?;
        pairs.extend(first.zip(undisturbed(pace, || time(second))?));
    }
    Ok(pairs)
}

/// A time during which nothing else ran; none if there is no peace for long.
fn undisturbed(pace: &mut dyn Pace, mut time: impl FnMut() -> Result<f64>) -> Result<Option<f64>, Halt> {
    for _ in 0..REPEATS {
        super::pause(pace)?;
        let milliseconds = time()?;
        if !pace.is_disturbed() {
            return Ok(Some(milliseconds));
        }
    }
    Ok(None)
}

/// The middle one; none of none.
pub fn median(times: &[f64]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// Milliseconds that the steps of these ONNX operators take on the device; those of a whole run where the device
/// cannot time steps.
pub fn own_steps(player: &Player, inputs: &[Tensor], operator: &str) -> Result<f64> {
    match player.time_steps(inputs)? {
        Some(times) => {
            let steps = &player.plan().steps;
            let is_own = |step: usize| steps.get(step).is_some_and(|step| step.operator == operator);
            Ok(times.iter().filter(|t| is_own(t.step)).map(|t| t.milliseconds).sum())
        }
        None => end_to_end(player, inputs),
    }
}

/// Milliseconds from upload to readback.
pub fn end_to_end(player: &Player, inputs: &[Tensor]) -> Result<f64> {
    let start = Instant::now();
    player.run(inputs)?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}
