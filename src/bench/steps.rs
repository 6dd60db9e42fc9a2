//! The steps of a plan, each and by kernel, with the time that none of them accounts for.

use std::collections::BTreeMap;

use serde::Serialize;

use super::times::Times;
use super::work::{Bound, Work, fraction};
use crate::error::Result;
use crate::gpu::{Ceilings, StepTime};
use crate::plan::{Plan, Step};
use crate::session::Session;
use crate::tensor::Tensor;

/// Runs of which a step's time is the median.
const RUNS: usize = 9;

/// What a network's steps take on the device.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Steps {
    /// `None` on the CPU engine.
    pub ceilings: Option<Ceilings>,
    /// The part of the median run in which no kernel ran: upload, readback, submission. 0 where the steps take longer
    /// when they are timed, each alone, than together; `None` where the device cannot time steps.
    pub outside_ms: Option<f64>,
    /// The slowest first.
    pub kernels: Vec<KernelSummary>,
    /// In the plan's order; none where the device cannot time steps.
    pub layers: Vec<Layer>,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct Layer {
    pub kernel: String,
    pub node: String,
    /// The ONNX operators behind it.
    pub operator: String,
    /// Median time on the device.
    pub gpu_ms: f64,
    pub gflop_per_s: f64,
    pub bytes: u64,
    pub multiply_adds: u64,
    /// FLOP per byte.
    pub intensity: f64,
    pub bound: Bound,
    /// The part of the nearer ceiling that the step reached; `None` where the clock did not move.
    pub fraction: Option<f64>,
}

/// All steps of one kernel.
#[derive(Debug, Clone, Serialize)]
pub struct KernelSummary {
    pub kernel: String,
    pub dispatches: usize,
    pub gpu_ms: f64,
    /// Its part of the time of all steps.
    pub share: f64,
    pub gflop_per_s: f64,
    pub bytes: u64,
    /// The part of the nearer ceilings that the steps reached together; `None` where the clock did not move.
    pub fraction: Option<f64>,
}

impl Steps {
    /// Times every step of the plan for these inputs, and measures the device's ceilings. `median_ms` is what a whole
    /// run takes.
    ///
    /// # Errors
    /// As [`Session::run`] and [`Ceilings::measure`].
    pub fn measure(
        session: &mut Session,
        inputs: &BTreeMap<String, Tensor>,
        median_ms: f64,
    ) -> Result<Steps> {
        let mut runs = Vec::new();
        let mut timed = None;
        for _ in 0..RUNS {
            let Some((plan, times)) = session.time_steps(inputs)? else { break };
            runs.push(times);
            timed = Some(plan);
        }
        // Last: by now the device's clocks are as high as they were for the steps.
        let ceilings = session.gpu().map(Ceilings::measure).transpose()?;
        match (timed, ceilings) {
            (Some(plan), Some(ceilings)) => Ok(Steps::of(&plan, &runs, ceilings, median_ms)),
            (_, ceilings) => Ok(Steps { ceilings, ..Steps::default() }),
        }
    }

    fn of(plan: &Plan, runs: &[Vec<StepTime>], ceilings: Ceilings, median_ms: f64) -> Steps {
        let layers: Vec<Layer> = works(&plan.steps)
            .into_iter()
            .zip(&plan.steps)
            .zip(medians(plan.steps.len(), runs))
            .map(|((work, step), gpu_ms)| Layer::of(step, work, gpu_ms, &ceilings))
            .collect();
        let inside: f64 = layers.iter().map(|layer| layer.gpu_ms).sum();
        Steps {
            outside_ms: Some((median_ms - inside).max(0.0)),
            kernels: summarise(&layers, &ceilings),
            ceilings: Some(ceilings),
            layers,
        }
    }

    /// The time of all steps on the device.
    pub fn gpu_ms(&self) -> f64 {
        self.layers.iter().map(|layer| layer.gpu_ms).sum()
    }
}

impl Layer {
    fn of(step: &Step, work: Work, gpu_ms: f64, ceilings: &Ceilings) -> Layer {
        Layer {
            kernel: step.kernel.to_string(),
            node: step.node.clone(),
            operator: step.operator.clone(),
            gpu_ms,
            gflop_per_s: work.gflop_per_s(gpu_ms),
            bytes: work.bytes,
            multiply_adds: work.multiply_adds,
            intensity: work.intensity(),
            bound: work.bound(ceilings),
            fraction: fraction(work.least_ms(ceilings), gpu_ms),
        }
    }

    fn work(&self) -> Work {
        Work { multiply_adds: self.multiply_adds, bytes: self.bytes }
    }
}

/// The work of each step. A plan books the multiply-adds of a node on its first step; where the node is worked on in
/// parts, by one kernel, every part has its share.
fn works(steps: &[Step]) -> Vec<Work> {
    let continues = |first: &Step, next: &Step| {
        next.multiply_adds == 0 && next.node == first.node && next.kernel == first.kernel
    };
    steps.chunk_by(continues).flat_map(divided).collect()
}

fn divided(parts: &[Step]) -> Vec<Work> {
    let multiply_adds: u64 = parts.iter().map(|step| step.multiply_adds).sum();
    let bytes = parts.iter().map(|step| step.bytes).sum::<u64>().max(1);
    let share = |step: &Step| match parts.len() {
        1 => multiply_adds,
        _ => (u128::from(multiply_adds) * u128::from(step.bytes) / u128::from(bytes)) as u64,
    };
    parts.iter().map(|step| Work { multiply_adds: share(step), bytes: step.bytes }).collect()
}

