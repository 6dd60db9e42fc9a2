//! Cases of the convolution: odd remainders in every dimension, size 1, strides, dilations, groups.

use crate::ops::case::Case;
use crate::ops::fusion::FusedCase;

pub fn cases() -> Vec<Case> {
    let conv =
        |name: &str, x: &[usize], w: &[usize]| Case::new("Conv", name).given(x).constant(w).constant(&w[..1]);
    let same = [1i64, 1, 1, 1];
    vec![
        conv("3x3 same", &[1, 4, 9, 11], &[8, 4, 3, 3]).ints("pads", &same),
        conv("one channel in", &[1, 1, 13, 7], &[16, 1, 3, 3]).ints("pads", &same),
        conv("one channel in, dilated and strided", &[2, 1, 15, 14], &[9, 1, 3, 4])
            .ints("strides", &[1, 2])
            .ints("dilations", &[2, 3])
            .ints("pads", &[1, 2, 0, 3]),
        conv("one channel in, two columns", &[2, 1, 9, 6], &[5, 1, 4, 2]).ints("pads", &[0, 1, 2, 0]),
        conv("two channels in", &[1, 2, 9, 10], &[5, 2, 5, 3]).ints("pads", &[2, 1, 2, 1]),
        conv("more channels than a tile", &[1, 21, 9, 8], &[37, 21, 3, 3]).ints("pads", &same),
        conv("more channels than four tiles", &[1, 4, 3, 3], &[140, 4, 1, 1]),
        conv("odd channels", &[2, 5, 7, 9], &[11, 5, 3, 3]).ints("pads", &same),
        conv("one pixel", &[1, 3, 1, 1], &[5, 3, 1, 1]),
        conv("1x1", &[3, 12, 5, 5], &[20, 12, 1, 1]),
        conv("stride 2", &[1, 8, 15, 14], &[8, 8, 3, 3]).ints("strides", &[2, 2]).ints("pads", &same),
        conv("dilation 2", &[1, 8, 15, 14], &[4, 8, 3, 3]).ints("dilations", &[2, 2]),
        conv("uneven pads", &[1, 4, 8, 8], &[4, 4, 5, 2]).ints("pads", &[2, 0, 1, 1]),
        conv("same upper", &[1, 4, 8, 9], &[4, 4, 4, 4]).text("auto_pad", "SAME_UPPER"),
        conv("same lower", &[1, 4, 8, 9], &[4, 4, 4, 4])
            .text("auto_pad", "SAME_LOWER")
            .ints("strides", &[2, 3]),
        conv("size 214", &[1, 2, 3, 214], &[3, 2, 3, 3]),
        conv("size 218", &[1, 2, 218, 3], &[3, 2, 3, 3]),
        conv("size 255", &[1, 2, 255, 5], &[3, 2, 3, 3]).ints("strides", &[2, 2]),
        conv("more pixels than a block", &[1, 4, 40, 41], &[9, 4, 3, 3]).ints("pads", &same),
        conv("whole blocks of pixels", &[1, 4, 16, 16], &[40, 4, 1, 1]),
        conv("many channels in", &[1, 140, 16, 16], &[4, 140, 3, 3]).ints("pads", &same),
        conv("many channels out", &[1, 4, 16, 16], &[140, 4, 3, 3]).ints("pads", &same),
        conv("one pixel past a block", &[1, 4, 1, 257], &[9, 4, 3, 3]).ints("pads", &same),
        conv("depthwise", &[2, 6, 9, 9], &[6, 1, 3, 3]).int("group", 6).ints("pads", &same),
        conv("depthwise, two outputs a channel", &[1, 3, 9, 9], &[6, 1, 3, 3]).int("group", 3),
        conv("groups of 3", &[1, 9, 6, 6], &[6, 3, 3, 3]).int("group", 3),
        conv("groups of 8", &[1, 16, 6, 6], &[8, 8, 1, 1]).int("group", 2),
        conv("1-D", &[2, 3, 17], &[5, 3, 4]).ints("strides", &[3]).ints("pads", &[2, 1]),
        conv("3-D", &[1, 5, 4, 6, 7], &[9, 5, 3, 3, 3]).ints("pads", &[1, 1, 1, 1, 1, 1]),
        conv("3-D, two samples, strides", &[2, 4, 5, 6, 7], &[3, 4, 2, 3, 1]).ints("strides", &[2, 1, 3]),
        conv("3-D, uneven", &[2, 3, 4, 5, 5], &[4, 3, 3, 2, 2])
            .ints("pads", &[2, 0, 1, 0, 1, 0])
            .ints("dilations", &[2, 1, 2]),
        conv("3-D, flat windows", &[2, 3, 4, 5, 6], &[5, 3, 1, 3, 3]).ints("pads", &[0, 1, 1, 0, 1, 1]),
        conv("3-D, padded flat windows", &[1, 3, 2, 3, 3], &[5, 3, 1, 1, 1])
            .ints("pads", &[1, 0, 0, 0, 0, 0]),
        conv("3-D, one channel in", &[2, 1, 4, 6, 7], &[9, 1, 2, 3, 3])
            .ints("pads", &[1, 0, 1, 0, 1, 2])
            .ints("strides", &[1, 2, 1]),
        conv("3-D, as deep as the input", &[1, 8, 2, 24, 24], &[8, 8, 2, 1, 1]),
        conv("3-D depthwise", &[1, 5, 4, 4, 4], &[5, 1, 3, 3, 3]).int("group", 5).ints("pads", &[1; 6]),
        conv("3-D groups", &[1, 6, 3, 4, 4], &[4, 3, 2, 2, 2]).int("group", 2),
        conv("past 65,535 workgroups", &[1, 4, 2048, 2049], &[4, 1, 1, 1]).int("group", 4),
        Case::new("Conv", "no bias").given(&[1, 4, 6, 6]).constant(&[4, 4, 3, 3]),
    ]
}

