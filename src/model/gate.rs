//! Whether a scan is plainly not what a model was made for.
//!
//! A network gives some label to any picture. The gate holds a scan to the limits on the model's card;
//! outside them the probabilities are still shown, but there is no prediction and a warning says why.

use serde::{Deserialize, Serialize};

use super::card::{Card, Gate, Input, Subspace, THUMBNAIL_BLOCK};
use crate::error::{Error, Result};
use crate::imaging::Measures;
use crate::tensor::Tensor;

/// One thing that is wrong with a scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// For programs: `colour`, `blank`, `foreground`, `proportions`, `appearance` or `features` from the
    /// gate; `missing_sequences`, `withheld`, `empty_mask` or `touches_border` about a mask; `plane`, `skull`, `tilted`,
    /// `unplaced`, `not_aligned`, `resampled`, `failed` or `partial` about a volume.
    pub code: String,
    /// For people: one sentence.
    pub text: String,
}

impl Warning {
    /// One sequence stands for others; the gate has no part in it.
    pub(crate) const MISSING_SEQUENCES: &str = "missing_sequences";
    /// A scan that is not what the model was made for has an empty mask.
    pub(crate) const WITHHELD: &str = "withheld";
    /// A sequence was brought to another's grid.
    pub(crate) const RESAMPLED: &str = "resampled";

    pub(crate) fn new(code: &str, text: String) -> Self {
        Warning { code: code.to_string(), text }
    }
}

impl Card {
    /// What is wrong with a scan, judged by its measures, its prepared input `[1, C, H, W]`, and where
    /// the card has limits for them the network's pooled features for it. Nothing: the scan passes.
    ///
    /// # Errors
    /// When the input or the features have another size than the card's, or features are missing.
    pub fn gate(
        &self,
        measures: &Measures,
        prepared: &[f32],
        features: Option<&[f32]>,
    ) -> Result<Vec<Warning>> {
        let mut warnings = self.gate.measured(measures);
        if let Some(thumbnail) = &self.gate.thumbnail {
            warnings.extend(thumbnail.warning("appearance", &block_means(&self.input, prepared)?)?);
        }
        if let Some(subspace) = &self.gate.features {
            let missing = || Error::tensor("features", "the card has limits for them, the network gave none");
            let features = features.ok_or_else(missing)?;
            let features: Vec<f64> = features.iter().map(|&v| f64::from(v)).collect();
            warnings.extend(subspace.warning("features", &features)?);
        }
        Ok(warnings)
    }

    /// The block means of a prepared input `[1, C, H, W]`, as the gate's thumbnail takes them: channel
    /// by channel, row by row.
    ///
    /// # Errors
    /// When the input has another size than the card's.
    pub fn thumbnail(&self, prepared: &Tensor) -> Result<Vec<f64>> {
        block_means(&self.input, prepared.as_f32()?)
    }
}

impl Gate {
    /// Warnings that need no network.
    fn measured(&self, measures: &Measures) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if exceeds(Some(measures.colour), self.max_colour) {
            let text = "The picture is coloured; the model was made for grey scans.";
            warnings.push(Warning::new("colour", text.into()));
        }
        if exceeds(self.min_foreground, Some(measures.foreground)) {
            let text = format!(
                "Only {} % of the picture is brighter than its background; the model was made for slices that show more of the brain.",
                percent(measures.foreground)
            );
            warnings.push(Warning::new("blank", text));
        }
        if exceeds(Some(measures.foreground), self.max_foreground) {
            let text = format!(
                "{} % of the picture is bright; the model was made for slices with a dark background around the brain.",
                percent(measures.foreground)
            );
            warnings.push(Warning::new("foreground", text));
        }
        let outside = exceeds(self.min_aspect, Some(measures.aspect))
            || exceeds(Some(measures.aspect), self.max_aspect);
        if outside {
            let text = format!(
                "The picture is {:.2} times as wide as it is high, which no slice that the model was made for is.",
                measures.aspect
            );
            warnings.push(Warning::new("proportions", text));
        }
        warnings
    }
}

/// Whether `value` is above `limit`, where both are given; a value that is no number is.
fn exceeds(value: Option<f64>, limit: Option<f64>) -> bool {
    matches!((value, limit), (Some(v), Some(l)) if v > l || v.is_nan())
}

fn percent(fraction: f64) -> f64 {
    (fraction * 100.0).round()
}

