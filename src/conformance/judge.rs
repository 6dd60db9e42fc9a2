//! Whether an answer is right: bounds on the error of every element, and the comparison.

use std::collections::BTreeMap;

use half::f16;
use serde::Serialize;

use crate::graph::{Graph, Node};
use crate::ops::{Reason, Tolerance};
use crate::plan::Precision;
use crate::tensor::{Data, Tensor};

/// What the runner of the ONNX project's own test data allows.
const RELATIVE: f64 = 1e-3;
const ABSOLUTE: f64 = 1e-7;

/// The error that came closest to its bound, or went furthest beyond it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worst {
    /// Absolute difference; not a number, or infinite, where the answer is.
    pub error: f64,
    /// What was allowed there.
    pub bound: f64,
    /// How the bound came about, in words.
    pub rule: String,
}

impl Worst {
    /// The error in units of its bound; above 1 is a failure.
    pub fn ratio(&self) -> f64 {
        if self.error == 0.0 { 0.0 } else { self.error / self.bound }
    }
}

/// How far every element of one output may be off.
#[derive(Debug, Clone)]
pub struct Bounds {
    rule: String,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    Exact,
    Relative,
    Each(Vec<f64>),
}

impl Bounds {
    /// What the ONNX project's own runner allows.
    pub fn of_onnx() -> Bounds {
        Bounds { rule: format!("{RELATIVE:e} x |y| + {ABSOLUTE:e}"), kind: Kind::Relative }
    }

    /// At least this, for an answer that is known to be an approximation.
    pub fn or_at_least(&self, least: f64, by: &str) -> Bounds {
        match &self.kind {
            Kind::Each(bounds) if least > 0.0 => Bounds {
                rule: format!("{}, or {least:e} by {by}", self.rule),
                kind: Kind::Each(bounds.iter().map(|bound| bound.max(least)).collect()),
            },
            _ => self.clone(),
        }
    }

    /// So many times the largest bound for every element, for an algorithm whose outputs share their roundings.
    pub fn spread(&self, times: f64) -> Bounds {
        match &self.kind {
            Kind::Each(bounds) if times > 0.0 => {
                let largest = bounds.iter().copied().fold(0.0, f64::max);
                Bounds {
                    rule: format!("{}, or {times} x the largest of these by Winograd", self.rule),
                    kind: Kind::Each(vec![largest * times; bounds.len()]),
                }
            }
            _ => self.clone(),
        }
    }

    /// Bit for bit, zeros of either sign alike.
    pub fn exact() -> Bounds {
        Bounds { rule: "exact".into(), kind: Kind::Exact }
    }

    /// What every element of this output may be off.
    pub fn of(&self, expected: &Tensor) -> Vec<f64> {
        let exact = Bounds::exact();
        let bounds = if matches!(expected.data(), Data::F32(_)) { self } else { &exact };
        (0..expected.shape().elements()).map(|i| bounds.at(i, number(expected, i))).collect()
    }

    fn at(&self, element: usize, expected: f64) -> f64 {
        match &self.kind {
            // A bound in proportion to infinity would allow anything.
            _ if !expected.is_finite() => 0.0,
            Kind::Exact => 0.0,
            Kind::Relative => RELATIVE * expected.abs() + ABSOLUTE,
            Kind::Each(bounds) => bounds.get(element).copied().unwrap_or(0.0),
        }
    }
}

/// What the operator of a graph's one node allows for each output, given what the twin computed on inputs that lose nothing
/// when they are stored.
///
/// # Errors
/// A twin that fails on absolute values.
pub fn bounds(
    graph: &Graph,
    inputs: &[Tensor],
    expected: &[Tensor],
    precision: Precision,
) -> Result<Vec<Bounds>, String> {
    bounds_after(0.0, graph, inputs, expected, precision)
}

/// As [`bounds`], where what goes in may be off by so many units in the last place itself: a sum of products is off by as much more.
pub fn bounds_after(
    ulps: f32,
    graph: &Graph,
    inputs: &[Tensor],
    expected: &[Tensor],
    precision: Precision,
) -> Result<Vec<Bounds>, String> {
    let Some(node) = graph.nodes.first() else {
        return Ok(expected.iter().map(|_| Bounds::exact()).collect());
    };
    let tolerance = match node.op.tolerance(&graph.infos(node)) {
        tolerance if ulps == 0.0 => tolerance,
        Tolerance::Products { terms } => Tolerance::Products { terms: terms + ulps.ceil() as usize },
        _ => {
            return Err(format!("node '{}' is no sum of products, and what goes in is not exact", node.name));
        }
    };
    within(tolerance, expected, precision, || {
        node.op.magnitudes(&operands(graph, node, inputs)).map_err(|r| r.0)
    })
}

