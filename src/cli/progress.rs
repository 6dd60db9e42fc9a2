//! A progress bar on stderr, only where someone can see it.

use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressStyle};

/// A bar over `files` files; hidden when stderr is no terminal.
pub fn bar(files: usize) -> ProgressBar {
    let length = u64::try_from(files).unwrap_or(u64::MAX);
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} files and slices, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// Counts a volume's slices on a bar over files: told how many more are done, of how many.
pub fn slices(bar: &ProgressBar) -> impl Fn(usize, usize) {
    let is_begun = Cell::new(false);
    move |more, all| {
        let count = |n: usize| u64::try_from(n).unwrap_or(0);
        if !is_begun.replace(true) {
            bar.inc_length(count(all));
        }
        bar.inc(count(more));
    }
}

/// A bar over patients; hidden when stderr is no terminal.
pub fn patients(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} patients, {eta} left") {
        bar.set_style(style);
    }
    bar
}

/// A bar over cases with the name of the last one; hidden when stderr is no terminal.
pub fn cases(count: usize) -> ProgressBar {
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} cases, {eta} left, {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// A bar over sites with the one that is being measured; hidden when stderr is no terminal.
pub fn sites() -> ProgressBar {
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} sites, {elapsed}, {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

/// Prints an error line on stderr without tearing the bar.
pub fn error(bar: &ProgressBar, error: &dyn Display) {
    bar.suspend(|| error_line(error));
}

/// Prints an error line on stderr; where nobody reads it any more, that is no reason to stop.
pub fn error_line(error: &dyn Display) {
    let _ = writeln!(io::stderr(), "error: {}", printable(&error.to_string()));
}

/// Tells the user something that is no error: a fall-back, a device that had to be rebuilt.
pub fn notice(notice: &dyn Display) {
    let _ = writeln!(io::stderr(), "note: {}", printable(&notice.to_string()));
}

/// Names of files may hold line ends and escape sequences; a line of output stays one line.
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
