//! Weights in the orders that the convolution kernels read them in, `pre` folded in.

use std::ops::Range;

use super::problem::Problem;
use crate::ops::epilogue::{Epilogue, ScaleShift};

/// The weights of some output channels of a convolution, from ONNX's order.
pub struct Weights<'a> {
    pub problem: &'a Problem,
    pub data: &'a [f32],
    pub pre: Option<&'a ScaleShift>,
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
    /// the register tile, or of a subgroup, reads eight rows that lie side by side.
    pub fn octets(&self) -> Vec<f32> {
        let (outputs, inputs) = (self.outputs.len(), self.problem.group_in());
        // Even in number: the subgroup kernel takes two at a time.
        let octets = outputs.div_ceil(8).next_multiple_of(2);
        let (quads, taps) = (inputs.div_ceil(4), self.problem.window.elements());
        let mut packed = vec![0.0; octets * taps * quads * 32];
        for o in 0..outputs {
            for i in 0..inputs {
                for tap in 0..taps {
                    let step = (o / 8 * taps + tap) * quads + i / 4;
                    let place = step * 32 + o % 8 / 4 * 16 + i % 4 * 4 + o % 4;
                    packed[place] = self.at(o, i, tap);
                }
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

/// Bias, scale and shift of some output channels, each padded to a multiple of four.
pub fn channels(outputs: &Range<usize>, bias: Option<&[f32]>, epilogue: &Epilogue) -> Vec<f32> {
    let padded = outputs.len().next_multiple_of(4);
    let mut packed = vec![0.0; padded * 3];
    for (place, c) in outputs.clone().enumerate() {
        let bias = bias.map_or(0.0, |b| b[c]);
        packed[place] = epilogue.pre.as_ref().map_or(bias, |pre| bias * pre.scale[c] + pre.shift[c]);
        if let Some(post) = &epilogue.post {
            packed[padded + place] = post.scale[c];
            packed[2 * padded + place] = post.shift[c];
        }
    }
    packed
}
