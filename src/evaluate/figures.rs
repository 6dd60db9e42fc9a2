//! How well probabilities match the truth: confusion, areas under ROC curves, calibration.
//!
//! A case without a prediction counts as wrong in accuracy and recall, and is left out of precision, of areas and of
//! calibration: its probabilities mean nothing.

use serde::Serialize;

use super::bootstrap::{self, Figure, mean};

/// Equal-width bins of confidence.
pub const RELIABILITY_BINS: usize = 15;

/// A slice or a person.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The number of the true class.
    pub truth: usize,
    pub prediction: Option<usize>,
    /// One for every class.
    pub probabilities: Vec<f64>,
    /// What is drawn again as a whole for the intervals: numbered from 0 without gaps.
    pub unit: usize,
}

/// All figures over some cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Level {
    pub cases: usize,
    pub without_prediction: usize,
    /// Cases by true class (rows) and predicted class (columns).
    pub confusion_matrix: Vec<Vec<usize>>,
    /// Cases without a prediction by true class.
    pub no_prediction: Vec<usize>,
    pub accuracy: Option<Figure>,
    /// The mean recall of the classes that occur.
    pub balanced_accuracy: Option<Figure>,
    /// The mean of the classes' areas that exist.
    pub macro_auc: Option<Figure>,
    /// The mean gap between confidence and accuracy over the bins, weighted by their cases.
    pub calibration_error: Option<Figure>,
    pub classes: Vec<ClassFigures>,
    pub reliability: Vec<Bin>,
}

/// One class against all others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassFigures {
    pub class: String,
    pub cases: usize,
    pub auc: Option<Figure>,
    pub recall: Option<Figure>,
    pub precision: Option<Figure>,
}

/// The predictions of one range of confidence.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Bin {
    pub from: f64,
    pub to: f64,
    pub cases: usize,
    /// Their mean probability of the predicted class; none without cases.
    pub confidence: Option<f64>,
    pub accuracy: Option<f64>,
}

impl Level {
    /// The figures, with intervals over the cases' units.
    pub fn of(cases: &[Case], labels: &[String]) -> Level {
        let units = cases.iter().map(|case| case.unit + 1).max().unwrap_or(0);
        let sheet = Sheet::new(cases, labels.len());
        let found = bootstrap::figures(units, |picks| sheet.figures(&drawn(picks, units)));
        let once = vec![1.0; units];
        let matrix = sheet.confusion(&once);
        // Sums of ones are exact.
        let counts = |row: &[f64]| row.iter().map(|&n| n as usize).collect::<Vec<_>>();
        let class = |(i, label): (usize, &String)| ClassFigures {
            class: label.clone(),
            cases: matrix[i].iter().sum::<f64>() as usize,
            auc: found[OVERALL + 3 * i],
            recall: found[OVERALL + 3 * i + 1],
            precision: found[OVERALL + 3 * i + 2],
        };
        Level {
            cases: cases.len(),
            without_prediction: cases.iter().filter(|case| case.prediction.is_none()).count(),
            confusion_matrix: matrix.iter().map(|row| counts(&row[..labels.len()])).collect(),
            no_prediction: matrix.iter().map(|row| row[labels.len()] as usize).collect(),
            accuracy: found[0],
            balanced_accuracy: found[1],
            macro_auc: found[2],
            calibration_error: found[3],
            classes: labels.iter().enumerate().map(class).collect(),
            reliability: sheet.reliability(&once).into_iter().enumerate().map(bin).collect(),
        }
    }
}

/// How often each unit was drawn.
fn drawn(picks: &[usize], units: usize) -> Vec<f64> {
    let mut times = vec![0.0; units];
    picks.iter().for_each(|&unit| times[unit] += 1.0);
    times
}

fn bin((i, sums): (usize, Sums)) -> Bin {
    let width = 1.0 / RELIABILITY_BINS as f64;
    let part = |sum: f64| (sums.weight > 0.0).then(|| sum / sums.weight);
    Bin {
        from: i as f64 * width,
        to: (i + 1) as f64 * width,
        cases: sums.weight as usize,
        confidence: part(sums.confidence),
        accuracy: part(sums.right),
    }
}

/// Figures that are not of one class.
const OVERALL: usize = 4;

/// Cases prepared for being weighted again and again.
struct Sheet<'a> {
    cases: &'a [Case],
    classes: usize,
    /// For each class the predicted cases by rising probability, equal ones together.
    ranks: Vec<Vec<Vec<usize>>>,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    weight: f64,
    confidence: f64,
    right: f64,
}