/// Residual blocks: a convolution with a 1x1 one beside it on the same sums.
pub fn beside() -> Vec<FusedCase> {
    let block = |name: &str, x: &[usize], below: &[usize], weights: &[usize]| {
        let ones = vec![1; x.len() - 2];
        FusedCase::new(name)
            .given("x", x)
            .given("z", below)
            .conv("z", "short", &[&[weights[0], below[1]][..], &ones].concat())
            .bias(weights[0])
            .conv("x", "main", weights)
            .ints("pads", &vec![1; ones.len() * 2])
            .bias(weights[0])
    };
    let plain = |name: &str, x: &[usize], below: &[usize], weights: &[usize]| {
        block(name, x, below, weights).node("Add", &["main", "short"], "sum").node("Relu", &["sum"], "y")
    };
    let normed = |order: &str| {
        let case =
            block(&format!("batch norms, {order} first"), &[2, 6, 9, 7], &[2, 5, 9, 7], &[11, 6, 3, 3]);
        let case = case.norm("main", "mn", 11).norm("short", "sn", 11);
        let operands = if order == "main" { ["mn", "sn"] } else { ["sn", "mn"] };
        case.node("Add", &operands, "sum").node("Relu", &["sum"], "y")
    };
    vec![
        plain("one pixel", &[1, 1, 1, 1], &[1, 1, 1, 1], &[1, 1, 3, 3]),
        plain("whole groups of channels", &[1, 8, 12, 10], &[1, 4, 12, 10], &[8, 8, 3, 3]),
        plain("odd channels", &[3, 5, 7, 9], &[3, 3, 7, 9], &[11, 5, 3, 3]),
        plain("past a block of pixels", &[1, 4, 40, 41], &[1, 9, 40, 41], &[9, 4, 3, 3]),
        plain("two pixels a lane", &[1, 4, 4, 4], &[1, 5, 4, 4], &[9, 4, 3, 3]),
        plain("more channels than are staged at once", &[1, 4, 9, 8], &[1, 37, 9, 8], &[9, 4, 3, 3]),
        plain("volume", &[2, 4, 5, 6, 7], &[2, 3, 5, 6, 7], &[5, 4, 3, 3, 3]),
        normed("main"),
        normed("shortcut"),
    ]
}

/// Convolutions with all that can follow in the same dispatch, each becoming one node.
pub fn tail() -> Vec<FusedCase> {
    let case = |name: &str, x: &[usize], weights: &[usize]| {
        FusedCase::new(name).given("x", x).conv("x", "c", weights)
    };
    let same = [1, 1, 1, 1];
    vec![
        with_tail(case("one pixel", &[1, 3, 1, 1], &[5, 3, 1, 1]), &[1, 5, 1, 1]),
        with_tail(
            case("whole groups of channels", &[1, 8, 12, 10], &[8, 8, 3, 3]).ints("pads", &same),
            &[1, 8, 12, 10],
        ),
        with_tail(case("odd channels", &[2, 6, 9, 7], &[11, 6, 3, 3]).ints("pads", &same), &[2, 11, 9, 7]),
        with_tail(
            case("past a block of pixels", &[1, 4, 40, 41], &[9, 4, 3, 3]).ints("pads", &same),
            &[1, 9, 40, 41],
        ),
        with_tail(case("strides", &[1, 8, 15, 14], &[20, 8, 3, 3]).ints("strides", &[2, 2]), &[1, 20, 7, 6]),
        with_tail(
            case("depthwise", &[2, 6, 9, 9], &[6, 1, 3, 3]).ints("pads", &same).int("group", 6),
            &[2, 6, 9, 9],
        ),
        with_tail(case("grouped", &[1, 9, 6, 6], &[6, 3, 3, 3]).int("group", 3), &[1, 6, 4, 4]),
        with_tail(case("volume", &[2, 4, 4, 5, 6], &[5, 4, 3, 3, 3]), &[2, 5, 2, 3, 4]),
    ]
}

