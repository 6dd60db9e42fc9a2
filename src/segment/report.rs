//! What is said about one slice, in the form that `--format json` prints and the service answers.

use std::path::Path;

use serde::Serialize;

use super::{Segmentation, SegmentedStack, SegmentedVolume};
use crate::imaging::Plane;
use crate::model::{Card, Warning};
use crate::origin::Origin;

/// The answer for one file, or for one slice of a volume.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The file's name; what is not UTF-8 in it is replaced.
    pub file: String,
    /// Of a volume which way it was cut, and the number of the slice, counted from feet, back or left.
    pub axis: Option<Plane>,
    pub slice: Option<usize>,
    pub model: String,
    pub device: String,
    /// Whether the kernels were held against the operators' twins on this adapter, driver and version; null where none ran.
    pub verified: Option<bool>,
    #[serde(flatten)]
    pub written: Written,
    /// Pixels of the mask.
    pub pixels: usize,
    /// Their part of the picture.
    pub fraction: f64,
    /// Their area in mm², where the size of a pixel is known.
    pub area_mm2: Option<f64>,
    /// The stack that the slice belongs to; none for a slice on its own.
    pub stack: Option<StackFigures>,
    pub warnings: Vec<Warning>,
    /// The file's share of its batch's time, from upload to readback.
    pub milliseconds: f64,
}

/// The files that were written for one slice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Written {
    pub mask: String,
    pub overlay: Option<String>,
    pub probabilities: Option<String>,
}

/// What the slices of a stack have together.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StackFigures {
    pub folder: String,
    /// Slices with an answer.
    pub slices: usize,
    /// Pixels of all their masks.
    pub pixels: usize,
    /// Their volume in ml, where the size of a voxel was given.
    pub volume_ml: Option<f64>,
}

impl Report {
    /// The report of one slice.
    pub fn new(
        path: &Path,
        origin: &Origin,
        found: &Segmentation,
        written: Written,
        stack: Option<StackFigures>,
    ) -> Report {
        let pixels = found.pixels();
        Report {
            file: path.display().to_string(),
            axis: None,
            slice: None,
            model: origin.model.clone(),
            device: origin.device.clone(),
            verified: origin.verified.get(),
            written,
            pixels,
            fraction: pixels as f64 / found.mask.len().max(1) as f64,
            area_mm2: found.pixel_area.map(|area| area * pixels as f64),
            stack,
            warnings: found.warnings.clone(),
            milliseconds: found.milliseconds,
        }
    }
}

/// The answer for a volume as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VolumeReport {
    /// The volume, or of several sequences the main one.
    pub file: String,
    pub axis: Plane,
    /// Slices with an answer.
    pub slices: usize,
    /// Those of them with something in their masks.
    pub marked: usize,
    pub model: String,
    pub device: String,
    /// Whether the kernels were held against the operators' twins on this adapter, driver and version; null where none ran.
    pub verified: Option<bool>,
    #[serde(flatten)]
    pub written: VolumeWritten,
    /// Voxels of the mask.
    pub pixels: usize,
    /// Their part of the volume.
    pub fraction: f64,
    /// A volume has none.
    pub area_mm2: Option<f64>,
    pub volume_ml: f64,
    pub warnings: Vec<Warning>,
    /// What was found when the files were read.
    pub notes: Vec<String>,
    /// Of all slices, from upload to readback.
    pub milliseconds: f64,
}

/// The files that were written for a volume.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct VolumeWritten {
    /// NIfTI in the volume's own grid, 1 where it is set.
    pub mask: String,
    /// NIfTI in the volume's own grid.
    pub probabilities: Option<String>,
    pub montage: String,
}

impl VolumeReport {
    /// The report of one volume.
    pub fn new(
        path: &Path,
        origin: &Origin,
        found: &SegmentedVolume,
        written: VolumeWritten,
        notes: Vec<String>,
    ) -> VolumeReport {
        VolumeReport {
            file: path.display().to_string(),
            axis: found.plane,
            slices: found.answered().count(),
            marked: found.answered().filter(|slice| slice.pixels() > 0).count(),
            model: origin.model.clone(),
            device: origin.device.clone(),
            verified: origin.verified.get(),
            written,
            pixels: found.voxels(),
            fraction: found.voxels() as f64 / found.grid.voxels().max(1) as f64,
            area_mm2: None,
            volume_ml: found.volume_ml(),
            warnings: found.warnings.clone(),
            notes,
            milliseconds: found.answered().map(|slice| slice.milliseconds).sum(),
        }
    }
}

impl Segmentation {
    /// How large the mask is, in words.
    pub fn extent(&self) -> String {
        let pixels = self.pixels();
        let part = 100.0 * pixels as f64 / self.mask.len().max(1) as f64;
        match self.pixel_area {
            Some(area) => format!("{:.0} mm² ({part:.1} % of the picture)", area * pixels as f64),
            None => format!("{pixels} pixels ({part:.1} % of the picture)"),
        }
    }

    /// Lines below a picture of the mask: which model drew it, and what must be known of it.
    pub fn notes(&self, model: &str, version: u32) -> Vec<String> {
        let mut notes = vec![format!("model {model} v{version}; for research use only")];
        notes.extend(self.warnings.iter().map(|warning| warning.text.clone()));
        notes
    }
}

impl SegmentedVolume {
    /// Lines below a montage of the mask.
    pub fn notes(&self, model: &str, card: &Card) -> Vec<String> {
        let label = card.labels().first().map_or("", String::as_str);
        vec![
            format!("{label}: {:.1} ml, outlined", self.volume_ml()),
            format!("model {model} v{}; for research use only", card.version),
        ]
    }
}

impl SegmentedStack {
    /// The figures of the stack as a whole; none for a slice on its own. `spacing` is x, y and z of a voxel
    /// in mm.
    pub fn figures(&self, spacing: Option<[f64; 3]>) -> Option<StackFigures> {
        let folder = self.folder.as_ref()?.display().to_string();
        let answered = || self.slices.iter().filter_map(|(_, slice)| slice.as_ref().ok());
        let pixels = answered().map(Segmentation::pixels).sum::<usize>();
        let volume_ml = spacing.map(|[x, y, z]| x * y * z / 1000.0 * pixels as f64);
        Some(StackFigures { folder, slices: answered().count(), pixels, volume_ml })
    }
}
