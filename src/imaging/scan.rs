//! A decoded scan: samples and geometry, and nothing that tells whose scan it is.

use std::borrow::Cow;

use crate::error::{Error, Result};

/// How many samples a pixel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// One sample a pixel.
    Grey,
    /// Three samples a pixel, interleaved: red, green, blue.
    Rgb,
}

impl Channels {
    /// Samples a pixel.
    pub fn count(self) -> usize {
        match self {
            Channels::Grey => 1,
            Channels::Rgb => 3,
        }
    }
}

/// The samples of a scan in the type they were stored in, so that nothing is lost before preparation.
#[derive(Debug, Clone, PartialEq)]
pub enum Samples {
    U8(Vec<u8>),
    U16(Vec<u16>),
    /// Of a slice of a volume, in units in which the volume's white ([`super::Volume::white`]) is 1.
    F32(Vec<f32>),
}

impl Samples {
    fn len(&self) -> usize {
        match self {
            Samples::U8(v) => v.len(),
            Samples::U16(v) => v.len(),
            Samples::F32(v) => v.len(),
        }
    }
}

/// One 2-D slice: row-major, top row first, channels interleaved.
///
/// A scan is never empty, and a colour scan has at least one pixel whose channels differ: grey stored
/// as RGB is held as grey.
#[derive(Debug, Clone, PartialEq)]
pub struct Scan {
    width: usize,
    height: usize,
    channels: Channels,
    samples: Samples,
    spacing: Option<[f32; 2]>,
}

impl Scan {
    /// A scan of these samples, `width * height * channels` of them.
    ///
    /// # Errors
    /// When a side is zero or the number of samples is another.
    pub fn new(width: usize, height: usize, channels: Channels, samples: Samples) -> Result<Self> {
        let expected = width.checked_mul(height).and_then(|n| n.checked_mul(channels.count()));
        if width == 0 || height == 0 || expected != Some(samples.len()) {
            let reason = format!("a scan of {width}x{height} pixels cannot hold {} samples", samples.len());
            return Err(Error::tensor("scan", reason));
        }
        let scan = Scan { width, height, channels, samples, spacing: None };
        Ok(scan.without_redundant_channels())
    }

    /// The same scan with the size of a pixel, in millimetres: x (along a row), y.
    pub fn with_spacing(mut self, spacing: [f32; 2]) -> Self {
        self.spacing = Some(spacing);
        self
    }

    /// Pixels a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Grey, or colour with at least one pixel that is not grey.
    pub fn channels(&self) -> Channels {
        self.channels
    }

    /// Whether no sample is above zero.
    pub fn is_black(&self) -> bool {
        match &self.samples {
            Samples::U8(v) => v.iter().all(|&x| x == 0),
            Samples::U16(v) => v.iter().all(|&x| x == 0),
            Samples::F32(v) => v.iter().all(|&x| x <= 0.0),
        }
    }

    /// The samples as stored.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// Bits a sample: 8, 16 or 32.
    pub fn bit_depth(&self) -> u8 {
        match self.samples {
            Samples::U8(_) => 8,
            Samples::U16(_) => 16,
            Samples::F32(_) => 32,
        }
    }

    /// What stands for full brightness: 255 or 65535, the largest that a sample can have, or a volume's white, 1.
    pub fn maximum(&self) -> f32 {
        match self.samples {
            Samples::U8(_) => f32::from(u8::MAX),
            Samples::U16(_) => f32::from(u16::MAX),
            Samples::F32(_) => 1.0,
        }
    }

    /// The size of a pixel in millimetres, x and y, where the file says so.
    pub fn spacing(&self) -> Option<[f32; 2]> {
        self.spacing
    }

