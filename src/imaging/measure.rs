//! Simple measures of a scan, by which the gate tells a slice from a picture of something else.

use serde::Serialize;

use super::scan::{Channels, Samples, Scan};

/// Pixels above this fraction of the scan's maximum count as foreground.
const FOREGROUND: f32 = 0.1;

/// What a scan looks like before any network has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measures {
    /// Mean over the pixels of (largest - smallest channel) / the type's maximum; 0 for grey.
    pub colour: f64,
    /// Fraction of the pixels whose grey value is above a tenth of the largest; 0 for a black image.
    pub foreground: f64,
    /// Width / height.
    pub aspect: f64,
}

/// Measures a scan as it was decoded, before it is fitted to a network's input.
pub fn measure(scan: &Scan) -> Measures {
    Measures {
        colour: colour(scan),
        foreground: foreground(scan),
        aspect: ratio(scan.width(), scan.height()),
    }
}

fn colour(scan: &Scan) -> f64 {
    let spread = match (scan.channels(), scan.samples()) {
        (Channels::Grey, _) => return 0.0,
        (Channels::Rgb, Samples::U8(v)) => total_spread(v),
        (Channels::Rgb, Samples::U16(v)) => total_spread(v),
        (Channels::Rgb, Samples::F32(v)) => total_spread(v),
    };
    let pixels = scan.width() * scan.height();
    spread / count(pixels) / f64::from(scan.maximum())
}

fn total_spread<T: Copy + Into<f64>>(samples: &[T]) -> f64 {
    let spread = |pixel: &[T]| {
        let values = pixel.iter().map(|&v| v.into());
        let (low, high) =
            values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
        high - low
    };
    samples.chunks_exact(3).map(spread).sum()
}

fn foreground(scan: &Scan) -> f64 {
    let grey = scan.to_grey();
    let threshold = FOREGROUND * grey.iter().copied().fold(0.0, f32::max);
    let above = grey.iter().filter(|&&v| v > threshold).count();
    ratio(above, grey.len())
}

fn ratio(part: usize, whole: usize) -> f64 {
    count(part) / count(whole)
}

/// A count as a number to compute with; exact, since a scan has fewer than 2^32 pixels.
fn count(n: usize) -> f64 {
    f64::from(u32::try_from(n).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;

    #[test]
    fn colour_is_the_mean_spread() -> Result<()> {
        let scan = Scan::new(2, 1, Channels::Rgb, Samples::U8(vec![255, 0, 0, 51, 51, 51]))?;
        assert_eq!(measure(&scan).colour, 0.5);
        let grey = Scan::new(2, 1, Channels::Grey, Samples::U16(vec![65535, 0]))?;
        assert_eq!(measure(&grey).colour, 0.0);
        Ok(())
    }

    #[test]
    fn foreground_is_above_a_tenth_of_the_maximum() -> Result<()> {
        let scan = Scan::new(4, 1, Channels::Grey, Samples::U8(vec![0, 10, 11, 100]))?;
        assert_eq!(measure(&scan).foreground, 0.5);
        assert_eq!(measure(&scan).aspect, 4.0);
        let black = Scan::new(2, 2, Channels::Grey, Samples::U8(vec![0; 4]))?;
        assert_eq!(measure(&black).foreground, 0.0);
        Ok(())
    }
}
