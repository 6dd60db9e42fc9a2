//! An attention residual U-Net of any depth: blocks with 1x1 shortcuts, gated skips, transposed convolutions.

// Each test uses its own part.
#![allow(dead_code)]

use gyrus::graph::network::Network;

use crate::network::Builder;

/// conv-norm-ReLU, conv-norm, plus the input by a normed 1x1 convolution; ReLU of the sum.
pub fn block(b: Builder, input: &str, name: &str, from: usize, to: usize) -> Builder {
    let part = |part: &str| format!("{name}.{part}");
    let [one, one_norm, relu, two, two_norm] = ["1", "1n", "1r", "2", "2n"].map(part);
    let [short, short_norm, sum] = ["s", "sn", "sum"].map(part);
    b.conv(input, &one, from, to)
        .norm(&one, &one_norm, to)
        .node("Relu", &[&one_norm], &relu)
        .conv(&relu, &two, to, to)
        .norm(&two, &two_norm, to)
        .weighted("Conv", input, &short, &[to, from, 1, 1], to)
        .norm(&short, &short_norm, to)
        .node("Add", &[&two_norm, &short_norm], &sum)
        .node("Relu", &[&sum], name)
}

/// `skip * sigmoid(conv(relu(conv(skip) + conv(below))))`, with so many channels in between.
pub fn gate(b: Builder, skip: &str, below: &str, name: &str, channels: usize, hidden: usize) -> Builder {
    let part = |part: &str| format!("{name}.{part}");
    let [a, g, sum, relu, mask, sigmoid] = ["a", "g", "sum", "relu", "mask", "sigmoid"].map(part);
    b.weighted("Conv", skip, &a, &[hidden, channels, 1, 1], hidden)
        .weighted("Conv", below, &g, &[hidden, channels, 1, 1], hidden)
        .node("Add", &[&a, &g], &sum)
        .node("Relu", &[&sum], &relu)
        .weighted("Conv", &relu, &mask, &[1, hidden, 1, 1], 1)
        .node("Sigmoid", &[&mask], &sigmoid)
        .node("Mul", &[skip, &sigmoid], name)
}

/// The network with so many filters at each level, over `side` by `side` pixels of three channels.
pub fn unet(filters: &[usize], side: i64) -> Network {
    let mut b = Builder::new(&[-1, 3, side, side]);
    let (mut value, mut from) = ("x".to_string(), 3);
    for (level, &to) in filters.iter().enumerate() {
        if level > 0 {
            let pooled = format!("pool{level}");
            b = b.node("MaxPool", &[&value], &pooled).ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2]);
            value = pooled;
        }
        let down = format!("down{level}");
        b = block(b, &value, &down, from, to);
        (value, from) = (down, to);
    }
    for (level, &to) in filters.iter().enumerate().rev().skip(1) {
        let [up, gated, joined, rise] =
            ["up", "gated", "joined", "rise"].map(|part| format!("{part}{level}"));
        b = b.weighted("ConvTranspose", &value, &up, &[from, to, 2, 2], to).ints("strides", &[2, 2]);
        b = gate(b, &format!("down{level}"), &up, &gated, to, to.div_ceil(2));
        b = b.node("Concat", &[&gated, &up], &joined).int("axis", 1);
        b = block(b, &joined, &rise, 2 * to, to);
        (value, from) = (rise, to);
    }
    b.weighted("Conv", &value, "head", &[1, from, 1, 1], 1).node("Sigmoid", &["head"], "y").finish(&["y"])
}
