//! The CPU twin: the specification's formula for every output element, over all neighbours in all dimensions at
//! once, with coefficients as ONNX's reference implementation states them. It shares no code with the tables
//! but the positions' formulas, which ONNX's own test data judge.

use super::axis::Axis;
use super::sampling::{Filter, Rounding, Sampling};
use crate::ops::Reason;
use crate::tensor::{Shape, Tensor};

/// The neighbours of an output along a dimension, `None` outside of a crop.
type Neighbours = Option<Vec<(usize, f64)>>;

/// Resizes; `read` makes of a weight what the sum is to see of it.
pub fn resize(
    sampling: &Sampling,
    x: &Tensor,
    axes: &[Option<Axis>],
    read: fn(f64) -> f64,
) -> Result<Tensor, Reason> {
    let data = x.as_f32()?;
    let neighbours = |(axis, &size): (&Option<Axis>, &usize)| -> Vec<Neighbours> {
        match axis {
            Some(axis) => (0..axis.output).map(|y| neighbours(sampling, axis, y)).collect(),
            None => (0..size).map(|y| Some(vec![(y, 1.0)])).collect(),
        }
    };
    let along: Vec<Vec<Neighbours>> = axes.iter().zip(&**x.shape()).map(neighbours).collect();
    let shape = Shape::new(along.iter().map(Vec::len).collect::<Vec<_>>())?;
    let (strides, out_strides) = (x.shape().strides(), shape.strides());
    let element = |i: usize| {
        let found = (0..shape.rank()).map(|d| along[d][i / out_strides[d] % shape[d]].as_deref());
        match found.collect::<Option<Vec<_>>>() {
            Some(found) => sum(data, 0, &found, &strides, read) as f32,
            None => sampling.extrapolation,
        }
    };
    Ok(Tensor::from_f32(shape.to_vec(), (0..shape.elements()).map(element).collect())?)
}

/// The weighted sum over the neighbours in the dimensions that are left.
fn sum(data: &[f32], at: usize, found: &[&[(usize, f64)]], strides: &[usize], read: fn(f64) -> f64) -> f64 {
    let ([first, rest @ ..], [stride, inner @ ..]) = (found, strides) else { return f64::from(data[at]) };
    first.iter().map(|&(k, weight)| read(weight) * sum(data, at + k * stride, rest, inner, read)).sum()
}

fn neighbours(sampling: &Sampling, axis: &Axis, output: usize) -> Neighbours {
    let position = axis.position(sampling.coordinates, output)?;
    // The neighbour on the left is never the position itself, so that the rest lies in (0, 1].
    let left = position.ceil() - 1.0;
    let rest = position - left;
    let (first, mut weights) = match sampling.filter {
        Filter::Nearest(rounding) => (left, nearest(rounding, rest, axis.scale() < 1.0)),
        Filter::Linear if sampling.antialias => {
            let scale = axis.scale().min(1.0);
            let start = (-1.0 / scale).floor() + 1.0;
            let distances = (0..(2.0 - 2.0 * start) as usize).map(|i| (start + i as f64 - rest) * scale);
            (left + start, distances.map(|d| (1.0 - d.abs()).clamp(0.0, 1.0)).collect())
        }
        Filter::Linear => (left, vec![1.0 - rest, rest]),
        Filter::Cubic(a) if sampling.antialias => {
            let scale = axis.scale().min(1.0);
            let start = (-2.0 / scale).floor() + 1.0;
            let distances = (0..(2.0 - 2.0 * start) as usize).map(|i| (start + i as f64 - rest) * scale);
            (left + start, distances.map(|d| cubic(a, d.abs())).collect())
        }
        Filter::Cubic(a) => (left - 1.0, cubic_weights(a, rest)),
    };
    if sampling.antialias {
        divide_by_sum(&mut weights);
    }
    let size = axis.input as i64;
    if sampling.exclude_outside {
        for (i, weight) in weights.iter_mut().enumerate() {
            if !(0..size).contains(&(first as i64 + i as i64)) {
                *weight = 0.0;
            }
        }
        divide_by_sum(&mut weights);
    }
    let index = |i: usize| (first as i64 + i as i64).clamp(0, size - 1) as usize;
    Some(weights.into_iter().enumerate().map(|(i, weight)| (index(i), weight)).collect())
}

/// Weights of the two neighbours of which one is the nearest.
fn nearest(rounding: Rounding, rest: f64, shrinks: bool) -> Vec<f64> {
    let takes_right = match rounding {
        _ if rest == 1.0 => true,
        Rounding::PreferFloor => rest > 0.5,
        Rounding::PreferCeil => rest >= 0.5,
        Rounding::Floor => false,
        Rounding::Ceil => true,
        Rounding::ByDirection => shrinks,
    };
    if takes_right { vec![0.0, 1.0] } else { vec![1.0, 0.0] }
}

fn cubic_weights(a: f64, r: f64) -> Vec<f64> {
    let (far, s) = (r + 1.0, 1.0 - r);
    vec![
        ((a * far - 5.0 * a) * far + 8.0 * a) * far - 4.0 * a,
        ((a + 2.0) * r - (a + 3.0)) * r * r + 1.0,
        ((a + 2.0) * s - (a + 3.0)) * s * s + 1.0,
        ((a * (s + 1.0) - 5.0 * a) * (s + 1.0) + 8.0 * a) * (s + 1.0) - 4.0 * a,
    ]
}

fn cubic(a: f64, d: f64) -> f64 {
    if d <= 1.0 {
        (a + 2.0) * d.powi(3) - (a + 3.0) * d.powi(2) + 1.0
    } else if d < 2.0 {
        a * d.powi(3) - 5.0 * a * d.powi(2) + 8.0 * a * d - 4.0 * a
    } else {
        0.0
    }
}

fn divide_by_sum(weights: &mut [f64]) {
    let sum: f64 = weights.iter().sum();
    if sum != 0.0 {
        weights.iter_mut().for_each(|weight| *weight /= sum);
    }
}
