//! What is said about one file, in the form that `--format json` prints and the service answers.

use std::path::Path;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::model::{Classification, Warning};

/// The answer for one file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// The file's name; what is not UTF-8 in it is replaced.
    pub file: String,
    pub model: String,
    pub device: String,
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
    pub(super) fn new(
        path: &Path,
        model: &str,
        device: &str,
        answer: Classification,
        milliseconds: f64,
    ) -> Report {
        Report {
            file: path.display().to_string(),
            model: model.to_string(),
            device: device.to_string(),
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

/// An object whose keys keep the order of the list.
fn as_map<S: Serializer>(pairs: &[(String, f64)], serializer: S) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(pairs.len()))?;
    for (label, probability) in pairs {
        map.serialize_entry(label, probability)?;
    }
    map.end()
}
