//! What a device reaches in practice, measured by two kernels that do nothing else: the ceilings that every other
//! kernel is held against.

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;

use super::device::Gpu;
use super::player::{Player, WeightStore};
use crate::error::Result;
use crate::ops::kernel::Kernel;
use crate::params;
use crate::plan::lowering::WORKGROUP;
use crate::plan::{Buffer, Plan, Range, Step, Target};

const GRID: &str = include_str!("../../shaders/grid.wgsl");

const FMA: Kernel = Kernel {
    name: "ceiling_fma_f32",
    sources: &[GRID, include_str!("../../shaders/ceiling_fma_f32.wgsl")],
    params: FmaParams::LAYOUT,
    subgroups: false,
};

const COPY: Kernel = Kernel {
    name: "ceiling_copy_f32",
    sources: &[GRID, include_str!("../../shaders/ceiling_copy_f32.wgsl")],
    params: CopyParams::LAYOUT,
    subgroups: false,
};

/// The kernels that measure a device; no operator is lowered to them.
pub const CEILING_KERNELS: &[&Kernel] = &[&FMA, &COPY];

params! {
    struct FmaParams {
        rounds: u32,
        factor: f32,
        addend: f32,
    }
}

params! {
    struct CopyParams {
        quads: u32,
    }
}

/// Chains of `vec4<f32>` an invocation: which number keeps a device busiest depends on its latency and its registers.
const CHAINS: [u32; 4] = [2, 3, 4, 6];
/// Links that `ceiling_fma_f32.wgsl` adds to each chain in a round of its loop.
const LINKS: u64 = 8;
/// Groups of four f32 that an invocation copies.
const QUADS: [u32; 3] = [1, 4, 16];
/// Equal dispatches of one kernel, of which the fastest counts.
const DISPATCHES: usize = 8;
/// A dispatch that takes so long, in milliseconds, hardly measures its own start.
const LEAST_MS: f64 = 5.0;
/// Rounds of the loop that no device needs more of: it would seem to hang.
const MOST_ROUNDS: u64 = 65_000;

/// What a device reaches where nothing but the one thing is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ceilings {
    /// f32 operations, in 10^9 a second; a multiply-add counts as two.
    pub fma_gflop_per_s: f64,
    /// Bytes of memory, in 10^9 a second; those read and those written are added up.
    pub copy_gb_per_s: f64,
}

impl Ceilings {
    /// Measures both, in a second or two. Times are the device's own where it has timestamps, else those of the host
    /// from submission to the end of the wait.
    ///
    /// # Errors
    /// Memory that the driver refuses, an error of the driver, a clock that stands still.
    pub fn measure(gpu: &Arc<Gpu>) -> Result<Ceilings> {
        Ok(Ceilings { fma_gflop_per_s: fma(gpu)?, copy_gb_per_s: copy(gpu)? })
    }
}

/// One short plan of each kind that is measured, for those who look at kernels.
pub fn ceiling_plans(target: &Target) -> Vec<Plan> {
    let fma = CHAINS.map(|chains| fma_plan(WORKGROUP as u32, chains, 1));
    let copy = QUADS.map(|quads| copy_plan(1 << 16, quads, target));
    fma.into_iter().chain(copy).collect()
}

fn fma(gpu: &Arc<Gpu>) -> Result<f64> {
    best(CHAINS.map(|chains| fma_gflop_per_s(gpu, chains)))
}

fn copy(gpu: &Arc<Gpu>) -> Result<f64> {
    // More than caches hold. Software drivers are busy with instructions, not with memory.
    let wanted = if gpu.is_software() { 16 << 20 } else { 128 << 20 };
    let bytes = wanted.min(gpu.target().max_binding);
    best(QUADS.map(|quads| {
        let plan = copy_plan(bytes, quads, gpu.target());
        Ok(2e-6 * bytes as f64 / shortest_ms(gpu, plan)?)
    }))
}

fn best<const N: usize>(rates: [Result<f64>; N]) -> Result<f64> {
    rates.into_iter().try_fold(0.0, |best: f64, rate| Ok(best.max(rate?)))
}

/// The rate with so many chains an invocation, in a dispatch that is made longer until it can be timed.
fn fma_gflop_per_s(gpu: &Arc<Gpu>, chains: u32) -> Result<f64> {
    // Enough to fill the largest GPU several times over; a software driver is full with far fewer.
    let invocations = if gpu.is_software() { 1 << 12 } else { 1 << 19 };
    let most = gpu.target().max_rounds.min(MOST_ROUNDS) as u32;
    let mut rounds = 64;
    loop {
        let plan = fma_plan(invocations, chains, rounds);
        let multiply_adds = plan.steps[0].multiply_adds;
        let ms = shortest_ms(gpu, plan)?;
        if ms >= LEAST_MS || rounds == most {
            return Ok(2e-6 * multiply_adds as f64 / ms);
        }
        // In small leaps: no driver may take a dispatch for one that hangs.
        let longer = (1.5 * LEAST_MS / ms).clamp(2.0, 16.0) as u32;
        rounds = rounds.saturating_mul(longer).min(most);
    }
}

/// What the fastest of a plan's equal dispatches takes; without timestamps what one takes of them all.
fn shortest_ms(gpu: &Arc<Gpu>, plan: Plan) -> Result<f64> {
    let player = Player::new(gpu, plan, &mut WeightStore::default())?;
    // Memory is first touched, and clocks rise.
    player.run(&[])?;
    let ms = match player.time_steps(&[])? {
        Some(times) => times.iter().map(|step| step.milliseconds).fold(f64::INFINITY, f64::min),
        None => {
            let start = Instant::now();
            player.run(&[])?;
            start.elapsed().as_secs_f64() * 1e3 / DISPATCHES as f64
        }
    };
    if ms > 0.0 && ms.is_finite() {
        Ok(ms)
    } else {
        Err(gpu.failure("its clock stands still: nothing can be timed"))
    }
}

