//! What the commands share in printing: formats, aligned tables, a reader that has gone away.

use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anyhow::Context;
use clap::ValueEnum;
use gyrus::imaging::{Found, Plane};
use gyrus::model::Warning;
use gyrus::part_file::PartFile;
use indicatif::ProgressBar;
use serde::Serialize;

use super::progress::printable;

/// Every report ends or begins with this.
pub const RESEARCH_USE: &str = "For research use only: not a medical device.";

/// For people or for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Table,
    Json,
}

/// For people, or one record a line for programs and spreadsheets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RowFormat {
    Table,
    Json,
    Csv,
}

/// A reader that has seen enough, such as `head`, is no error.
pub fn unless_closed(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}

/// The cause of a failed row, so that a closed pipe is still seen to be one.
pub fn csv_cause(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}

/// One JSON object on one line.
pub fn json_line(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    writeln!(out, "{}", serde_json::to_string(value)?)
}

/// A column of a table.
pub enum Column {
    Left(&'static str),
    Right(&'static str),
}

/// Prints rows below their headings, every column as wide as its widest cell.
pub fn table(out: &mut (impl Write + ?Sized), columns: &[Column], rows: &[Vec<String>]) -> io::Result<()> {
    let heading = |column: &Column| match column {
        Column::Left(text) | Column::Right(text) => (*text).to_string(),
    };
    let headings: Vec<String> = columns.iter().map(heading).collect();
    let lines: Vec<&Vec<String>> = [&headings].into_iter().chain(rows).collect();
    let width = |i: usize| lines.iter().map(|line| length(line, i)).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    for line in lines {
        let cells = columns.iter().zip(line).zip(&widths).map(|((column, cell), &width)| match column {
            Column::Left(_) => format!("{cell:<width$}"),
            Column::Right(_) => format!("{cell:>width$}"),
        });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    Ok(())
}

fn length(line: &[String], column: usize) -> usize {
    line.get(column).map_or(0, |cell| cell.chars().count())
}

/// A number of bytes for people.
pub fn bytes(n: u64) -> String {
    match n {
        0..=9_999 => format!("{n} B"),
        10_000..=9_999_999 => format!("{:.1} KiB", n as f64 / 1024.0),
        _ => format!("{:.1} MiB", n as f64 / 1_048_576.0),
    }
}

/// A count for people: thousands apart.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The heading of the column of files.
pub const FILE: &str = "file";
/// What a slice of a volume has after the file's name, at its longest.
const SLICE: &str = " sagittal 000";
/// Names longer than this push their row's other columns to the right.
const MAX_FILE_WIDTH: usize = 60;

/// How wide the column of files is; `named` are volumes that an option names.
pub fn file_width(found: &Found, named: Option<&Path>) -> usize {
    let length = |path: &Path| path.display().to_string().chars().count();
    let files = found.files.iter().map(|file| length(file));
    let volumes = found.volumes.iter().map(|volume| volume.path.as_path()).chain(named);
    let slices = volumes.map(|volume| length(volume) + SLICE.len());
    files.chain(slices).chain([FILE.len()]).max().unwrap_or(0).min(MAX_FILE_WIDTH)
}

/// What stands in the column of files: of a slice of a volume its number too.
pub fn file_name(file: &str, axis: Option<Plane>, slice: Option<usize>) -> String {
    let name = printable(file);
    match (axis, slice) {
        (Some(axis), Some(slice)) => format!("{name} {axis} {slice}"),
        _ => name,
    }
}

/// The codes of warnings, for programs and narrow columns.
pub fn codes<'a>(warnings: impl IntoIterator<Item = &'a Warning>) -> String {
    warnings.into_iter().map(|warning| warning.code.as_str()).collect::<Vec<_>>().join(" ")
}

/// Prints one CSV record on stdout.
pub fn csv_row(row: Vec<String>) -> io::Result<()> {
    let mut writer = csv::Writer::from_writer(io::stdout().lock());
    writer.write_record(row).map_err(csv_cause)?;
    writer.flush()
}

/// Writes a file that appears whole or not at all, over one of this name.
pub fn write_whole(path: &Path, text: &str) -> anyhow::Result<()> {
    let (part, mut file) = PartFile::create(path)?;
    file.write_all(text.as_bytes()).with_context(|| path.display().to_string())?;
    drop(file);
    Ok(part.keep()?)
}

/// Prints without tearing the bar where both are on one screen.
pub fn above(bar: &ProgressBar, print: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    if io::stdout().is_terminal() { bar.suspend(print) } else { print() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() -> io::Result<()> {
        let mut out = Vec::new();
        let rows = [vec!["é".into(), "10".into()], vec!["long".into(), "5".into()]];
        table(&mut out, &[Column::Left("a"), Column::Right("n")], &rows)?;
        assert_eq!(String::from_utf8_lossy(&out), "a      n\né     10\nlong   5\n");
        Ok(())
    }

    #[test]
    fn counts_have_thousands_apart() {
        assert_eq!([0, 999, 1000, 1234567].map(count), ["0", "999", "1,000", "1,234,567"]);
    }
}
