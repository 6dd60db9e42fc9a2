//! What `gyrus evaluate` says, in the form that `--format json` prints.

use rayon::prelude::*;
use serde::Serialize;

use super::figures::Level;
use super::labels::Labelled;
use super::masks::{Pairing, Patient};
use super::segmentation::{RULES, Score, Spacing, Summary, score, summary};
use crate::Failure;
use crate::model::Warning;

/// The scores of masks.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SegmentationReport {
    kind: &'static str,
    pub units: Units,
    /// Of a voxel: along a row, along a column, from slice to slice.
    pub spacing_mm: Option<Spacing>,
    /// What the figures mean.
    pub rules: [&'static str; 4],
    pub patients: Vec<PatientReport>,
    pub summary: Summary,
    /// Patients of whom a file cannot be used.
    pub patients_failed: usize,
    /// Patients of the truth that no result is for.
    pub patients_without_result: usize,
    pub missing_slices: usize,
    pub errors: Vec<Failure>,
}

/// What distances and volumes are given in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Units {
    pub distance: &'static str,
    pub volume: &'static str,
}

/// The scores of one patient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PatientReport {
    pub patient: String,
    /// Slices that have truth.
    pub slices: usize,
    /// Those of them that no result is for.
    pub missing_slices: usize,
    #[serde(flatten)]
    pub score: Score,
    pub warnings: Vec<Warning>,
}

impl SegmentationReport {
    /// Reads and scores all patients, several at once; `done` is called after each. `failures` are those of the
    /// results themselves.
    pub fn of(
        pairing: Pairing,
        failures: Vec<Failure>,
        spacing: Option<Spacing>,
        done: impl Fn() + Sync,
    ) -> SegmentationReport {
        let scored = pairing.patients.par_iter().map(|patient| {
            let scored = score_patient(patient, spacing);
            done();
            scored
        });
        let scored: Vec<Result<PatientReport, Vec<Failure>>> = scored.collect();
        let mut errors: Vec<Failure> = failures.into_iter().chain(pairing.failures).collect();
        let (mut patients, mut patients_failed) = (Vec::new(), 0);
        for scored in scored {
            match scored {
                Ok(patient) => patients.push(patient),
                Err(failures) => {
                    patients_failed += 1;
                    errors.extend(failures);
                }
            }
        }
        let scores: Vec<(&str, &Score)> = patients.iter().map(|p| (p.patient.as_str(), &p.score)).collect();
        let (distance, volume) = if spacing.is_some() { ("mm", "ml") } else { ("pixels", "voxels") };
        SegmentationReport {
            kind: "segmentation",
            units: Units { distance, volume },
            spacing_mm: spacing,
            rules: RULES,
            summary: summary(&scores, spacing.is_some()),
            patients_failed,
            patients_without_result: pairing.patients_without_result,
            missing_slices: patients.iter().map(|p| p.missing_slices).sum(),
            patients,
            errors,
        }
    }
}

fn score_patient(patient: &Patient, spacing: Option<Spacing>) -> Result<PatientReport, Vec<Failure>> {
    let failure = |error: &crate::Error| Failure::new(patient.name.as_ref(), error);
    let pair = patient.read().map_err(|errors| errors.iter().map(failure).collect::<Vec<_>>())?;
    let score = score(&pair.truth, &pair.result, pair.size, spacing).map_err(|e| vec![failure(&e)])?;
    let (slices, missing_slices) = patient.slices_and_missing();
    let mut warnings = pair.warnings;
    if missing_slices > 0 {
        let text = format!("{missing_slices} of {slices} slices have no result and count as unmarked.");
        warnings.push(Warning { code: "missing".into(), text });
    }
    Ok(PatientReport { patient: patient.name.clone(), slices, missing_slices, score, warnings })
}

/// The scores of classes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassificationReport {
    kind: &'static str,
    /// The order of rows and columns.
    pub labels: Vec<String>,
    /// What the figures mean.
    pub rules: [&'static str; 4],
    /// What was drawn again for the intervals: `persons`, or `files` where the truth names no persons.
    pub intervals_over: &'static str,
    pub per_slice: Level,
    /// None where the truth names no persons.
    pub per_person: Option<Level>,
    /// Files of the truth that no answer is for.
    pub files_without_result: usize,
    pub errors: Vec<Failure>,
}

/// What the figures of classes mean.
const CLASS_RULES: [&str; 4] = [
    "what has no prediction counts as wrong in accuracy and recall, and is left out of precision, AUC and calibration",
    "balanced accuracy is the mean recall of the classes that occur; macro AUC is the mean of the one-against-rest AUCs \
     that exist",
    "the calibration error is the mean gap between confidence and accuracy over 15 equal ranges of confidence",
    "a person's probabilities are the means over the slices that have a prediction",
];

impl ClassificationReport {
    /// All figures; `failures` are those of the results themselves.
    pub fn of(labelled: Labelled, failures: Vec<Failure>) -> ClassificationReport {
        let Labelled { labels, slices, persons, failures: unlabelled, files_without_result } = labelled;
        let per_person = persons.map(|persons| Level::of(&persons, &labels));
        ClassificationReport {
            kind: "classification",
            rules: CLASS_RULES,
            intervals_over: if per_person.is_some() { "persons" } else { "files" },
            per_slice: Level::of(&slices, &labels),
            per_person,
            labels,
            files_without_result,
            errors: failures.into_iter().chain(unlabelled).collect(),
        }
    }
}
