//! `gyrus evaluate`: how well results match their truth.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use gyrus::Failure;
use gyrus::evaluate::{
    self, ClassificationReport, Pairing, Results, SegmentationReport, Spacing, Truth, plot,
};
use serde::Serialize;

use super::output::{csv_cause, json_line, unless_closed, write_whole};
use super::{Outcome, progress};

mod classes;
mod masks;

/// Score what segment or classify found against the truth.
///
/// What RESULTS are is told by themselves: a folder of masks that segment wrote, or the JSON lines of segment or
/// classify. Masks are scored by patient over all slices together: Dice, IoU, 95 % Hausdorff distance, volumes,
/// lesions found and missed. Classes are scored by slice, and by person where the truth names them: confusion, AUC,
/// calibration. Figures over all come with 95 % intervals (bootstrap over patients or persons).
///
/// Exit code 0: everything was scored; 1: something was not, or slices of a scored patient have no result; 2: nothing
/// was scored.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// For masks: a folder of masks with the folders and names of RESULTS. For classes: a folder of folders called as
    /// the classes, or a CSV file with the columns path,class and, where known, subject
    #[arg(long, value_name = "PATH")]
    truth: PathBuf,
    /// A folder that segment wrote, or files that segment or classify printed with --format json
    #[arg(required = true, value_name = "RESULTS")]
    results: Vec<PathBuf>,
    /// The size of a voxel in mm: along a row, along a column, from slice to slice. Distances are then in mm, and
    /// volumes in ml
    #[arg(long, value_name = "X,Y,Z", value_parser = spacing)]
    spacing: Option<Spacing>,
    /// Draw the scores too, as SVG; a file of this name is replaced
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    /// csv is a row a patient for masks, a row a figure for classes
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
    Csv,
}

fn spacing(text: &str) -> Result<Spacing, String> {
    let sizes: Option<Vec<f64>> = text.split(',').map(|size| size.trim().parse().ok()).collect();
    match sizes.as_deref() {
        Some(&[x, y, z]) if [x, y, z].iter().all(|size| (1e-3..=1e3).contains(size)) => Ok([x, y, z]),
        _ => Err("must be three sizes from 0.001 to 1000 mm, such as 0.9,0.9,5".into()),
    }
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let (results, failures) = evaluate::read(&args.results)?;
    match results {
        Results::Masks(masks) if masks.is_empty() => {
            failures.iter().for_each(|failure| progress::error_line(&failure.error));
            Ok(Outcome::NothingRan)
        }
        Results::Masks(masks) => score_masks(args, evaluate::pair(&args.truth, masks)?, failures),
        Results::Answers(answers) => {
            let mut failures = failures;
            let truth = Truth::read(&args.truth, &mut failures)?;
            if args.spacing.is_some() {
                progress::notice(&"--spacing says nothing about classes and is not used");
            }
            let report = ClassificationReport::of(evaluate::label(&truth, answers), failures);
            finish(args, &report)
        }
    }
}

fn score_masks(args: &Args, pairing: Pairing, failures: Vec<Failure>) -> Result<Outcome> {
    let bar = progress::patients(pairing.patients.len());
    let report = SegmentationReport::of(pairing, failures, args.spacing, || bar.inc(1));
    bar.finish_and_clear();
    finish(args, &report)
}

/// What is the same of both kinds of report.
trait Scores: Serialize {
    fn errors(&self) -> &[Failure];
    fn outcome(&self) -> Outcome;
    fn table(&self, out: &mut dyn Write) -> io::Result<()>;
    fn rows(&self) -> Vec<Vec<String>>;
    fn plot(&self) -> gyrus::Result<String>;
}

impl Scores for SegmentationReport {
    fn errors(&self) -> &[Failure] {
        &self.errors
    }

    fn outcome(&self) -> Outcome {
        outcome(!self.patients.is_empty(), self.errors.is_empty() && self.missing_slices == 0)
    }

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        masks::table(out, self)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        masks::rows(self)
    }

    fn plot(&self) -> gyrus::Result<String> {
        plot::segmentation(self)
    }
}

impl Scores for ClassificationReport {
    fn errors(&self) -> &[Failure] {
        &self.errors
    }

    fn outcome(&self) -> Outcome {
        outcome(self.per_slice.cases > 0, self.errors.is_empty())
    }

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        classes::table(out, self)
    }

    fn rows(&self) -> Vec<Vec<String>> {
        classes::rows(self)
    }

    fn plot(&self) -> gyrus::Result<String> {
        plot::classification(self)
    }
}

fn outcome(any: bool, complete: bool) -> Outcome {
    match (any, complete) {
        (false, _) => Outcome::NothingRan,
        (true, true) => Outcome::AllGood,
        (true, false) => Outcome::SomeFailed,
    }
}

/// Prints a report, draws it where that is asked for, and tells how it ended.
fn finish(args: &Args, report: &impl Scores) -> Result<Outcome> {
    // Programs find the errors in the object.
    if args.format != Format::Json {
        report.errors().iter().for_each(|failure| progress::error_line(&failure.error));
    }
    let outcome = report.outcome();
    if let Some(path) = args.plot.as_ref().filter(|_| outcome != Outcome::NothingRan) {
        write_whole(path, &report.plot()?)?;
    }
    print(args.format, report).or_else(unless_closed)?;
    Ok(outcome)
}

fn print(format: Format, report: &impl Scores) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => json_line(&mut out, report)?,
        Format::Csv => {
            let mut writer = csv::Writer::from_writer(&mut out);
            report.rows().iter().try_for_each(|row| writer.write_record(row)).map_err(csv_cause)?;
            writer.flush()?;
        }
        Format::Table if report.outcome() == Outcome::NothingRan => {}
        Format::Table => report.table(&mut out)?,
    }
    out.flush()
}

/// A figure and its interval for people: `0.812 (0.774 to 0.851)`.
fn with_interval(figure: Option<evaluate::Figure>, digits: usize) -> String {
    match figure {
        None => "-".into(),
        Some(evaluate::Figure { value, interval_95: None }) => format!("{value:.digits$}"),
        Some(evaluate::Figure { value, interval_95: Some([low, high]) }) => {
            format!("{value:.digits$} ({low:.digits$} to {high:.digits$})")
        }
    }
}

/// A number that may be missing, in full for programs.
fn cell(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::spacing;

    #[test]
    fn spacings_are_three_sizes() {
        assert_eq!(spacing("0.9, 1,5"), Ok([0.9, 1.0, 5.0]));
        for bad in ["", "1", "1,1", "1,1,1,1", "0,1,1", "-1,1,1", "nan,1,1", "inf,1,1", "a,1,1", "1,1,1e9"] {
            assert!(spacing(bad).is_err(), "{bad}");
        }
    }
}
