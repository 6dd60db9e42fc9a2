//! The report for people and for programs.

use std::io::{self, Write};

use gyrus::conformance::report::{DeviceReport, OperatorRow, Report, SkippedRow, Totals};
use gyrus::conformance::{Outcome, Worst};

use super::super::output::{Column, Format, json_line, table};
use super::super::progress::printable;

/// Kernels that fit on a line; the rest are counted.
const MAX_KERNELS: usize = 3;

/// Operators that a reason names; the rest are counted.
const MAX_OPERATORS: usize = 6;

/// Prints a report.
pub fn report(report: &Report, format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Json => json_line(&mut out, report)?,
        Format::Table => report.devices.iter().try_for_each(|device| on_device(&mut out, report, device))?,
    }
    out.flush()
}

fn on_device(out: &mut impl Write, report: &Report, device: &DeviceReport) -> io::Result<()> {
    for suite in report.suites() {
        operators(out, device, suite)?;
        skipped(out, device, suite)?;
    }
    failures(out, device)?;
    if !device.unreached_kernels.is_empty() {
        writeln!(out, "Not used on this device: {}\n", device.unreached_kernels.join(", "))?;
    }
    writeln!(out, "{} in {:.0} s\n", total(device), device.seconds)
}

/// Operators of which nothing ran are told with the reasons, not here.
fn operators(out: &mut impl Write, device: &DeviceReport, suite: &str) -> io::Result<()> {
    let of_suite = device.operators.iter().filter(|row| row.suite == suite);
    let ran: Vec<&OperatorRow> = of_suite.filter(|row| row.totals.skipped < row.totals.cases).collect();
    writeln!(out, "{suite} on {}\n", device.device)?;
    let columns = [
        Column::Left("operator"),
        Column::Right("cases"),
        Column::Right("passed"),
        Column::Right("skipped"),
        Column::Right("failed"),
        Column::Right("worst error"),
        Column::Right("bound"),
        Column::Left("bound's rule"),
        Column::Left("kernels"),
    ];
    table(out, &columns, &ran.iter().map(|row| cells(row)).collect::<Vec<_>>())?;
    writeln!(out)
}

fn cells(row: &OperatorRow) -> Vec<String> {
    let Totals { cases, passed, skipped, failed, not_run, .. } = row.totals;
    let counts = [cases, passed, skipped].map(|n| n.to_string());
    let failed = if not_run == 0 { failed.to_string() } else { format!("{failed} (+{not_run} not run)") };
    let number = |value: f64| if value == 0.0 { "0".to_string() } else { format!("{value:.1e}") };
    let worst = |of: &dyn Fn(&Worst) -> String| row.worst.as_ref().map_or("-".to_string(), of);
    let worst = [worst(&|w| number(w.error)), worst(&|w| number(w.bound)), worst(&|w| w.rule.clone())];
    let name = printable(&row.operator);
    [name].into_iter().chain(counts).chain([failed]).chain(worst).chain([kernels(row)]).collect()
}

fn kernels(row: &OperatorRow) -> String {
    match row.kernels.len() {
        0 if row.totals.passed > 0 => "(no kernel)".into(),
        0 => "-".into(),
        n if n <= MAX_KERNELS => row.kernels.join(" "),
        n => format!("{} and {} more", row.kernels[..MAX_KERNELS - 1].join(" "), n + 1 - MAX_KERNELS),
    }
}

fn skipped(out: &mut impl Write, device: &DeviceReport, suite: &str) -> io::Result<()> {
    let rows: Vec<&SkippedRow> = device.skipped.iter().filter(|row| row.suite == suite).collect();
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "Skipped, with the reason given\n")?;
    let columns = [Column::Right("cases"), Column::Left("reason"), Column::Left("operators")];
    let cells = |row: &&SkippedRow| vec![row.cases.to_string(), printable(&row.reason), named(row)];
    table(out, &columns, &rows.iter().map(cells).collect::<Vec<_>>())?;
    writeln!(out)
}

fn named(row: &SkippedRow) -> String {
    let mut operators: Vec<(&String, &usize)> = row.operators.iter().collect();
    operators.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let rest = operators.len().saturating_sub(MAX_OPERATORS);
    let named = operators.iter().take(MAX_OPERATORS).map(|(operator, count)| format!("{operator} {count}"));
    let named = printable(&named.collect::<Vec<_>>().join(", "));
    if rest == 0 { named } else { format!("{named} and {rest} more") }
}

fn failures(out: &mut impl Write, device: &DeviceReport) -> io::Result<()> {
    let failed: Vec<String> = device
        .cases
        .iter()
        .filter_map(|record| match &record.verdict.outcome {
            Outcome::Failed { reason } => Some(printable(&format!("{}: {reason}", record.path()))),
            _ => None,
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    writeln!(out, "Failed\n")?;
    failed.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    writeln!(out)
}

fn total(device: &DeviceReport) -> String {
    let Totals { cases, passed, at_load, skipped, failed, not_run } = device.totals;
    let verdict = if device.totals.all_good() { "computes right" } else { "does NOT pass" };
    let loaded = if at_load == 0 { String::new() } else { format!(" ({at_load} of them at load)") };
    let rest = if not_run == 0 { String::new() } else { format!(", {not_run} not run") };
    format!(
        "{} {verdict}: of {cases} cases {passed} passed{loaded}, {failed} failed, {skipped} outside of what Gyrus \
         supports{rest},",
        device.device
    )
}
