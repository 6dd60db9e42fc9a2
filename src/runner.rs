//! A model with its card on a device: prepared scans in, rows of the network's outputs out.
//!
//! Files are decoded and prepared on all cores while the device computes the batch before. At most three
//! batches are held at a time (one on the device, one waiting, one being prepared), so memory does not
//! grow with the number of files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use rayon::prelude::*;

use crate::batches::{Batches, Computed};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::graph::network::Dim;
use crate::imaging::{Measures, Scan, Slice, measure};
use crate::model::{Card, Field, Level, Model, Task, Warning};
use crate::origin::Origin;
use crate::plan::Precision;
use crate::session::{MAX_BATCH, Session};
use crate::tensor::Tensor;

/// Prepared inputs of one batch may be this large, in bytes.
const BATCH_BYTES: usize = 64 << 20;

/// A scan that is ready for the network.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Of the scan itself, in pixels.
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// How a slice of a volume became the picture that was prepared.
    field: Option<Field>,
    /// What is known of it without the gate.
    pub(crate) notes: Vec<Warning>,
    /// The size of the scan's pixels in mm, where its file says so.
    pub(crate) spacing: Option<[f32; 2]>,
    measures: Measures,
    pub(crate) values: Vec<f32>,
}

impl Prepared {
    /// Prepares a scan as a card says, with the levels of its stack where it has one.
    ///
    /// # Errors
    /// When the scan cannot be scaled.
    pub fn new(card: &Card, scan: &Scan, levels: Option<&[Level; 3]>) -> Result<Prepared> {
        Ok(Prepared {
            width: scan.width(),
            height: scan.height(),
            field: None,
            notes: Vec::new(),
            spacing: scan.spacing(),
            measures: measure(scan),
            values: card.prepare(scan, levels)?.as_f32()?.to_vec(),
        })
    }

    /// Prepares a slice of a volume, in one or three channels, with the levels of the volume where the card takes them.
    ///
    /// # Errors
    /// When the slice cannot be scaled, or would be too large.
    pub fn of_slice(card: &Card, channels: &[Slice], levels: Option<&[Level; 3]>) -> Result<Prepared> {
        let first = channels.first().ok_or_else(|| Error::tensor("slice", "has no channel"))?;
        let size = [first.width, first.height];
        let field = Field::of(&card.input, &card.volume, size, first.spacing)?;
        let picture = Prepared::new(card, &field.picture(channels)?, levels)?;
        let spacing = Some(first.spacing.map(|side| side as f32));
        Ok(Prepared { width: size[0], height: size[1], field: Some(field), spacing, ..picture })
    }

    /// Whether it is a slice of a volume.
    pub(crate) fn is_of_volume(&self) -> bool {
        self.field.is_some()
    }

    /// How many of the scan's pixels one of the network's is.
    pub(crate) fn scale(&self, card: &Card) -> f64 {
        let [width, height] = self.field.map_or([self.width, self.height], |field| field.window());
        let (inner_width, inner_height) = card.input.inner_size(width, height);
        let of_picture = (width * height) as f64 / (inner_width * inner_height) as f64;
        self.field.map_or(1.0, |field| field.scale()) * of_picture
    }

    /// Values of the network's pixels at those of the scan.
    ///
    /// # Errors
    /// When there are not as many as pixels, or they cannot be scaled.
    pub(crate) fn restore(&self, card: &Card, plane: &[f32]) -> Result<Vec<f32>> {
        let Some(field) = &self.field else { return card.input.restore(plane, self.width, self.height) };
        let [width, height] = field.window();
        field.restore(&card.input.restore(plane, width, height)?)
    }
}

/// What a batch of scans gave.
pub(crate) struct Rows {
    /// The output that the card names, one row a scan.
    pub output: Tensor,
    /// What the gate says of each scan, or why it cannot say.
    pub warnings: Vec<Result<Vec<Warning>>>,
    /// A scan's share of the time from upload to readback; the first batch of a size includes the making of
    /// its plan.
    pub milliseconds: f64,
}

pub(crate) struct Runner {
    pub name: String,
    pub card: Arc<Card>,
    pub session: Box<dyn Batches>,
    input: String,
    /// Positions among the network's outputs.
    output: usize,
    features: Option<usize>,
    /// The batch size, where the network has only one.
    fixed: Option<usize>,
    /// Scans that are run together, at most.
    pub largest: usize,
}

impl Runner {
    /// # Errors
    /// A model without a card, or with a card for another task, or that does not allow what the device stores; unsupported
    /// nodes.
    pub fn new(model: &Model, device: &Device, task: Task) -> Result<Runner> {
        Runner::over(model, task, device.precision(), || Ok(Box::new(Session::new(model, device)?)))
    }

