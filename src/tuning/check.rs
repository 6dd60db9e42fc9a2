//! Whether a kernel computes right at a site.
//!
//! The twin is the judge, within what the operator allows. Twins are slow: a large node is judged on one sample and
//! fewer pixels, and at its own size kernels are held against each other, which shows what only many workgroups get
//! wrong. Where they disagree the twin decides, however long it takes.

use super::lone::Lone;
use crate::conformance::judge::{Bounds, bounds, compare};
use crate::graph::interpret::interpret;
use crate::ops::conv::kernels::spread;
use crate::plan::Precision;
use crate::tensor::{Data, Tensor};

/// Work that the twin does in a tenth of a second or so.
pub const TWIN_WORK: u64 = 20_000_000;

/// The largest work that the twin does at a node that cannot be made smaller, some ten seconds.
pub const MOST_TWIN_WORK: u64 = 2_000_000_000;

/// How far kernels may be from each other at full size, relative to the largest value: far more than rounding gives,
/// far less than a wrong element.
fn agreement(precision: Precision) -> f64 {
    match precision {
        Precision::F32 => 1e-3,
        Precision::F16 => 1e-2,
    }
}

/// What the twin says of a node.
#[derive(Debug)]
pub struct Judgement {
    expected: Vec<Tensor>,
    bounds: Vec<Bounds>,
}

impl Judgement {
    /// Runs the twin.
    ///
    /// # Errors
    /// When the twin cannot compute these inputs.
    pub fn of(lone: &Lone, precision: Precision) -> Result<Judgement, String> {
        let expected = interpret(&lone.graph, &lone.inputs).map_err(|e| e.to_string())?;
        let bounds = bounds(&lone.graph, &lone.inputs, &expected, precision)?;
        Ok(Judgement { expected, bounds })
    }

    /// # Errors
    /// What is wrong with the outputs of a kernel.
    pub fn judge(&self, kernel: &str, outputs: &[Tensor]) -> Result<(), String> {
        let bounds: Vec<Bounds> = self.bounds.iter().map(|bounds| bounds.spread(spread(kernel))).collect();
        compare(&self.expected, outputs, &bounds).1
    }
}

/// Whether two kernels, or two plans, gave the same answer but for rounding.
pub fn agree(first: &[Tensor], second: &[Tensor], precision: Precision) -> bool {
    let within = agreement(precision);
    first.len() == second.len() && first.iter().zip(second).all(|(a, b)| agree_on(a, b, within))
}

fn agree_on(first: &Tensor, second: &Tensor, within: f64) -> bool {
    let (Data::F32(a), Data::F32(b)) = (first.data(), second.data()) else { return first == second };
    let finite = |v: &&f32| v.is_finite();
    let largest = a.iter().filter(finite).fold(0.0, |most: f64, v| most.max(f64::from(v.abs())));
    let near =
        |a: f32, b: f32| a == b || (a.is_nan() && b.is_nan()) || f64::from((a - b).abs()) <= within * largest;
    first.shape() == second.shape() && a.iter().zip(b).all(|(&a, &b)| near(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_agree_but_for_rounding() {
        let floats = |values: &[f32]| vec![Tensor::from_f32([values.len()], values.to_vec()).unwrap()];
        let agree = |a: &[Tensor], b: &[Tensor]| agree(a, b, Precision::F32);
        let one = floats(&[1000.0, 0.0, f32::NAN, f32::INFINITY]);
        assert!(agree(&one, &floats(&[1000.1, 0.1, f32::NAN, f32::INFINITY])));
        for wrong in [[1000.0, 2.0, f32::NAN, f32::INFINITY], [1000.0, 0.0, 0.0, f32::INFINITY]] {
            assert!(!agree(&one, &floats(&wrong)), "{wrong:?}");
        }
        assert!(!agree(&one, &floats(&[1000.0, 0.0, f32::NAN, f32::MAX])));
        assert!(!agree(&one, &[]) && !agree(&one, &floats(&[1000.0])));
        assert!(!agree(&[Tensor::from_i64s(&[1])], &[Tensor::from_i64s(&[2])]));
    }
}
