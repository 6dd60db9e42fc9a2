//! The list of all operators, in alphabetical order.

use super::*;

/// Every operator that Gyrus knows.
pub static OPS: &[&Operator] = &[
    &add::ADD,
    &cast::CAST,
    &clip::CLIP,
    &concat::CONCAT,
    &constant::CONSTANT,
    &div::DIV,
    &dropout::DROPOUT,
    &flatten::FLATTEN,
    &identity::IDENTITY,
    &leaky_relu::LEAKY_RELU,
    &mul::MUL,
    &pad::PAD,
    &relu::RELU,
    &reshape::RESHAPE,
    &sigmoid::SIGMOID,
    &squeeze::SQUEEZE,
    &sub::SUB,
    &tanh::TANH,
    &transpose::TRANSPOSE,
    &unsqueeze::UNSQUEEZE,
];