    /// A runner whose batches are computed by what `open` opens, once the card was found to fit.
    ///
    /// # Errors
    /// As [`Runner::new`].
    pub fn over(
        model: &Model,
        task: Task,
        precision: Precision,
        open: impl FnOnce() -> Result<Box<dyn Batches>>,
    ) -> Result<Runner> {
        let bare = || {
            let remedy = "give a model's folder, or `gyrus run` for raw tensors";
            Error::file(Path::new(&model.name), "an ONNX file without a card cannot be interpreted", remedy)
        };
        let card = model.card.clone().ok_or_else(bare)?;
        if card.task != task {
            let reason = format!("the card's task is {}", card.task.name());
            return Err(Error::file(&card.path, reason, format!("use `gyrus {}`", card.task.command())));
        }
        let allows_f16 = card.output.as_ref().is_some_and(|output| output.f16_tolerance.is_some());
        if precision == Precision::F16 && !allows_f16 {
            let reason = "the card does not say that f16 is exact enough (output.f16_tolerance)";
            return Err(Error::file(&card.path, reason, "run it with --precision f32"));
        }
        let file = card.model.clone().ok_or_else(bare)?;
        let session = open()?;
        let outputs = &model.network().outputs;
        let position = |name: &str| outputs.iter().position(|o| o.name == name);
        let output = position(&file.output).ok_or_else(bare)?;
        let features = file.features.as_deref().and_then(position);
        let first = model.network().inputs.first().and_then(|i| i.dims.as_deref()?.first().cloned());
        let fixed = match first {
            Some(Dim::Fixed(size)) => Some(size),
            _ => None,
        };
        let row = 4 * card.input.channel_count() * card.input.height * card.input.width;
        let largest = (BATCH_BYTES / row.max(1)).clamp(1, MAX_BATCH.min(fixed.unwrap_or(MAX_BATCH)));
        let name = model.name.clone();
        Ok(Runner { name, card, session, input: file.input, output, features, fixed, largest })
    }

    /// What its answers come from.
    pub fn origin(&self) -> Origin {
        let (model, device) = (self.name.clone(), self.session.device_name().to_string());
        Origin { model, device, verified: self.session.verified() }
    }

    /// Runs prepared scans, and holds each to the gate.
    ///
    /// # Errors
    /// An error of the device, which concerns all scans.
    pub fn run(&mut self, scans: &[Prepared]) -> Result<Rows> {
        let Computed { outputs, milliseconds: total } = self.outputs(scans)?;
        tracing::debug!(scans = scans.len(), milliseconds = total, "a batch was computed");
        let milliseconds = total / f64::from(u32::try_from(scans.len().max(1)).unwrap_or(u32::MAX));
        let warnings = scans.iter().enumerate().map(|(row, scan)| self.gate(scan, &outputs, row)).collect();
        let missing = || Error::tensor("output", "the network did not give it");
        let output = outputs.into_iter().nth(self.output).ok_or_else(missing)?;
        Ok(Rows { output, warnings, milliseconds })
    }

    fn gate(&self, scan: &Prepared, outputs: &[Tensor], row: usize) -> Result<Vec<Warning>> {
        let features = match self.features.and_then(|position| outputs.get(position)) {
            Some(tensor) => Some(row_of(tensor, row)?),
            None => None,
        };
        self.card.gate(&scan.measures, &scan.values, features)
    }

    /// The network's outputs for these scans, each with one row a scan.
    fn outputs(&mut self, scans: &[Prepared]) -> Result<Computed> {
        let (mut parts, mut milliseconds) = (Vec::new(), 0.0);
        let mut rest = scans;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(self.largest.min(rest.len()));
            match self.run_together(part) {
                // Half as many need about half the memory.
                Err(Error::TooLarge { .. }) if part.len() > 1 && self.fixed.is_none() => {
                    self.largest = part.len() / 2;
                }
                computed => {
                    let computed = computed?;
                    parts.push(computed.outputs);
                    milliseconds += computed.milliseconds;
                    rest = after;
                }
            }
        }
        Ok(Computed { outputs: joined(parts)?, milliseconds })
    }

    fn run_together(&mut self, scans: &[Prepared]) -> Result<Computed> {
        let mut data: Vec<f32> = scans.iter().flat_map(|s| s.values.iter().copied()).collect();
        let Some(size) = self.fixed else {
            return self.session.rows(Tensor::from_f32(self.card.input.shape(scans.len()), data)?);
        };
        // A network that takes this many and no fewer: the rest is black.
        let shape = self.card.input.shape(size);
        data.resize(shape.iter().product(), 0.0);
        let inputs = BTreeMap::from([(self.input.clone(), Tensor::from_f32(shape, data)?)]);
        let computed = self.session.whole(inputs)?;
        let outputs = computed.outputs.iter().map(|tensor| first_rows(tensor, scans.len()));
        Ok(Computed { outputs: outputs.collect::<Result<_>>()?, ..computed })
    }
}

