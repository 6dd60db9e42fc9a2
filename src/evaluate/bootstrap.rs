//! How sure a figure is: 95 % intervals from drawing the patients again, with replacement.

use rayon::prelude::*;
use serde::Serialize;

/// How often the patients are drawn again.
pub const RESAMPLES: usize = 1000;
/// The same draws at every run.
const SEED: u64 = 7;

/// A figure and how sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    pub value: f64,
    /// The middle 95 % of the figure over resamples; none below two patients.
    pub interval_95: Option<[f64; 2]>,
}

/// Figures of all units, each with its interval.
///
/// `statistics` is given the numbers of the units drawn, first every unit once, and always returns the same number
/// of figures. A figure that a resample does not have is left out of its interval.
pub fn figures<F>(units: usize, statistics: F) -> Vec<Option<Figure>>
where
    F: Fn(&[usize]) -> Vec<Option<f64>> + Sync,
{
    let all: Vec<usize> = (0..units).collect();
    let values = statistics(&all);
    let drawn: Vec<Vec<Option<f64>>> = if units < 2 {
        Vec::new()
    } else {
        (0..RESAMPLES).into_par_iter().map(|resample| statistics(&draw(units, resample))).collect()
    };
    let figure = |(i, value): (usize, Option<f64>)| {
        let found = drawn.iter().filter_map(|figures| figures.get(i).copied().flatten()).collect();
        value.map(|value| Figure { value, interval_95: interval(found) })
    };
    values.into_iter().enumerate().map(figure).collect()
}

fn interval(mut values: Vec<f64>) -> Option<[f64; 2]> {
    values.sort_by(f64::total_cmp);
    Some([quantile(&values, 0.025)?, quantile(&values, 0.975)?])
}

fn draw(units: usize, resample: usize) -> Vec<usize> {
    let mut random = SplitMix(SEED.wrapping_add((resample as u64).wrapping_mul(0x1000_0000)));
    (0..units).map(|_| random.below(units)).collect()
}

/// SplitMix64 (Steele, Lea and Flood, 2014): no crate's next version may change the intervals.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; the bias is below n / 2^64.
    fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }
}

/// The value that this part of the sorted values does not exceed, interpolated as numpy does; none without values.
pub fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = part * last as f64;
    let below = (position.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (position - below as f64))
}

/// The mean of some values; none without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// The median of some values in any order; none without values.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    quantile(&sorted, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_interpolated() {
        assert_eq!(median(&[4.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(quantile(&[1.0, 2.0], 0.25), Some(1.25));
        assert_eq!((quantile(&[3.0], 0.9), quantile(&[], 0.5), mean(&[])), (Some(3.0), None, None));
    }

    #[test]
    fn the_interval_of_a_mean_is_that_of_its_normal_distribution() {
        // 400 values of 0 and as many of 1: the standard error of the mean is 0.5 / sqrt(800).
        let of =
            |picks: &[usize]| vec![mean(&picks.iter().map(|i| (i % 2) as f64).collect::<Vec<_>>()), None];
        let found = figures(800, of);
        let Some(Figure { value, interval_95: Some([low, high]) }) = found[0] else { panic!("{found:?}") };
        let half = 1.96 * 0.5 / 800f64.sqrt();
        assert_eq!(value, 0.5);
        assert!((low - (0.5 - half)).abs() < 0.005 && (high - (0.5 + half)).abs() < 0.005, "{low} {high}");
        assert_eq!((found[1], figures(800, of)), (None, found.clone()));
        assert_eq!(figures(1, of)[0], Some(Figure { value: 0.0, interval_95: None }));
    }
}
