//! Whether a kernel computes right at a site.
//!
//! The twin is the judge, within what the operator allows. Twins are slow: a large node is judged on one sample and
//! fewer pixels, and at its own size kernels are held against each other, which shows what only many workgroups get
//! wrong. Where they disagree the twin decides, however long it takes.

use super::lone::Lone;
use crate::conformance::judge::{Bounds, Worst, bounds, bounds_at, compare};
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
    /// The elements of the one output that it says something of, where that is not all.
    elements: Option<Vec<usize>>,
}

impl Judgement {
    /// Runs the twin.
    ///
    /// # Errors
    /// When the twin cannot compute these inputs.
    pub fn of(lone: &Lone, precision: Precision) -> Result<Judgement, String> {
        let expected = interpret(&lone.graph, &lone.inputs).map_err(|e| e.to_string())?;
        let bounds = bounds(&lone.graph, &lone.inputs, &expected, precision)?;
        Ok(Judgement { expected, bounds, elements: None })
    }

    /// Runs the twin on all elements, or on so many where all would take it long and it can.
    ///
    /// # Errors
    /// When the twin cannot compute these inputs, or would take too long.
    pub fn of_some(lone: &Lone, precision: Precision, samples: usize) -> Result<Judgement, String> {
        if lone.work() > TWIN_WORK {
            let outputs: usize =
                lone.graph.outputs.iter().map(|&id| lone.graph.values[id].shape.elements()).sum();
            let elements = spread_over(outputs, samples);
            if let Some(found) = bounds_at(&lone.graph, &lone.inputs, &elements, precision) {
                let (expected, bounds) = found?;
                return Ok(Judgement {
                    expected: vec![expected],
                    bounds: vec![bounds],
                    elements: Some(elements),
                });
            }
            if lone.work() > MOST_TWIN_WORK {
                return Err("the node is too large for the twin".into());
            }
        }
        Judgement::of(lone, precision)
    }

    /// How many elements it says something of.
    pub fn outputs(&self) -> usize {
        self.expected.iter().map(|tensor| tensor.shape().elements()).sum()
    }

    /// # Errors
    /// What is wrong with the outputs of a kernel.
    pub fn judge(&self, kernel: &str, outputs: &[Tensor]) -> Result<(), String> {
        self.judge_worst(kernel, outputs).1
    }

    /// As [`Judgement::judge`], and the worst error.
    pub fn judge_worst(&self, kernel: &str, outputs: &[Tensor]) -> (Option<Worst>, Result<(), String>) {
        let bounds: Vec<Bounds> = self.bounds.iter().map(|bounds| bounds.spread(spread(kernel))).collect();
        match (&self.elements, outputs) {
            (None, outputs) => compare(&self.expected, outputs, &bounds),
            (Some(elements), [output]) => match picked(output, elements) {
                Ok(some) => compare(&self.expected, &[some], &bounds),
                Err(error) => (None, Err(error.to_string())),
            },
            (Some(_), outputs) => (None, Err(format!("{} outputs instead of 1", outputs.len()))),
        }
    }
}

/// Some elements of an output.
fn picked(output: &Tensor, elements: &[usize]) -> crate::Result<Tensor> {
    let values = output.as_f32()?;
    // What is not there is not a number, which is never right.
    let some = elements.iter().map(|&i| values.get(i).copied().unwrap_or(f32::NAN)).collect();
    Tensor::from_f32([elements.len()], some)
}

/// So many of `elements` places, all over them, the first and the last among them; without a pattern that a kernel's could hide in.
fn spread_over(elements: usize, samples: usize) -> Vec<usize> {
    if elements <= samples {
        return (0..elements).collect();
    }
    // The golden ratio leaves no two places of a stratum close for long.
    let fraction = |i: usize| (i as f64 * 0.618_033_988_749_895).fract();
    let start = |i: usize| (i as u128 * elements as u128 / samples as u128) as usize;
    let place = |i: usize| start(i) + (fraction(i) * (start(i + 1) - start(i)) as f64) as usize;
    (0..samples).map(|i| if i + 1 == samples { elements - 1 } else { place(i) }).collect()
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
    fn samples_lie_all_over_and_each_once() {
        for elements in [1, 4096, 4097, 10_000, 3_000_001] {
            let places = spread_over(elements, 4096);
            assert_eq!(places.len(), elements.min(4096));
            assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{elements}: not each once");
            assert_eq!((places[0], places[places.len() - 1]), (0, elements - 1));
            let widest = places.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
            assert!(widest <= 2 * elements.div_ceil(4096), "{elements}: {widest} are left out in a row");
        }
        // Rows of a power of two would hide what goes wrong in one column.
        let columns: std::collections::BTreeSet<usize> =
            spread_over(1 << 20, 4096).iter().map(|i| i % 64).collect();
        assert_eq!(columns.len(), 64);
    }

    #[test]
    fn the_twin_says_the_same_of_some_elements_as_of_all() {
        use crate::graph::{self, input_shapes};
        let mut compared = 0;
        for precision in [Precision::F32, Precision::F16] {
            let of_conv = crate::ops::OPS.iter().filter(|o| o.name == "Conv").flat_map(|o| (o.cases)());
            let mut networks: Vec<_> = of_conv.filter_map(|case| Some(case.network().ok()?.0)).collect();
            let fused = crate::ops::FUSIONS.iter().flat_map(|f| (f.cases)());
            networks.extend(fused.map(|case| case.network));
            for network in networks {
                let shapes = input_shapes(&network, &Default::default(), 1).unwrap();
                let mut graph = graph::build(&network, &shapes).unwrap();
                graph::fuse(&mut graph);
                let lone = Lone::of(&graph, &graph.nodes[0], precision).unwrap();
                let whole = Judgement::of(&lone, precision).unwrap();
                let elements: Vec<usize> = (0..whole.outputs()).step_by(3).collect();
                let Some(some) = bounds_at(&lone.graph, &lone.inputs, &elements, precision) else { continue };
                let (expected, bounds) = some.unwrap();
                assert_eq!(expected, picked(&whole.expected[0], &elements).unwrap(), "{}", network.name);
                let all = whole.bounds[0].of(&whole.expected[0]);
                let of_some: Vec<f64> = elements.iter().map(|&i| all[i]).collect();
                assert_eq!(bounds.of(&expected), of_some, "{}", network.name);
                compared += 1;
            }
        }
        assert!(compared > 20, "only {compared} cases have such a twin");
    }

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
