//! The options by which slices of volumes are chosen.

use std::path::Path;

use clap::ValueEnum;
use gyrus::cut::{Cut, Slices};
use gyrus::imaging::Plane;

use super::progress;

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Axis {
    /// From feet to head
    Axial,
    /// From back to front
    Coronal,
    /// From left to right
    Sagittal,
}

impl From<Axis> for Plane {
    fn from(axis: Axis) -> Plane {
        match axis {
            Axis::Axial => Plane::Axial,
            Axis::Coronal => Plane::Coronal,
            Axis::Sagittal => Plane::Sagittal,
        }
    }
}

/// Of commands that show volumes to a network.
#[derive(Debug, clap::Args)]
pub struct CutArgs {
    /// Which way volumes are cut; without it as the model's card says
    #[arg(long, value_enum)]
    axis: Option<Axis>,
    /// Which slices of volumes: all, middle, or A..B, counted from 0 at the feet, the back or the left, B not included
    #[arg(long, value_name = "WHICH", default_value = "all", value_parser = str::parse::<Slices>)]
    slices: Slices,
    /// Which series of a folder or zip archive of DICOM files, where there are several, as the error numbers them
    #[arg(long, value_name = "N")]
    pub series: Option<usize>,
}

impl CutArgs {
    pub fn cut(&self) -> Cut {
        Cut { plane: self.axis.map(Plane::from), slices: self.slices.clone() }
    }
}

/// Says what was found when a scan was read.
pub fn tell(scan: &Path, notes: &[String]) {
    notes.iter().for_each(|note| progress::notice(&format_args!("{}: {note}", scan.display())));
}