/// Files of one batch, each prepared or refused.
pub(crate) type Batch<J> = Vec<(J, Result<Prepared>)>;

/// What became of each file of a batch, by the answers that `run` gives for those that could be prepared; and the error
/// that should end the whole.
pub(crate) fn answer_batch<J, A>(
    batch: Batch<J>,
    run: impl FnOnce(&[Prepared]) -> Result<Vec<Result<A>>>,
) -> (Vec<(J, Result<A>)>, Option<Error>) {
    let scans: Vec<Prepared> = batch.iter().filter_map(|(_, p)| p.as_ref().ok().cloned()).collect();
    let outcome = if scans.is_empty() { Ok(Vec::new()) } else { run(&scans) };
    // What nobody waits for any more is not prepared either.
    let ends = |e: &&Error| matches!(e, Error::DeviceLost { .. } | Error::Wrong { .. } | Error::NotBegun(_));
    let lost = outcome.as_ref().err().filter(ends).cloned();
    let mut results = match outcome {
        Ok(results) => results,
        Err(error) => scans.iter().map(|_| Err(error.clone())).collect(),
    }
    .into_iter();
    let answer = |(job, prepared): (J, Result<Prepared>)| {
        (job, prepared.and_then(|_| results.next().unwrap_or_else(no_answer)))
    };
    (batch.into_iter().map(answer).collect(), lost)
}

/// For a scan that the network's output has no row for.
pub(crate) fn no_answer<T>() -> Result<T> {
    Err(Error::tensor("output", "the network gave no row for this scan"))
}

/// Prepares all jobs on all cores while `run` computes the batch before, and hands back their answers in order.
/// `progress` is told how many more were computed, of how many.
///
/// # Errors
/// A device that was lost, rebuilt and lost again.
pub(crate) fn run_all<J: Clone + Send + Sync, A>(
    jobs: &[J],
    size: usize,
    prepare: impl Fn(&J) -> Result<Prepared> + Send + Sync,
    mut run: impl FnMut(&[Prepared]) -> Result<Vec<Result<A>>>,
    progress: impl Fn(usize, usize),
) -> Result<Vec<(J, Result<A>)>> {
    std::thread::scope(|scope| {
        let (sender, receiver) = sync_channel(1);
        scope.spawn(move || prepare_batches(jobs, size, prepare, &sender));
        let mut all = Vec::with_capacity(jobs.len());
        for batch in receiver {
            let count = batch.len();
            let (answers, lost) = answer_batch(batch, &mut run);
            if let Some(error) = lost {
                return Err(error);
            }
            all.extend(answers);
            progress(count, jobs.len());
        }
        Ok(all)
    })
}

/// Sends batch after batch until there are no more files, or nobody wants them any more.
pub(crate) fn prepare_batches<J: Clone + Send + Sync>(
    jobs: &[J],
    size: usize,
    prepare: impl Fn(&J) -> Result<Prepared> + Sync,
    sender: &SyncSender<Batch<J>>,
) {
    for jobs in jobs.chunks(size) {
        // Collected in the order of the files, whichever is ready first.
        let batch: Batch<J> = jobs.par_iter().map(|job| (job.clone(), prepare(job))).collect();
        if sender.send(batch).is_err() {
            return;
        }
    }
}

pub(crate) fn row_of(tensor: &Tensor, row: usize) -> Result<&[f32]> {
    let rows = tensor.shape().first().copied().unwrap_or(1).max(1);
    let length = tensor.shape().elements() / rows;
    let values = tensor.as_f32()?.get(row * length..(row + 1) * length);
    values.ok_or_else(|| Error::tensor("features", "have fewer rows than the batch"))
}

fn first_rows(tensor: &Tensor, rows: usize) -> Result<Tensor> {
    let mut shape = tensor.shape().to_vec();
    let all = shape.first().copied().unwrap_or(0);
    if all < rows {
        return Err(Error::tensor("output", format!("has {all} rows for a batch of {rows}")));
    }
    shape[0] = rows;
    let length = shape.iter().product();
    Tensor::from_f32(shape, tensor.as_f32()?[..length].to_vec())
}

/// The outputs of several runs, one after the other.
fn joined(parts: Vec<Vec<Tensor>>) -> Result<Vec<Tensor>> {
    let mut whole: Vec<(Vec<usize>, Vec<f32>)> = Vec::new();
    for part in &parts {
        whole.resize(part.len(), Default::default());
        for ((shape, data), tensor) in whole.iter_mut().zip(part) {
            let rows = shape.first().copied().unwrap_or(0);
            *shape = tensor.shape().to_vec();
            if let Some(first) = shape.first_mut() {
                *first += rows;
            }
            data.extend_from_slice(tensor.as_f32()?);
        }
    }
    whole.into_iter().map(|(shape, data)| Tensor::from_f32(shape, data)).collect()
}
