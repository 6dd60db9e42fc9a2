//! Confusion and reliability.

use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::drawing::{
    Area, BLUE, FAINT, FONT, GREY, INK, MEDIUM, SMALL, failed, heading, ink, picture, put, shortened,
    width_of,
};
use crate::error::Result;
use crate::evaluate::figures::{Bin, Level};
use crate::evaluate::report::ClassificationReport;

const HEAD: u32 = 64;
/// A level's own heading, and the room below it.
const LEVEL_HEAD: u32 = 52;
const CHART: u32 = 340;
const AXIS: u32 = 52;
const MAX_NAME: usize = 18;
const NO_PREDICTION: &str = "no prediction";

/// The confusion matrix and the reliability diagram, for slices and where they are known for persons.
///
/// # Errors
/// When there is nothing to draw.
pub fn classification(report: &ClassificationReport) -> Result<String> {
    let labels: Vec<String> = report.labels.iter().map(|label| shortened(label, MAX_NAME)).collect();
    let persons = report.per_person.as_ref().map(|level| ("Per person", level));
    let levels: Vec<(&str, &Level)> = [("Per slice", &report.per_slice)].into_iter().chain(persons).collect();
    let matrix = Matrix::of(&labels);
    let each = LEVEL_HEAD + CHART.max(matrix.height()) + AXIS;
    let size = (matrix.width() + CHART + 130, HEAD + each * u32::try_from(levels.len()).map_err(failed)?);
    picture(size, |area| {
        let over = report.intervals_over;
        heading(area, "Confusion and reliability", &format!("brackets: 95 % intervals over {over}"))?;
        let (_, mut rest) = area.split_vertically(HEAD);
        for (name, level) in levels {
            let (here, below) = rest.split_vertically(each);
            put(&here, &summary(name, level), (20, 14), ink(MEDIUM), HPos::Left)?;
            let (_, charts) = here.split_vertically(LEVEL_HEAD);
            let (left, right) = charts.split_horizontally(matrix.width());
            matrix.draw(&left, level, &labels)?;
            let (right, _) = right.split_vertically(CHART + AXIS);
            reliability(&right, &level.reliability)?;
            rest = below;
        }
        Ok(())
    })
}

fn summary(name: &str, level: &Level) -> String {
    let figures = [
        ("accuracy", level.accuracy),
        ("macro AUC", level.macro_auc),
        ("calibration error", level.calibration_error),
    ];
    let known = figures.iter().filter_map(|(name, figure)| {
        let figure = (*figure)?;
        let interval = figure.interval_95.map(|[low, high]| format!(" ({low:.2} to {high:.2})"));
        Some(format!("; {name} {:.3}{}", figure.value, interval.unwrap_or_default()))
    });
    format!("{name}: {}{}", level.cases, known.collect::<String>())
}

/// Where the confusion matrix's cells lie.
struct Matrix {
    rows: u32,
    /// Of a cell.
    side: u32,
    /// Room for the names of rows.
    names: u32,
}

impl Matrix {
    fn of(labels: &[String]) -> Matrix {
        let rows = u32::try_from(labels.len()).unwrap_or(1).max(1);
        let names =
            labels.iter().map(|label| width_of(label)).max().unwrap_or(0).max(width_of(NO_PREDICTION)) + 30;
        Matrix { rows, side: (300 / (rows + 1)).max(36), names }
    }

    fn width(&self) -> u32 {
        self.names + (self.rows + 1) * self.side + 40
    }

    /// The names of columns stand on end below.
    fn height(&self) -> u32 {
        self.rows * self.side + self.names + 10
    }

    fn draw(&self, area: &Area, level: &Level, labels: &[String]) -> Result<()> {
        let side = i32::try_from(self.side).map_err(failed)?;
        let left = i32::try_from(self.names).map_err(failed)?;
        let centre = |i: usize| i32::try_from(i).map(|i| i * side + side / 2).map_err(failed);
        for (row, label) in labels.iter().enumerate() {
            put(area, label, (left - 8, centre(row)?), ink(SMALL), HPos::Right)?;
            let counts: Vec<usize> =
                level.confusion_matrix[row].iter().copied().chain([level.no_prediction[row]]).collect();
            let all: usize = counts.iter().sum();
            for (column, &count) in counts.iter().enumerate() {
                let part = if all > 0 { count as f64 / all as f64 } else { 0.0 };
                let middle = (left + centre(column)?, centre(row)?);
                let colour = if column < labels.len() { BLUE } else { GREY };
                cell(area, middle, side, &colour.mix(part), count, part)?;
            }
        }
        let below = centre(labels.len())? - side / 2 + 8;
        let names = labels.iter().map(String::as_str).chain([NO_PREDICTION]);
        for (column, name) in names.enumerate() {
            let style = (FONT, SMALL).into_font().transform(FontTransform::Rotate90).color(&INK);
            put(area, name, (left + centre(column)?, below), style, HPos::Left)?;
        }
        put(
            area,
            "rows: truth, columns: prediction, shade: part of the row",
            (left, -11),
            ink(SMALL),
            HPos::Left,
        )
    }
}

fn cell(
    area: &Area,
    (x, y): (i32, i32),
    side: i32,
    colour: &RGBAColor,
    count: usize,
    part: f64,
) -> Result<()> {
    let half = side / 2 - 1;
    let corners = [(x - half, y - half), (x + half, y + half)];
    area.draw(&Rectangle::new(corners, colour.filled())).map_err(failed)?;
    area.draw(&Rectangle::new(corners, FAINT)).map_err(failed)?;
    let style = if part > 0.55 { (FONT, SMALL).into_font().color(&WHITE) } else { ink(SMALL) };
    put(area, &count.to_string(), (x, y), style, HPos::Center)
}

/// Accuracy by confidence: a circle a bin, the larger the more cases, on the diagonal where it is as sure as it is
/// right.
fn reliability(area: &Area, bins: &[Bin]) -> Result<()> {
    let mut chart = ChartBuilder::on(area)
        .margin_right(30)
        .margin_top(2)
        .x_label_area_size(AXIS)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .x_desc("confidence (probability of the predicted class)")
        .y_desc("accuracy")
        .x_labels(6)
        .y_labels(6)
        .x_label_formatter(&|value| format!("{value:.1}"))
        .y_label_formatter(&|value| format!("{value:.1}"))
        .label_style(ink(SMALL))
        .axis_desc_style(ink(SMALL))
        .axis_style(GREY)
        .bold_line_style(FAINT)
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    let diagonal = DashedLineSeries::new([(0.0, 0.0), (1.0, 1.0)], 6, 4, GREY.stroke_width(2));
    chart.draw_series(diagonal).map_err(failed)?;
    let filled: Vec<(f64, f64, usize)> =
        bins.iter().filter_map(|bin| Some((bin.confidence?, bin.accuracy?, bin.cases))).collect();
    let line = filled.iter().map(|&(x, y, _)| (x, y));
    chart.draw_series(LineSeries::new(line, BLUE.stroke_width(2))).map_err(failed)?;
    let most = filled.iter().map(|(.., cases)| *cases).max().unwrap_or(1) as f64;
    // The area of a circle goes with its cases.
    let circle = |&(x, y, cases): &(f64, f64, usize)| {
        Circle::new((x, y), 3.0 + 8.0 * (cases as f64 / most).sqrt(), BLUE.mix(0.75).filled())
    };
    chart.draw_series(filled.iter().map(circle)).map_err(failed)?;
    Ok(())
}
