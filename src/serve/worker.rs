//! The device thread: the only one that runs networks.

use std::collections::{BTreeMap, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::fault::OURS;
use super::queue::{Done, Inputs, Job, Queue, Sizes, Task, Times};
use super::rows::{joined, part};
use super::watch;
use crate::device::Device;
use crate::error::{Error, NotBegun, Result};
use crate::graph;
use crate::graph::network::Dim;
use crate::model::Model;
use crate::origin::Verified;
use crate::session::Session;
use crate::tensor::{DType, Shape, Tensor};
use crate::tuning::Adapters;

/// How networks are opened.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    /// The largest batch: plans for all sizes that are used are made before a model is ready.
    pub batch: usize,
    /// Whether batches hold as many rows as there are, also where the device gains nothing by it.
    pub always_gathers: bool,
    /// Whether kernels may be measured in the background.
    pub tunes: bool,
}

/// A size at which a row takes no more than this times as long as at the best one is enough.
const GAIN: f64 = 1.05;

/// Where the best size gains less than this over single samples, none is gathered: times scatter by so much, and a batch that gains nothing only
/// lets the first of it wait for the last.
const LEAST_GAIN: f64 = 1.1;

/// Seconds that a batch of several rows may take: deadlines and the turns of other models come between batches. Where everybody
/// who asks is in one batch, the device idles until they have asked again, so a few smaller ones are faster too.
const LONGEST: f64 = 1.2;

/// For how long each size of batches is timed at a time, at most.
const SPAN: Duration = Duration::from_millis(200);

struct Opened {
    model: Model,
    session: Session,
    /// What answers say of the model's kernels, also once it was opened again.
    verified: Verified,
    /// How many of the session's notices are in the log.
    told: usize,
}

/// A model that went with its device, and when it was last tried to open it again.
struct Lost {
    model: Model,
    verified: Verified,
    tried: Instant,
}

impl Opened {
    fn new(model: Model, mut session: Session, verified: Verified) -> Opened {
        session.say_verified_to(&verified);
        let mut opened = Opened { model, session, verified, told: 0 };
        opened.tell();
        opened
    }

    /// Logs what the session had to say since the last time.
    fn tell(&mut self) {
        let notices = self.session.notices();
        for notice in notices.get(self.told..).unwrap_or_default() {
            tracing::warn!(model = self.model.name, notice);
        }
        self.told = notices.len();
    }
}

struct Worker {
    queue: Arc<Queue>,
    device: Device,
    opening: Opening,
    opened: HashMap<u64, Opened>,
    /// What went with its device, and when it was last tried to open it again.
    lost: HashMap<u64, Lost>,
}

/// How long a device that could not be opened again is left alone.
const REST: Duration = Duration::from_secs(1);

