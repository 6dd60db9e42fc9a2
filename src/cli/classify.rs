//! `gyrus classify`: labels and probabilities for slices.

mod printer;

use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gyrus::classify::reports;
use gyrus::imaging::{Excluded, Found, FoundVolume, find_scans, read_volume};
use gyrus::{Classifier, Error, Failure, Model};
use indicatif::ProgressBar;

use super::cut::tell;
use super::output::RowFormat;
use super::tally::Tally;
use super::{Outcome, cut, device, progress};
use printer::Printer;

/// Classify slices: a label with its probability for each, or a warning why there is none; and volumes, slice by slice
/// and as a whole.
///
/// A scan that is plainly not what the model was made for gets no prediction. For research use only.
/// Exit code 0: all files were answered; 1: some failed; 2: none could be.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A model's folder, or its name in the models folder
    #[arg(long, value_name = "MODEL", default_value = "alzheimer")]
    model: PathBuf,
    #[command(flatten)]
    device: device::Wanted,
    /// Do not measure kernels in the background after the first answer, as is done on hardware adapters (see
    /// `gyrus tune`)
    #[arg(long)]
    no_tune: bool,
    /// json is one object a line; milliseconds are a file's share of its batch, from upload to readback
    #[arg(long, value_enum, default_value_t = RowFormat::Table)]
    format: RowFormat,
    #[command(flatten)]
    cut: cut::CutArgs,
    /// Images, volumes (NIfTI, DICOM, zip archives of DICOM), or folders that are searched for them
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let model = Model::load(&args.model)?;
    let device = args.device.open()?;
    let mut classifier = Classifier::new(&model, &device).with_context(|| model.name.clone())?;
    if !args.no_tune {
        classifier.tune_in_background();
    }
    let told = classifier.notices().len();
    classifier.notices().iter().for_each(|notice| progress::notice(notice));
    let found = find_scans(&args.paths, &Excluded::default().and_results());
    let bar = progress::bar(found.files.len());
    let printer = Printer::new(args.format, &classifier, &found);
    let mut work = Work { args, classifier, printer, tally: Tally::default(), refused: 0, bar: &bar };
    let mut closed = work.printer.begin(&work.classifier);
    for error in &found.errors {
        let path = if let Error::File { path, .. } = error { path.as_path() } else { Path::new("") };
        closed = closed.and_then(|()| work.fail(path, error));
    }
    let mut stopped = None;
    if closed.is_ok() {
        (closed, stopped) = work.pictures(&found);
    }
    for volume in &found.volumes {
        if closed.is_err() || stopped.is_some() {
            break;
        }
        (closed, stopped) = work.volume(volume);
    }
    bar.finish_and_clear();
    work.classifier.notices().iter().skip(told).for_each(|notice| progress::notice(notice));
    if let Some(error) = &stopped {
        let all = found.files.len() + found.volumes.len() + found.errors.len();
        let left = all.saturating_sub(work.tally.files());
        progress::error_line(&format_args!("{error}; {left} file(s) were not tried"));
        work.tally.failed += left;
    }
    closed
        .and_then(|()| work.printer.end(&work.tally, work.refused))
        .or_else(super::output::unless_closed)?;
    Ok(work.tally.outcome())
}

/// What is needed to answer one file after the other.
struct Work<'a> {
    args: &'a Args,
    classifier: Classifier,
    printer: Printer,
    tally: Tally,
    /// Answers without a prediction.
    refused: usize,
    bar: &'a ProgressBar,
}

/// Whether stdout still takes answers, and the error that ends the whole.
type Progress = (io::Result<()>, Option<Error>);

impl Work<'_> {
    fn fail(&mut self, path: &Path, error: &Error) -> io::Result<()> {
        self.tally.failed += 1;
        self.printer.failure(self.bar, &Failure::new(path, error))
    }

    fn pictures(&mut self, found: &Found) -> Progress {
        let Work { classifier, printer, tally, refused, bar, .. } = self;
        let mut closed = Ok(());
        let outcome = classifier.classify_files(&found.files, |(path, result)| {
            tally.count(&result);
            *refused += usize::from(matches!(&result, Ok(report) if report.prediction.is_none()));
            bar.inc(1);
            closed = match &result {
                Ok(report) => printer.report(bar, report),
                Err(error) => printer.failure(bar, &Failure::new(&path, error)),
            };
            if closed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        (closed, outcome.err())
    }

    /// A slice that fails costs the others nothing; its volume counts as failed.
    fn volume(&mut self, found: &FoundVolume) -> Progress {
        let Work { classifier, bar, .. } = self;
        let decoded = read_volume(&found.path, self.args.cut.series);
        let answer = decoded.and_then(|decoded| {
            tell(&found.path, &decoded.notes);
            classifier.classify_volume(decoded, &self.args.cut.cut(), progress::slices(bar))
        });
        let found_slices = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let lost =
                    matches!(error, Error::DeviceLost { .. } | Error::Wrong { .. }).then(|| error.clone());
                return (self.fail(&found.path, &error), lost);
            }
        };
        let origin = self.classifier.origin();
        let plane = found_slices.plane;
        let (slices, volume) = reports(&found.path, &origin, found_slices);
        let mut failed = false;
        let printed = slices.iter().try_for_each(|slice| match slice {
            Ok(report) => self.printer.report(self.bar, report),
            Err((number, error)) => {
                failed = true;
                let failure = Failure::new(&found.path, error).of_slice(plane, *number);
                self.printer.failure(self.bar, &failure)
            }
        });
        self.refused += usize::from(!failed && volume.whole.prediction.is_none());
        self.tally.answered += usize::from(!failed);
        self.tally.failed += usize::from(failed);
        (printed.and_then(|()| self.printer.volume(self.bar, &volume)), None)
    }
}
