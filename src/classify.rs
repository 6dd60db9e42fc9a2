//! Classification of slices: a label with its probability for each, or a warning why there is none.

mod report;
mod volume;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::sync_channel;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::imaging::{Scan, decode_file};
use crate::model::{Card, Classification, Model, Task};
use crate::origin::Origin;
use crate::runner::{Batch, Prepared, Runner, answer_batch, no_answer, prepare_batches};
use crate::tuning::Adapters;
pub use report::{Report, SliceReport, VolumeReport, reports};
pub use volume::{ClassifiedVolume, Summary};

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
    runner: Runner,
}

impl Classifier {
    /// Makes a model ready to classify on a device.
    ///
    /// # Errors
    /// A model without a card, or with a card for another task; unsupported nodes.
    pub fn new(model: &Model, device: &Device) -> Result<Classifier> {
        Ok(Classifier { runner: Runner::new(model, device, Task::Classification)? })
    }

    /// As [`Classifier::new`], over a runner that computes elsewhere.
    #[cfg(feature = "serve")]
    pub(crate) fn over(runner: Runner) -> Classifier {
        Classifier { runner }
    }

    pub fn card(&self) -> &Card {
        &self.runner.card
    }

    /// The model's name as every report quotes it.
    pub fn name(&self) -> &str {
        &self.runner.name
    }

    /// What its answers come from, as every report says it.
    pub fn origin(&self) -> Origin {
        self.runner.origin()
    }

    /// The device's name as every report quotes it.
    pub fn device_name(&self) -> &str {
        self.runner.session.device_name()
    }

    /// What the user must be told: fall-backs, slow paths, a device that had to be rebuilt.
    pub fn notices(&self) -> &[String] {
        self.runner.session.notices()
    }

    /// Measures in the background which kernels are fastest, on hardware adapters: see
    /// [`crate::Session::tune_in_background`].
    pub fn tune_in_background(&mut self) {
        self.runner.session.tune_in_background(Adapters::Hardware);
    }

    /// Prepares a scan as the model's card says.
    ///
    /// # Errors
    /// When the scan cannot be scaled.
    pub fn prepare(&self, scan: &Scan) -> Result<Prepared> {
        Prepared::new(self.card(), scan, None)
    }

    /// Classifies one file.
    ///
    /// # Errors
    /// A file that cannot be decoded; an error of the device; an answer that is not finite.
    pub fn classify_file(&mut self, path: &Path) -> Result<Report> {
        let prepared = prepare_file(self.card(), path)?;
        let mut results = self.classify(&[prepared])?;
        let result = results.pop().unwrap_or_else(no_answer);
        result.map(|(answer, milliseconds)| self.report(path, answer, milliseconds))
    }

    /// Classifies prepared scans in one batch. Beside each answer its share of the time from upload to
    /// readback, in milliseconds; the first batch of a size includes the making of its plan.
    ///
    /// # Errors
    /// Outer: an error of the device, which concerns all scans. Inner: about a single scan.
    pub fn classify(&mut self, scans: &[Prepared]) -> Result<Vec<Result<(Classification, f64)>>> {
        let rows = self.runner.run(scans)?;
        let faults: Vec<_> = rows.warnings.iter().map(|judged| judged.as_ref().err().cloned()).collect();
        let warnings = rows.warnings.into_iter().map(Result::unwrap_or_default).collect();
        let answers = self.card().interpret(&rows.output, warnings)?;
        let whole = answers.into_iter().zip(faults).map(|(answer, fault)| match fault {
            // An answer that is no number explains the gate's trouble too.
            Some(fault) => answer.and(Err(fault)),
            None => answer.map(|answer| (answer, rows.milliseconds)),
        });
        Ok(whole.collect())
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
        let (card, size) = (self.runner.card.clone(), self.runner.largest);
        std::thread::scope(|scope| {
            let (sender, receiver) = sync_channel(1);
            scope.spawn(move || prepare_batches(files, size, |path| prepare_file(&card, path), &sender));
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
    fn classify_batch(&mut self, batch: Batch<PathBuf>) -> (Vec<Answer>, Option<Error>) {
        let (answers, lost) = answer_batch(batch, |scans| self.classify(scans));
        let report = |(path, answer): (PathBuf, Result<(Classification, f64)>)| {
            let report = answer.map(|(answer, milliseconds)| self.report(&path, answer, milliseconds));
            (path, report)
        };
        (answers.into_iter().map(report).collect(), lost)
    }

    /// The report of a file's answer, with its share of the time in milliseconds.
    pub fn report(&self, path: &Path, answer: Classification, milliseconds: f64) -> Report {
        Report::new(path, &self.origin(), answer, milliseconds)
    }
}

fn prepare_file(card: &Card, path: &Path) -> Result<Prepared> {
    Prepared::new(card, &decode_file(path)?, None)
}
