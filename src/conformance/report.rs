//! What a run found: every case, and totals by operator, device and reason. Plain data.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::judge::worse;
use super::{Engine, Outcome, Record, Verdict, Worst, builtin};

/// A whole run: suites on devices.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The version of Gyrus.
    pub version: String,
    pub totals: Totals,
    pub devices: Vec<DeviceReport>,
}

/// What one device did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceReport {
    pub device: String,
    pub kind: DeviceKind,
    pub totals: Totals,
    pub seconds: f64,
    /// What the user must know: that the device was lost.
    pub notices: Vec<String>,
    pub operators: Vec<OperatorRow>,
    pub skipped: Vec<SkippedRow>,
    /// Kernels that the builtin suite, where all of it ran, had no use for on this device.
    pub unreached_kernels: Vec<String>,
    pub cases: Vec<Record>,
}

/// Shaders or the CPU engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    Gpu,
    Cpu,
}

/// Numbers of cases by outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    pub cases: usize,
    pub passed: usize,
    /// Of those that passed: how many were computed while the network was loaded, without the device.
    pub at_load: usize,
    pub skipped: usize,
    pub failed: usize,
    pub not_run: usize,
}

/// The cases of one operator in one suite.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OperatorRow {
    pub suite: String,
    pub operator: String,
    #[serde(flatten)]
    pub totals: Totals,
    /// The operator sets of the cases that passed.
    pub opsets: Vec<i64>,
    /// What computed them; none where all was computed when the networks were loaded.
    pub kernels: Vec<String>,
    pub worst: Option<Worst>,
}

/// One reason for which cases were skipped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SkippedRow {
    pub suite: String,
    pub reason: String,
    pub cases: usize,
    /// Cases by the operator at fault, or the one that the case is booked to; one case may have several.
    pub operators: BTreeMap<String, usize>,
}

impl std::fmt::Display for DeviceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            DeviceKind::Gpu => "gpu",
            DeviceKind::Cpu => "cpu",
        })
    }
}

impl Totals {
    fn count(&mut self, verdict: &Verdict) {
        self.cases += 1;
        match &verdict.outcome {
            Outcome::Passed => {
                self.passed += 1;
                self.at_load += usize::from(verdict.at_load);
            }
            Outcome::Skipped { .. } => self.skipped += 1,
            Outcome::Failed { .. } => self.failed += 1,
            Outcome::NotRun { .. } => self.not_run += 1,
        }
    }

    fn of<'a>(records: impl IntoIterator<Item = &'a Record>) -> Totals {
        let mut totals = Totals::default();
        records.into_iter().for_each(|record| totals.count(&record.verdict));
        totals
    }

    /// Whether every case passed or was rightly skipped.
    pub fn all_good(&self) -> bool {
        self.failed == 0 && self.not_run == 0
    }
}

impl Report {
    pub fn new(devices: Vec<DeviceReport>) -> Report {
        let totals = Totals::of(devices.iter().flat_map(|device| &device.cases));
        Report { version: env!("CARGO_PKG_VERSION").into(), totals, devices }
    }

    /// The suites in the order in which they ran.
    pub fn suites(&self) -> Vec<&str> {
        let mut suites: Vec<&str> = Vec::new();
        for row in self.devices.iter().flat_map(|device| &device.operators) {
            if !suites.contains(&row.suite.as_str()) {
                suites.push(&row.suite);
            }
        }
        suites
    }
}

impl DeviceReport {
    /// The report of what `engine` did. `all_of_builtin` tells whether the builtin suite ran for all operators.
    pub fn new(engine: &Engine, cases: Vec<Record>, all_of_builtin: bool) -> DeviceReport {
        let kind = if engine.gpu().is_some() { DeviceKind::Gpu } else { DeviceKind::Cpu };
        let unreached_kernels =
            if all_of_builtin && kind == DeviceKind::Gpu { unreached(&cases) } else { vec![] };
        DeviceReport {
            device: engine.name(),
            kind,
            totals: Totals::of(&cases),
            seconds: cases.iter().map(|record| record.seconds).sum(),
            notices: engine.notices().to_vec(),
            operators: operators(&cases),
            skipped: skipped(&cases),
            unreached_kernels,
            cases,
        }
    }
}

fn unreached(cases: &[Record]) -> Vec<String> {
    let builtin = cases.iter().filter(|record| record.suite == builtin::NAME);
    let kernels: Vec<&str> = builtin.flat_map(|record| &record.verdict.kernels).map(String::as_str).collect();
    builtin::unreached(&kernels)
}

/// Suites in the order in which they ran.
fn suites(cases: &[Record]) -> Vec<&str> {
    let mut suites: Vec<&str> = Vec::new();
    for record in cases {
        if suites.last() != Some(&record.suite.as_str()) {
            suites.push(&record.suite);
        }
    }
    suites
}

fn operators(cases: &[Record]) -> Vec<OperatorRow> {
    let mut rows = Vec::new();
    for suite in suites(cases) {
        let mut by_operator: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in cases.iter().filter(|record| record.suite == suite) {
            by_operator.entry(&record.verdict.operator).or_default().push(record);
        }
        rows.extend(by_operator.into_iter().map(|(operator, records)| row(suite, operator, &records)));
    }
    rows
}

fn row(suite: &str, operator: &str, records: &[&Record]) -> OperatorRow {
    let verdicts = || records.iter().map(|record| &record.verdict);
    let passed = verdicts().filter(|verdict| verdict.outcome == Outcome::Passed);
    let opsets: BTreeSet<i64> = passed.filter_map(|verdict| verdict.opset).collect();
    let kernels: BTreeSet<&String> = verdicts().flat_map(|verdict| &verdict.kernels).collect();
    OperatorRow {
        suite: suite.into(),
        operator: operator.into(),
        totals: Totals::of(records.iter().copied()),
        opsets: opsets.into_iter().collect(),
        kernels: kernels.into_iter().cloned().collect(),
        worst: verdicts().fold(None, |worst, verdict| worse(worst, verdict.worst.clone())),
    }
}

/// The most frequent reason first.
fn skipped(cases: &[Record]) -> Vec<SkippedRow> {
    let mut rows = Vec::new();
    for suite in suites(cases) {
        let mut by_reason: BTreeMap<&str, SkippedRow> = BTreeMap::new();
        for record in cases.iter().filter(|record| record.suite == suite) {
            let Outcome::Skipped { reasons } = &record.verdict.outcome else { continue };
            let texts: BTreeSet<&str> = reasons.iter().map(|reason| reason.reason.as_str()).collect();
            for text in texts {
                by_reason.entry(text).or_insert_with(|| SkippedRow::new(suite, text)).cases += 1;
            }
            for reason in reasons {
                let operator = reason.operator.as_ref().unwrap_or(&record.verdict.operator);
                let row =
                    by_reason.entry(&reason.reason).or_insert_with(|| SkippedRow::new(suite, &reason.reason));
                *row.operators.entry(operator.clone()).or_default() += 1;
            }
        }
        let mut of_suite: Vec<SkippedRow> = by_reason.into_values().collect();
        of_suite.sort_by_key(|row| std::cmp::Reverse(row.cases));
        rows.extend(of_suite);
    }
    rows
}

impl SkippedRow {
    fn new(suite: &str, reason: &str) -> SkippedRow {
        SkippedRow { suite: suite.into(), reason: reason.into(), cases: 0, operators: BTreeMap::new() }
    }
}