/// Starts the device thread. It ends when the queue is closed and empty.
///
/// # Errors
/// When the system gives no thread.
pub fn start(queue: Arc<Queue>, device: Device, opening: Opening) -> Result<JoinHandle<()>> {
    let mut worker = Worker { queue, device, opening, opened: HashMap::new(), lost: HashMap::new() };
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
                // Whoever asked may have given up.
                let _ = ready.send(self.open(lane, *model));
            }
            Task::Close { lane } => {
                self.opened.remove(&lane);
                self.lost.remove(&lane);
                self.queue.forget(lane);
            }
            Task::Recover { lane } => self.recover(lane),
            Task::Run { lane, jobs } => self.run(lane, jobs),
        }
    }

    /// Makes a model ready, or ready again. Whether its kernels were held against the twins.
    fn open(&mut self, lane: u64, model: Model) -> Result<Verified> {
        let (session, sizes) = guarded(|| self.warmed(&model))?;
        tracing::debug!(model = model.name, ?sizes, "a model is ready");
        self.queue.set_sizes(lane, sizes);
        let verified = Verified::default();
        self.opened.insert(lane, Opened::new(model, session, verified.clone()));
        Ok(verified)
    }

    /// Opens a model again whose session is not to be trusted any more. How its rows are gathered stays.
    fn reopen(&mut self, lane: u64, model: Model, verified: Verified) {
        self.opened.remove(&lane);
        self.lost.remove(&lane);
        match guarded(|| self.warmed(&model)) {
            Ok((session, _)) => {
                self.opened.insert(lane, Opened::new(model, session, verified));
            }
            Err(error) => {
                tracing::error!(model = model.name, %error, "the model cannot be opened again; the next request tries it");
                self.lost.insert(lane, Lost { model, verified, tried: Instant::now() });
            }
        }
        self.queue.set_lost(lane, self.lost.contains_key(&lane));
    }

    /// Opens a model again that went with its device, where the last try is a while ago.
    fn recover(&mut self, lane: u64) {
        if let Some(lost) = self.lost.get(&lane).filter(|lost| lost.tried.elapsed() > REST) {
            self.reopen(lane, lost.model.clone(), lost.verified.clone());
        }
    }

    /// A session that has plans for all sizes of batches, so that no request waits for one, and which of them are of use.
    fn warmed(&self, model: &Model) -> Result<(Session, Sizes)> {
        let mut session = Session::new(model, &self.device)?;
        let mut most = self.opening.batch;
        let (mut times, mut at_a_time) = (Vec::new(), 1);
        if let Some(sample) = sample_shape(model) {
            let batch_of = |size: usize| zeros([&[size], sample.as_slice()].concat());
            // A batch is run in parts whose sizes are these.
            let mut size = 1;
            while size <= most {
                if self.queue.is_closed() {
                    return Err(Error::NotBegun(NotBegun::Closing));
                }
                let batch = batch_of(size)?;
                match session.run_batch(&batch) {
                    // What the device does not hold is not gathered.
                    Err(Error::TooLarge { .. }) if size > 1 => most = size - 1,
                    ran => {
                        drop(ran?);
                        let took = seconds(&mut session, &batch, self.opening.batch / size)?;
                        times.push((size, took / size as f64));
                        if 2.0 * took > LONGEST {
                            most = size;
                        }
                    }
                }
                size *= 2;
            }
            // Once more, where there is a choice: machines have slow moments.
            if times.len() > 1 {
                for (size, a_row) in &mut times {
                    let again = seconds(&mut session, &batch_of(*size)?, self.opening.batch / *size)?;
                    *a_row = a_row.min(again / *size as f64);
                }
            }
            at_a_time = session.at_a_time(batch_of(1)?.shape());
        } else if let Some(inputs) = whole_inputs(model)? {
            session.run(inputs)?;
        }
        // Sizes that only requests know make their plans when they come.
        if self.opening.tunes {
            session.tune_in_background(Adapters::Hardware);
        }
        let worth = if self.opening.always_gathers { most } else { worth(&times, most, at_a_time) };
        Ok((session, Sizes { most, worth }))
    }

    fn run(&mut self, lane: u64, jobs: Vec<Job>) {
        self.recover(lane);
        let Some(opened) = self.opened.get_mut(&lane) else {
            jobs.into_iter().for_each(|job| job.answer(Err(Error::NotBegun(NotBegun::Lost))));
            return;
        };
        let (start, rebuilds) = (Instant::now(), opened.session.rebuilds());
        let outcome = guarded(|| compute(&mut opened.session, &jobs));
        watch::device_resets(opened.session.rebuilds().saturating_sub(rebuilds));
        opened.tell();
        let is_broken = |error: &Error| {
            matches!(
                error,
                Error::Gpu { .. } | Error::Memory { .. } | Error::DeviceLost { .. } | Error::Device { .. }
            )
        };
        if outcome.as_ref().is_err_and(is_broken) {
            // What is left of it is not to be trusted.
            let (model, verified) = (opened.model.clone(), opened.verified.clone());
            self.reopen(lane, model, verified);
        }
        match outcome {
            Ok(Answers { each, batch, times }) => {
                watch::batch(batch);
                for (job, outputs) in jobs.into_iter().zip(each) {
                    let waited = start.saturating_duration_since(job.since);
                    let rows = job.inputs.rows();
                    job.answer(Ok(Done { outputs, times: Times { waited, ..times }, rows, batch }));
                }
            }
            Err(error) => jobs.into_iter().for_each(|job| job.answer(Err(error.clone()))),
        }
    }
}

