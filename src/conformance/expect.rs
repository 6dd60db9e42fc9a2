//! The passing counts that a run is held to: fewer than before is a regression, even where nothing fails.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::builtin;
use super::report::Report;
use crate::error::{Error, Result};

/// Heads the file, which the program writes.
const HEAD: &str =
    "# Cases of the ONNX test data that pass, by suite, kind of device and operator. Written by
# `gyrus conformance --record`; fewer are an error with `--expect`.

";

/// Passing cases by operator.
pub type Counts = BTreeMap<String, usize>;

/// Passing cases by suite, kind of device and operator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expectations(BTreeMap<String, BTreeMap<String, Counts>>);

/// Reads a file of expectations.
///
/// # Errors
/// A file that is unreadable or not one of expectations.
pub fn read(path: &Path) -> Result<Expectations> {
    let remedy = "write it with `gyrus conformance --record`";
    let text = std::fs::read_to_string(path)
        .map_err(|e| Error::file(path, format!("cannot be read: {e}"), remedy))?;
    toml::from_str(&text).map_err(|e| {
        let reason = e.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Error::file(path, format!("not a file of expectations ({reason})"), remedy)
    })
}

impl Expectations {
    /// What a run passed. Of several devices of one kind the one that passes least counts.
    pub fn of(report: &Report) -> Expectations {
        let mut all: BTreeMap<String, BTreeMap<String, Counts>> = BTreeMap::new();
        for device in &report.devices {
            let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
            for row in device.operators.iter().filter(|row| row.suite != builtin::NAME) {
                counts.entry(&row.suite).or_default().insert(row.operator.clone(), row.totals.passed);
            }
            for (suite, counts) in counts {
                let kinds = all.entry(suite.to_string()).or_default();
                match kinds.get_mut(&device.kind.to_string()) {
                    Some(before) => least(before, &counts),
                    None => {
                        kinds.insert(device.kind.to_string(), counts);
                    }
                }
            }
        }
        all.values_mut()
            .flat_map(|kinds| kinds.values_mut())
            .for_each(|counts| counts.retain(|_, &mut n| n > 0));
        Expectations(all)
    }

    /// These expectations with those of the suites and kinds of `newer` in their place.
    pub fn replaced_by(mut self, newer: Expectations) -> Expectations {
        for (suite, kinds) in newer.0 {
            self.0.entry(suite).or_default().extend(kinds);
        }
        self
    }

    /// What passes less often than expected, a line for each operator. Suites and kinds of devices that did not run
    /// are not asked for; one that ran and of which nothing is expected is told.
    pub fn missed_by(&self, report: &Report) -> Vec<String> {
        let mut missed = Vec::new();
        for (suite, kinds) in &Expectations::of(report).0 {
            for (kind, found) in kinds {
                match self.0.get(suite).and_then(|kinds| kinds.get(kind)) {
                    Some(expected) => missed.extend(fewer(&format!("{suite} on {kind}"), expected, found)),
                    None => missed.push(format!("{suite} on {kind}: nothing is expected; record it first")),
                }
            }
        }
        missed
    }

    /// The file's text.
    ///
    /// # Errors
    /// None that can be foreseen; kept so that a failure to write is reported, not a panic.
    pub fn text(&self) -> Result<String> {
        let body =
            toml::to_string(self).map_err(|e| Error::Graph(format!("cannot be written as TOML: {e}")))?;
        Ok(format!("{HEAD}{body}"))
    }
}

fn least(before: &mut Counts, counts: &Counts) {
    before.iter_mut().for_each(|(operator, n)| *n = (*n).min(counts.get(operator).copied().unwrap_or(0)));
}

fn fewer(what: &str, expected: &Counts, found: &Counts) -> Vec<String> {
    let found = |operator: &String| found.get(operator).copied().unwrap_or(0);
    let fewer = expected.iter().filter(|(operator, wanted)| found(operator) < **wanted);
    fewer
        .map(|(operator, n)| format!("{what}: {operator} passes {}, expected {n}", found(operator)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fewer_is_missed_and_more_is_not() {
        let expected = Counts::from([("Add".into(), 3), ("Conv".into(), 2), ("Relu".into(), 1)]);
        let found = Counts::from([("Add".into(), 4), ("Conv".into(), 1)]);
        let lines = fewer("s on gpu", &expected, &found);
        assert_eq!(lines, ["s on gpu: Conv passes 1, expected 2", "s on gpu: Relu passes 0, expected 1"]);
    }

    #[test]
    fn the_text_is_read_back() {
        let counts = Counts::from([("(network)".into(), 3)]);
        let kinds = BTreeMap::from([("gpu".to_string(), counts)]);
        let expectations = Expectations(BTreeMap::from([("onnx-1.22.0".to_string(), kinds)]));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expected.toml");
        std::fs::write(&path, expectations.text().unwrap()).unwrap();
        assert_eq!(read(&path).unwrap(), expectations);
        std::fs::write(&path, "[onnx]\ngpu = 3").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("not a file of expectations"));
    }
}
