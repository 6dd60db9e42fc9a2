//! Cases that several operators of the element-wise family share.

use crate::ops::case::{Case, CaseInput, values};
use crate::tensor::{Data, Tensor};

/// Cases of an operation on two operands: every way in which the operands can meet, and none of them.
pub fn binary_cases(operator: &'static str) -> Vec<Case> {
    let case = |name: &str, a: &[usize], b: &[usize]| Case::new(operator, name).given(a).with(divisor(b));
    let constant = |name: &str, a: &[usize], b: &[usize]| {
        let input = match divisor(b) {
            CaseInput::Given(tensor) => CaseInput::Constant(tensor),
            other => other,
        };
        Case::new(operator, name).given(a).with(input)
    };
    vec![
        case("same shape", &[2, 3, 5, 7], &[2, 3, 5, 7]),
        case("one element", &[1], &[1]),
        case("scalar behind", &[2, 5, 3, 3], &[]),
        case("scalar in front", &[], &[2, 5, 3, 3]),
        case("rows", &[3, 7], &[7]),
        case("columns", &[3, 7], &[3, 1]),
        case("both repeat", &[2, 1, 5], &[3, 1]),
        case("per sample and channel", &[2, 5, 3, 3], &[2, 5, 1, 1]),
        case("per pixel", &[2, 5, 3, 3], &[2, 1, 3, 3]),
        case("eight dimensions", &[1, 2, 1, 2, 1, 3, 1, 2], &[2, 1, 2, 1, 3, 1, 2, 1]),
        case("eight dimensions, the others repeated", &[2, 1, 2, 1, 3, 1, 2, 1], &[1, 2, 1, 2, 1, 3, 1, 2]),
        constant("constant per channel", &[2, 5, 3, 3], &[5, 1, 1]),
        constant("constant scalar", &[2, 3, 5], &[1]),
    ]
}

/// Values away from zero, as a given input.
fn divisor(shape: &[usize]) -> CaseInput {
    let data = (0..shape.iter().product()).map(|i: usize| (i % 13) as f32 * 0.37 - 2.3).collect();
    given(shape, data)
}

/// What arguments a function of one number takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    All,
    /// Above 0.
    Positive,
    /// Where exp() neither overflows nor becomes subnormal.
    Exponents,
    /// Numbers halfway between whole ones among them.
    Halves,
}

/// Cases of a function of one number.
pub fn unary_cases(operator: &'static str, domain: Domain) -> Vec<Case> {
    let case = |name: &str, shape: &[usize], from: &dyn Fn(f32) -> f32| {
        let mut data = case_values(shape);
        data.iter_mut().for_each(|v| *v = from(*v));
        // Some of these functions are young.
        Case::new(operator, name).opset(25).with(given(shape, data))
    };
    let near: &dyn Fn(f32) -> f32 = match domain {
        Domain::All | Domain::Exponents => &|v| v,
        Domain::Positive => &|v| v.abs() + 0.01,
        Domain::Halves => &|v| (v * 8.0).round() / 2.0,
    };
    let wide: &dyn Fn(f32) -> f32 = match domain {
        Domain::All => &|v| v * v * v * 10.0,
        Domain::Positive => &|v| (v * 20.0).exp(),
        Domain::Exponents => &|v| v * 43.0,
        Domain::Halves => &|v| (v * 1e6).round() / 2.0,
    };
    vec![
        case("one", &[1], near),
        case("odd", &[2, 3, 5, 7], near),
        case("vector", &[255], near),
        case("wide", &[3, 71], wide),
        // Where series take turns with exponentials, and sums cancel.
        case("dense", &[2, 511], &|v| near(v.signum() * 10f32.powf(v.abs() - 1.0))),
        case("tiny", &[31], &|v| near(v) * 1e-4 + if domain == Domain::Positive { 1e-6 } else { 0.0 }),
    ]
}

fn case_values(shape: &[usize]) -> Vec<f32> {
    values(shape, 5).as_f32().map(<[f32]>::to_vec).unwrap_or_default()
}

/// Cases of a comparison: values of which many are equal, in every way in which operands can meet.
pub fn comparison_cases(operator: &'static str) -> Vec<Case> {
    let rounded = |input: CaseInput| match input {
        CaseInput::Given(t) => CaseInput::Given(round(&t)),
        CaseInput::Constant(t) => CaseInput::Constant(round(&t)),
        CaseInput::Absent => CaseInput::Absent,
    };
    let cases = binary_cases(operator).into_iter();
    cases.map(|case| Case { inputs: case.inputs.into_iter().map(rounded).collect(), ..case }).collect()
}

fn round(tensor: &Tensor) -> Tensor {
    let data = tensor.as_f32().unwrap_or_default().iter().map(|v| v.round()).collect();
    Tensor::from_f32(tensor.shape().to_vec(), data).unwrap_or_else(|_| tensor.clone())
}

/// Cases of a function of two booleans.
pub fn logic_cases(operator: &'static str) -> Vec<Case> {
    let case =
        |name: &str, a: &[usize], b: &[usize]| Case::new(operator, name).with(booleans(a)).with(booleans(b));
    vec![
        case("one", &[1], &[1]),
        case("same shape", &[3, 7], &[3, 7]),
        case("both repeat", &[2, 1, 5], &[3, 1]),
        case("scalar", &[2, 3, 4], &[]),
    ]
}

/// A given input of booleans in no regular order.
pub fn booleans(shape: &[usize]) -> CaseInput {
    let flags = case_values(&[2, shape.iter().product()]);
    let flags = flags[shape.iter().product::<usize>()..].iter().map(|&v| v > 0.0).collect();
    Tensor::new(shape, Data::Bool(flags)).map_or(CaseInput::Absent, CaseInput::Given)
}

/// Cases of a power: any base with whole exponents, positive bases with others, zero among the bases.
pub fn power_cases(operator: &'static str) -> Vec<Case> {
    let case = |name: &str, bases: &[f32], exponents: &[f32]| {
        let exponents = given(&[exponents.len(), 1], exponents.to_vec());
        Case::new(operator, name).with(given(&[bases.len()], bases.to_vec())).with(exponents)
    };
    vec![
        case("whole exponents", &[-2.5, -1.0, -0.3, 0.7, 1.0, 31.0], &[-3.0, -2.0, 0.0, 1.0, 2.0, 5.0]),
        case("other exponents", &[0.01, 0.7, 1.0, 3.3, 800.0], &[-1.5, -0.5, 0.25, 1.0 / 3.0, 2.75]),
        case("of zero", &[0.0], &[-1.5, 0.0, 0.5, 1.0, 3.0]),
        Case::new(operator, "square").given(&[2, 3, 5, 7]).with(constant_number(2.0)),
        Case::new(operator, "integer exponents").given(&[3, 2]).integers(&[2, 3]),
    ]
}

fn constant_number(v: f32) -> CaseInput {
    Tensor::from_f32([], vec![v]).map_or(CaseInput::Absent, CaseInput::Constant)
}

/// Arguments where exponentials overflow, and the last before that.
pub fn far_out() -> CaseInput {
    given(&[12], vec![-1e30, -200.0, -89.0, -87.1, -10.5, -1e-6, 1e-6, 10.5, 87.1, 89.0, 200.0, 1e30])
}

fn given(shape: &[usize], data: Vec<f32>) -> CaseInput {
    Tensor::from_f32(shape, data).map_or(CaseInput::Absent, CaseInput::Given)
}
