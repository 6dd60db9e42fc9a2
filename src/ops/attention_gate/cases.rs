//! Cases of the attention gate: odd channels, one pixel, batches, the orders and tails found in networks.

use crate::ops::fusion::FusedCase;

/// A gate as it is usually written: a signal of `signal` channels lets through what it likes of `x`.
fn gate(name: &str, x: &[usize], signal: usize, hidden: usize) -> FusedCase {
    let ones = vec![1; x.len() - 2];
    let weights = |outputs: usize, inputs: usize| [&[outputs, inputs][..], &ones].concat();
    let mut signal_shape = x.to_vec();
    signal_shape[1] = signal;
    FusedCase::new(name)
        .given("x", x)
        .given("g", &signal_shape)
        .conv("x", "a", &weights(hidden, x[1]))
        .bias(hidden)
        .conv("g", "b", &weights(hidden, signal))
        .bias(hidden)
        .node("Add", &["a", "b"], "sum")
        .node("Relu", &["sum"], "relu")
        .conv("relu", "mask", &weights(1, hidden))
        .bias(1)
        .node("Sigmoid", &["mask"], "sigmoid")
        .node("Mul", &["x", "sigmoid"], "y")
}

/// The other order of both operands, no bias where there is a norm, and one after the mask too.
fn normed(x: &[usize], hidden: usize) -> FusedCase {
    let channels = x[1];
    FusedCase::new("batch norms, operands swapped")
        .given("g", x)
        .given("x", x)
        .conv("x", "a", &[hidden, channels, 1, 1])
        .norm("a", "an", hidden)
        .conv("g", "b", &[hidden, channels, 1, 1])
        .norm("b", "bn", hidden)
        .node("Add", &["bn", "an"], "sum")
        .node("Relu", &["sum"], "relu")
        .conv("relu", "mask", &[1, hidden, 1, 1])
        .norm("mask", "mn", 1)
        .node("Sigmoid", &["mn"], "sigmoid")
        .node("Mul", &["sigmoid", "x"], "y")
}

pub fn cases() -> Vec<FusedCase> {
    vec![
        gate("one channel", &[1, 1, 1, 1], 1, 1),
        gate("whole groups of channels", &[1, 8, 6, 10], 8, 4),
        gate("odd channels", &[2, 5, 7, 9], 3, 11),
        gate("three samples", &[3, 16, 5, 5], 20, 8),
        gate("many sums", &[1, 12, 4, 4], 12, 70),
        gate("past a block of pixels", &[1, 6, 40, 41], 6, 9),
        gate("more pixels than invocations", &[1, 18, 52, 53], 3, 5),
        gate("line", &[2, 4, 17], 5, 6),
        gate("volume", &[2, 3, 4, 5, 6], 2, 5),
        normed(&[2, 7, 6, 5], 13),
    ]
}
