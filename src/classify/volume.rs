//! Classification of a volume: its slices one by one, and by the card's rule the volume as a whole.

use std::ops::Range;

use rayon::prelude::*;

use super::Classifier;
use crate::cut::Cut;
use crate::error::{Error, Result};
use crate::imaging::{Decoded, Grid, Plane};
use crate::model::{Card, Classification, Rule, Warning};
use crate::runner::{Prepared, run_all};
use crate::sequences::Sequences;

/// A volume's slices, and what they say together.
#[derive(Debug)]
pub struct ClassifiedVolume {
    pub plane: Plane,
    /// Each with its number, and its answer with its share of the time in milliseconds.
    pub slices: Vec<(usize, Result<(Classification, f64)>)>,
    pub summary: Summary,
    /// What was found when the file was read.
    pub notes: Vec<String>,
}

/// What is said of a volume as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// How the probabilities follow from those of the slices.
    pub rule: Rule,
    /// Slices that the gate let pass.
    pub passed: usize,
    pub answer: Classification,
    /// Of all slices together.
    pub milliseconds: f64,
}

impl Classifier {
    /// Classifies slices of a volume. One that is not what the card asks for (skull-stripped, aligned, of which enough slices
    /// pass the gate) gets a warning, and neither it nor any of its slices a label; that is judged by all slices, however few
    /// are wanted. `progress` is told how many slices more were computed, of how many.
    ///
    /// # Errors
    /// Slices that the volume does not have; none that could be answered; an error of the device.
    pub fn classify_volume(
        &mut self,
        decoded: Decoded,
        cut: &Cut,
        progress: impl Fn(usize, usize),
    ) -> Result<ClassifiedVolume> {
        let card = self.runner.card.clone();
        let (plane, wanted) = cut.of(decoded.volume.grid(), card.volume.plane)?;
        let sequences = Sequences::one(&card, decoded.volume, false)?;
        let mut warnings = unfit(&card, &sequences, plane);
        if !decoded.is_placed {
            let text = "The file does not say how the head lies: its slices may be turned or mirrored.";
            warnings.push(Warning::new("unplaced", text.into()));
        }
        let is_judged = card.volume.least_slices > 1 && warnings.is_empty();
        let numbers = if is_judged { 0..plane.count(sequences.grid()) } else { wanted.clone() };
        let levels = sequences.levels(&card, plane)?;
        let prepare =
            |number: &usize| Prepared::of_slice(&card, &sequences.slice(plane, *number), levels.as_ref());
        let (jobs, size) = (numbers.clone().collect::<Vec<_>>(), self.runner.largest);
        let mut slices = run_all(&jobs, size, prepare, |scans| self.classify(scans), progress)?;
        if is_judged {
            warnings.extend(too_few(&card, passed(&slices), &numbers));
        }
        slices.retain(|(number, _)| wanted.contains(number));
        let passed = passed(&slices);
        if !warnings.is_empty() {
            for (answer, _) in slices.iter_mut().filter_map(|(_, slice)| slice.as_mut().ok()) {
                answer.prediction = None;
                answer.warnings.extend_from_slice(&warnings);
            }
        }
        let summary = Summary {
            rule: card.volume.rule,
            passed,
            answer: together(&card, &slices, passed, warnings)?,
            milliseconds: answers(&slices).map(|(_, milliseconds)| milliseconds).sum(),
        };
        Ok(ClassifiedVolume { plane, slices, summary, notes: decoded.notes })
    }
}

type Slices = [(usize, Result<(Classification, f64)>)];

fn answers(slices: &Slices) -> impl Iterator<Item = &(Classification, f64)> {
    slices.iter().filter_map(|(_, slice)| slice.as_ref().ok())
}

/// How many slices the gate let pass.
fn passed(slices: &Slices) -> usize {
    answers(slices).filter(|(answer, _)| answer.warnings.is_empty()).count()
}