/// The convolution that ends this network, with a bias, an activation, a batch norm, a residual of this shape and a last activation.
pub fn with_tail(case: FusedCase, residual: &[usize]) -> FusedCase {
    let channels = residual[1];
    let case =
        case.bias(channels).node("LeakyRelu", &["c"], "a").float("alpha", 0.25).norm("a", "n", channels);
    case.given("z", residual).node("Add", &["n", "z"], "sum").node("Relu", &["sum"], "y")
}

/// Convolutions that a pool by two follows, each becoming one node.
pub fn pooled() -> Vec<FusedCase> {
    let case = |name: &str, x: &[usize], weights: &[usize]| {
        FusedCase::new(name).given("x", x).conv("x", "c", weights)
    };
    let pool = |case: FusedCase, input: &str| {
        case.node("MaxPool", &[input], "y").ints("kernel_shape", &[2, 2]).ints("strides", &[2, 2])
    };
    let same = [1, 1, 1, 1];
    vec![
        pool(case("four pixels become one", &[1, 1, 2, 2], &[1, 1, 1, 1]), "c"),
        pool(case("odd rows and columns", &[2, 5, 7, 9], &[11, 5, 3, 3]).ints("pads", &same).bias(11), "c"),
        pool(case("past a block of pixels", &[1, 4, 41, 40], &[9, 4, 3, 3]).ints("pads", &same), "c"),
        pool(case("several planes", &[3, 8, 12, 10], &[16, 8, 3, 3]).ints("pads", &same), "c"),
        pool(case("one channel", &[2, 1, 20, 22], &[16, 1, 3, 3]).ints("pads", &same).bias(16), "c"),
        pool(
            case("strides and dilations", &[1, 4, 19, 18], &[6, 4, 3, 3])
                .ints("strides", &[2, 1])
                .ints("dilations", &[1, 2]),
            "c",
        ),
        pool(
            case("activation and batch norm", &[2, 6, 9, 8], &[8, 6, 3, 3])
                .ints("pads", &same)
                .bias(8)
                .node("Relu", &["c"], "r")
                .norm("r", "n", 8),
            "n",
        ),
    ]
}

/// Convolutions over what is enlarged by nearest neighbours, each becoming one node.
pub fn enlarged() -> Vec<FusedCase> {
    let case = |name: &str, x: &[usize], times: [u8; 2], weights: &[usize]| {
        FusedCase::new(name).given("x", x).enlarge("x", "large", times).conv("large", "y", weights)
    };
    vec![
        case("one pixel becomes four", &[1, 1, 1, 1], [2, 2], &[1, 1, 2, 2]),
        case("same padding", &[2, 5, 7, 9], [2, 2], &[11, 5, 3, 3]).ints("pads", &[1, 1, 1, 1]).bias(11),
        case("other factors along y and x", &[1, 8, 6, 5], [3, 2], &[8, 8, 3, 3]).ints("pads", &[2, 1, 0, 1]),
        case("one side only", &[1, 4, 6, 5], [1, 4], &[4, 4, 3, 3]).ints("pads", &[1, 1, 1, 1]),
        case("strides and dilations", &[1, 4, 9, 8], [2, 2], &[6, 4, 3, 3])
            .ints("pads", &[2, 2, 2, 2])
            .ints("strides", &[2, 3])
            .ints("dilations", &[2, 1]),
        case("depthwise", &[1, 6, 5, 7], [2, 2], &[6, 1, 3, 3]).ints("pads", &[1, 1, 1, 1]).int("group", 6),
        case("grouped", &[1, 6, 5, 7], [2, 2], &[4, 3, 3, 3]).ints("pads", &[1, 1, 1, 1]).int("group", 2),
        case("past a block of pixels", &[1, 4, 20, 21], [2, 2], &[9, 4, 3, 3]).ints("pads", &[1, 1, 1, 1]),
    ]
}
