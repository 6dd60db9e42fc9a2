//! From the network's output to labels and probabilities.

use super::card::{Activation, Card};
use super::gate::Warning;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// What a model says about one scan.
#[derive(Debug, Clone, PartialEq)]
pub struct Classification {
    /// The most probable label; None when a warning says that the scan is not what the model was made
    /// for.
    pub prediction: Option<String>,
    /// Every label with its probability, in the card's order; they add up to 1.
    pub probabilities: Vec<(String, f64)>,
    pub warnings: Vec<Warning>,
}

impl Classification {
    /// That of these probabilities: the first of the largest, unless there is a warning.
    pub(crate) fn of(probabilities: Vec<(String, f64)>, warnings: Vec<Warning>) -> Classification {
        let values: Vec<f64> = probabilities.iter().map(|(_, p)| *p).collect();
        let best = largest(&values).and_then(|i| probabilities.get(i)).map(|(label, _)| label);
        let prediction = best.filter(|_| warnings.is_empty()).cloned();
        Classification { prediction, probabilities, warnings }
    }
}

impl Card {
    /// The classification of every row of the network's output `[N, labels]`, from the warnings of the
    /// gate for that row.
    ///
    /// The outer error is about the output as a whole; the inner one about a single row, so that the
    /// other files of a batch keep their answers.
    ///
    /// # Errors
    /// Outer: the output has not the card's shape, or there are not as many lists of warnings as rows.
    /// Inner: a row holds numbers that are not finite, or no probabilities where the card says so.
    pub fn interpret(
        &self,
        output: &Tensor,
        warnings: Vec<Vec<Warning>>,
    ) -> Result<Vec<Result<Classification>>> {
        let labels = self.labels().len();
        let rows = output.as_f32()?;
        if output.shape().get(1..) != Some(&[labels]) || output.shape().first() != Some(&warnings.len()) {
            let reason = format!("the network gave {}, the card has {labels} labels", output.shape());
            return Err(Error::tensor("output", reason));
        }
        let rows = rows.chunks_exact(labels).zip(warnings);
        Ok(rows.map(|(row, warnings)| self.classify(row, warnings)).collect())
    }

    /// The labels in the order of the network's output; none where the card has no output.
    pub fn labels(&self) -> &[String] {
        self.output.as_ref().map_or(&[], |o| &o.labels)
    }

    /// The probability of each pixel, from one row of the output of a segmentation network `[N, 1, H, W]`.
    ///
    /// # Errors
    /// When the row is not of the input's size, holds numbers that are not finite, or no probabilities where
    /// the card says so.
    pub fn pixel_probabilities(&self, row: &[f32]) -> Result<Vec<f32>> {
        let wanted = self.input.height * self.input.width;
        if row.len() != wanted {
            let reason = format!("the network gave {} numbers for a slice, {wanted} are due", row.len());
            return Err(Error::tensor("output", reason));
        }
        if let Some(bad) = row.iter().find(|v| !v.is_finite()) {
            return Err(Error::tensor("output", format!("the network gave {bad}, which is no answer")));
        }
        match self.output.as_ref().map(|o| o.activation) {
            Some(Activation::Sigmoid) => Ok(row.iter().map(|&v| sigmoid(v)).collect()),
            Some(Activation::None) if row.iter().all(|v| (-1e-3..=1.001).contains(v)) => {
                Ok(row.iter().map(|v| v.clamp(0.0, 1.0)).collect())
            }
            Some(Activation::None) => {
                let reason = "the card has activation \"none\", but the network did not give probabilities";
                Err(Error::tensor("output", reason))
            }
            _ => Err(Error::tensor("output", "the card does not say that it is a mask")),
        }
    }

    fn classify(&self, row: &[f32], warnings: Vec<Warning>) -> Result<Classification> {
        let Some(output) = &self.output else {
            return Err(Error::tensor("output", "the card does not say what it means"));
        };
        if let Some(bad) = row.iter().find(|v| !v.is_finite()) {
            return Err(Error::tensor("output", format!("the network gave {bad}, which is no answer")));
        }
        let probabilities = match output.activation {
            Activation::Softmax => softmax(row, output.temperature),
            Activation::None => given_probabilities(row)?,
            Activation::Sigmoid => return Err(Error::tensor("output", "the card's task is segmentation")),
        };
        let probabilities = output.labels.iter().cloned().zip(probabilities).collect();
        Ok(Classification::of(probabilities, warnings))
    }
}

/// Softmax of logits over a temperature, in f64, so that the largest logits do not overflow.
fn softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|&v| f64::from(v) / temperature).collect();
    let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let exponentials: Vec<f64> = scaled.iter().map(|v| (v - largest).exp()).collect();
    let sum: f64 = exponentials.iter().sum();
    exponentials.iter().map(|e| e / sum).collect()
}

fn sigmoid(logit: f32) -> f32 {
    1.0 / (1.0 + (-logit).exp())
}

/// Probabilities that the network itself gave.
fn given_probabilities(row: &[f32]) -> Result<Vec<f64>> {
    let values: Vec<f64> = row.iter().map(|&v| f64::from(v)).collect();
    let sum: f64 = values.iter().sum();
    if values.iter().any(|&v| v < 0.0) || (sum - 1.0).abs() > 1e-3 {
        let reason = "the card has activation \"none\", but the network did not give probabilities";
        return Err(Error::tensor("output", reason));
    }
    Ok(values)
}

