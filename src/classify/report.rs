//! What is said about one file, in the form that `--format json` prints and the service answers.

use std::path::Path;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::ClassifiedVolume;
use crate::error::{Error, Result};
use crate::imaging::Plane;
use crate::model::{Classification, Rule, Warning};
use crate::origin::Origin;

/// The answer for one file, for one slice of a volume, or for the whole of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The file's name; what is not UTF-8 in it is replaced.
    pub file: String,
    /// Of a volume which way it was cut, and of a slice its number, counted from feet, back or left.
    pub axis: Option<Plane>,
    pub slice: Option<usize>,
    pub model: String,
    pub device: String,
    /// Whether the kernels were held against the operators' twins on this adapter, driver and version; null where none ran.
    pub verified: Option<bool>,
    /// The most probable label; none when a warning says that the scan is not what the model was made for.
    pub prediction: Option<String>,
    /// In the card's order.
    #[serde(serialize_with = "as_map")]
    pub probabilities: Vec<(String, f64)>,
    pub warnings: Vec<Warning>,
    /// The file's share of its batch's time, from upload to readback.
    pub milliseconds: f64,
}

impl Report {
    pub(super) fn new(path: &Path, origin: &Origin, answer: Classification, milliseconds: f64) -> Report {
        Report {
            file: path.display().to_string(),
            axis: None,
            slice: None,
            model: origin.model.clone(),
            device: origin.device.clone(),
            verified: origin.verified.get(),
            prediction: answer.prediction,
            probabilities: answer.probabilities,
            warnings: answer.warnings,
            milliseconds,
        }
    }

    /// The probability of the predicted label.
    pub fn probability(&self) -> Option<f64> {
        let prediction = self.prediction.as_ref()?;
        self.probabilities.iter().find(|(label, _)| label == prediction).map(|(_, p)| *p)
    }
}

/// The answer for a volume as a whole.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VolumeReport {
    /// As of a slice, of all slices together.
    #[serde(flatten)]
    pub whole: Report,
    /// Slices that were classified.
    pub slices: usize,
    /// Those of them that the gate let pass.
    pub passed: usize,
    /// How the probabilities follow from those of the slices.
    pub rule: Rule,
    /// What was found when the file was read.
    pub notes: Vec<String>,
}

/// A slice's answer, or its number and why it has none.
pub type SliceReport = Result<Report, (usize, Error)>;

/// Of a volume: each slice's answer or why it has none, and that of the whole.
pub fn reports(path: &Path, origin: &Origin, found: ClassifiedVolume) -> (Vec<SliceReport>, VolumeReport) {
    let ClassifiedVolume { plane, slices, summary, notes } = found;
    let whole = Report::new(path, origin, summary.answer, summary.milliseconds);
    let volume = VolumeReport {
        whole: Report { axis: Some(plane), ..whole },
        slices: slices.len(),
        passed: summary.passed,
        rule: summary.rule,
        notes,
    };
    let report = |(number, slice): (usize, Result<(Classification, f64)>)| {
        slice.map_err(|error| (number, error)).map(|(answer, milliseconds)| Report {
            axis: Some(plane),
            slice: Some(number),
            ..Report::new(path, origin, answer, milliseconds)
        })
    };
    (slices.into_iter().map(report).collect(), volume)
}

/// An object whose keys keep the order of the list.
fn as_map<S: Serializer>(pairs: &[(String, f64)], serializer: S) -> std::result::Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (label, probability) in pairs {
        map.serialize_entry(label, probability)?;
    }
    map.end()
}
