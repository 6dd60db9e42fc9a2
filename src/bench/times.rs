//! Runs from upload to readback.

use std::collections::BTreeMap;
use std::time::Instant;

use serde::Serialize;

use crate::error::Result;
use crate::session::Session;
use crate::tensor::Tensor;

/// Runs before those that count: kernels are compiled, memory is allocated, clocks settle.
const WARM_UP: usize = 3;
/// Fewer runs than this have no slowest hundredth.
const RUNS_FOR_P99: usize = 100;

/// What equal runs took in milliseconds, shortest first.
#[derive(Debug, Clone, Default)]
pub struct Times(Vec<f64>);

/// The times of whole runs, as reports quote them.
#[derive(Debug, Clone, Serialize)]
pub struct EndToEnd {
    pub median_ms: f64,
    pub p10_ms: f64,
    pub p90_ms: f64,
    /// `None` of fewer than 100 runs.
    pub p99_ms: Option<f64>,
    pub min_ms: f64,
    pub max_ms: f64,
}

impl Times {
    pub fn of(mut milliseconds: Vec<f64>) -> Times {
        milliseconds.sort_by(f64::total_cmp);
        Times(milliseconds)
    }

    /// Times whole runs of a network on the same inputs, after a few that do not count. On the CPU engine samples are run as
    /// `classify` and the service run them, by [`Session::run_batch`]; on a GPU the whole is one plan, whose steps can be timed too.
    ///
    /// # Errors
    /// As [`Session::run`].
    pub fn of_runs(session: &mut Session, inputs: &BTreeMap<String, Tensor>, runs: u32) -> Result<Times> {
        let samples =
            inputs.values().next().filter(|_| session.gpu().is_none() && session.network().takes_samples());
        // Whether outputs have a row for each sample is known once there are some.
        let samples = samples.filter(|samples| session.run_batch(samples).is_ok());
        let mut run = |inputs: BTreeMap<String, Tensor>| match samples {
            Some(samples) => session.run_batch(samples).map(drop),
            None => session.run(inputs).map(drop),
        };
        for _ in 0..WARM_UP {
            run(inputs.clone())?;
        }
        let mut times = Vec::new();
        for _ in 0..runs {
            let inputs = inputs.clone();
            let start = Instant::now();
            run(inputs)?;
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
        Ok(Times::of(times))
    }

    /// The time that this part of the runs does not exceed, interpolated; 0 without a run.
    pub fn quantile(&self, part: f64) -> f64 {
        let Times(sorted) = self;
        let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
        let position = part * last as f64;
        let below = (position.floor() as usize).min(last);
        let above = (below + 1).min(last);
        sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64)
    }

    pub fn median(&self) -> f64 {
        self.quantile(0.5)
    }

    pub fn summary(&self) -> EndToEnd {
        EndToEnd {
            median_ms: self.median(),
            p10_ms: self.quantile(0.1),
            p90_ms: self.quantile(0.9),
            p99_ms: (self.0.len() >= RUNS_FOR_P99).then(|| self.quantile(0.99)),
            min_ms: self.quantile(0.0),
            max_ms: self.quantile(1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn quantiles_are_interpolated() {
        let quantile = |times: &[f64], part| Times::of(times.to_vec()).quantile(part);
        assert_eq!(quantile(&[4.0, 1.0, 2.0], 0.5), 2.0);
        assert_eq!(quantile(&[2.0, 1.0], 0.5), 1.5);
        assert_eq!(quantile(&[3.0], 0.9), 3.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_hundredth_needs_a_hundred_runs() {
        let summary = |runs: u32| Times::of((1..=runs).map(f64::from).collect()).summary();
        assert!(summary(99).p99_ms.is_none() && summary(100).p99_ms.is_some());
        let all = summary(101);
        assert_eq!((all.p99_ms, all.min_ms, all.p90_ms, all.max_ms), (Some(100.0), 1.0, 91.0, 101.0));
    }
}
