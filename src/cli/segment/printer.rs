//! Prints the answers of `gyrus segment` as they come.

use std::io::{self, Write};
use std::path::Path;

use gyrus::Failure;
use gyrus::imaging::Found;
use gyrus::model::Card;
use gyrus::segment::{Report, StackFigures, VolumeReport};
use indicatif::ProgressBar;

use super::Line;
use crate::cli::output::{
    FILE, RESEARCH_USE, RowFormat, above, codes, count, csv_row, file_name, file_width, json_line,
};
use crate::cli::progress;
use crate::cli::tally::Tally;

const HEADING: [&str; 15] = [
    "file",
    "model",
    "device",
    "mask",
    "pixels",
    "fraction",
    "area_mm2",
    "stack",
    "stack_pixels",
    "volume_ml",
    "warnings",
    "milliseconds",
    "error",
    "axis",
    "slice",
];

/// An error of its functions is one of stdout.
pub struct Printer {
    format: RowFormat,
    file_width: usize,
}

impl Printer {
    pub fn new(format: RowFormat, found: &Found, named: Option<&Path>) -> Printer {
        Printer { format, file_width: file_width(found, named) }
    }

    pub fn begin(&self, card: &Card, device: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        match self.format {
            RowFormat::Json => Ok(()),
            RowFormat::Csv => csv_row(HEADING.map(String::from).into()),
            RowFormat::Table => {
                writeln!(out, "{} v{}: {}", card.name, card.version, card.title)?;
                writeln!(out, "on {device}. {RESEARCH_USE}\n")?;
                let width = self.file_width;
                writeln!(out, "{FILE:width$}  {:>9}  {:>7}  {:>9}", "pixels", "%", "mm²")
            }
        }
    }

    /// In a table a failed file is a line on stderr; programs find it among the answers.
    pub fn line(&self, bar: &ProgressBar, line: &Line) -> io::Result<()> {
        match (self.format, line) {
            (RowFormat::Table, Err(failure)) => {
                progress::error(bar, &failure.error);
                Ok(())
            }
            (RowFormat::Table, Ok(report)) => above(bar, || self.table_row(report)),
            (RowFormat::Json, Ok(report)) => above(bar, || json_line(&mut io::stdout().lock(), report)),
            (RowFormat::Json, Err(failure)) => above(bar, || json_line(&mut io::stdout().lock(), failure)),
            (RowFormat::Csv, line) => above(bar, || csv_row(record(line))),
        }
    }

    fn table_row(&self, report: &Report) -> io::Result<()> {
        let area = report.area_mm2.map_or_else(|| "-".into(), |area| format!("{area:.0}"));
        let is_empty = report.warnings.iter().any(|w| w.code == "empty_mask");
        let mut out = io::stdout().lock();
        let name = file_name(&report.file, report.axis, report.slice);
        write!(
            out,
            "{name:width$}  {:>9}  {:>7.2}  {area:>9}{}",
            count(u64::try_from(report.pixels).unwrap_or(u64::MAX)),
            100.0 * report.fraction,
            if is_empty { "  nothing found" } else { "" },
            width = self.file_width,
        )?;
        let other = report.warnings.iter().filter(|w| w.code != "empty_mask");
        if report.slice.is_some() {
            // The slices of a volume mostly have the same warnings.
            let codes = codes(other);
            return writeln!(out, "{}{codes}", if codes.is_empty() { "" } else { "  " });
        }
        writeln!(out)?;
        other.into_iter().try_for_each(|warning| writeln!(out, "    {}", warning.text))
    }

    /// A line for the stack as a whole, in a table; programs find it in every slice's answer. A stack without
    /// any answer has no volume, not one of zero.
    pub fn stack(&self, bar: &ProgressBar, stack: &StackFigures, lines: &[Line]) -> io::Result<()> {
        if self.format != RowFormat::Table || stack.slices == 0 {
            return Ok(());
        }
        let marked = lines.iter().flatten().filter(|report| report.pixels > 0).count();
        let volume = stack.volume_ml.map_or_else(String::new, |ml| format!(", {ml:.2} ml"));
        let pixels = count(u64::try_from(stack.pixels).unwrap_or(u64::MAX));
        above(bar, || {
            let folder = progress::printable(&stack.folder);
            let slices = stack.slices;
            writeln!(
                io::stdout().lock(),
                "  = {folder}: {marked} of {slices} slices marked, {pixels} voxels{volume}\n"
            )
        })
    }

    /// A line for a volume as a whole, after its slices.
    pub fn volume(&self, bar: &ProgressBar, report: &VolumeReport) -> io::Result<()> {
        above(bar, || match self.format {
            RowFormat::Json => json_line(&mut io::stdout().lock(), report),
            RowFormat::Csv => csv_row(volume_record(report)),
            RowFormat::Table => {
                let mut out = io::stdout().lock();
                let VolumeReport { marked, slices, volume_ml, written, .. } = report;
                let (file, voxels) = (progress::printable(&report.file), report.pixels);
                let voxels = count(u64::try_from(voxels).unwrap_or(u64::MAX));
                writeln!(
                    out,
                    "  = {file}: {marked} of {slices} slices marked, {voxels} voxels, {volume_ml:.2} ml"
                )?;
                writeln!(out, "    mask {}", written.mask)?;
                writeln!(out, "    montage {}", written.montage)?;
                report.warnings.iter().try_for_each(|warning| writeln!(out, "    {}", warning.text))?;
                writeln!(out)
            }
        })
    }

    pub fn end(&self, tally: &Tally, out_folder: &Path) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.format == RowFormat::Table {
            let Tally { answered, failed } = tally;
            writeln!(out, "\n{answered} mask(s) in {}, {failed} file(s) failed", out_folder.display())?;
        }
        out.flush()
    }
}

fn record(line: &Line) -> Vec<String> {
    let report = match line {
        Err(Failure { file, error }) => return row(&[("file", file.clone()), ("error", error.clone())]),
        Ok(report) => report,
    };
    let stack = report.stack.as_ref();
    row(&[
        ("file", report.file.clone()),
        ("model", report.model.clone()),
        ("device", report.device.clone()),
        ("mask", report.written.mask.clone()),
        ("pixels", report.pixels.to_string()),
        ("fraction", report.fraction.to_string()),
        ("area_mm2", optional(report.area_mm2)),
        ("stack", optional(stack.map(|stack| &stack.folder))),
        ("stack_pixels", optional(stack.map(|stack| stack.pixels))),
        ("volume_ml", optional(stack.and_then(|stack| stack.volume_ml))),
        ("warnings", codes(&report.warnings)),
        ("milliseconds", report.milliseconds.to_string()),
        ("axis", optional(report.axis)),
        ("slice", optional(report.slice)),
    ])
}

/// The row of a volume as a whole has no number of a slice.
fn volume_record(report: &VolumeReport) -> Vec<String> {
    row(&[
        ("file", report.file.clone()),
        ("model", report.model.clone()),
        ("device", report.device.clone()),
        ("mask", report.written.mask.clone()),
        ("pixels", report.pixels.to_string()),
        ("fraction", report.fraction.to_string()),
        ("volume_ml", report.volume_ml.to_string()),
        ("warnings", codes(&report.warnings)),
        ("milliseconds", report.milliseconds.to_string()),
        ("axis", report.axis.to_string()),
    ])
}

/// A record with these fields; the others are empty.
fn row(fields: &[(&str, String)]) -> Vec<String> {
    let field = |name: &str| fields.iter().find(|(field, _)| *field == name).map(|(_, value)| value.clone());
    HEADING.iter().map(|name| field(name).unwrap_or_default()).collect()
}

fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}
