//! The device thread: the only one that runs networks.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::fault::OURS;
use super::queue::{Done, Inputs, Job, Queue, Task};
use super::watch;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::graph::network::Dim;
use crate::model::Model;
use crate::session::Session;
use crate::tensor::{Shape, Tensor};
use crate::tuning::Adapters;

/// How networks are opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// The largest batch: plans for it and all smaller ones are made before a model is ready.
    pub batch: usize,
    /// Whether kernels may be measured in the background.
    pub tunes: bool,
}

struct Opened {
    model: Model,
    session: Session,
}

struct Worker {
    queue: Arc<Queue>,
    device: Device,
    opening: Opening,
    opened: HashMap<u64, Opened>,
}

/// Starts the device thread. It ends when the queue is closed and empty.
///
/// # Errors
/// When the system gives no thread.
pub fn start(queue: Arc<Queue>, device: Device, opening: Opening) -> Result<JoinHandle<()>> {
    let mut worker = Worker { queue, device, opening, opened: HashMap::new() };
    let run = move || {
        while let Some(task) = worker.queue.next() {
            worker.perform(task);
        }
    };
    std::thread::Builder::new().name("gyrus-device".into()).spawn(run).map_err(|e| Error::Device {
        device: "any".into(),
        reason: format!("the system gives no thread ({e})"),
    })
}

impl Worker {
    fn perform(&mut self, task: Task) {
        match task {
            Task::Open { lane, model, ready } => {
                let opened = guarded(|| self.open(&model));
                let outcome = opened.map(|session| {
                    self.opened.insert(lane, Opened { model: *model, session });
                });
                // Whoever asked may have given up.
                let _ = ready.send(outcome);
            }
            Task::Close { lane } => {
                self.opened.remove(&lane);
            }
            Task::Run { lane, jobs } => self.run(lane, jobs),
        }
    }

    /// A session that has plans for all sizes of batches, so that no request waits for one.
    fn open(&self, model: &Model) -> Result<Session> {
        let mut session = Session::new(model, &self.device)?;
        if let Some(sample) = sample_shape(model) {
            let mut size = 1;
            while size <= self.opening.batch {
                let shape = Shape::new([&[size], sample.as_slice()].concat())?;
                session.run_batch(&Tensor::from_f32(shape.to_vec(), vec![0.0; shape.elements()])?)?;
                size *= 2;
            }
        }
        if self.opening.tunes {
            session.tune_in_background(Adapters::Hardware);
        }
        Ok(session)
    }

    fn run(&mut self, lane: u64, jobs: Vec<Job>) {
        let Some(opened) = self.opened.get_mut(&lane) else {
            let gone =
                || Error::Unknown { kind: "model", name: String::new(), remedy: "it was unloaded".into() };
            jobs.into_iter().for_each(|job| job.answer(Err(gone())));
            return;
        };
        let (start, rebuilds) = (Instant::now(), opened.session.rebuilds());
        let outcome = guarded(|| compute(&mut opened.session, &jobs));
        let computed = start.elapsed();
        watch::device_resets(opened.session.rebuilds().saturating_sub(rebuilds));
        if matches!(outcome, Err(Error::Gpu { .. } | Error::DeviceLost { .. })) {
            // What is left of it is not to be trusted.
            let model = opened.model.clone();
            match guarded(|| self.open(&model)) {
                Ok(session) => {
                    self.opened.insert(lane, Opened { model, session });
                }
                Err(error) => tracing::error!(%error, "the model cannot be opened again"),
            }
        }
        match outcome {
            Ok((answers, batch)) => {
                watch::batch(batch);
                for (job, outputs) in jobs.into_iter().zip(answers) {
                    let waited = start.saturating_duration_since(job.since);
                    let rows = job.inputs.rows();
                    job.answer(Ok(Done { outputs, waited, computed, rows, batch }));
                }
            }
            Err(error) => jobs.into_iter().for_each(|job| job.answer(Err(error.clone()))),
        }
    }
}

/// Runs what must not end the thread, whatever it does.
fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let reason = OURS.into();
        Err(Error::Gpu { device: "the device thread".into(), reason })
    })
}

/// The outputs of each job, and the rows of the whole.
fn compute(session: &mut Session, jobs: &[Job]) -> Result<(Vec<Vec<Tensor>>, usize)> {
    if let [Job { inputs: Inputs::Whole(inputs), .. }] = jobs {
        let outputs = session.run(inputs.clone())?;
        return Ok((vec![outputs.into_iter().map(|(_, tensor)| tensor).collect()], 1));
    }
    let tensors: Vec<&Tensor> = jobs.iter().filter_map(rows_of).collect();
    let counts: Vec<usize> = tensors.iter().map(|t| t.shape().first().copied().unwrap_or(0)).collect();
    let batch = counts.iter().sum();
    let outputs = session.run_batch(&joined(&tensors, batch)?)?;
    let mut first = 0;
    let each = counts.iter().map(|count| {
        let own = outputs.iter().map(|tensor| part(tensor, first, *count)).collect::<Result<_>>();
        first += count;
        own
    });
    Ok((each.collect::<Result<_>>()?, batch))
}

fn rows_of(job: &Job) -> Option<&Tensor> {
    match &job.inputs {
        Inputs::Rows(tensor) => Some(tensor),
        Inputs::Whole(_) => None,
    }
}

fn joined(tensors: &[&Tensor], batch: usize) -> Result<Tensor> {
    let mut shape = tensors.first().map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
    if let Some(first) = shape.first_mut() {
        *first = batch;
    }
    let mut data = Vec::with_capacity(shape.iter().product());
    for tensor in tensors {
        data.extend_from_slice(tensor.as_f32()?);
    }
    Tensor::from_f32(shape, data)
}

/// Some rows of an output.
fn part(tensor: &Tensor, first: usize, count: usize) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    let all = shape.first().copied().unwrap_or(0).max(1);
    let row = tensor.shape().elements() / all;
    let values = tensor.as_f32()?.get(first * row..(first + count) * row);
    let values = values.ok_or_else(|| Error::tensor("output", "has fewer rows than the batch"))?;
    if let Some(first) = shape.first_mut() {
        *first = count;
    }
    Tensor::from_f32(shape, values.to_vec())
}

/// The shape of one sample, where the network has one input that takes any number of them.
pub fn sample_shape(model: &Model) -> Option<Vec<usize>> {
    let [input] = model.network().inputs.as_slice() else { return None };
    let (first, rest) = input.dims.as_deref()?.split_first()?;
    if matches!(first, Dim::Fixed(_)) {
        return None;
    }
    let card = model.card.as_ref().map(|card| card.input.shape(1));
    let stated = |(n, dim): (usize, &Dim)| match dim {
        Dim::Fixed(size) => Some(*size),
        // What the network leaves open its card says.
        _ => card.as_ref()?.get(n + 1).copied(),
    };
    rest.iter().enumerate().map(stated).collect()
}
