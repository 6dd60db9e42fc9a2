//! Weights in the orders that the convolution kernels read them in, `pre` folded in.

use std::ops::Range;

use super::kernels::Minimal;
use super::problem::Problem;
use crate::ops::epilogue::{Epilogue, ScaleShift};
use crate::ops::pixel_product::PixelProduct;

/// The weights of some output channels of a convolution, from ONNX's order.
pub struct Weights<'a> {
    pub problem: &'a Problem,
    pub data: &'a [f32],
    pub pre: Option<&'a ScaleShift>,
    /// The product that is added to the sums.
    pub beside: Option<&'a PixelProduct>,
    pub outputs: Range<usize>,
}

impl Weights<'_> {
    /// The weight of the o-th output channel of those that are packed.
    fn at(&self, o: usize, i: usize, tap: usize) -> f32 {
        let o = self.outputs.start + o;
        let value = self.data[self.problem.weight(o, i, tap)];
        self.pre.map_or(value, |pre| value * pre.scale[o])
    }

    /// `[O / 8][tap][I / 4][2 quads of outputs][4 inputs][4 outputs]`, zeros past the last channel: a step of
    /// the register tile, or of a subgroup, reads eight rows that lie side by side. The rows of a product beside follow
    /// the last tap's.
    pub fn octets(&self) -> Vec<f32> {
        let (outputs, inputs) = (self.outputs.len(), self.problem.group_in());
        // Even in number: the subgroup kernel takes two at a time.
        let octets = outputs.div_ceil(8).next_multiple_of(2);
        let (quads, taps) = (inputs.div_ceil(4), self.problem.window.elements());
        let mut packed = Vec::new();
        for first in (0..octets).map(|octet| octet * 8) {
            let start = packed.len();
            packed.resize(start + taps * quads * 32, 0.0);
            let own = first.min(outputs)..(first + 8).min(outputs);
            for o in own.clone() {
                for (i, tap) in (0..inputs).flat_map(|i| (0..taps).map(move |tap| (i, tap))) {
                    let place = (tap * quads + i / 4) * 32 + o % 8 / 4 * 16 + i % 4 * 4 + o % 4;
                    packed[start + place] = self.at(o, i, tap);
                }
            }
            if let Some(beside) = self.beside {
                beside
                    .append_octet(own.start + self.outputs.start..own.end + self.outputs.start, &mut packed);
            }
        }
        packed
    }

    /// `[O / 8][point][I / 4][2 quads of outputs][4 inputs][4 outputs]`: the octets of every point of the transformed
    /// filters, `G w G^T`.
    pub fn winograd(&self, size: Minimal) -> Vec<f32> {
        let (outputs, inputs, points) = (self.outputs.len(), self.problem.in_channels, size.points());
        let quads = inputs.div_ceil(4);
        // Even in number: the subgroup kernel takes two octets at a time.
        let octets = outputs.div_ceil(8).next_multiple_of(2);
        let mut packed = vec![0.0; octets * points * quads * 32];
        for (o, i) in (0..outputs).flat_map(|o| (0..inputs).map(move |i| (o, i))) {
            let filter = std::array::from_fn(|tap| f64::from(self.at(o, i, tap)));
            for (point, value) in transformed(&filter, size).into_iter().enumerate() {
                let row = ((o / 8 * points + point) * quads + i / 4) * 32;
                packed[row + o % 8 / 4 * 16 + i % 4 * 4 + o % 4] = value as f32;
            }
        }
        packed
    }

    /// `[O / 4][tap][input of the group][4 outputs]`. With one input a group this is what the depthwise kernel reads.
    pub fn quads(&self) -> Vec<f32> {
        let (outputs, inputs) = (self.outputs.len(), self.problem.group_in());
        let taps = self.problem.window.elements();
        let mut packed = vec![0.0; outputs.div_ceil(4) * taps * inputs * 4];
        for o in 0..outputs {
            for i in 0..inputs {
                for tap in 0..taps {
                    packed[((o / 4 * taps + tap) * inputs + i) * 4 + o % 4] = self.at(o, i, tap);
                }
            }
        }
        packed
    }
}

/// A 3x3 filter as a minimal algorithm multiplies with it, row by row.
fn transformed(filter: &[f64; 9], size: Minimal) -> Vec<f64> {
    let rows: &[[f64; 3]] = match size {
        Minimal::F2 => &F2_FILTER,
        Minimal::F4 => &F4_FILTER,
    };
    let dot = |row: &[f64; 3], column: [f64; 3]| row.iter().zip(column).map(|(a, b)| a * b).sum::<f64>();
    let tall: Vec<[f64; 3]> = rows
        .iter()
        .map(|row| std::array::from_fn(|x| dot(row, [filter[x], filter[3 + x], filter[6 + x]])))
        .collect();
    tall.iter().flat_map(|line| rows.iter().map(|row| dot(row, *line))).collect()
}

/// The matrices `G` of Lavin and Gray.
const F2_FILTER: [[f64; 3]; 4] = [[1.0, 0.0, 0.0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.0, 0.0, 1.0]];
const F4_FILTER: [[f64; 3]; 6] = [
    [1.0 / 4.0, 0.0, 0.0],
    [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
    [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
    [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
    [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
    [0.0, 0.0, 1.0],
];

/// Bias, scale and shift of some output channels, each padded to a multiple of four. The bias of a product beside is
/// part of the bias.
pub fn channels(
    outputs: &Range<usize>,
    bias: Option<&[f32]>,
    epilogue: &Epilogue,
    beside: Option<&PixelProduct>,
) -> Vec<f32> {
    let padded = outputs.len().next_multiple_of(4);
    let mut packed = vec![0.0; padded * 3];
    for (place, c) in outputs.clone().enumerate() {
        let bias = bias.map_or(0.0, |b| b[c]);
        packed[place] = epilogue.pre.as_ref().map_or(bias, |pre| bias * pre.scale[c] + pre.shift[c]);
        packed[place] += beside.map_or(0.0, |product| product.bias(c));
        if let Some(post) = &epilogue.post {
            packed[padded + place] = post.scale[c];
            packed[2 * padded + place] = post.shift[c];
        }
    }
    packed
}