/// The median of each step's times.
fn medians(steps: usize, runs: &[Vec<StepTime>]) -> Vec<f64> {
    let mut times = vec![Vec::new(); steps];
    for time in runs.iter().flatten() {
        times[time.step].push(time.milliseconds);
    }
    times.into_iter().map(|times| Times::of(times).median()).collect()
}

fn summarise(layers: &[Layer], ceilings: &Ceilings) -> Vec<KernelSummary> {
    let mut by_kernel: BTreeMap<&str, Vec<&Layer>> = BTreeMap::new();
    for layer in layers {
        by_kernel.entry(&layer.kernel).or_default().push(layer);
    }
    let all: f64 = layers.iter().map(|layer| layer.gpu_ms).sum();
    let mut kernels: Vec<KernelSummary> = by_kernel
        .into_iter()
        .map(|(kernel, layers)| KernelSummary::of(kernel, &layers, all, ceilings))
        .collect();
    kernels.sort_by(|a, b| b.gpu_ms.total_cmp(&a.gpu_ms));
    kernels
}

impl KernelSummary {
    fn of(kernel: &str, layers: &[&Layer], all_ms: f64, ceilings: &Ceilings) -> KernelSummary {
        let gpu_ms: f64 = layers.iter().map(|layer| layer.gpu_ms).sum();
        let work = layers.iter().map(|layer| layer.work()).fold(Work::default(), |a, b| a + b);
        // Each step has a ceiling of its own: the work of all together may have another.
        let least_ms = layers.iter().map(|layer| layer.work().least_ms(ceilings)).sum();
        KernelSummary {
            kernel: kernel.to_string(),
            dispatches: layers.len(),
            gpu_ms,
            share: if all_ms > 0.0 { gpu_ms / all_ms } else { 0.0 },
            gflop_per_s: work.gflop_per_s(gpu_ms),
            bytes: work.bytes,
            fraction: fraction(least_ms, gpu_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Buffer, Range};

    const CEILINGS: Ceilings = Ceilings { fma_gflop_per_s: 100.0, copy_gb_per_s: 10.0 };

    fn step(kernel: &'static str, node: &str, multiply_adds: u64, bytes: u64) -> Step {
        Step {
            node: node.into(),
            operator: "Conv".into(),
            kernel: kernel.into(),
            constants: vec![],
            inputs: vec![],
            output: Range { buffer: Buffer::Slab(0), offset: 0, size: 16 },
            params: vec![],
            grid: [1, 1, 1],
            multiply_adds,
            bytes,
        }
    }

    /// Three runs, the median of which are these times.
    fn runs(milliseconds: &[f64]) -> Vec<Vec<StepTime>> {
        let run = |factor: f64| {
            let times = milliseconds.iter().enumerate();
            times.map(|(step, ms)| StepTime { step, milliseconds: ms * factor }).collect()
        };
        [3.0, 1.0, 0.5].map(run).to_vec()
    }

    fn steps(median_ms: f64) -> Steps {
        let plan = Plan {
            steps: vec![
                step("conv", "a", 100_000_000, 1_000_000),
                step("pool", "p", 0, 10_000_000),
                step("conv", "b", 50_000_000, 20_000_000),
            ],
            ..Plan::default()
        };
        Steps::of(&plan, &runs(&[4.0, 2.0, 4.0]), CEILINGS, median_ms)
    }

    #[test]
    fn layers_are_held_against_their_ceilings() {
        let steps = steps(12.5);
        let found: Vec<_> = steps.layers.iter().map(|l| (l.bound, l.fraction, l.gflop_per_s)).collect();
        assert_eq!(
            found,
            [
                (Bound::Compute, Some(0.5), 50.0),
                (Bound::Memory, Some(0.5), 0.0),
                (Bound::Memory, Some(0.5), 25.0)
            ]
        );
        assert_eq!((steps.outside_ms, steps.gpu_ms()), (Some(2.5), 10.0));
    }

    #[test]
    fn no_time_is_outside_where_steps_alone_take_longer() {
        assert_eq!(steps(9.0).outside_ms, Some(0.0));
    }

    #[test]
    fn kernels_are_summed_up_the_slowest_first() {
        let steps = steps(12.5);
        let [conv, pool] = steps.kernels.as_slice() else { panic!("{steps:?}") };
        assert_eq!((conv.kernel.as_str(), conv.dispatches, conv.gpu_ms, conv.share), ("conv", 2, 8.0, 0.8));
        assert_eq!((conv.gflop_per_s, conv.bytes), (37.5, 21_000_000));
        // At best 2 ms each, under different ceilings.
        assert_eq!((conv.fraction, pool.fraction, pool.share), (Some(0.5), Some(0.5), 0.2));
    }

    #[test]
    fn parts_of_a_node_share_its_multiply_adds() {
        let parts = [
            step("layout", "a", 0, 5),
            step("conv", "a", 90, 30),
            step("conv", "a", 0, 60),
            step("conv", "b", 7, 10),
            step("pool", "b", 0, 10),
        ];
        let shared: Vec<u64> = works(&parts).iter().map(|work| work.multiply_adds).collect();
        assert_eq!(shared, [0, 30, 60, 7, 0]);
    }

    #[test]
    fn a_clock_that_stands_still_gives_no_fractions() {
        let plan = Plan { steps: vec![step("conv", "a", 1, 1)], ..Plan::default() };
        let steps = Steps::of(&plan, &runs(&[0.0]), CEILINGS, 1.0);
        assert_eq!(
            (steps.layers[0].fraction, steps.kernels[0].fraction, steps.kernels[0].share),
            (None, None, 0.0)
        );
    }
}
