//! The scores of masks, for people and as rows.

use std::io::{self, Write};

use gyrus::evaluate::{Centre, PatientReport, RESAMPLES, SegmentationReport, SizeBin};

use super::super::output::{Column, RESEARCH_USE, count, table as print_table};
use super::super::progress::printable;
use super::{cell, with_interval};

pub fn table(out: &mut dyn Write, report: &SegmentationReport) -> io::Result<()> {
    let mm = report.spacing_mm.is_some();
    writeln!(
        out,
        "Distances in {}, volumes in {}. {RESEARCH_USE}\n",
        report.units.distance, report.units.volume
    )?;
    let columns = [
        Column::Left("patient"),
        Column::Right("slices"),
        Column::Right("Dice"),
        Column::Right("IoU"),
        Column::Right(if mm { "HD95 mm" } else { "HD95 pixels" }),
        Column::Right(if mm { "truth ml" } else { "truth voxels" }),
        Column::Right(if mm { "result ml" } else { "result voxels" }),
        Column::Right("lesions"),
        Column::Right("found"),
        Column::Right("missed"),
        Column::Right("false"),
        Column::Right("empty slices marked"),
    ];
    let rows: Vec<_> = report.patients.iter().map(|patient| row(patient, mm)).collect();
    print_table(out, &columns, &rows)?;
    let warned = report.patients.iter().filter(|patient| !patient.warnings.is_empty());
    for (i, patient) in warned.enumerate() {
        if i == 0 {
            writeln!(out)?;
        }
        let mut warnings = patient.warnings.iter();
        warnings
            .try_for_each(|w| writeln!(out, "{}: {}", printable(&patient.patient), printable(&w.text)))?;
    }
    writeln!(out)?;
    summary(out, report)
}

fn row(patient: &PatientReport, mm: bool) -> Vec<String> {
    let score = &patient.score;
    let volume = |volume: f64| if mm { format!("{volume:.2}") } else { count(volume as u64) };
    let distance = score.hausdorff_95.map_or_else(|| "-".into(), |d| format!("{d:.2}"));
    let counts = [score.lesions, score.lesions_found, score.lesions_missed, score.false_positive_components];
    let mut row = vec![
        printable(&patient.patient),
        patient.slices.to_string(),
        format!("{:.3}", score.dice),
        format!("{:.3}", score.iou),
        distance,
        volume(score.truth_volume),
        volume(score.result_volume),
    ];
    row.extend(counts.map(|n| n.to_string()));
    row.push(format!("{} of {}", score.empty_slices_marked, score.empty_slices));
    row
}

fn summary(out: &mut dyn Write, report: &SegmentationReport) -> io::Result<()> {
    let all = &report.summary;
    let columns = [
        Column::Left(""),
        Column::Right("patients"),
        Column::Left("mean (95 % interval)"),
        Column::Left("median (95 % interval)"),
    ];
    let line = |name: &str, centre: &Centre, digits| {
        let (mean, median) = (with_interval(centre.mean, digits), with_interval(centre.median, digits));
        vec![name.to_string(), centre.patients.to_string(), mean, median]
    };
    let hausdorff = format!("HD95 {}", report.units.distance);
    let rows = [line("Dice", &all.dice, 3), line("IoU", &all.iou, 3), line(&hausdorff, &all.hausdorff_95, 2)];
    print_table(out, &columns, &rows)?;
    writeln!(out, "Intervals: {RESAMPLES} bootstrap resamples of the patients.\n")?;
    if let Some(worst) = &all.worst_patient {
        writeln!(out, "worst: {} (Dice {:.3})", printable(&worst.patient), worst.dice)?;
    }
    write!(out, "lesions: {} of {} found", all.lesions_found, all.lesions)?;
    let bins = all.sensitivity_by_lesion_size.iter().filter(|bin| bin.lesions > 0);
    let bins: Vec<String> = bins.map(|bin| size_bin(bin, report.units.volume)).collect();
    let false_ones = all.false_positive_components;
    writeln!(out, "{}; {false_ones} component(s) of the results are none", in_brackets(&bins.join(", ")))?;
    let percent = 100.0 * all.empty_slice_false_positive_fraction.unwrap_or_default();
    let (marked, empty) = (all.empty_slices_marked, all.empty_slices);
    writeln!(out, "slices without truth: {marked} of {empty} marked, {percent:.3} % of their pixels")?;
    report.rules.iter().try_for_each(|rule| writeln!(out, "  - {rule}"))?;
    let missing = report.missing_slices;
    let scored = report.patients.len();
    writeln!(
        out,
        "\n{} patient(s): {scored} scored ({missing} slice(s) without a result), {} failed; {} more without results",
        scored + report.patients_failed,
        report.patients_failed,
        report.patients_without_result
    )
}

fn size_bin(bin: &SizeBin, unit: &str) -> String {
    let range = match bin.to {
        Some(to) if bin.from == 0.0 => format!("below {to} {unit}"),
        Some(to) => format!("{} to {to} {unit}", bin.from),
        None => format!("from {} {unit}", bin.from),
    };
    format!("{range}: {} of {}", bin.found, bin.lesions)
}

fn in_brackets(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(" ({text})") }
}

pub fn rows(report: &SegmentationReport) -> Vec<Vec<String>> {
    let units = report.units;
    let heading = format!(
        "patient,slices,missing_slices,dice,iou,hausdorff_95_{d},truth_volume_{v},result_volume_{v},\
         volume_difference_{v},lesions,lesions_found,lesions_missed,false_positive_components,empty_slices,\
         empty_slices_marked,empty_slice_false_positive_pixels,empty_slice_false_positive_fraction,warnings",
        d = units.distance,
        v = units.volume
    );
    let heading = heading.split(',').map(str::to_string).collect();
    [heading].into_iter().chain(report.patients.iter().map(full_row)).collect()
}

fn full_row(patient: &PatientReport) -> Vec<String> {
    let score = &patient.score;
    let codes: Vec<&str> = patient.warnings.iter().map(|w| w.code.as_str()).collect();
    vec![
        patient.patient.clone(),
        patient.slices.to_string(),
        patient.missing_slices.to_string(),
        score.dice.to_string(),
        score.iou.to_string(),
        cell(score.hausdorff_95),
        score.truth_volume.to_string(),
        score.result_volume.to_string(),
        score.volume_difference.to_string(),
        score.lesions.to_string(),
        score.lesions_found.to_string(),
        score.lesions_missed.to_string(),
        score.false_positive_components.to_string(),
        score.empty_slices.to_string(),
        score.empty_slices_marked.to_string(),
        score.empty_slice_false_positive_pixels.to_string(),
        cell(score.empty_slice_false_positive_fraction),
        codes.join(" "),
    ]
}