/// As [`bounds`], for some elements of the one output of a graph's one node: what the twin says of them, and what it may be off. None
/// where its twin computes all or nothing.
pub fn bounds_at(
    graph: &Graph,
    inputs: &[Tensor],
    elements: &[usize],
    precision: Precision,
) -> Option<Result<(Tensor, Bounds), String>> {
    let [node] = graph.nodes.as_slice() else { return None };
    let operands = operands(graph, node, inputs);
    let tensor = |values: Result<Vec<f32>, Reason>| {
        let values = values.map_err(|reason| reason.0)?;
        Tensor::from_f32([elements.len()], values).map_err(|e| e.to_string())
    };
    let expected = match tensor(node.op.run_at(&operands, elements)?) {
        Ok(expected) => [expected],
        Err(reason) => return Some(Err(reason)),
    };
    let magnitudes = || {
        let sums =
            node.op.magnitudes_at(&operands, elements).ok_or("the twin does not say how exact it is")?;
        Ok(vec![tensor(sums)?])
    };
    let bounds = within(node.op.tolerance(&graph.infos(node)), &expected, precision, magnitudes);
    let [expected] = expected;
    Some(bounds.and_then(|bounds| Ok((expected, bounds.into_iter().next().ok_or("no output")?))))
}

/// The values that a node reads, given those of the graph's inputs.
fn operands<'a>(graph: &'a Graph, node: &Node, inputs: &'a [Tensor]) -> Vec<Option<&'a Tensor>> {
    let given: BTreeMap<usize, &Tensor> = graph.inputs.iter().copied().zip(inputs).collect();
    let find = |id: usize| given.get(&id).copied().or(graph.values[id].constant.as_deref());
    node.inputs.iter().map(|id| id.and_then(find)).collect()
}

/// What an operator allows for these values.
fn within(
    tolerance: Tolerance,
    expected: &[Tensor],
    precision: Precision,
    magnitudes: impl FnOnce() -> Result<Vec<Tensor>, String>,
) -> Result<Vec<Bounds>, String> {
    match tolerance {
        Tolerance::Exact => Ok(expected.iter().map(|_| Bounds::exact()).collect()),
        Tolerance::Ulps(ulps) => {
            let of = |tensor| of_ulps(tensor, format!("{ulps} ulp"), |_| ulps);
            Ok(expected.iter().map(of).collect())
        }
        Tolerance::Exponential { ulps } => {
            let granted = |y: f32| (3.0 + 2.0 * y.abs().ln().abs()).max(32.0) + ulps;
            let of = |tensor| of_ulps(tensor, format!("max(3 + 2|ln y|, 32) + {ulps} ulp"), granted);
            Ok(expected.iter().map(of).collect())
        }
        Tolerance::Products { terms } => Ok(of_products(&magnitudes()?, terms, precision)),
    }
}

/// `ulps` are the units in the last place that an expected value is granted.
fn of_ulps(expected: &Tensor, rule: String, ulps: impl Fn(f32) -> f32) -> Bounds {
    let Data::F32(values) = expected.data() else { return Bounds::exact() };
    let bound = |&v: &f32| {
        // The logarithm of zero grants anything; what is left is that subnormal results may be flushed to zero.
        let relative = if v == 0.0 { 0.0 } else { v.abs() * f32::EPSILON * ulps(v) };
        f64::from(relative.max(f32::MIN_POSITIVE))
    };
    Bounds { rule, kind: Kind::Each(values.iter().map(bound).collect()) }
}

/// `sums` are those of absolute products.
fn of_products(sums: &[Tensor], terms: usize, precision: Precision) -> Vec<Bounds> {
    let of = |sum: &Tensor| match sum.data() {
        Data::F32(sums) => {
            let computed = f64::from(f32::EPSILON) * terms as f64;
            let (stored, least, rule) = match precision {
                Precision::F32 => (0.0, 1e-30, format!("{terms} x eps x sum |ab|")),
                // Factors are rounded, results cut off: drivers may do either when they store. Numbers below the least normal
                // one may become zero.
                Precision::F16 => (
                    3.0 * precision.unit_roundoff(),
                    f64::from(f16::MIN_POSITIVE.to_f32()),
                    format!("({terms} x eps + 1.5 x 2^-10) x sum |ab|"),
                ),
            };
            let bound = |s: &f32| f64::from(s.abs()) * (computed + stored) + least;
            Bounds { rule, kind: Kind::Each(sums.iter().map(bound).collect()) }
        }
        _ => Bounds::exact(),
    };
    sums.iter().map(of).collect()
}