    /// The samples as f32 in the stored units, channels interleaved.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.samples {
            Samples::U8(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Samples::U16(v) => v.iter().map(|&x| f32::from(x)).collect(),
            Samples::F32(v) => v.clone(),
        }
    }

    /// Grey values in the stored units, `width * height` of them; colour becomes Rec. 601 luma.
    pub fn to_grey(&self) -> Vec<f32> {
        match (&self.samples, self.channels) {
            (_, Channels::Grey) => self.to_f32(),
            (Samples::U8(v), Channels::Rgb) => v.chunks_exact(3).map(luma).collect(),
            (Samples::U16(v), Channels::Rgb) => v.chunks_exact(3).map(luma).collect(),
            (Samples::F32(v), Channels::Rgb) => v.chunks_exact(3).map(luma).collect(),
        }
    }

    /// The scan with no side longer than this, each pixel the mean of a block; as it is where it is no larger. Blocks at the
    /// right and the bottom may be cut.
    pub fn shrunk(&self, longest: usize) -> Cow<'_, Scan> {
        let side = self.width.max(self.height).div_ceil(longest.max(1));
        if side <= 1 {
            return Cow::Borrowed(self);
        }
        let [width, height] = [self.width, self.height].map(|size| size.div_ceil(side));
        let samples = match &self.samples {
            Samples::U8(v) => Samples::U8(self.means(v, side, |mean| mean.round() as u8)),
            Samples::U16(v) => Samples::U16(self.means(v, side, |mean| mean.round() as u16)),
            Samples::F32(v) => Samples::F32(self.means(v, side, |mean| mean as f32)),
        };
        Cow::Owned(Scan { width, height, channels: self.channels, samples, spacing: self.spacing })
    }

    /// The mean of every block, channels interleaved.
    fn means<T: Copy + Into<f64>>(&self, samples: &[T], side: usize, stored: impl Fn(f64) -> T) -> Vec<T> {
        let channels = self.channels.count();
        let row = |y: usize| &samples[y * self.width * channels..(y + 1) * self.width * channels];
        let mut all = Vec::new();
        for top in (0..self.height).step_by(side) {
            let rows = top..(top + side).min(self.height);
            for left in (0..self.width).step_by(side) {
                let columns = left..(left + side).min(self.width);
                let count = (rows.len() * columns.len()) as f64;
                for channel in 0..channels {
                    let of_row = |y: usize| -> f64 {
                        columns.clone().map(|x| row(y)[x * channels + channel].into()).sum()
                    };
                    all.push(stored(rows.clone().map(of_row).sum::<f64>() / count));
                }
            }
        }
        all
    }

    fn without_redundant_channels(mut self) -> Self {
        if self.channels == Channels::Rgb {
            let grey = match &self.samples {
                Samples::U8(v) => first_of_equal(v).map(Samples::U8),
                Samples::U16(v) => first_of_equal(v).map(Samples::U16),
                Samples::F32(v) => first_of_equal(v).map(Samples::F32),
            };
            if let Some(samples) = grey {
                self.samples = samples;
                self.channels = Channels::Grey;
            }
        }
        self
    }
}

/// Rec. 601 luma of a red, green, blue triple; a grey pixel keeps its exact value.
fn luma<T: Copy + PartialEq + Into<f32>>(pixel: &[T]) -> f32 {
    match *pixel {
        [r, g, b] if r == g && g == b => r.into(),
        [r, g, b] => 0.299 * r.into() + 0.587 * g.into() + 0.114 * b.into(),
        _ => 0.0,
    }
}

/// One channel of an RGB image whose channels agree in every pixel.
fn first_of_equal<T: Copy + PartialEq>(samples: &[T]) -> Option<Vec<T>> {
    let equal = |p: &[T]| p.windows(2).all(|pair| pair[0] == pair[1]);
    samples.chunks_exact(3).all(equal).then(|| samples.iter().step_by(3).copied().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_stored_as_rgb_is_grey() -> Result<()> {
        let scan = Scan::new(2, 1, Channels::Rgb, Samples::U8(vec![7, 7, 7, 9, 9, 9]))?;
        assert_eq!(scan.channels(), Channels::Grey);
        assert_eq!(scan.to_grey(), [7.0, 9.0]);
        Ok(())
    }

    #[test]
    fn colour_becomes_luma() -> Result<()> {
        let scan = Scan::new(2, 1, Channels::Rgb, Samples::U16(vec![1000, 0, 0, 300, 300, 300]))?;
        assert_eq!(scan.channels(), Channels::Rgb);
        assert_eq!(scan.to_grey(), [299.0, 300.0]);
        Ok(())
    }

    #[test]
    fn a_large_scan_shrinks_to_the_means_of_blocks() -> Result<()> {
        let samples = vec![0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 111, 7, 7, 9];
        let scan = Scan::new(5, 3, Channels::Grey, Samples::U8(samples))?.with_spacing([1.0, 2.0]);
        let small = scan.shrunk(3);
        assert_eq!((small.width(), small.height(), small.spacing()), (3, 2, Some([1.0, 2.0])));
        // The mean of 0, 10, 50 and 60, and so on; the last column and row are cut.
        assert_eq!(small.samples(), &Samples::U8(vec![30, 50, 65, 106, 7, 9]));
        assert_eq!(&*scan.shrunk(5), &scan);
        let colours = vec![1, 2, 3, 3, 4, 5, 9, 9, 9];
        let scan = Scan::new(3, 1, Channels::Rgb, Samples::U16(colours))?;
        assert_eq!(scan.shrunk(2).samples(), &Samples::U16(vec![2, 3, 4, 9, 9, 9]));
        Ok(())
    }

    #[test]
    fn sizes_must_agree() {
        assert!(Scan::new(0, 1, Channels::Grey, Samples::U8(vec![])).is_err());
        assert!(Scan::new(2, 2, Channels::Grey, Samples::U8(vec![0; 3])).is_err());
        assert!(Scan::new(usize::MAX, 2, Channels::Rgb, Samples::U8(vec![0; 3])).is_err());
    }
}
