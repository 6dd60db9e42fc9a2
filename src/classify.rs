//! Classification of whole folders: files are decoded and prepared on all cores while the device computes
//! the batch before.
//!
//! At most three batches are held at a time (one on the device, one waiting, one being prepared), so memory
//! does not grow with the number of files.

mod report;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Instant;

use rayon::prelude::*;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::graph::network::Dim;
use crate::imaging::{Measures, Scan, decode_file, measure};
use crate::model::{Card, Classification, Model, Warning};
use crate::session::{MAX_BATCH, Session};
use crate::tensor::Tensor;
pub use report::{Failure, Report};

/// Prepared inputs of one batch may be this large, in bytes.
const BATCH_BYTES: usize = 64 << 20;

/// A scan that is ready for the network.
#[derive(Debug, Clone)]
pub struct Prepared {
    measures: Measures,
    values: Vec<f32>,
}

/// One file's answer, or why it has none.
pub type Answer = (PathBuf, Result<Report>);

/// A model with its card on a device, ready to classify.
///
/// ```no_run
/// use gyrus::{Classifier, Device, Model};
///
/// let model = Model::load("alzheimer".as_ref())?;
/// let mut classifier = Classifier::new(&model, &Device::open("auto")?)?;
/// let report = classifier.classify_file("slice.png".as_ref())?;
/// println!("{:?} {:?}", report.prediction, report.probabilities);
/// # Ok::<(), gyrus::Error>(())
/// ```
pub struct Classifier {
    name: String,
    card: Arc<Card>,
    session: Session,
    input: String,
    /// Positions among the network's outputs.
    output: usize,
    features: Option<usize>,
    /// The batch size, where the network has only one.
    fixed: Option<usize>,
    /// Scans that are run together, at most.
    largest: usize,
}

impl Classifier {
    /// Makes a model ready to classify on a device.
    ///
    /// # Errors
    /// A model without a card; unsupported nodes.
    pub fn new(model: &Model, device: &Device) -> Result<Classifier> {
        let bare = || {
            let remedy = "give a model's folder, or `gyrus run` for raw tensors";
            Error::file(Path::new(&model.name), "an ONNX file without a card cannot be interpreted", remedy)
        };
        let card = model.card.clone().ok_or_else(bare)?;
        let file = card.model.clone().ok_or_else(bare)?;
        let session = Session::new(model, device)?;
        let outputs = &session.network().outputs;
        let position = |name: &str| outputs.iter().position(|o| o.name == name);
        let output = position(&file.output).ok_or_else(bare)?;
        let features = file.features.as_deref().and_then(position);
        let first = session.network().inputs.first().and_then(|i| i.dims.as_deref()?.first().cloned());
        let fixed = match first {
            Some(Dim::Fixed(size)) => Some(size),
            _ => None,
        };
        let row = 4 * card.input.channel_count() * card.input.height * card.input.width;
        let largest = (BATCH_BYTES / row.max(1)).clamp(1, MAX_BATCH.min(fixed.unwrap_or(MAX_BATCH)));
        let name = model.name.clone();
        Ok(Classifier { name, card, session, input: file.input, output, features, fixed, largest })
    }

    pub fn card(&self) -> &Card {
        &self.card
    }

    /// The device's name as every report quotes it.
    pub fn device_name(&self) -> &str {
        self.session.device_name()
    }

    /// What the user must be told: fall-backs, slow paths, a device that had to be rebuilt.
    pub fn notices(&self) -> &[String] {
        self.session.notices()
    }

    /// Prepares a scan as the model's card says.
    ///
    /// # Errors
    /// When the scan cannot be scaled.
    pub fn prepare(&self, scan: &Scan) -> Result<Prepared> {
        prepare(&self.card, scan)
    }

    /// Classifies one file.
    ///
    /// # Errors
    /// A file that cannot be decoded; an error of the device; an answer that is not finite.
    pub fn classify_file(&mut self, path: &Path) -> Result<Report> {
        let prepared = prepare_file(&self.card, path)?;
        let mut results = self.classify(&[prepared])?;
        let result = results.pop().unwrap_or_else(|| Err(Error::tensor("output", "is missing")));
        result.map(|(answer, milliseconds)| self.report(path, answer, milliseconds))
    }

    /// Classifies prepared scans in one batch. Beside each answer its share of the time from upload to
    /// readback, in milliseconds; the first batch of a size includes the making of its plan.
    ///
    /// # Errors
    /// Outer: an error of the device, which concerns all scans. Inner: about a single scan.
    pub fn classify(&mut self, scans: &[Prepared]) -> Result<Vec<Result<(Classification, f64)>>> {
        let start = Instant::now();
        let outputs = self.run(scans)?;
        let total = start.elapsed().as_secs_f64() * 1e3;
        let milliseconds = total / f64::from(u32::try_from(scans.len().max(1)).unwrap_or(u32::MAX));
        tracing::debug!(scans = scans.len(), milliseconds = total, "a batch was computed");
        let missing = || Error::tensor("output", "the network did not give it");
        let mut warnings = Vec::with_capacity(scans.len());
        let mut faults = Vec::with_capacity(scans.len());
        for (row, scan) in scans.iter().enumerate() {
            let judged = self.gate(scan, &outputs, row);
            faults.push(judged.as_ref().err().cloned());
            warnings.push(judged.unwrap_or_default());
        }
        let answers = self.card.interpret(outputs.get(self.output).ok_or_else(missing)?, warnings)?;
        let whole = answers.into_iter().zip(faults).map(|(answer, fault)| match fault {
            // An answer that is no number explains the gate's trouble too.
            Some(fault) => answer.and(Err(fault)),
            None => answer.map(|answer| (answer, milliseconds)),
        });
        Ok(whole.collect())
    }

