//! Tables of neighbours and their weights, one a dimension, in f64.

use super::axis::Axis;
use super::sampling::{Filter, Rounding, Sampling};
use crate::ops::Reason;
use crate::ops::resample::{Row, Table};

/// The table of a dimension.
pub fn table(sampling: &Sampling, axis: &Axis) -> Result<Table, Reason> {
    let rows: Vec<Row> = (0..axis.output).map(|y| row(sampling, axis, y)).collect();
    Table::new(axis.input, &rows)
}

fn row(sampling: &Sampling, axis: &Axis, output: usize) -> Row {
    let position = axis.position(sampling.coordinates, output)?;
    if let Filter::Nearest(rounding) = sampling.filter {
        let nearest = match rounding {
            Rounding::PreferFloor => (position - 0.5).ceil(),
            Rounding::PreferCeil => (position + 0.5).floor(),
            Rounding::Ceil => position.ceil(),
            Rounding::ByDirection if axis.scale() < 1.0 => position.ceil(),
            Rounding::Floor | Rounding::ByDirection => position.floor(),
        };
        return Some(vec![(clamped(nearest as i64, axis.input), 1.0)]);
    }
    let (reach, stretch) = (sampling.reach(axis), sampling.stretch(axis));
    let (first, last) = ((position - reach).ceil() as i64, (position + reach).floor() as i64);
    let weight = |k: i64| weight(sampling.filter, stretch * (k as f64 - position));
    let mut taps: Vec<(i64, f64)> =
        (first..=last).map(|k| (k, weight(k))).filter(|tap| tap.1 != 0.0).collect();
    if sampling.antialias {
        normalise(&mut taps);
    }
    if sampling.exclude_outside {
        taps.retain(|&(k, _)| (0..axis.input as i64).contains(&k));
        normalise(&mut taps);
    }
    Some(merged(&taps, axis.input))
}

/// The filter's value at a distance.
fn weight(filter: Filter, distance: f64) -> f64 {
    let d = distance.abs();
    match filter {
        // The nearest neighbour is found by rounding.
        Filter::Nearest(_) => 1.0,
        Filter::Linear => (1.0 - d).max(0.0),
        Filter::Cubic(a) if d <= 1.0 => ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0,
        Filter::Cubic(a) if d < 2.0 => ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a,
        Filter::Cubic(_) => 0.0,
    }
}

fn normalise(taps: &mut [(i64, f64)]) {
    let sum: f64 = taps.iter().map(|tap| tap.1).sum();
    if sum != 0.0 {
        taps.iter_mut().for_each(|tap| tap.1 /= sum);
    }
}

fn clamped(k: i64, size: usize) -> usize {
    // Sizes are far below 2^63, and what is clamped is not negative.
    k.clamp(0, size as i64 - 1) as usize
}

/// What lies outside counts as the edge: neighbours that fall together become one.
fn merged(taps: &[(i64, f64)], size: usize) -> Vec<(usize, f64)> {
    let mut merged: Vec<(usize, f64)> = Vec::with_capacity(taps.len());
    for &(k, weight) in taps {
        let index = clamped(k, size);
        match merged.last_mut() {
            Some(last) if last.0 == index => last.1 += weight,
            _ => merged.push((index, weight)),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::super::axis::{Coordinates, Step};
    use super::*;

    #[test]
    fn rows_are_short_where_positions_are_whole() {
        let sampling = Sampling {
            filter: Filter::Linear,
            coordinates: Coordinates::Asymmetric,
            antialias: false,
            exclude_outside: false,
            extrapolation: 0.0,
        };
        let axis = Axis { input: 4, output: 2, step: Step::of_scale(0.5), roi: (0.0, 1.0) };
        assert_eq!(table(&sampling, &axis).unwrap().taps(), 1);
        let axis = Axis { input: 2, output: 4, step: Step::of_scale(2.0), roi: (0.0, 1.0) };
        assert_eq!(row(&sampling, &axis, 1), Some(vec![(0, 0.5), (1, 0.5)]));
        assert_eq!(row(&sampling, &axis, 3), Some(vec![(1, 1.0)]));
        let cubic = Sampling { filter: Filter::Cubic(-0.75), exclude_outside: true, ..sampling };
        let sum: f64 = row(&cubic, &axis, 3).unwrap().iter().map(|tap| tap.1).sum();
        assert!((sum - 1.0).abs() < 1e-12);
    }
}
