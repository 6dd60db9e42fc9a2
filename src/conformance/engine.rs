//! What a case runs on: the shaders on a GPU, or the CPU engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::plans::{kernels, plans};
use crate::cpu::Cpu;
use crate::device::{Device, Kind};
use crate::error::{Error, Result};
use crate::gpu::{Gpu, Player, WeightStore};
use crate::graph::Graph;
use crate::graph::interpret::interpret;
use crate::graph::network::Network;
use crate::memory;
use crate::onnx::OnnxFile;
use crate::ops::kernel::Kernel;
use crate::plan::{DeviceClass, Plan, Precision, Target};
use crate::tensor::Tensor;

/// Work that the twins do in a second or so. On the CPU no larger network of others is run: the twins judge what
/// rten answers, and are judged themselves.
const TWIN_MULTIPLY_ADDS: u64 = 50_000_000;

/// A device on which suites run. There is no way from one to the other: what a GPU cannot do is not done on the CPU.
pub struct Engine {
    kind: Kind,
    reopened: bool,
    stopped: Option<String>,
    notices: Vec<String>,
}

/// A network and what to run it on.
pub(super) struct Problem<'a> {
    pub network: &'a Network,
    /// The network at its inputs' shapes, not fused.
    pub graph: &'a Graph,
    pub inputs: &'a [Tensor],
    /// How textures are to store what is computed.
    pub precision: Precision,
    /// The bytes of the network's file.
    pub bytes: &'a dyn Fn() -> Vec<u8>,
}

/// Who is to answer.
pub(super) enum Candidates {
    /// On a GPU every kernel of these that applies. The twin is the judge.
    Every(&'static [&'static Kernel]),
    /// What a session would choose. On the CPU the twin too: it is judged like any other.
    Chosen,
}

/// What one candidate computed.
pub(super) struct Answer {
    pub kernels: Vec<String>,
    pub outputs: Result<Vec<Tensor>>,
}

impl Engine {
    pub fn new(device: &Device) -> Engine {
        Engine { kind: device.kind.clone(), reopened: false, stopped: None, notices: Vec::new() }
    }

    /// The device's name as every report quotes it.
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Cpu => "cpu".into(),
            Kind::Gpu(gpu) => gpu.name(),
        }
    }

    /// The GPU that it runs on at present: after a loss, the one that was opened anew.
    pub fn gpu(&self) -> Option<&Arc<Gpu>> {
        match &self.kind {
            Kind::Cpu => None,
            Kind::Gpu(gpu) => Some(gpu),
        }
    }

    /// What the user must be told: that the device was lost.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// Why nothing runs here any more.
    pub(super) fn stopped(&self) -> Option<&str> {
        self.stopped.as_deref()
    }

    /// After a loss: opens the device again, the first time. One that is lost twice is not trusted with the rest.
    /// Whether it is worth trying again.
    pub(super) fn recover(&mut self, loss: &Error) -> bool {
        let Kind::Gpu(gpu) = &self.kind else { return false };
        match gpu.reopen() {
            Ok(gpu) if !self.reopened => {
                self.notices.push(format!("{loss}; it has been opened again"));
                self.kind = Kind::Gpu(Arc::new(gpu));
                self.reopened = true;
                true
            }
            Ok(_) => self.stop(format!("{loss}; it was lost twice, and the rest was not run")),
            Err(error) => self.stop(format!("{loss}; it could not be opened again ({error})")),
        }
    }

    fn stop(&mut self, reason: String) -> bool {
        self.notices.push(reason.clone());
        self.stopped = Some(reason);
        false
    }

    /// What every candidate computes.
    ///
    /// # Errors
    /// What is not supported, or needs too much memory; a lost device. Any other failure is its candidate's.
    pub(super) fn answers(&self, problem: &Problem, candidates: &Candidates) -> Result<Vec<Answer>> {
        match &self.kind {
            Kind::Cpu => on_cpu(problem, candidates),
            Kind::Gpu(gpu) => on_gpu(gpu, problem, candidates),
        }
    }
}

fn on_gpu(gpu: &Arc<Gpu>, problem: &Problem, candidates: &Candidates) -> Result<Vec<Answer>> {
    // An integer that no device holds is refused here, not a failure of the run.
    problem.inputs.iter().try_for_each(|input| input.to_device().map(|_| ()))?;
    let target = Target { precision: problem.precision, ..gpu.target().clone() };
    let every: &[_] = match candidates {
        Candidates::Every(kernels) => kernels,
        Candidates::Chosen => &[],
    };
    let plans = plans(problem.graph, &target, every)?;
    plans.into_iter().map(|plan| play(gpu, plan, problem.inputs)).collect()
}

fn play(gpu: &Arc<Gpu>, plan: Plan, inputs: &[Tensor]) -> Result<Answer> {
    if gpu.target().class != DeviceClass::Discrete {
        memory::check("the plan", plan.device_bytes())?;
    }
    let kernels = kernels(&plan);
    let player = Player::guarded(gpu, plan, &mut WeightStore::default());
    match player.and_then(|player| player.run_poisoned(inputs)) {
        Err(lost @ Error::DeviceLost { .. }) => Err(lost),
        outputs => Ok(Answer { kernels, outputs }),
    }
}

fn on_cpu(problem: &Problem, candidates: &Candidates) -> Result<Vec<Answer>> {
    if problem.precision == Precision::F16 {
        return Ok(vec![]);
    }
    memory::check("the network", problem.graph.peak_bytes())?;
    let twin_too = matches!(candidates, Candidates::Chosen);
    if twin_too && problem.graph.multiply_adds() > TWIN_MULTIPLY_ADDS {
        return Err(Error::Graph(format!(
            "more than {} million multiply-adds, too many for the reference code on the CPU",
            TWIN_MULTIPLY_ADDS / 1_000_000
        )));
    }
    let file =
        OnnxFile { network: problem.network.clone(), bytes: (problem.bytes)(), external: BTreeMap::new() };
    let mut cpu = Cpu::new();
    let outputs = cpu.run(&file, problem.graph, problem.inputs);
    let mut answers = vec![Answer { kernels: vec![cpu.runs_on().into()], outputs }];
    if twin_too && cpu.runs_on() != Cpu::TWIN {
        let outputs = interpret(problem.graph, problem.inputs);
        answers.push(Answer { kernels: vec![Cpu::TWIN.into()], outputs });
    }
    Ok(answers)
}
