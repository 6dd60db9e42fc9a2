//! Cases that several operators of the element-wise family share.

use super::case::{Case, CaseInput};
use crate::tensor::Tensor;

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
        constant("constant per channel", &[2, 5, 3, 3], &[5, 1, 1]),
        constant("constant scalar", &[2, 3, 5], &[1]),
    ]
}

/// Values away from zero, as a given input.
fn divisor(shape: &[usize]) -> CaseInput {
    let data = (0..shape.iter().product()).map(|i: usize| (i % 13) as f32 * 0.37 - 2.3).collect();
    given(shape, data)
}

/// Arguments where exponentials overflow.
pub fn far_out() -> CaseInput {
    given(&[10], vec![-1e30, -200.0, -89.0, -10.5, -1e-6, 1e-6, 10.5, 89.0, 200.0, 1e30])
}

fn given(shape: &[usize], data: Vec<f32>) -> CaseInput {
    Tensor::from_f32(shape, data).map_or(CaseInput::Absent, CaseInput::Given)
}