impl<'a> Sheet<'a> {
    fn new(cases: &'a [Case], classes: usize) -> Sheet<'a> {
        let ranks = (0..classes).map(|class| rank(cases, class)).collect();
        Sheet { cases, classes, ranks }
    }

    /// Accuracy, balanced accuracy, macro AUC, calibration error; then AUC, recall and precision of every class.
    fn figures(&self, weights: &[f64]) -> Vec<Option<f64>> {
        let matrix = self.confusion(weights);
        let right: f64 = (0..self.classes).map(|i| matrix[i][i]).sum();
        let all: f64 = matrix.iter().flatten().sum();
        let mut by_class = Vec::new();
        for class in 0..self.classes {
            let occurring = matrix[class].iter().sum();
            let predicted = matrix.iter().map(|row| row[class]).sum();
            let hits = matrix[class][class];
            by_class.push([self.auc(class, weights), ratio(hits, occurring), ratio(hits, predicted)]);
        }
        let mean_of = |i: usize| mean(&by_class.iter().filter_map(|figures| figures[i]).collect::<Vec<_>>());
        let overall = [ratio(right, all), mean_of(1), mean_of(0), self.calibration_error(weights)];
        overall.into_iter().chain(by_class.iter().flatten().copied()).collect()
    }

    /// Rows are true classes; the last column counts what has no prediction.
    fn confusion(&self, weights: &[f64]) -> Vec<Vec<f64>> {
        let mut matrix = vec![vec![0.0; self.classes + 1]; self.classes];
        for case in self.cases {
            matrix[case.truth][case.prediction.unwrap_or(self.classes)] += weights[case.unit];
        }
        matrix
    }

    /// The chance that a case of the class has a higher probability of it than one of another class, ties counting
    /// half; none without both.
    fn auc(&self, class: usize, weights: &[f64]) -> Option<f64> {
        let (mut below, mut pairs, mut positives) = (0.0, 0.0, 0.0);
        for group in &self.ranks[class] {
            let (mut here, mut others) = (0.0, 0.0);
            for case in group.iter().map(|&i| &self.cases[i]) {
                let weight = weights[case.unit];
                if case.truth == class { here += weight } else { others += weight }
            }
            pairs += here * (below + others / 2.0);
            positives += here;
            below += others;
        }
        ratio(pairs, positives * below)
    }

    fn reliability(&self, weights: &[f64]) -> Vec<Sums> {
        let mut bins = vec![Sums::default(); RELIABILITY_BINS];
        for case in self.cases {
            let Some(prediction) = case.prediction else { continue };
            let confidence = case.probabilities[prediction];
            let place = ((confidence * RELIABILITY_BINS as f64) as usize).min(RELIABILITY_BINS - 1);
            let weight = weights[case.unit];
            bins[place].weight += weight;
            bins[place].confidence += weight * confidence;
            bins[place].right += if prediction == case.truth { weight } else { 0.0 };
        }
        bins
    }

    fn calibration_error(&self, weights: &[f64]) -> Option<f64> {
        let bins = self.reliability(weights);
        let gap: f64 = bins.iter().map(|bin| (bin.confidence - bin.right).abs()).sum();
        ratio(gap, bins.iter().map(|bin| bin.weight).sum())
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn rank(cases: &[Case], class: usize) -> Vec<Vec<usize>> {
    let probability = |i: usize| cases[i].probabilities[class];
    let mut order: Vec<usize> = (0..cases.len()).filter(|&i| cases[i].prediction.is_some()).collect();
    order.sort_by(|&a, &b| probability(a).total_cmp(&probability(b)));
    order.chunk_by(|&a, &b| probability(a) == probability(b)).map(<[usize]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(rows: &[(usize, Option<usize>, f64)]) -> Vec<Case> {
        let case = |(unit, &(truth, prediction, p)): (usize, &(usize, Option<usize>, f64))| Case {
            truth,
            prediction,
            probabilities: vec![1.0 - p, p],
            unit,
        };
        rows.iter().enumerate().map(case).collect()
    }

    fn value(figure: Option<Figure>) -> Option<f64> {
        figure.map(|figure| figure.value)
    }

    #[test]
    fn figures_by_hand() {
        let labels = ["a", "b"].map(String::from);
        let rows =
            [(0, Some(0), 0.25), (0, Some(1), 0.75), (1, Some(1), 0.75), (1, Some(1), 1.0), (1, None, 0.0)];
        let level = Level::of(&cases(&rows), &labels);
        assert_eq!(level.confusion_matrix, [[1, 1], [0, 2]]);
        assert_eq!((level.no_prediction.as_slice(), level.without_prediction), (&[0, 1][..], 1));
        assert_eq!(value(level.accuracy), Some(0.6));
        assert_eq!(value(level.balanced_accuracy), Some((0.5 + 2.0 / 3.0) / 2.0));
        // Of the pairs (0.25 | 0.75) x (0.75 | 1.0) three are right and one is a tie.
        assert_eq!(value(level.classes[1].auc), Some(3.5 / 4.0));
        assert_eq!(value(level.macro_auc), Some(3.5 / 4.0));
        assert_eq!(value(level.classes[1].precision), Some(2.0 / 3.0));
        // Three at 0.75 of which two are right, one at 1 that is right.
        assert_eq!(value(level.calibration_error), Some(0.25 / 4.0));
        let bin = &level.reliability[11];
        assert_eq!((bin.cases, bin.confidence, bin.accuracy), (3, Some(0.75), Some(2.0 / 3.0)));
        assert!(level.accuracy.is_some_and(|f| f.interval_95.is_some()));
    }

    #[test]
    fn absent_classes_have_no_figures() {
        let labels = ["a", "b"].map(String::from);
        let level = Level::of(&cases(&[(0, Some(0), 0.25), (0, None, 0.5)]), &labels);
        assert_eq!((value(level.accuracy), value(level.balanced_accuracy)), (Some(0.5), Some(0.5)));
        assert_eq!(
            (level.macro_auc, level.classes[1].recall, level.classes[1].precision),
            (None, None, None)
        );
        let none = Level::of(&[], &labels);
        assert_eq!((none.cases, none.accuracy, none.calibration_error), (0, None, None));
    }
}
