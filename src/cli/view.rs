//! `gyrus view`: what a scan is, and a picture of it.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use gyrus::Error;
use gyrus::imaging::{Decoded, Montage, Orientation, Plane, read_volume, volume_stem, write_picture};
use serde::Serialize;

use super::cut::Axis;
use super::output::{Format, RESEARCH_USE, json_line, unless_closed};
use super::{Outcome, progress};

/// Show what a volume is, and draw slices of it in a grid.
///
/// Read are NIfTI-1 and -2 (.nii, .nii.gz, pairs of .hdr and .img), DICOM files, and folders or zip archives of a DICOM series.
/// Nothing is said of the patient: names, numbers and dates are not looked at.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A volume: a file, or a folder or zip archive of DICOM files
    #[arg(value_name = "SCAN")]
    scan: PathBuf,
    /// Which series, where there are several, as the error numbers them
    #[arg(long, value_name = "N")]
    series: Option<usize>,
    /// Where the picture goes, as <name>_montage.png
    #[arg(long, value_name = "DIR", default_value = "gyrus-out")]
    out: PathBuf,
    /// Which way the volume is cut; without it axially, or as a scan of few slices was taken
    #[arg(long, value_enum)]
    axis: Option<Axis>,
    /// How many slices are drawn, at most
    #[arg(long, value_name = "N", default_value_t = 25, value_parser = clap::value_parser!(u16).range(1..=400))]
    slices: u16,
    /// Write over a picture that exists
    #[arg(long)]
    force: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Debug, Serialize)]
struct Report {
    file: PathBuf,
    format: String,
    stored: String,
    modality: Option<String>,
    sequence: Option<String>,
    size: [usize; 3],
    spacing: [f64; 3],
    orientation: String,
    affine: [[f64; 4]; 3],
    least: f32,
    largest: f32,
    montage: PathBuf,
    notes: Vec<String>,
}

/// Runs the command.
pub fn run(args: &Args) -> Result<Outcome> {
    let picture = args.out.join(format!("{}_montage.png", volume_stem(&args.scan)));
    if picture.exists() && !args.force {
        return Err(Error::file(&picture, "exists", "give --force to write over it, or another --out").into());
    }
    let decoded = read_volume(&args.scan, args.series)?;
    let Decoded { volume, format, stored, modality, sequence, notes, .. } = decoded;
    let (mut least, mut largest) = (f32::INFINITY, f32::NEG_INFINITY);
    for &voxel in volume.voxels() {
        (least, largest) = (least.min(voxel), largest.max(voxel));
    }
    let report = Report {
        file: args.scan.clone(),
        format,
        stored,
        modality,
        sequence,
        size: volume.size(),
        spacing: volume.spacing(),
        orientation: volume.orientation().to_string(),
        affine: volume.affine().rows(),
        least,
        largest,
        montage: picture,
        notes,
    };
    let orientation = volume.orientation();
    let montage = Montage {
        plane: args.axis.map_or_else(|| Plane::usual(volume.grid()), Plane::from),
        slices: usize::from(args.slices),
        mask: None,
    };
    let drawn = montage.draw(&volume, &report.notes);
    write_picture(&report.montage, &drawn)?;
    report.notes.iter().for_each(|note| progress::notice(note));
    print(&report, orientation, args.format).or_else(unless_closed)?;
    Ok(Outcome::AllGood)
}

fn print(report: &Report, orientation: Orientation, format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if format == Format::Json {
        return json_line(&mut out, report);
    }
    let [i, j, k] = report.size;
    let [x, y, z] = report.spacing;
    let ways = orientation.0.map(|way| way.words());
    writeln!(out, "{}", report.file.display())?;
    writeln!(out, "format       {}, {}", report.format, report.stored)?;
    let made: Vec<&str> =
        [&report.modality, &report.sequence].into_iter().flatten().map(String::as_str).collect();
    if !made.is_empty() {
        writeln!(out, "made as      {}", made.join(", "))?;
    }
    writeln!(out, "size         {i} x {j} x {k} voxels")?;
    writeln!(out, "spacing      {x:.3} x {y:.3} x {z:.3} mm")?;
    writeln!(out, "orientation  {orientation}: i {}, j {}, k {}", ways[0], ways[1], ways[2])?;
    writeln!(out, "values       {} to {}", report.least, report.largest)?;
    writeln!(out, "montage      {}", report.montage.display())?;
    writeln!(out, "{RESEARCH_USE}")
}