impl Subspace {
    /// The distance of `x` from the mean: with z the coordinates along the eigenvectors in standard
    /// deviations, r what they do not explain and k their number,
    /// `sqrt((|z|² + |r|² / residual_scale²) / (k + 1))`.
    ///
    /// # Errors
    /// When `x` has another number of elements than the mean.
    pub fn distance(&self, x: &[f64]) -> Result<f64> {
        if x.len() != self.mean.len() {
            let reason = format!("{} numbers where the card's gate has {}", x.len(), self.mean.len());
            return Err(Error::tensor("gate", reason));
        }
        let centred: Vec<f64> = x.iter().zip(&self.mean).map(|(x, m)| x - m).collect();
        let mut residual = centred.clone();
        let mut inside = 0.0;
        for row in &self.basis {
            // A row is an eigenvector over its standard deviation: its length is 1 / deviation.
            let z = dot(row, &centred);
            inside += z * z;
            let along = z / dot(row, row);
            residual.iter_mut().zip(row).for_each(|(r, b)| *r -= along * b);
        }
        let outside = dot(&residual, &residual) / (self.residual_scale * self.residual_scale);
        let directions = self.basis.iter().fold(1.0, |n, _| n + 1.0);
        Ok(((inside + outside) / directions).sqrt())
    }

    fn warning(&self, code: &str, x: &[f64]) -> Result<Option<Warning>> {
        let distance = self.distance(x)?;
        if !exceeds(Some(distance), Some(self.limit)) {
            return Ok(None);
        }
        let text = format!(
            "The picture does not look like the slices that the model was made for (distance {distance:.1}, at most {:.1} expected).",
            self.limit
        );
        Ok(Some(Warning::new(code, text)))
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The means of the prepared input over blocks of 16x16; the card's check has made the sides
/// multiples of 16.
fn block_means(input: &Input, prepared: &[f32]) -> Result<Vec<f64>> {
    let plane = input.height * input.width;
    if prepared.len() != input.channel_count() * plane {
        let reason = format!(
            "{} numbers where the card's input has {}",
            prepared.len(),
            input.channel_count() * plane
        );
        return Err(Error::tensor("gate", reason));
    }
    let block = THUMBNAIL_BLOCK;
    let columns = input.width / block;
    let mut means = Vec::new();
    for rows in prepared.chunks_exact(block * input.width) {
        let mut sums = vec![0.0; columns];
        for row in rows.chunks_exact(input.width) {
            for (sum, values) in sums.iter_mut().zip(row.chunks_exact(block)) {
                *sum += values.iter().map(|&v| f64::from(v)).sum::<f64>();
            }
        }
        means.extend(sums.iter().map(|sum| sum / 256.0));
    }
    Ok(means)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subspace() -> Subspace {
        // Eigenvectors (0.6, 0.8, 0) with deviation 2 and (0, 0, 1) with deviation 0.5.
        Subspace {
            limit: 2.0,
            residual_scale: 0.1,
            mean: vec![1.0, 1.0, 1.0],
            basis: vec![vec![0.3, 0.4, 0.0], vec![0.0, 0.0, 2.0]],
        }
    }

    #[test]
    fn distance_within_the_subspace_is_in_deviations() -> Result<()> {
        // 4 along the first (2 deviations), 1 along the second (2 deviations), nothing across.
        let distance = subspace().distance(&[1.0 + 2.4, 1.0 + 3.2, 2.0])?;
        assert!((distance - (8.0f64 / 3.0).sqrt()).abs() < 1e-12, "{distance}");
        Ok(())
    }

    #[test]
    fn distance_across_the_subspace_is_in_residual_scales() -> Result<()> {
        // 0.5 along (0.8, -0.6, 0), which no eigenvector explains: 5 residual scales.
        let distance = subspace().distance(&[1.4, 0.7, 1.0])?;
        assert!((distance - (25.0f64 / 3.0).sqrt()).abs() < 1e-9, "{distance}");
        Ok(())
    }

    #[test]
    fn what_is_no_number_is_flagged() -> Result<()> {
        assert!(subspace().warning("features", &[f64::NAN, 0.0, 0.0])?.is_some());
        assert!(subspace().warning("features", &[1.0, 1.0, 1.0])?.is_none());
        assert!(subspace().warning("features", &[1.0]).is_err());
        Ok(())
    }

    #[test]
    fn each_measure_has_its_warning() {
        let gate = Gate {
            max_colour: Some(0.1),
            min_foreground: Some(0.2),
            max_foreground: Some(0.8),
            min_aspect: Some(0.7),
            max_aspect: Some(1.2),
            ..Gate::default()
        };
        let good = Measures { colour: 0.0, foreground: 0.5, aspect: 0.85 };
        let codes = |m: Measures| gate.measured(&m).into_iter().map(|w| w.code).collect::<Vec<_>>();
        assert_eq!(codes(good), Vec::<String>::new());
        assert_eq!(codes(Measures { colour: 0.2, ..good }), ["colour"]);
        assert_eq!(codes(Measures { foreground: 0.1, ..good }), ["blank"]);
        assert_eq!(codes(Measures { foreground: 0.9, ..good }), ["foreground"]);
        assert_eq!(codes(Measures { aspect: 0.5, ..good }), ["proportions"]);
        assert_eq!(codes(Measures { aspect: f64::NAN, ..good }), ["proportions"]);
    }
}
