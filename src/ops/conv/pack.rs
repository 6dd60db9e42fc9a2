//! Weights in the orders that the convolution kernels read them in, `pre` folded in.

use super::Problem;
use crate::ops::epilogue::{Epilogue, ScaleShift};

/// The weights of a convolution, `[O, I/groups, KH, KW]`.
pub struct Weights<'a> {
    pub problem: &'a Problem,
    pub data: &'a [f32],
    pub pre: Option<&'a ScaleShift>,
}

impl Weights<'_> {
    fn at(&self, o: usize, i: usize, tap: usize) -> f32 {
        let taps = self.problem.window.elements();
        let value = self.data[(o * self.problem.group_in() + i) * taps + tap];
        self.pre.map_or(value, |pre| value * pre.scale[o])
    }

    /// `[O / 8][tap][I / 4][2 quads of outputs][4 inputs][4 outputs]`, zeros past the last channel: a step of
    /// the register tile, or of a subgroup, reads eight rows that lie side by side.
    pub fn octets(&self) -> Vec<f32> {
        let (outputs, inputs) = (self.problem.out_channels, self.problem.group_in());
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
        let (outputs, inputs) = (self.problem.out_channels, self.problem.group_in());
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

/// Bias, scale and shift of every channel, each padded to a multiple of four.
pub fn channels(count: usize, bias: Option<&[f32]>, epilogue: &Epilogue) -> Vec<f32> {
    let padded = count.next_multiple_of(4);
    let mut packed = vec![0.0; padded * 3];
    for c in 0..count {
        let bias = bias.map_or(0.0, |b| b[c]);
        packed[c] = epilogue.pre.as_ref().map_or(bias, |pre| bias * pre.scale[c] + pre.shift[c]);
        if let Some(post) = &epilogue.post {
            packed[padded + c] = post.scale[c];
            packed[2 * padded + c] = post.shift[c];
        }
    }
    packed
}