/// How long a batch takes whose plan is made: the mean of so many runs, or of as many as fill a span. Those of few rows would
/// else be judged by a moment, and those of many by an average.
fn seconds(session: &mut Session, batch: &Tensor, most: usize) -> Result<f64> {
    let (start, mut runs) = (Instant::now(), 0);
    loop {
        session.run_batch(batch)?;
        runs += 1;
        let spent = start.elapsed();
        if runs >= most || spent >= SPAN {
            return Ok(spent.as_secs_f64() / runs as f64);
        }
    }
}

/// How many rows are worth gathering, by the seconds a row took in batches of some sizes: on a device that is fully busy with one
/// already, a larger batch only lets the first wait for the last. Those that are computed at a time do not wait for each other, and
/// are gathered where anything is gained.
fn worth(times: &[(usize, f64)], most: usize, at_a_time: usize) -> usize {
    let fastest = |from: usize| {
        let rows = times.iter().filter(|(size, _)| *size >= from).map(|(_, a_row)| *a_row);
        rows.fold(f64::INFINITY, f64::min)
    };
    let least = fastest(1);
    if let [(1, single), _, ..] = times
        && *single <= least * LEAST_GAIN
    {
        return if fastest(at_a_time) < *single { at_a_time.min(most) } else { 1 };
    }
    let (largest, _) = times.last().copied().unwrap_or((most, least));
    let enough = times.iter().find(|(_, a_row)| *a_row <= least * GAIN).map_or(largest, |(size, _)| *size);
    // Where the largest pays, so do those between it and the next.
    if enough == largest { most } else { enough.max(at_a_time).min(most) }
}

/// Runs what must not end the thread, whatever it does.
fn guarded<T>(run: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let reason = OURS.into();
        Err(Error::Gpu { device: "the device thread".into(), reason })
    })
}

/// What a batch gave.
struct Answers {
    /// The outputs of each job.
    each: Vec<Vec<Tensor>>,
    /// The rows of the whole.
    batch: usize,
    times: Times,
}

fn compute(session: &mut Session, jobs: &[Job]) -> Result<Answers> {
    let start = Instant::now();
    if let [Job { inputs: Inputs::Whole(inputs), .. }] = jobs {
        let outputs = session.run(inputs.clone())?;
        let times = Times { computed: start.elapsed(), ..Times::default() };
        let own = outputs.into_iter().map(|(_, tensor)| tensor).collect();
        return Ok(Answers { each: vec![own], batch: 1, times });
    }
    let tensors: Vec<&Tensor> = jobs.iter().filter_map(rows_of).collect();
    let counts: Vec<usize> = tensors.iter().map(|t| t.shape().first().copied().unwrap_or(0)).collect();
    let batch = counts.iter().sum();
    let whole = joined(&tensors, batch)?;
    let joined = start.elapsed();
    let outputs = session.run_batch(&whole)?;
    let computed = start.elapsed() - joined;
    let mut first = 0;
    let each = counts.iter().map(|count| {
        let own = outputs.iter().map(|tensor| part(tensor, first, *count)).collect::<Result<_>>();
        first += count;
        own
    });
    let each = each.collect::<Result<_>>()?;
    let parted = start.elapsed() - joined - computed;
    Ok(Answers { each, batch, times: Times { joined, computed, parted, ..Times::default() } })
}

fn rows_of(job: &Job) -> Option<&Tensor> {
    match &job.inputs {
        Inputs::Rows(tensor) => Some(tensor),
        Inputs::Whole(_) => None,
    }
}

fn zeros(shape: Vec<usize>) -> Result<Tensor> {
    let elements = Shape::new(shape.clone())?.elements();
    Tensor::from_f32(shape, vec![0.0; elements])
}

/// Something to run a network on whose samples are not joined, where all its sizes are known.
fn whole_inputs(model: &Model) -> Result<Option<BTreeMap<String, Tensor>>> {
    let mut inputs = BTreeMap::new();
    for value in &model.network().inputs {
        let known = |(n, dim): (usize, &Dim)| match dim {
            Dim::Fixed(size) => Some(*size),
            // Samples; one is the least there can be.
            _ => (n == 0).then_some(1),
        };
        let dims = value.dims.as_ref();
        let sizes = dims.and_then(|dims| dims.iter().enumerate().map(known).collect::<Option<Vec<usize>>>());
        // Other types than numbers of f32 are indices or sizes, which zeros may not be.
        let Some(sizes) = sizes.filter(|_| value.dtype == DType::F32) else { return Ok(None) };
        inputs.insert(value.name.clone(), zeros(sizes)?);
    }
    Ok(Some(inputs))
}

