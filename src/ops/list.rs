//! The list of all operators, in alphabetical order.

use super::*;

/// Every operator that Gyrus knows.
pub static OPS: &[&Operator] = &[&identity::IDENTITY, &relu::RELU];