fn fma_plan(invocations: u32, chains: u32, rounds: u32) -> Plan {
    let bytes = u64::from(invocations) * 16;
    // Every chain runs towards 2: no element overflows or becomes too small for the device.
    let params = FmaParams { rounds, factor: 0.5, addend: 1.0 };
    let step = Step {
        constants: vec![("CHAINS".into(), f64::from(chains))],
        params: bytemuck::bytes_of(&params).to_vec(),
        grid: [invocations / WORKGROUP as u32, 1, 1],
        multiply_adds: u64::from(invocations) * u64::from(4 * chains) * LINKS * u64::from(rounds),
        ..step(&FMA, vec![], slab(0, bytes))
    };
    Plan { slabs: vec![bytes], steps: vec![step; DISPATCHES], ..Plan::default() }
}

fn copy_plan(bytes: u64, quads: u32, target: &Target) -> Plan {
    let groups = (bytes / 16).div_ceil(WORKGROUP * u64::from(quads)) as u32;
    let rows = groups.div_ceil(target.max_groups);
    let params = CopyParams { quads: (bytes / 16) as u32 };
    let step = Step {
        constants: vec![("QUADS".into(), f64::from(quads))],
        params: bytemuck::bytes_of(&params).to_vec(),
        grid: [groups.div_ceil(rows), rows, 1],
        ..step(&COPY, vec![slab(0, bytes)], slab(1, bytes))
    };
    Plan { slabs: vec![bytes, bytes], steps: vec![step; DISPATCHES], ..Plan::default() }
}

fn slab(number: usize, size: u64) -> Range {
    Range { buffer: Buffer::Slab(number), offset: 0, size }
}

/// A dispatch that computes nothing yet.
fn step(kernel: &Kernel, inputs: Vec<Range>, output: Range) -> Step {
    Step {
        node: kernel.name.into(),
        operator: "ceiling".into(),
        kernel: kernel.name.into(),
        constants: vec![],
        bytes: inputs.iter().chain([&output]).map(|range| range.size).sum(),
        inputs,
        output,
        params: vec![],
        grid: [1, 1, 1],
        multiply_adds: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{DeviceClass, Port};
    use crate::tensor::{DType, Shape, Tensor};

    fn software() -> Gpu {
        Gpu::open("software", |a| a.class == DeviceClass::Software)
            .expect("needs a software adapter: run scripts/test")
    }

    fn port(name: &str, elements: usize, range: Range) -> Port {
        Port { name: name.into(), shape: Shape::new([elements]).unwrap(), dtype: DType::F32, range }
    }

    #[test]
    fn every_element_is_copied() {
        let gpu = Arc::new(software());
        // Neither whole workgroups nor whole rows of the folded grid.
        let (quads, target) = (1001, Target { max_groups: 3, ..Target::portable() });
        let values: Vec<f32> = (0..4 * quads).map(|i| i as f32 + 1.0).collect();
        for each in QUADS {
            let mut plan = copy_plan(16 * quads as u64, each, &target);
            assert!(plan.steps[0].grid[0] <= 3, "{:?}", plan.steps[0].grid);
            plan.inputs = vec![port("x", values.len(), plan.steps[0].inputs[0])];
            plan.outputs = vec![port("y", values.len(), plan.steps[0].output)];
            let player = Player::new(&gpu, plan, &mut WeightStore::default()).unwrap();
            let x = Tensor::from_f32([values.len()], values.clone()).unwrap();
            assert_eq!(player.run(&[x]).unwrap()[0].as_f32().unwrap(), values, "{each} an invocation");
        }
    }

    /// What the planner counts is what the chains show to have been computed.
    #[test]
    fn every_chain_is_as_long_as_counted() {
        let gpu = Arc::new(software());
        let invocations = 2 * WORKGROUP as u32;
        for (chains, rounds) in CHAINS.into_iter().flat_map(|chains| [0, 1, 2].map(|rounds| (chains, rounds)))
        {
            let mut plan = fma_plan(invocations, chains, rounds);
            assert_eq!(plan.steps[0].multiply_adds, u64::from(128 * 4 * chains * 8 * rounds));
            plan.outputs = vec![port("y", 4 * invocations as usize, plan.steps[0].output)];
            let player = Player::new(&gpu, plan, &mut WeightStore::default()).unwrap();
            let outputs = player.run(&[]).unwrap();
            for (i, &sum) in outputs[0].as_f32().unwrap().iter().enumerate() {
                let expected: f32 =
                    (0..6).map(|chain| twin(i, chain, if chain < chains { 8 * rounds } else { 0 })).sum();
                assert!(
                    (sum - expected).abs() <= 1e-5 * expected,
                    "{chains} chains, {rounds} rounds: {sum} for {expected}"
                );
            }
        }
    }

    /// An element of a chain after so many links.
    fn twin(element: usize, chain: u32, links: u32) -> f32 {
        let (lane, part) = (element / 4 % 64, element % 4);
        let first = lane as f32 + 0.25 * part as f32 + chain as f32;
        (0..links).fold(first, |v, _| v * 0.5 + 1.0)
    }

    #[test]
    fn the_hosts_clock_serves_where_the_device_has_none() {
        let mut gpu = software();
        gpu.timestamps = false;
        let ceilings = Ceilings::measure(&Arc::new(gpu)).unwrap();
        assert!(ceilings.fma_gflop_per_s > 0.0 && ceilings.copy_gb_per_s > 0.0, "{ceilings:?}");
    }
}
