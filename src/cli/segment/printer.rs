//! Prints the answers of `gyrus segment` as they come.

use std::io::{self, Write};
use std::path::Path;

use gyrus::imaging::Found;
use gyrus::model::Card;
use gyrus::segment::{Report, StackFigures, VolumeReport};
use indicatif::ProgressBar;

use super::Line;
use crate::cli::output::{RESEARCH_USE, RowFormat, above, count, csv_row, json_line};
use crate::cli::progress;
use crate::cli::tally::Tally;

const FILE: &str = "file";
/// What a slice of a volume has after the file's name, at its longest.
const SLICE: &str = " sagittal 000";
/// Names longer than this push their row's other columns to the right.
const MAX_FILE_WIDTH: usize = 60;
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
    pub fn new(format: RowFormat, found: &Found) -> Printer {
        let length = |path: &Path| path.display().to_string().chars().count();
        let files = found.files.iter().map(|file| length(file));
        let slices = found.volumes.iter().map(|volume| length(&volume.path) + SLICE.len());
        let names = files.chain(slices);
        Printer { format, file_width: names.chain([FILE.len()]).max().unwrap_or(0).min(MAX_FILE_WIDTH) }
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
        let mut name = progress::printable(&report.file);
        if let (Some(axis), Some(slice)) = (report.axis, report.slice) {
            name.push_str(&format!(" {axis} {slice}"));
        }
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
            let codes: Vec<&str> = other.map(|warning| warning.code.as_str()).collect();
            return writeln!(out, "{}{}", if codes.is_empty() { "" } else { "  " }, codes.join(" "));
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
    let optional = |value: Option<f64>| value.map_or_else(String::new, |v| v.to_string());
    match line {
        Err(failure) => {
            let mut row = vec![String::new(); HEADING.len()];
            if let [file, .., error, _, _] = row.as_mut_slice() {
                file.clone_from(&failure.file);
                error.clone_from(&failure.error);
            }
            row
        }
        Ok(report) => {
            let codes: Vec<&str> = report.warnings.iter().map(|w| w.code.as_str()).collect();
            let stack = report.stack.as_ref();
            vec![
                report.file.clone(),
                report.model.clone(),
                report.device.clone(),
                report.written.mask.clone(),
                report.pixels.to_string(),
                report.fraction.to_string(),
                optional(report.area_mm2),
                stack.map_or_else(String::new, |s| s.folder.clone()),
                stack.map_or_else(String::new, |s| s.pixels.to_string()),
                optional(stack.and_then(|s| s.volume_ml)),
                codes.join(" "),
                report.milliseconds.to_string(),
                String::new(),
                report.axis.map_or_else(String::new, |axis| axis.to_string()),
                report.slice.map_or_else(String::new, |slice| slice.to_string()),
            ]
        }
    }
}

/// The row of a volume as a whole has no number of a slice.
fn volume_record(report: &VolumeReport) -> Vec<String> {
    let codes: Vec<&str> = report.warnings.iter().map(|w| w.code.as_str()).collect();
    vec![
        report.file.clone(),
        report.model.clone(),
        report.device.clone(),
        report.written.mask.clone(),
        report.pixels.to_string(),
        report.fraction.to_string(),
        String::new(),
        String::new(),
        String::new(),
        report.volume_ml.to_string(),
        codes.join(" "),
        report.milliseconds.to_string(),
        String::new(),
        report.axis.to_string(),
        String::new(),
    ]
}