/// The shape of one sample, where the network takes any number of them and answers each with a row. Builds its graph.
pub fn sample_shape(model: &Model) -> Option<Vec<usize>> {
    let network = model.network();
    let input = network.inputs.first().filter(|_| network.takes_samples())?;
    let (_, rest) = input.dims.as_deref()?.split_first()?;
    let card = model.card.as_ref().map(|card| card.input.shape(1));
    let stated = |(n, dim): (usize, &Dim)| match dim {
        Dim::Fixed(size) => Some(*size),
        // What the network leaves open its card says.
        _ => card.as_ref()?.get(n + 1).copied(),
    };
    let sample: Vec<usize> = rest.iter().enumerate().map(stated).collect::<Option<_>>()?;
    // What an output begins with need not be the samples: boxes of all of them, say.
    let two = Shape::new([&[2], sample.as_slice()].concat()).ok()?;
    let graph = graph::build(network, &[two]).ok()?;
    let is_of_rows = |&output: &usize| graph.values[output].shape.first() == Some(&2);
    graph.outputs.iter().all(is_of_rows).then_some(sample)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_grow_as_far_as_that_saves_time() {
        let cases: [(&[(usize, f64)], usize); 6] = [
            // A software adapter gains a little, but more than times scatter.
            (&[(1, 52.0), (2, 50.0), (4, 49.0), (8, 46.0), (16, 45.9)], 8),
            // A network whose rows all cores share: a row takes what it takes. A GPU: twice the rows in little more time, up to a size.
            (&[(1, 20.0), (2, 20.5), (4, 19.8), (8, 21.0)], 1),
            (&[(1, 8.0), (2, 4.5), (4, 2.5), (8, 1.5)], 12),
            (&[(1, 8.0), (2, 4.5), (4, 2.5), (8, 2.45)], 4),
            (&[(1, 8.0)], 12),
            (&[], 12),
        ];
        for (times, expected) in cases {
            assert_eq!(worth(times, 12, 1), expected, "{times:?}");
        }
        // Cores with a sample each are gathered for where that gains anything.
        assert_eq!(worth(&[(1, 13.0), (2, 12.0), (4, 12.1)], 12, 2), 2);
        assert_eq!(worth(&[(1, 13.0), (2, 10.0), (4, 9.0), (8, 8.9)], 12, 2), 4);
        assert_eq!(worth(&[(1, 13.0), (2, 10.0), (4, 9.9), (8, 9.9)], 12, 6), 6);
        assert_eq!(worth(&[(1, 13.0), (2, 13.5), (4, 14.0)], 12, 2), 1);
        assert_eq!(worth(&[(1, 13.0), (2, 12.0)], 1, 2), 1);
    }

    fn fixture(name: &str) -> Model {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/networks");
        Model::load(&std::path::Path::new(folder).join(name)).expect("a network")
    }

    #[test]
    fn samples_are_joined_where_each_is_answered_with_a_row() {
        assert_eq!(sample_shape(&fixture("relu.onnx")), Some(vec![3]));
        // One input of any number of samples, but rows that are not theirs; a fixed number; two inputs.
        for name in ["boxes.onnx", "fixed.onnx", "two-inputs.onnx"] {
            assert_eq!(sample_shape(&fixture(name)), None, "{name}");
        }
    }

    #[test]
    fn networks_whose_samples_are_not_joined_are_warmed_too() {
        let shapes = |name: &str| {
            let model = fixture(name);
            let inputs = whole_inputs(&model).expect("tensors");
            let shape = |(name, tensor): (String, Tensor)| (name, tensor.shape().to_vec());
            inputs.map(|inputs| inputs.into_iter().map(shape).collect::<Vec<_>>())
        };
        assert_eq!(shapes("fixed.onnx"), Some(vec![("x".to_string(), vec![2, 3])]));
        let both = ["a", "b"].map(|name| (name.to_string(), vec![1, 4]));
        assert_eq!(shapes("two-inputs.onnx"), Some(both.to_vec()));
    }
}
