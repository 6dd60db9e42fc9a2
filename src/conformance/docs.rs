//! `docs/operators.md`: which operators Gyrus runs, and how many cases show it. Nothing in it depends on the machine
//! but for the kind of device.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::report::{DeviceKind, OperatorRow, Report, SkippedRow};
use super::{NETWORK, builtin};
use crate::ops::{FUSIONS, OPS};

const HEAD: &str = "# Operators

Written by `gyrus conformance --docs`; `scripts/test` fails when it is out of date.

";

const ABOUT: &str = "
*accepts* are the operator sets in which a file may use the operator, *passed in* those of the cases that pass. A
cell says how many cases pass of how many there are, on the shaders (`gpu`) and on the CPU engine (`cpu`). `builtin` are
the operator's own cases, run with every kernel that applies and held against its reference code; names in small
letters are what several nodes become, held against the reference code of those nodes. Kernels whose values lie in
textures are run twice, with textures that store f32 and f16. The other suites
are the test data of the ONNX project's Python package, by its version; what does not pass there is outside of what
Gyrus supports, with the reasons [below](#why-cases-are-skipped): a case that is run and wrong fails the build. Networks
of several nodes are counted together. Cases *at load* are right, but were computed while the network was loaded, since
Gyrus wants an input of theirs known by then: no shader took part.
";

/// The document.
pub fn write(report: &Report) -> String {
    let mut text = HEAD.to_string();
    table(&mut text, report);
    text.push_str(ABOUT);
    limits(&mut text);
    skipped(&mut text, report);
    text
}

/// What a column counts.
struct Column<'a> {
    suite: &'a str,
    kind: DeviceKind,
}

fn table(text: &mut String, report: &Report) {
    let kinds: BTreeSet<DeviceKind> = report.devices.iter().map(|device| device.kind).collect();
    let columns: Vec<Column> = report
        .suites()
        .into_iter()
        .flat_map(|suite| kinds.iter().map(move |&kind| Column { suite, kind }))
        .collect();
    let headings = columns.iter().map(|column| format!("{} {}", column.suite, column.kind));
    let headings: Vec<String> =
        ["operator", "accepts", "passed in"].map(str::to_string).into_iter().chain(headings).collect();
    line(text, &headings);
    let rules = ["---", "---", "---"].into_iter().chain(columns.iter().map(|_| "---:"));
    line(text, &rules.map(str::to_string).collect::<Vec<_>>());
    for operator in OPS {
        let accepts = format!("{} to {}", operator.opsets.start(), operator.opsets.end());
        row(text, report, &columns, operator.name, accepts);
    }
    for fusion in FUSIONS {
        row(text, report, &columns, fusion.name, "-".into());
    }
    row(text, report, &columns, NETWORK, "-".into());
}

fn row(text: &mut String, report: &Report, columns: &[Column], operator: &str, accepts: String) {
    let passed: BTreeSet<i64> = rows(report)
        .filter(|row| row.operator == operator)
        .flat_map(|row| row.opsets.iter().copied())
        .collect();
    let passed: Vec<String> = passed.iter().map(i64::to_string).collect();
    let passed = if passed.is_empty() { "-".into() } else { passed.join(", ") };
    let cells = columns.iter().map(|column| cell(report, column, operator));
    line(text, &[operator.to_string(), accepts, passed].into_iter().chain(cells).collect::<Vec<_>>());
}

fn rows(report: &Report) -> impl Iterator<Item = &OperatorRow> {
    report.devices.iter().flat_map(|device| &device.operators)
}

/// Of several devices of one kind the one that passes least counts.
fn cell(report: &Report, column: &Column, operator: &str) -> String {
    let devices = report.devices.iter().filter(|device| device.kind == column.kind);
    let found = devices.flat_map(|device| &device.operators);
    let found = found.filter(|row| row.suite == column.suite && row.operator == operator);
    let least = found.min_by_key(|row| row.totals.passed);
    least.map_or("-".into(), |row| match row.totals.at_load {
        0 => format!("{} of {}", row.totals.passed, row.totals.cases),
        loaded => format!("{} of {} ({loaded} at load)", row.totals.passed, row.totals.cases),
    })
}

fn limits(text: &mut String) {
    text.push_str("\n## What is supported in part\n\n");
    for operator in OPS.iter().filter(|operator| !operator.limits.is_empty()) {
        let _ = writeln!(text, "- **{}**: {}", operator.name, operator.limits);
    }
}

fn skipped(text: &mut String, report: &Report) {
    text.push_str("\n## Why cases are skipped\n\nOn the shaders; a case may have several reasons.\n");
    let Some(device) = report.devices.iter().find(|device| device.kind == DeviceKind::Gpu) else { return };
    for suite in report.suites() {
        let mut rows = device.skipped.iter().filter(|row| row.suite == suite).peekable();
        if suite == builtin::NAME || rows.peek().is_none() {
            continue;
        }
        let _ = writeln!(text, "\n### {suite}\n");
        rows.for_each(|row| {
            let _ = writeln!(text, "- {} {}: {}", row.cases, row.reason, counted(row));
        });
    }
}

fn counted(row: &SkippedRow) -> String {
    let counts = row.operators.iter().map(|(operator, count)| format!("{operator} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

fn line(text: &mut String, cells: &[String]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}