/// Compares all outputs. Zeros of either sign are equal, and so are two values that are not numbers.
///
/// # Errors
/// What is wrong: the number, type or shape of outputs, or the element that is furthest beyond its bound. The
/// worst error is told in either case, where there is one.
pub fn compare(
    expected: &[Tensor],
    actual: &[Tensor],
    bounds: &[Bounds],
) -> (Option<Worst>, Result<(), String>) {
    if expected.len() != actual.len() {
        return (None, Err(format!("{} outputs instead of {}", actual.len(), expected.len())));
    }
    let (mut worst, mut faults): (Option<Worst>, Vec<String>) = (None, Vec::new());
    let exact = Bounds::exact();
    for (i, (want, have)) in expected.iter().zip(actual).enumerate() {
        match compare_one(want, have, bounds.get(i).unwrap_or(&exact)) {
            Ok(None) => {}
            Ok(Some((found, at))) => {
                if beyond(&found) {
                    faults.push(format!("output {i}, {}", told(want, have, at, &found)));
                }
                worst = worse(worst, Some(found));
            }
            Err(fault) => faults.push(format!("output {i} {fault}")),
        }
    }
    (worst, if faults.is_empty() { Ok(()) } else { Err(faults.join("; ")) })
}

fn beyond(worst: &Worst) -> bool {
    // What is not a number is beyond every bound.
    worst.error.is_nan() || worst.error > worst.bound
}

fn told(want: &Tensor, have: &Tensor, at: usize, worst: &Worst) -> String {
    let wrong = number(have, at);
    let right = number(want, at);
    format!("element {at} is {wrong}, expected {right} within {:e} ({})", worst.bound, worst.rule)
}

/// The worse of two errors, by their bounds.
pub fn worse(first: Option<Worst>, second: Option<Worst>) -> Option<Worst> {
    match (first, second) {
        (Some(first), Some(second)) => {
            let second_is_worse = key(second.error, second.bound) > key(first.error, first.bound);
            Some(if second_is_worse { second } else { first })
        }
        (first, second) => first.or(second),
    }
}

/// Order of badness: in units of the bound, with what is not a number last.
fn key(error: f64, bound: f64) -> f64 {
    match error {
        e if e.is_nan() => f64::INFINITY,
        e if e <= 0.0 => 0.0,
        e => e / bound,
    }
}

/// The worst element of one output and where it is; `None` for an output without elements.
fn compare_one(want: &Tensor, have: &Tensor, bounds: &Bounds) -> Result<Option<(Worst, usize)>, String> {
    if want.shape() != have.shape() {
        return Err(format!("has shape {}, expected {}", have.shape(), want.shape()));
    }
    if want.dtype() != have.dtype() {
        return Err(format!("is {}, expected {}", have.dtype(), want.dtype()));
    }
    let exact = Bounds::exact();
    // What is no floating-point number is right or wrong, whatever the operator allows.
    let bounds = if matches!(want.data(), Data::F32(_)) { bounds } else { &exact };
    let mut worst: Option<(f64, f64, usize)> = None;
    for at in 0..want.shape().elements() {
        let (error, bound) = (difference(want, have, at), bounds.at(at, number(want, at)));
        if worst
            .is_none_or(|(error_before, bound_before, _)| key(error, bound) > key(error_before, bound_before))
        {
            worst = Some((error, bound, at));
        }
    }
    Ok(worst.map(|(error, bound, at)| (Worst { error, bound, rule: bounds.rule.clone() }, at)))
}

fn difference(want: &Tensor, have: &Tensor, at: usize) -> f64 {
    if let (Data::I64(want), Data::I64(have)) = (want.data(), have.data()) {
        // f64 does not hold all of them.
        return want.get(at).zip(have.get(at)).map_or(f64::NAN, |(w, h)| w.abs_diff(*h) as f64);
    }
    let (expected, actual) = (number(want, at), number(have, at));
    // Equal infinities differ by no number, and -0.0 == 0.0.
    let same = expected == actual || (expected.is_nan() && actual.is_nan());
    if same { 0.0 } else { (expected - actual).abs() }
}

