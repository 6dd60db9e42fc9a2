//! The list of all operators, in alphabetical order.

use super::*;

/// Every operator that Gyrus knows.
pub static OPS: &[&Operator] = &[
    &add::ADD,
    &clip::CLIP,
    &div::DIV,
    &identity::IDENTITY,
    &leaky_relu::LEAKY_RELU,
    &mul::MUL,
    &relu::RELU,
    &sigmoid::SIGMOID,
    &sub::SUB,
    &tanh::TANH,
];
