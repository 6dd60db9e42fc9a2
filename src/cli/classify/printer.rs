//! Prints the answers of `gyrus classify` as they come.

use std::io::{self, Write};

use gyrus::classify::{Report, VolumeReport};
use gyrus::imaging::Found;
use gyrus::{Classifier, Failure};
use indicatif::ProgressBar;

use crate::cli::output::{
    FILE, RESEARCH_USE, RowFormat, above, codes, csv_row, file_name, file_width, json_line,
};
use crate::cli::progress;
use crate::cli::tally::Tally;

/// Prints answers as they come. An error is that of stdout.
pub struct Printer {
    format: RowFormat,
    file_width: usize,
    label_width: usize,
    labels: Vec<String>,
}

const PREDICTION: &str = "prediction";
const REFUSED: &str = "no prediction";

impl Printer {
    pub fn new(format: RowFormat, classifier: &Classifier, found: &Found) -> Printer {
        let labels = classifier.card().labels().to_vec();
        let label_width = labels.iter().map(|l| l.chars().count()).chain([REFUSED.len()]).max().unwrap_or(0);
        Printer { format, file_width: file_width(found, None), label_width, labels }
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
        let name = file_name(&report.file, report.axis, report.slice);
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
            RowFormat::Csv => csv_row(csv_report(&report.whole)),
            RowFormat::Table => self.table_volume(report),
        })
    }

    fn table_volume(&self, report: &VolumeReport) -> io::Result<()> {
        let mut out = io::stdout().lock();
        let VolumeReport { whole, slices, passed, .. } = report;
        let answer = match (&whole.prediction, whole.probability()) {
            (Some(label), Some(probability)) => format!("{label}, {probability:.3} (the mean over these)"),
            _ => REFUSED.to_string(),
        };
        let file = progress::printable(&whole.file);
        writeln!(out, "  = {file}: {passed} of {slices} slices are what the model was made for: {answer}")?;
        whole.warnings.iter().try_for_each(|warning| writeln!(out, "    {}", warning.text))?;
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
