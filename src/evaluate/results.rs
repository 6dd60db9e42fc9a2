//! What there is to score: a folder of masks, or the JSON lines that `gyrus segment` and `gyrus classify` wrote.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer};

use super::masks::{self, ResultMask};
use crate::Failure;
use crate::error::{Error, Result};

/// The longest file of JSON lines that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;

/// The results, whose kind is told by themselves.
#[derive(Debug)]
pub enum Results {
    Masks(Vec<ResultMask>),
    Answers(Vec<Answer>),
}

/// What `gyrus classify` said about a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub file: String,
    pub prediction: Option<String>,
    /// In the order in which they were written.
    pub probabilities: Vec<(String, f64)>,
}

/// Reads results, and says which of them are none: lines that cannot be read, files on which the command failed.
///
/// # Errors
/// When a path holds no results, or the paths hold those of several models or of both kinds.
pub fn read(paths: &[PathBuf]) -> Result<(Results, Vec<Failure>)> {
    let mut reader = Reader::default();
    for path in paths {
        if path.is_dir() {
            let masks = masks::under(path, &mut reader.failures)?;
            reader.masks.extend(masks);
        } else {
            reader.read_lines(path)?;
        }
        if !reader.masks.is_empty() && !reader.answers.is_empty() {
            let reason = "holds results of another kind than before (masks and classes)";
            return Err(Error::file(path, reason, "evaluate one kind at a time"));
        }
    }
    let Reader { masks, answers, failures, .. } = reader;
    let results = if answers.is_empty() { Results::Masks(masks) } else { Results::Answers(answers) };
    Ok((results, failures))
}

#[derive(Default)]
struct Reader {
    masks: Vec<ResultMask>,
    answers: Vec<Answer>,
    failures: Vec<Failure>,
    model: Option<String>,
}

/// A line of either command; what else it says does not matter here.
#[derive(Deserialize)]
struct Line {
    file: String,
    model: Option<String>,
    mask: Option<PathBuf>,
    prediction: Option<String>,
    probabilities: Option<Probabilities>,
    error: Option<String>,
}

impl Reader {
    fn read_lines(&mut self, path: &Path) -> Result<()> {
        let text = read_text(path)?;
        let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let mut before = 0;
        for (number, line) in lines {
            match serde_json::from_str::<Line>(line) {
                Ok(line) => self.take(path, number + 1, line)?,
                // A file whose very first line is something else is something else as a whole.
                Err(_) if before == 0 => {
                    return Err(no_results(path, "does not hold the lines of --format json"));
                }
                Err(e) => self.fail(path, number + 1, &format!("is broken ({})", position_free(&e))),
            }
            before += 1;
        }
        if before == 0 { Err(no_results(path, "is empty")) } else { Ok(()) }
    }

    fn take(&mut self, path: &Path, number: usize, line: Line) -> Result<()> {
        if let Some(error) = line.error {
            self.failures.push(Failure { file: line.file, error });
            return Ok(());
        }
        self.hold_to_model(path, number, line.model)?;
        match (line.mask, line.probabilities) {
            (Some(mask), None) => self.masks.push(ResultMask::listed(path, &mask)),
            (None, Some(Probabilities(probabilities))) => {
                self.answers.push(Answer { file: line.file, prediction: line.prediction, probabilities });
            }
            _ => self.fail(path, number, "has neither a mask nor probabilities"),
        }
        Ok(())
    }

    /// Figures over the answers of two models would be those of neither.
    fn hold_to_model(&mut self, path: &Path, number: usize, model: Option<String>) -> Result<()> {
        let Some(model) = model else { return Ok(()) };
        let first = self.model.get_or_insert_with(|| model.clone());
        if *first == model {
            return Ok(());
        }
        let reason = format!("line {number} is of the model '{model}', those before are of '{first}'");
        Err(Error::file(path, reason, "evaluate one model at a time"))
    }

    fn fail(&mut self, path: &Path, number: usize, what: &str) {
        let remedy = "run the command again with --format json";
        let error = Error::file(path, format!("line {number} {what}"), remedy);
        self.failures.push(Failure::new(path, &error));
    }
}

fn no_results(path: &Path, reason: &str) -> Error {
    let remedy =
        "give the folder that gyrus segment wrote, or the output of segment or classify with --format json";
    Error::file(path, reason, remedy)
}

/// The line's number within its line is always 1.
fn position_free(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.split(" at line ").next().unwrap_or_default().to_string()
}

/// A text file's contents, whole, without a byte order mark.
///
/// # Errors
/// When it cannot be read, is too long, or is not UTF-8.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let unreadable = |e: std::io::Error| {
        Error::file(path, format!("cannot be read ({e})"), "check the path and its permissions")
    };
    // Opening a pipe would wait for its writer for ever.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(Error::file(path, "not a file", "give a file or a folder"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_BYTES {
        let reason = format!("larger than {} MiB", MAX_BYTES >> 20);
        return Err(Error::file(path, reason, "evaluate it in parts"));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) {
        return Err(Error::file(path, "is UTF-16, as PowerShell writes it", "save it as UTF-8"));
    }
    let text = String::from_utf8(bytes).map_err(|_| {
        Error::file(path, "is no text in UTF-8", "give the JSON lines or the table that is meant")
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}

/// A JSON object whose order is kept: it is the card's. What is no number there was none when it was written.
struct Probabilities(Vec<(String, f64)>);

impl<'de> Deserialize<'de> for Probabilities {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(InOrder)
    }
}

struct InOrder;

impl<'de> serde::de::Visitor<'de> for InOrder {
    type Value = Probabilities;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("an object of labels and their probabilities")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Probabilities, A::Error> {
        let mut pairs = Vec::new();
        while let Some((label, probability)) = map.next_entry::<String, Option<f64>>()? {
            pairs.push((label, probability.unwrap_or(f64::NAN)));
        }
        Ok(Probabilities(pairs))
    }
}
