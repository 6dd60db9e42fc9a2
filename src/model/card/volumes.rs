//! What a card says of volumes.

use serde::{Deserialize, Serialize};

use super::{Problem, require};
use crate::imaging::Plane;

/// How a volume is cut into slices for the network, and when there is an answer for it as a whole.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volumes {
    /// Which slices the model was made for.
    #[serde(default = "axial")]
    pub plane: Plane,
    /// The side of the network's pixels in mm; without it slices are scaled to fit, as pictures are.
    pub pixel_mm: Option<f64>,
    /// Whether the network's slices have the front at the bottom, and of coronal and sagittal ones the head.
    #[serde(default)]
    pub upside_down: bool,
    /// For a classification: from the slices' probabilities to the volume's.
    #[serde(default)]
    pub rule: Rule,
    /// For a classification: a volume of which fewer slices pass the gate has no label.
    #[serde(default = "one_slice")]
    pub least_slices: usize,
    /// For a network that was made for brains without their skulls: the largest section through such a brain, in cm².
    pub max_section_cm2: Option<f64>,
    /// For a network that was made for aligned heads: by how much a volume's axes may be turned from the scanner's.
    pub max_tilt_degrees: Option<f64>,
}

fn axial() -> Plane {
    Plane::Axial
}

fn one_slice() -> usize {
    1
}

impl Default for Volumes {
    fn default() -> Self {
        Volumes {
            plane: axial(),
            pixel_mm: None,
            upside_down: false,
            rule: Rule::Mean,
            least_slices: one_slice(),
            max_section_cm2: None,
            max_tilt_degrees: None,
        }
    }
}

/// How a volume's probabilities follow from those of its slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rule {
    /// Their mean over the slices that pass the gate; over all of them where none does.
    #[default]
    Mean,
}

impl Volumes {
    pub(super) fn check(&self) -> Result<(), Problem> {
        let positive = |n: Option<f64>| n.is_none_or(|n| n.is_finite() && n > 0.0);
        require(positive(self.pixel_mm), "volume.pixel_mm", "must be a positive number")?;
        require(self.least_slices > 0, "volume.least_slices", "must be at least 1")?;
        require(positive(self.max_section_cm2), "volume.max_section_cm2", "must be a positive number")?;
        require(positive(self.max_tilt_degrees), "volume.max_tilt_degrees", "must be a positive number")
    }
}
