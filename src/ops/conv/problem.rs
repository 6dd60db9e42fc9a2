//! A convolution, or a transposed one, at known shapes.

use super::super::window::Window;
use crate::ops::Reason;
use crate::tensor::Shape;

/// A convolution at known shapes.
#[derive(Debug, Clone, Copy)]
pub struct Problem {
    pub batch: usize,
    pub in_channels: usize,
    pub out_channels: usize,
    pub group: usize,
    pub window: Window,
    /// How often every pixel of what is stored is repeated along y and x before the window goes over it.
    pub enlarged: [usize; 2],
    /// Whether only the largest of every two by two outputs is kept. Height and width of the window's output are even
    /// then: an odd last row or column is not computed.
    pub pooled: bool,
    /// Whether every input is spread over a window of the output, not every output gathered from one.
    pub transposed: bool,
}

impl Problem {
    /// Input channels of one group.
    pub fn group_in(&self) -> usize {
        self.in_channels / self.group
    }

    /// Output channels of one group.
    pub fn group_out(&self) -> usize {
        self.out_channels / self.group
    }

    /// Whether every output depends on the one pixel of the input that lies where it does, through all channels.
    pub fn is_pixel_product(&self) -> bool {
        let Window { input, output, kernel, strides, pads_begin, .. } = &self.window;
        let is_pixel = [kernel, strides].iter().all(|sizes| **sizes == [1; 3]) && *pads_begin == [0; 3];
        let is_plain = !self.transposed && !self.pooled && self.group == 1 && self.enlarged == [1; 2];
        is_plain && is_pixel && input == output
    }

    /// The four outputs of the window, of which a pool keeps the largest as its output `i`.
    pub fn under_pool(&self, i: usize) -> [usize; 4] {
        let [_, _, width] = self.window.output;
        let (row, column) = (i / (width / 2), i % (width / 2));
        let first = 2 * row * width + 2 * column;
        [first, first + 1, first + width, first + width + 1]
    }

    pub fn out_pixels(&self) -> usize {
        self.batch * self.window.output.iter().product::<usize>()
    }

    /// Pixels as kernels work on them: a transposed convolution takes those of one remainder by the strides
    /// together, and rounds their number up.
    pub fn items(&self) -> usize {
        let Window { output, strides, .. } = &self.window;
        let along =
            |d: usize| if self.transposed { output[d].next_multiple_of(strides[d]) } else { output[d] };
        self.batch * (0..3).map(along).product::<usize>()
    }

    /// Kinds of pixels, each reached through other taps: a transposed convolution's differ by their remainder by the
    /// strides.
    pub fn phases(&self) -> usize {
        if self.transposed { self.window.strides.iter().product() } else { 1 }
    }

    /// Whether it is a 3x3 window that moves by one pixel, over planes: what minimal algorithms compute.
    pub fn suits_winograd(&self) -> bool {
        let Window { kernel, strides, dilations, .. } = &self.window;
        let is_plain = !self.transposed && self.group == 1 && self.enlarged == [1; 2];
        is_plain
            && !self.window.is_deep()
            && *kernel == [1, 3, 3]
            && *strides == [1; 3]
            && *dilations == [1; 3]
    }

    /// Whether the taps of a row, side by side as channels, make fewer groups of four than they do one by one.
    pub fn unfolds(&self) -> bool {
        let kernel_x = self.window.kernel[2];
        let groups = (self.in_channels * kernel_x).div_ceil(4);
        let is_plane = self.window.input[0] == 1 && !self.window.is_deep();
        let is_plain = !self.transposed && self.group == 1 && self.enlarged == [1; 2] && is_plane;
        is_plain && groups <= 2 && groups < self.in_channels.div_ceil(4) * kernel_x
    }

    /// Whether the taps of a row are few enough to be loaded as the channels of one group: the shader's `GATHERED`.
    pub fn gathers(&self) -> bool {
        let is_plain = !self.transposed && self.enlarged == [1; 2];
        is_plain && self.in_channels == 1 && (2..=4).contains(&self.window.kernel[2])
    }

    /// The same convolution over what [`Problem::unfolds`].
    pub fn unfolded(&self) -> Problem {
        let mut window = self.window;
        let kernel_x = std::mem::replace(&mut window.kernel[2], 1);
        (window.input[2], window.strides[2], window.dilations[2]) = (window.output[2], 1, 1);
        (window.pads_begin[2], window.pads_end[2]) = (0, 0);
        Problem { in_channels: self.in_channels * kernel_x, window, ..*self }
    }

    /// Tiles of so many outputs a side, over all planes.
    pub fn tiles(&self, side: usize) -> usize {
        let [depth, height, width] = self.window.output;
        self.batch * depth * height.div_ceil(side) * width.div_ceil(side)
    }

    /// One for every tap, channel and pixel of the side that windows are counted on.
    pub fn multiply_adds(&self) -> u64 {
        let (sizes, channels) = match self.transposed {
            false => (&self.window.output, [self.out_channels, self.group_in()]),
            true => (&self.window.input, [self.in_channels, self.group_out()]),
        };
        let factors = [self.batch, self.window.elements()].into_iter().chain(channels);
        factors.chain(*sizes).fold(1, |product, n| product.saturating_mul(n as u64))
    }

    pub fn output_shape(&self) -> Result<Shape, Reason> {
        let mut sizes = vec![self.batch, self.out_channels];
        let by = if self.pooled { 2 } else { 1 };
        sizes.extend(self.window.output_sizes().iter().map(|size| size / by));
        Ok(Shape::new(sizes)?)
    }

    /// This convolution of planes with its outputs pooled.
    pub fn with_pool(&self) -> Problem {
        let mut window = self.window;
        window.output[1] -= window.output[1] % 2;
        window.output[2] -= window.output[2] % 2;
        Problem { pooled: true, window, ..*self }
    }

    /// Where the weight of an output channel, an input of its group and a tap lies in ONNX's order.
    pub fn weight(&self, o: usize, i: usize, tap: usize) -> usize {
        let row = match self.transposed {
            false => o * self.group_in() + i,
            true => (o / self.group_out() * self.group_in() + i) * self.group_out() + o % self.group_out(),
        };
        row * self.window.elements() + tap
    }
}
