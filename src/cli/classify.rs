//! `gyrus classify`: labels and probabilities for slices.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use gyrus::classify::Report;
use gyrus::imaging::{Excluded, Found, find_images};
use gyrus::{Classifier, Error, Failure, Model};
use indicatif::ProgressBar;

use super::output::{RESEARCH_USE, RowFormat, above, csv_row, json_line};
use super::tally::Tally;
use super::{Outcome, device, progress};

/// Classify slices: a label with its probability for each, or a warning why there is none.
///
/// A picture that is plainly not what the model was made for gets no prediction. For research use only.
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
    /// Images, or folders that are searched for images
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
    let found = find_images(&args.paths, &Excluded::default().and_results());
    let bar = progress::bar(found.files.len());
    let mut printer = Printer::new(args.format, &classifier, &found);
    let mut tally = Tally::default();
    let mut refused = 0;
    let mut closed = printer.begin(&classifier);
    for error in &found.errors {
        let path = if let Error::File { path, .. } = error { path.as_path() } else { Path::new("") };
        tally.failed += 1;
        closed = closed.and_then(|()| printer.failure(&bar, &Failure::new(path, error)));
    }
    let mut stopped = None;
    if closed.is_ok() {
        let outcome = classifier.classify_files(&found.files, |(path, result)| {
            tally.count(&result);
            refused += usize::from(matches!(&result, Ok(report) if report.prediction.is_none()));
            bar.inc(1);
            closed = match &result {
                Ok(report) => printer.report(&bar, report),
                Err(error) => printer.failure(&bar, &Failure::new(&path, error)),
            };
            if closed.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        });
        stopped = outcome.err();
    }
    bar.finish_and_clear();
    classifier.notices().iter().skip(told).for_each(|notice| progress::notice(notice));
    if let Some(error) = &stopped {
        let left = found.files.len() + found.errors.len() - tally.files();
        progress::error_line(&format_args!("{error}; {left} file(s) were not tried"));
        tally.failed += left;
    }
    closed.and_then(|()| printer.end(&tally, refused)).or_else(super::output::unless_closed)?;
    Ok(tally.outcome())
}

/// Prints answers as they come. An error is that of stdout.
struct Printer {
    format: RowFormat,
    file_width: usize,
    label_width: usize,
    labels: Vec<String>,
}

const FILE: &str = "file";
const PREDICTION: &str = "prediction";
const REFUSED: &str = "no prediction";
/// Names longer than this push their row's other columns to the right.
const MAX_FILE_WIDTH: usize = 60;

impl Printer {
    fn new(format: RowFormat, classifier: &Classifier, found: &Found) -> Printer {
        let names = found.files.iter().map(|f| f.display().to_string().chars().count());
        let labels = classifier.card().labels().to_vec();
        let label_width = labels.iter().map(|l| l.chars().count()).chain([REFUSED.len()]).max().unwrap_or(0);
        let file_width = names.chain([FILE.len()]).max().unwrap_or(0).min(MAX_FILE_WIDTH);
        Printer { format, file_width, label_width, labels }
    }

    fn begin(&mut self, classifier: &Classifier) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            RowFormat::Json => Ok(()),
            RowFormat::Csv => csv_row(self.csv_heading()),
            RowFormat::Table => {
                let card = classifier.card();
                writeln!(out, "{} v{}: {}", card.name, card.version, card.title)?;
                writeln!(out, "on {}. {RESEARCH_USE}\n", classifier.device_name())?;
                let (file, label) = (self.file_width, self.label_width);
                writeln!(out, "{FILE:file$}  {PREDICTION:label$}  probability")
            }
        }
    }

    fn report(&self, bar: &ProgressBar, report: &Report) -> io::Result<()> {
        above(bar, || match self.format {
            RowFormat::Json => json_line(&mut io::stdout().lock(), report),
            RowFormat::Csv => csv_row(csv_report(report)),
            RowFormat::Table => self.table_row(report),
        })
    }

    fn table_row(&self, report: &Report) -> io::Result<()> {
        let label = report.prediction.as_deref().unwrap_or(REFUSED);
        let probability = report.probability().map_or_else(|| "-".into(), |p| format!("{p:.3}"));
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "{:file$}  {label:width$}  {probability:>11}",
            progress::printable(&report.file),
            file = self.file_width,
            width = self.label_width
        )?;
        report.warnings.iter().try_for_each(|warning| writeln!(out, "    {}", warning.text))
    }

    /// In a table a failed file is a line on stderr; programs find it among the answers.
    fn failure(&self, bar: &ProgressBar, failure: &Failure) -> io::Result<()> {
        match self.format {
            RowFormat::Table => {
                progress::error(bar, &failure.error);
                Ok(())
            }
            RowFormat::Json => above(bar, || json_line(&mut io::stdout().lock(), failure)),
            RowFormat::Csv => above(bar, || csv_row(self.csv_failure(failure))),
        }
    }

    fn end(&self, tally: &Tally, refused: usize) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.format == RowFormat::Table {
            let Tally { answered, failed } = tally;
            let files = tally.files();
            writeln!(
                out,
                "\n{files} file(s): {} predicted, {refused} without a prediction, {failed} failed",
                answered - refused
            )?;
        }
        out.flush()
    }

    fn csv_heading(&self) -> Vec<String> {
        let mut heading: Vec<String> = ["file", "model", "device", "prediction"].map(String::from).into();
        heading.extend(self.labels.iter().map(|label| format!("probability_{label}")));
        heading.extend(["warnings", "milliseconds", "error"].map(String::from));
        heading
    }

    fn csv_failure(&self, failure: &Failure) -> Vec<String> {
        let mut row = vec![String::new(); self.labels.len() + 7];
        row[0].clone_from(&failure.file);
        if let Some(last) = row.last_mut() {
            last.clone_from(&failure.error);
        }
        row
    }
}

fn csv_report(report: &Report) -> Vec<String> {
    let prediction = report.prediction.clone().unwrap_or_default();
    let mut row = vec![report.file.clone(), report.model.clone(), report.device.clone(), prediction];
    row.extend(report.probabilities.iter().map(|(_, p)| p.to_string()));
    let codes: Vec<&str> = report.warnings.iter().map(|w| w.code.as_str()).collect();
    row.extend([codes.join(" "), report.milliseconds.to_string(), String::new()]);
    row
}
