//! Prints the answers of `gyrus classify` as they come.

use std::io::{self, Write};
use std::path::Path;

use gyrus::classify::{Report, VolumeReport};
use gyrus::imaging::Found;
use gyrus::model::Warning;
use gyrus::{Classifier, Failure};
use indicatif::ProgressBar;

use crate::cli::output::{RESEARCH_USE, RowFormat, above, csv_row, json_line};
use crate::cli::progress;
use crate::cli::tally::Tally;

/// Prints answers as they come. An error is that of stdout.
pub struct Printer {
    format: RowFormat,
    file_width: usize,
    label_width: usize,
    labels: Vec<String>,
}

const FILE: &str = "file";
/// What a slice of a volume has after the file's name, at its longest.
const SLICE: &str = " sagittal 000";
const PREDICTION: &str = "prediction";
const REFUSED: &str = "no prediction";
/// Names longer than this push their row's other columns to the right.
const MAX_FILE_WIDTH: usize = 60;

impl Printer {
    pub fn new(format: RowFormat, classifier: &Classifier, found: &Found) -> Printer {
        let length = |path: &Path| path.display().to_string().chars().count();
        let files = found.files.iter().map(|file| length(file));
        let slices = found.volumes.iter().map(|volume| length(&volume.path) + SLICE.len());
        let names = files.chain(slices);
        let labels = classifier.card().labels().to_vec();
        let label_width = labels.iter().map(|l| l.chars().count()).chain([REFUSED.len()]).max().unwrap_or(0);
        let file_width = names.chain([FILE.len()]).max().unwrap_or(0).min(MAX_FILE_WIDTH);
        Printer { format, file_width, label_width, labels }
    }

    pub fn begin(&mut self, classifier: &Classifier) -> io::Result<()> {
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

    pub fn report(&self, bar: &ProgressBar, report: &Report) -> io::Result<()> {
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
        let mut name = progress::printable(&report.file);
        if let (Some(axis), Some(slice)) = (report.axis, report.slice) {
            name.push_str(&format!(" {axis} {slice}"));
        }
        let (file, width) = (self.file_width, self.label_width);
        write!(out, "{name:file$}  {label:width$}  {probability:>11}")?;
        if report.slice.is_some() {
            // Most slices of a volume that is refused have the same warnings.
            return writeln!(out, "  {}", codes(&report.warnings));
        }
        writeln!(out)?;
        report.warnings.iter().try_for_each(|warning| writeln!(out, "    {}", warning.text))
    }

    /// The line for a volume as a whole, after its slices.
    pub fn volume(&self, bar: &ProgressBar, report: &VolumeReport) -> io::Result<()> {
        above(bar, || match self.format {
            RowFormat::Json => json_line(&mut io::stdout().lock(), report),
            RowFormat::Csv => csv_row(csv_volume(report)),
            RowFormat::Table => self.table_volume(report),
        })
    }

    fn table_volume(&self, report: &VolumeReport) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let VolumeReport { file, slices, passed, .. } = report;
        let answer = match (&report.prediction, report.probability()) {
            (Some(label), Some(probability)) => format!("{label}, {probability:.3} (the mean over these)"),
            _ => REFUSED.to_string(),
        };
        let file = progress::printable(file);
        writeln!(out, "  = {file}: {passed} of {slices} slices are what the model was made for: {answer}")?;
        report.warnings.iter().try_for_each(|warning| writeln!(out, "    {}", warning.text))?;
        writeln!(out)
    }

    /// In a table a failed file is a line on stderr; programs find it among the answers.
    pub fn failure(&self, bar: &ProgressBar, failure: &Failure) -> io::Result<()> {
        match self.format {
            RowFormat::Table => {
                progress::error(bar, &failure.error);
                Ok(())
            }
            RowFormat::Json => above(bar, || json_line(&mut io::stdout().lock(), failure)),
            RowFormat::Csv => above(bar, || csv_row(self.csv_failure(failure))),
        }
    }

    pub fn end(&self, tally: &Tally, refused: usize) -> io::Result<()> {
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
        heading.extend(["warnings", "milliseconds", "error", "axis", "slice"].map(String::from));
        heading
    }

    fn csv_failure(&self, failure: &Failure) -> Vec<String> {
        let labels = vec![String::new(); self.labels.len()];
        let start = [failure.file.clone(), String::new(), String::new(), String::new()];
        let end = [String::new(), String::new(), failure.error.clone(), String::new(), String::new()];
        [start.as_slice(), labels.as_slice(), end.as_slice()].concat()
    }
}

fn csv_report(report: &Report) -> Vec<String> {
    let prediction = report.prediction.clone().unwrap_or_default();
    let mut row = vec![report.file.clone(), report.model.clone(), report.device.clone(), prediction];
    row.extend(report.probabilities.iter().map(|(_, p)| p.to_string()));
    row.extend([codes(&report.warnings), report.milliseconds.to_string(), String::new()]);
    row.push(report.axis.map_or_else(String::new, |axis| axis.to_string()));
    row.push(report.slice.map_or_else(String::new, |slice| slice.to_string()));
    row
}

/// The row of a volume as a whole has no number of a slice.
fn csv_volume(report: &VolumeReport) -> Vec<String> {
    let prediction = report.prediction.clone().unwrap_or_default();
    let mut row = vec![report.file.clone(), report.model.clone(), report.device.clone(), prediction];
    row.extend(report.probabilities.iter().map(|(_, p)| p.to_string()));
    row.extend([codes(&report.warnings), report.milliseconds.to_string(), String::new()]);
    row.extend([report.axis.to_string(), String::new()]);
    row
}

fn codes(warnings: &[Warning]) -> String {
    warnings.iter().map(|w| w.code.as_str()).collect::<Vec<_>>().join(" ")
}
