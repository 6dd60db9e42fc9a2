//! Dice and volume of every patient.

use std::ops::Range;

use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

use crate::drawing::{
    Area, BLUE, FAINT, GREY, INK, ORANGE, SMALL, failed, heading, ink, picture, put, shortened, width_of,
};
use crate::error::Result;
use crate::evaluate::report::{PatientReport, SegmentationReport};

const WIDTH: u32 = 960;
const HEAD: u32 = 64;
/// Ticks and the name of an axis.
const AXIS: u32 = 50;
const MAX_NAME: usize = 28;
/// More patients than this are drawn without their names.
const MAX_NAMED: usize = 120;

/// A bar of Dice for every patient, the best on top, and beside it the volumes of truth and result.
///
/// # Errors
/// When there is nobody to draw.
pub fn segmentation(report: &SegmentationReport) -> Result<String> {
    let mut patients: Vec<&PatientReport> = report.patients.iter().collect();
    patients.sort_by(|a, b| a.score.dice.total_cmp(&b.score.dice));
    let named = patients.len() <= MAX_NAMED;
    let count = u32::try_from(patients.len()).map_err(failed)?;
    let rows = if named { (count * 18).max(36) } else { count * 6 };
    picture((WIDTH, HEAD + rows + AXIS), |area| {
        heading(area, "Dice by patient", &subtitle(report))?;
        let (_, charts) = area.split_vertically(HEAD);
        let margin = if named { names(&charts, &patients)? } else { 30 };
        let (left, right) = charts.split_horizontally((WIDTH + margin) * 11 / 20);
        let median = report.summary.dice.median.map(|figure| figure.value);
        dice(&left, &patients, margin, median)?;
        volumes(&right, &patients, report.units.volume)
    })
}

/// Writes the patients' names beside their rows, the first at the bottom, and returns the room they take.
fn names(area: &Area, patients: &[&PatientReport]) -> Result<u32> {
    let names: Vec<String> = patients.iter().map(|p| shortened(&p.patient, MAX_NAME)).collect();
    let margin = names.iter().map(|name| width_of(name)).max().unwrap_or(0) + 28;
    let right = i32::try_from(margin - 8).map_err(failed)?;
    // The heights of bars are rounded likewise.
    let height = f64::from(area.dim_in_pixel().1 - AXIS) / names.len() as f64;
    for (i, name) in names.iter().rev().enumerate() {
        put(area, name, (right, ((i as f64 + 0.5) * height) as i32 + 1), ink(SMALL), HPos::Right)?;
    }
    Ok(margin)
}

fn subtitle(report: &SegmentationReport) -> String {
    let patients = report.patients.len();
    match report.summary.dice.median {
        None => format!("{patients} patient(s)"),
        Some(median) => {
            let interval =
                median.interval_95.map(|[low, high]| format!(" (95 % interval {low:.3} to {high:.3})"));
            let interval = interval.unwrap_or_default();
            format!("{patients} patient(s); dashed: median {:.3}{interval}", median.value)
        }
    }
}

type Bars<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// A chart with a row for each patient, the first at the bottom, and no bars yet.
fn chart<'a, 'b>(
    area: &'a Area<'b>,
    rows: usize,
    margin: u32,
    across: Range<f64>,
    about: &str,
) -> Result<Bars<'a, 'b>> {
    let mut chart = ChartBuilder::on(area)
        .margin_right(24)
        .x_label_area_size(AXIS)
        .y_label_area_size(margin)
        .build_cartesian_2d(across, 0.0..rows as f64)
        .map_err(failed)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .x_desc(about)
        .x_labels(6)
        .x_label_formatter(&|value| ((value * 1e6).round() / 1e6).to_string())
        .y_labels(0)
        .label_style(ink(SMALL))
        .axis_desc_style(ink(SMALL))
        .axis_style(GREY)
        .bold_line_style(FAINT)
        .light_line_style(WHITE)
        .draw()
        .map_err(failed)?;
    Ok(chart)
}

fn dice(area: &Area, patients: &[&PatientReport], margin: u32, median: Option<f64>) -> Result<()> {
    let mut chart = chart(area, patients.len(), margin, 0.0..1.0, "Dice")?;
    chart.draw_series(bars(patients, |p| p.score.dice, BLUE, [0.12, 0.88])).map_err(failed)?;
    if let Some(median) = median {
        let ends = [(median, 0.0), (median, patients.len() as f64)];
        chart.draw_series(DashedLineSeries::new(ends, 6, 4, INK.stroke_width(2))).map_err(failed)?;
    }
    Ok(())
}

/// Truth and result share a row: above the truth, below the result.
fn volumes(area: &Area, patients: &[&PatientReport], unit: &str) -> Result<()> {
    let largest =
        patients.iter().map(|p| p.score.truth_volume.max(p.score.result_volume)).fold(1e-6, f64::max);
    let about = format!("volume in {unit} (grey: truth, orange: result)");
    let mut chart = chart(area, patients.len(), 20, 0.0..largest * 1.05, &about)?;
    chart.draw_series(bars(patients, |p| p.score.truth_volume, GREY, [0.5, 0.88])).map_err(failed)?;
    chart.draw_series(bars(patients, |p| p.score.result_volume, ORANGE, [0.12, 0.5])).map_err(failed)?;
    Ok(())
}

/// A bar for each patient, over this part of its row.
fn bars(
    patients: &[&PatientReport],
    of: impl Fn(&PatientReport) -> f64,
    colour: RGBColor,
    [low, high]: [f64; 2],
) -> Vec<Rectangle<(f64, f64)>> {
    let bar = |(row, patient): (usize, &&PatientReport)| {
        let row = row as f64;
        Rectangle::new([(0.0, row + low), (of(patient), row + high)], colour.filled())
    };
    patients.iter().enumerate().map(bar).collect()
}
