//! The scores of classes, for people and as rows.

use std::io::{self, Write};

use gyrus::evaluate::{ClassificationReport, Figure, Level, RESAMPLES};

use super::super::output::{Column, RESEARCH_USE, table as print_table};
use super::super::progress::printable;
use super::with_interval;

const NO_PREDICTION: &str = "no prediction";

pub fn table(out: &mut dyn Write, report: &ClassificationReport) -> io::Result<()> {
    writeln!(out, "{RESEARCH_USE}\n")?;
    for (name, level) in levels(report) {
        level_table(out, name, level, &report.labels)?;
    }
    let over = report.intervals_over;
    writeln!(out, "Intervals (95 %): {RESAMPLES} bootstrap resamples of the {over}.")?;
    if report.per_person.is_none() {
        writeln!(
            out,
            "The truth names no persons: where one has several slices, the intervals are too narrow."
        )?;
    }
    report.rules.iter().try_for_each(|rule| writeln!(out, "  - {rule}"))?;
    writeln!(
        out,
        "\n{} file(s) scored, {} error(s); {} more of the truth without a result",
        report.per_slice.cases,
        report.errors.len(),
        report.files_without_result
    )
}

fn levels(report: &ClassificationReport) -> impl Iterator<Item = (&'static str, &Level)> {
    let persons = report.per_person.as_ref().map(|level| ("person", level));
    [("slice", &report.per_slice)].into_iter().chain(persons)
}

fn level_table(out: &mut dyn Write, name: &str, level: &Level, labels: &[String]) -> io::Result<()> {
    writeln!(out, "per {name}: {} ({} without a prediction)", level.cases, level.without_prediction)?;
    for (name, figure) in overall(level) {
        writeln!(out, "  {:<18} {}", name.replace('_', " "), with_interval(figure, 3))?;
    }
    writeln!(out)?;
    confusion(out, level, labels)?;
    writeln!(out)?;
    let columns = [
        Column::Left("class"),
        Column::Right("cases"),
        Column::Left("AUC (95 % interval)"),
        Column::Left("recall"),
        Column::Left("precision"),
    ];
    let row = |class: &gyrus::evaluate::ClassFigures| {
        let [auc, recall, precision] =
            [class.auc, class.recall, class.precision].map(|f| with_interval(f, 3));
        vec![printable(&class.class), class.cases.to_string(), auc, recall, precision]
    };
    print_table(out, &columns, &level.classes.iter().map(row).collect::<Vec<_>>())?;
    writeln!(out)?;
    reliability(out, level)
}

fn overall(level: &Level) -> [(&'static str, Option<Figure>); 4] {
    [
        ("accuracy", level.accuracy),
        ("balanced_accuracy", level.balanced_accuracy),
        ("macro_auc", level.macro_auc),
        ("calibration_error", level.calibration_error),
    ]
}

/// The headings are the labels, so the table's own columns, whose names are fixed, do not serve.
fn confusion(out: &mut dyn Write, level: &Level, labels: &[String]) -> io::Result<()> {
    let heading = labels.iter().map(|label| printable(label)).chain([NO_PREDICTION.to_string()]);
    let mut lines =
        vec![["true class \\ predicted".to_string()].into_iter().chain(heading).collect::<Vec<_>>()];
    for ((label, row), none) in labels.iter().zip(&level.confusion_matrix).zip(&level.no_prediction) {
        let counts = row.iter().chain([none]).map(ToString::to_string);
        lines.push([printable(label)].into_iter().chain(counts).collect());
    }
    let width = |i: usize| lines.iter().map(|line| line[i].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..labels.len() + 2).map(width).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).enumerate();
        let cells =
            cells.map(|(i, (cell, &w))| if i == 0 { format!("{cell:<w$}") } else { format!("{cell:>w$}") });
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  "))?;
    }
    Ok(())
}

fn reliability(out: &mut dyn Write, level: &Level) -> io::Result<()> {
    let columns = [
        Column::Left("confidence"),
        Column::Right("cases"),
        Column::Right("mean"),
        Column::Right("accuracy"),
    ];
    let part = |value: Option<f64>| value.map_or_else(|| "-".into(), |value| format!("{value:.3}"));
    let row = |bin: &gyrus::evaluate::Bin| {
        let range = format!("{:.3} to {:.3}", bin.from, bin.to);
        vec![range, bin.cases.to_string(), part(bin.confidence), part(bin.accuracy)]
    };
    let filled = level.reliability.iter().filter(|bin| bin.cases > 0);
    print_table(out, &columns, &filled.map(row).collect::<Vec<_>>())?;
    writeln!(out)
}

/// A row a figure: its level, its name, the class that it is of, its value, its interval.
pub fn rows(report: &ClassificationReport) -> Vec<Vec<String>> {
    let mut rows = vec![["level", "figure", "class", "value", "low", "high"].map(String::from).to_vec()];
    for (name, level) in levels(report) {
        let mut push = |figure: &str, class: &str, value: Option<Figure>| {
            let [low, high] = match value.and_then(|figure| figure.interval_95) {
                Some(interval) => interval.map(|bound| bound.to_string()),
                None => Default::default(),
            };
            let value = value.map(|figure| figure.value.to_string()).unwrap_or_default();
            rows.push(vec![name.into(), figure.into(), class.into(), value, low, high]);
        };
        overall(level).into_iter().for_each(|(figure, value)| push(figure, "", value));
        for class in &level.classes {
            push("auc", &class.class, class.auc);
            push("recall", &class.class, class.recall);
            push("precision", &class.class, class.precision);
        }
        let exact = |n: usize| Some(Figure { value: n as f64, interval_95: None });
        for (i, class) in report.labels.iter().enumerate() {
            let predicted = report.labels.iter().zip(&level.confusion_matrix[i]);
            predicted.for_each(|(label, &n)| push(&format!("predicted_{label}"), class, exact(n)));
            push("no_prediction", class, exact(level.no_prediction[i]));
        }
    }
    rows
}
