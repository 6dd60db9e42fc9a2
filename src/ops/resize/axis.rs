//! One dimension of a resize.

/// A dimension and how it is resized.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    pub input: usize,
    pub output: usize,
    pub step: Step,
    /// The part of the input that the output shows, from 0 to 1; where the positions are of a crop.
    pub roi: (f64, f64),
}

/// The way in the input from one output to the next, the inverse of the scale: a fraction, so that a ratio of
/// two sizes gives exact positions wherever they are whole or half.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    pub numerator: f64,
    pub denominator: f64,
}

impl Step {
    pub fn of_scale(scale: f32) -> Self {
        Step { numerator: 1.0, denominator: f64::from(scale) }
    }

    pub fn of_sizes(input: usize, output: usize) -> Self {
        Step { numerator: input as f64, denominator: output as f64 }
    }

    /// `value / scale`, rounded once.
    fn times(self, value: f64) -> f64 {
        value * self.numerator / self.denominator
    }
}

/// ONNX's `coordinate_transformation_mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coordinates {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    TfHalfPixelForNn,
    TfCropAndResize,
}

impl Axis {
    pub fn scale(&self) -> f64 {
        self.step.denominator / self.step.numerator
    }

    /// The output's length before it was cut to a whole number.
    fn length(&self) -> f64 {
        self.input as f64 * self.step.denominator / self.step.numerator
    }

    /// The position in the input of an output; `None` outside of what a crop shows.
    pub fn position(&self, coordinates: Coordinates, output: usize) -> Option<f64> {
        let (y, last) = (output as f64, self.input as f64 - 1.0);
        let centred = self.step.times(y + 0.5) - 0.5;
        Some(match coordinates {
            Coordinates::Asymmetric => self.step.times(y),
            Coordinates::TfHalfPixelForNn => self.step.times(y + 0.5),
            Coordinates::HalfPixel => centred,
            Coordinates::PytorchHalfPixel if self.output > 1 => centred,
            Coordinates::PytorchHalfPixel => 0.0,
            // The specification's offset and centre put together: from centre to centre, rounded once.
            Coordinates::HalfPixelSymmetric => {
                0.5 * (last + self.step.times(2.0 * y + 1.0 - self.output as f64))
            }
            Coordinates::AlignCorners if self.output > 1 => y * last / (self.length() - 1.0),
            Coordinates::AlignCorners => 0.0,
            Coordinates::TfCropAndResize => return self.cropped(y, last),
        })
    }

    fn cropped(&self, y: f64, last: f64) -> Option<f64> {
        let (start, end) = self.roi;
        // Mixed rather than stepped from the start, so that the last output lies exactly at the end.
        let position = match self.output as f64 - 1.0 {
            0.0 => 0.5 * (start + end) * last,
            steps => (start * (steps - y) + end * y) * last / steps,
        };
        (0.0..=last).contains(&position).then_some(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_symmetric_grid_meets_whole_positions() {
        let axis = Axis { input: 3, output: 4, step: Step::of_scale(1.5), roi: (0.0, 1.0) };
        let position = |y| axis.position(Coordinates::HalfPixelSymmetric, y);
        assert_eq!((position(0), position(3)), (Some(0.0), Some(2.0)));
    }

    #[test]
    fn whole_positions_of_sizes_are_exact() {
        // Sizes at which others are off by one.
        for input in [214, 218, 255] {
            for output in [2 * input, 3 * input, input / 2, 5 * input / 3, 107, 1000] {
                let axis = Axis { input, output, step: Step::of_sizes(input, output), roi: (0.0, 1.0) };
                for y in 0..output {
                    let position = axis.position(Coordinates::Asymmetric, y).unwrap();
                    assert_eq!(position.floor(), (y * input / output) as f64, "{input} to {output}, {y}");
                }
            }
        }
    }
}