/// The position of the largest value, the first of equals.
fn largest(values: &[f64]) -> Option<usize> {
    let better = |best: Option<(usize, f64)>, (i, &v): (usize, &f64)| match best {
        Some((_, b)) if b >= v => best,
        _ => Some((i, v)),
    };
    values.iter().enumerate().fold(None, better).map(|(i, _)| i)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn card(activation: &str, temperature: f64) -> Result<Card> {
        let text = format!(
            "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"classification\"\n\
             [input]\nchannels = \"grey\"\nheight = 16\nwidth = 16\nfit = \"pad\"\nintensity = \"unit\"\n\
             [output]\nactivation = \"{activation}\"\nlabels = [\"a\", \"b\"]\ntemperature = {temperature:?}\n"
        );
        Card::parse(Path::new("card.toml"), &text)
    }

    fn one(card: &Card, row: [f32; 2], warnings: Vec<Warning>) -> Result<Classification> {
        let mut rows = card.interpret(&Tensor::from_f32([1, 2], row.to_vec())?, vec![warnings])?;
        rows.pop().expect("one row")
    }

    #[test]
    fn softmax_over_the_temperature() -> Result<()> {
        let answer = one(&card("softmax", 2.0)?, [0.0, 2.0 * 3f32.ln()], vec![])?;
        assert_eq!(answer.prediction.as_deref(), Some("b"));
        assert!((answer.probabilities[0].1 - 0.25).abs() < 1e-7);
        assert!((answer.probabilities[1].1 - 0.75).abs() < 1e-7);
        Ok(())
    }

    #[test]
    fn huge_logits_stay_finite() -> Result<()> {
        let answer = one(&card("softmax", 0.5)?, [3e38, -3e38], vec![])?;
        assert_eq!(answer.probabilities, [("a".to_string(), 1.0), ("b".to_string(), 0.0)]);
        Ok(())
    }

    #[test]
    fn a_warning_takes_the_prediction_only() -> Result<()> {
        let warning = Warning { code: "colour".into(), text: "Coloured.".into() };
        let answer = one(&card("softmax", 1.0)?, [1.0, 1.0], vec![warning.clone()])?;
        assert_eq!((answer.prediction, answer.warnings), (None, vec![warning]));
        assert_eq!(answer.probabilities[0].1, 0.5);
        Ok(())
    }

    #[test]
    fn what_is_not_finite_is_an_error_of_its_row() -> Result<()> {
        let output = Tensor::from_f32([3, 2], vec![0.0, f32::NAN, 0.0, 1.0, f32::INFINITY, 0.0])?;
        let rows = card("softmax", 1.0)?.interpret(&output, vec![vec![], vec![], vec![]])?;
        assert_eq!(rows.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, false]);
        Ok(())
    }

    #[test]
    fn shapes_and_probabilities_must_be_the_cards() -> Result<()> {
        let card = card("none", 1.0)?;
        assert!(card.interpret(&Tensor::from_f32([1, 3], vec![0.0; 3])?, vec![vec![]]).is_err());
        assert!(card.interpret(&Tensor::from_f32([2, 2], vec![0.0; 4])?, vec![vec![]]).is_err());
        assert!(one(&card, [2.0, -1.0], vec![]).is_err());
        assert_eq!(one(&card, [0.25, 0.75], vec![])?.prediction.as_deref(), Some("b"));
        Ok(())
    }
    fn segmenter(activation: &str) -> Result<Card> {
        let text = format!(
            "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"segmentation\"\n\
             [input]\nchannels = \"grey\"\nheight = 1\nwidth = 3\nfit = \"pad\"\nintensity = \"unit\"\n\
             [output]\nactivation = \"{activation}\"\nlabels = [\"a\"]\nthreshold = 0.5\n"
        );
        Card::parse(Path::new("card.toml"), &text)
    }

    #[test]
    fn pixels_have_the_sigmoid_of_their_logits() -> Result<()> {
        let found = segmenter("sigmoid")?.pixel_probabilities(&[0.0, 3f32.ln(), -(3f32.ln())])?;
        assert!(found.iter().zip([0.5, 0.75, 0.25]).all(|(f, w)| (f - w).abs() < 1e-6), "{found:?}");
        assert_eq!(segmenter("sigmoid")?.pixel_probabilities(&[3e38, -3e38, 0.0])?, [1.0, 0.0, 0.5]);
        Ok(())
    }

    #[test]
    fn probabilities_of_pixels_must_be_probabilities() -> Result<()> {
        let card = segmenter("none")?;
        assert_eq!(card.pixel_probabilities(&[0.0, 0.25, 1.0])?, [0.0, 0.25, 1.0]);
        // What a sum rounded is no reason to refuse.
        assert_eq!(card.pixel_probabilities(&[-1e-4, 0.25, 1.0001])?, [0.0, 0.25, 1.0]);
        for bad in [-0.1, 1.1, f32::NAN, f32::INFINITY] {
            assert!(card.pixel_probabilities(&[0.0, bad, 1.0]).is_err(), "{bad}");
        }
        assert!(segmenter("sigmoid")?.pixel_probabilities(&[0.0, f32::NAN, 1.0]).is_err());
        assert!(card.pixel_probabilities(&[0.0; 2]).is_err());
        assert!(card.pixel_probabilities(&[0.0; 6]).is_err());
        assert!(self::card("softmax", 1.0)?.pixel_probabilities(&[0.0; 256]).is_err());
        Ok(())
    }
}