    fn gate(&self, scan: &Prepared, outputs: &[Tensor], row: usize) -> Result<Vec<Warning>> {
        let features = match self.features.and_then(|position| outputs.get(position)) {
            Some(tensor) => Some(row_of(tensor, row)?),
            None => None,
        };
        self.card.gate(&scan.measures, &scan.values, features)
    }

    /// The network's outputs for these scans, each with one row a scan.
    fn run(&mut self, scans: &[Prepared]) -> Result<Vec<Tensor>> {
        let mut parts = Vec::new();
        let mut rest = scans;
        while !rest.is_empty() {
            let (part, after) = rest.split_at(self.largest.min(rest.len()));
            match self.run_together(part) {
                // Half as many need about half the memory.
                Err(Error::TooLarge { .. }) if part.len() > 1 && self.fixed.is_none() => {
                    self.largest = part.len() / 2;
                }
                outputs => {
                    parts.push(outputs?);
                    rest = after;
                }
            }
        }
        joined(parts)
    }

    fn run_together(&mut self, scans: &[Prepared]) -> Result<Vec<Tensor>> {
        let mut data: Vec<f32> = scans.iter().flat_map(|s| s.values.iter().copied()).collect();
        let Some(size) = self.fixed else {
            return self.session.run_batch(&Tensor::from_f32(self.card.input.shape(scans.len()), data)?);
        };
        // A network that takes this many and no fewer: the rest is black.
        let shape = self.card.input.shape(size);
        data.resize(shape.iter().product(), 0.0);
        let inputs = BTreeMap::from([(self.input.clone(), Tensor::from_f32(shape, data)?)]);
        let outputs = self.session.run(inputs)?;
        outputs.into_iter().map(|(_, tensor)| first_rows(&tensor, scans.len())).collect()
    }

    /// Classifies files and hands each answer to `each`, in the order of the files, as it comes. A file that
    /// fails costs the others nothing; a batch that fails on the device fails for its files only. `each`
    /// may end the whole by breaking.
    ///
    /// # Errors
    /// A device that was lost, rebuilt and lost again: the files after it were not tried.
    pub fn classify_files(
        &mut self,
        files: &[PathBuf],
        mut each: impl FnMut(Answer) -> ControlFlow<()>,
    ) -> Result<()> {
        let (card, size) = (self.card.clone(), self.largest);
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(1);
            scope.spawn(move || prepare_batches(&card, files, size, &sender));
            for batch in receiver {
                let (answers, lost) = self.classify_batch(batch);
                if answers.into_iter().try_for_each(&mut each).is_break() {
                    return Ok(());
                }
                if let Some(error) = lost {
                    return Err(error);
                }
            }
            Ok(())
        })
    }

    /// The answers of one batch, and the error that should end the whole.
    fn classify_batch(&mut self, batch: Batch) -> (Vec<Answer>, Option<Error>) {
        let scans: Vec<Prepared> = batch.iter().filter_map(|(_, p)| p.as_ref().ok().cloned()).collect();
        let outcome = if scans.is_empty() { Ok(Vec::new()) } else { self.classify(&scans) };
        let lost = outcome.as_ref().err().filter(|e| matches!(e, Error::DeviceLost { .. })).cloned();
        let mut results = match outcome {
            Ok(results) => results,
            Err(error) => scans.iter().map(|_| Err(error.clone())).collect(),
        }
        .into_iter();
        let mut answer = |(path, prepared): (PathBuf, Result<Prepared>)| {
            let result = prepared.and_then(|_| results.next().unwrap_or_else(no_answer));
            let report = result.map(|(answer, milliseconds)| self.report(&path, answer, milliseconds));
            (path, report)
        };
        (batch.into_iter().map(&mut answer).collect(), lost)
    }

    fn report(&self, path: &Path, answer: Classification, milliseconds: f64) -> Report {
        Report::new(path, &self.name, self.session.device_name(), answer, milliseconds)
    }
}

type Batch = Vec<(PathBuf, Result<Prepared>)>;

fn no_answer<T>() -> Result<T> {
    Err(Error::tensor("output", "the network gave no row for this scan"))
}

/// Sends batch after batch until there are no more files, or nobody wants them any more.
fn prepare_batches(card: &Card, files: &[PathBuf], size: usize, sender: &SyncSender<Batch>) {
    for files in files.chunks(size) {
        // Collected in the order of the files, whichever is ready first.
        let batch: Batch = files.par_iter().map(|path| (path.clone(), prepare_file(card, path))).collect();
        if sender.send(batch).is_err() {
            return;
        }
    }
}

fn prepare_file(card: &Card, path: &Path) -> Result<Prepared> {
    prepare(card, &decode_file(path)?)
}

fn prepare(card: &Card, scan: &Scan) -> Result<Prepared> {
    Ok(Prepared { measures: measure(scan), values: card.prepare(scan, None)?.as_f32()?.to_vec() })
}

fn row_of(tensor: &Tensor, row: usize) -> Result<&[f32]> {
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