/// An element as f64; not a number where there is none, so that it is never right.
fn number(tensor: &Tensor, at: usize) -> f64 {
    let found = match tensor.data() {
        Data::F32(v) => v.get(at).map(|&x| f64::from(x)),
        Data::I64(v) => v.get(at).map(|&x| x as f64),
        Data::I32(v) => v.get(at).map(|&x| f64::from(x)),
        Data::Bool(v) => v.get(at).map(|&x| f64::from(u8::from(x))),
    };
    found.unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floats(values: &[f32]) -> Vec<Tensor> {
        vec![Tensor::from_f32([values.len()], values.to_vec()).unwrap()]
    }

    fn judge(expected: &[f32], actual: &[f32], bounds: Bounds) -> Result<(), String> {
        compare(&floats(expected), &floats(actual), &[bounds]).1
    }

    fn units(expected: &Tensor, ulps: f32) -> Bounds {
        of_ulps(expected, format!("{ulps} ulp"), |_| ulps)
    }

    #[test]
    fn zeros_of_either_sign_and_nans_are_equal() {
        let values = [0.0, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let actual = [-0.0, 0.0, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        assert_eq!(judge(&values, &actual, Bounds::exact()), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_never_right() {
        let wrong = [
            (1.0, f32::NAN),
            (f32::NAN, 1.0),
            (f32::INFINITY, f32::MAX),
            (f32::MAX, f32::INFINITY),
            (f32::INFINITY, f32::NEG_INFINITY),
            (1.0, 1.0011),
            (0.0, 2e-7),
        ];
        for (expected, actual) in wrong {
            assert!(judge(&[expected], &[actual], Bounds::of_onnx()).is_err(), "{actual} for {expected}");
            let among = judge(&[0.0, expected, 0.0], &[0.0, actual, 0.0], Bounds::of_onnx());
            assert!(among.unwrap_err().contains("element 1"));
        }
        assert!(judge(&[1.0], &[1.0 + f32::EPSILON], Bounds::exact()).is_err());
    }

    #[test]
    fn an_infinite_value_allows_no_finite_answer() {
        // The relative bound of an infinite value is infinite.
        assert!(judge(&[f32::INFINITY], &[0.0], Bounds::of_onnx()).is_err());
        assert!(judge(&[f32::INFINITY], &[0.0], units(&floats(&[f32::INFINITY])[0], 4.0)).is_err());
    }

    #[test]
    fn ulps_are_of_the_expected_value() {
        let bounds = || units(&floats(&[8.0])[0], 2.0);
        assert_eq!(judge(&[8.0], &[8.0 + 8.0 * 2.0 * f32::EPSILON], bounds()), Ok(()));
        assert!(judge(&[8.0], &[8.0 + 8.0 * 3.0 * f32::EPSILON], bounds()).is_err());
    }

    #[test]
    fn shapes_types_and_numbers_of_outputs_are_compared() {
        let integers = vec![Tensor::from_i64s(&[1])];
        let fault = |expected: &[Tensor], actual: &[Tensor]| compare(expected, actual, &[]).1.unwrap_err();
        assert_eq!(fault(&floats(&[1.0]), &floats(&[1.0, 1.0])), "output 0 has shape 2, expected 1");
        assert_eq!(fault(&floats(&[1.0]), &integers), "output 0 is i64, expected f32");
        assert_eq!(fault(&floats(&[1.0]), &[]), "0 outputs instead of 1");
        assert!(fault(&integers, &[Tensor::from_i64s(&[2])]).contains("element 0 is 2, expected 1"));
    }

    #[test]
    fn integers_are_exact_whatever_the_bound() {
        let (want, have) = ([Tensor::from_i64s(&[100_000])], [Tensor::from_i64s(&[100_001])]);
        assert!(compare(&want, &have, &[Bounds::of_onnx()]).1.is_err());
    }

    #[test]
    fn the_worst_error_is_the_one_nearest_to_its_bound() {
        let (worst, verdict) =
            compare(&floats(&[1000.0, 1.0]), &floats(&[1000.1, 1.0005]), &[Bounds::of_onnx()]);
        assert_eq!(verdict, Ok(()));
        let worst = worst.unwrap();
        assert!((worst.ratio() - 0.5).abs() < 0.01, "{worst:?}");
    }
}
