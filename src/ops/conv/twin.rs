//! The twin of both convolutions: every output by itself, in f64.

use std::borrow::Cow;

use super::problem::Problem;
use crate::ops::epilogue::Epilogue;
use crate::ops::pixel_product::PixelProduct;

/// What the twin is computed from, row-major.
pub struct Twin<'a> {
    pub problem: Problem,
    /// Enlarged, if that is done.
    pub x: Cow<'a, [f32]>,
    pub w: &'a [f32],
    pub bias: Option<&'a [f32]>,
    /// A residual, or what lies under the product beside.
    pub last: Option<&'a [f32]>,
    pub beside: Option<&'a PixelProduct>,
    pub epilogue: &'a Epilogue,
}

impl Twin<'_> {
    /// Output `i`, before a pool.
    pub fn at(&self, i: usize) -> f32 {
        let pixels: usize = self.problem.window.output.iter().product();
        let o = i / pixels % self.problem.out_channels;
        let sum = self.bias.map_or(0.0, |b| f64::from(b[o])) + self.sum(i);
        let added = match (self.beside, self.last) {
            (None, last) => last.map_or(0.0, |residual| f64::from(residual[i])),
            (Some(product), last) => {
                let first = i / pixels / self.problem.out_channels * product.inputs() * pixels + i % pixels;
                product.sum(o, |c| last.map_or(0.0, |x| x[first + c * pixels]))
            }
        };
        self.epilogue.apply(sum, o, added) as f32
    }

    /// The sum of products of output `i`.
    fn sum(&self, i: usize) -> f64 {
        let problem = &self.problem;
        let pixels: usize = problem.window.output.iter().product();
        let (plane, taps) = (i / pixels, taps(problem, i % pixels));
        let (n, o) = (plane / problem.out_channels, plane % problem.out_channels);
        let first = o / problem.group_out() * problem.group_in();
        let in_pixels: usize = problem.window.input.iter().product();
        let mut sum = 0.0;
        for i in 0..problem.group_in() {
            let image = (n * problem.in_channels + first + i) * in_pixels;
            let weights = problem.weight(o, i, 0);
            for &(tap, at) in &taps {
                sum += f64::from(self.x[image + at]) * f64::from(self.w[weights + tap]);
            }
        }
        sum
    }
}

/// The taps that reach a pixel of the output, and the pixels of the input that they bring there.
fn taps(problem: &Problem, pixel: usize) -> Vec<(usize, usize)> {
    let window = &problem.window;
    let ([_, height, width], [_, kernel_y, kernel_x], [_, in_height, in_width]) =
        (window.output, window.kernel, window.input);
    let along = |axis, position| -> Vec<(usize, usize)> {
        match problem.transposed {
            false => window.taps(axis, position).collect(),
            true => window.sources(axis, position).collect(),
        }
    };
    let [planes, lines, columns] =
        [along(0, pixel / (height * width)), along(1, pixel / width % height), along(2, pixel % width)];
    let mut taps = Vec::with_capacity(planes.len() * lines.len() * columns.len());
    for &(kz, plane) in &planes {
        for &(ky, line) in &lines {
            let row = (kz * kernel_y + ky) * kernel_x;
            taps.extend(
                columns.iter().map(|&(kx, at)| (row + kx, (plane * in_height + line) * in_width + at)),
            );
        }
    }
    taps
}