/// Why a volume is not what the model was made for, as can be told before any network has seen it.
fn unfit(card: &Card, sequences: &Sequences, plane: Plane) -> Vec<Warning> {
    let (mut warnings, grid) = (Vec::new(), sequences.grid());
    if plane != card.volume.plane {
        let text = format!("The model was made for {} slices; these are {plane}.", card.volume.plane);
        warnings.push(Warning::new("plane", text));
    }
    let tilt = tilt_degrees(grid);
    if card.volume.max_tilt_degrees.is_some_and(|most| tilt > most) {
        let text = format!(
            "The volume is not aligned: its axes are turned by {tilt:.0} degrees. The model was made for heads aligned to an atlas."
        );
        warnings.push(Warning::new("tilted", text));
    }
    if let Some(most) = card.volume.max_section_cm2 {
        let section = largest_section(sequences, card.volume.plane);
        if section > most {
            let text = format!(
                "The volume is not skull-stripped: a section through it has {section:.0} cm², through a brain on its own at most {most:.0}. The model was made for brains without their skulls."
            );
            warnings.push(Warning::new("skull", text));
        }
    }
    warnings
}

/// The largest section through what is not air, in cm².
fn largest_section(sequences: &Sequences, plane: Plane) -> f64 {
    let area = |number| sequences.slice(plane, number).first().map_or(0.0, |slice| slice.filled_area(1.0));
    let numbers = (0..plane.count(sequences.grid())).into_par_iter();
    numbers.map(area).reduce(|| 0.0, f64::max) / 100.0
}

/// By how much the axes are turned from the scanner's, at most.
fn tilt_degrees(grid: &Grid) -> f64 {
    let along = grid.orientation().0.map(|direction| direction.axis);
    let (rows, spacing) = (grid.affine.rows(), grid.spacing());
    let cosines = (0..3).map(|n| (rows[along[n]][n] / spacing[n]).abs());
    cosines.fold(1.0, f64::min).min(1.0).acos().to_degrees()
}

fn too_few(card: &Card, passed: usize, numbers: &Range<usize>) -> Option<Warning> {
    let least = card.volume.least_slices;
    let text = format!(
        "The volume is not aligned and skull-stripped as the model was made for: {passed} of {} slices look so, at least {least} are needed.",
        numbers.len()
    );
    (passed < least).then(|| Warning::new("not_aligned", text))
}

/// The volume's probabilities by the card's rule.
fn together(card: &Card, slices: &Slices, passed: usize, warnings: Vec<Warning>) -> Result<Classification> {
    let Rule::Mean = card.volume.rule;
    // A slice that passed has no warnings but the volume's.
    let counts = |answer: &Classification| passed == 0 || answer.warnings == warnings;
    let chosen: Vec<&Classification> =
        answers(slices).map(|(answer, _)| answer).filter(|answer| counts(answer)).collect();
    if chosen.is_empty() {
        let first = slices.iter().find_map(|(_, slice)| slice.as_ref().err().cloned());
        return Err(first.unwrap_or_else(|| Error::tensor("volume", "no slice has an answer")));
    }
    let mean = |label: usize| {
        let of_label = chosen.iter().filter_map(|answer| answer.probabilities.get(label)).map(|(_, p)| p);
        of_label.sum::<f64>() / chosen.len() as f64
    };
    let labels = card.labels().iter().cloned();
    let probabilities: Vec<(String, f64)> = labels.enumerate().map(|(n, label)| (label, mean(n))).collect();
    Ok(Classification::of(probabilities, warnings))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Affine;

    #[test]
    fn a_tilt_is_the_angle_between_axes() {
        let turned = |degrees: f64| {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let rows = [[-2.0, 0.0, 0.0, 0.0], [0.0, cos, -3.0 * sin, 0.0], [0.0, sin, 3.0 * cos, 0.0]];
            tilt_degrees(&Grid { size: [9; 3], affine: Affine::new(rows).expect("an affine") })
        };
        for degrees in [0.0, 1.0, 19.0, -30.0] {
            assert!((turned(degrees) - degrees.abs()).abs() < 1e-6, "{degrees}");
        }
    }
}
