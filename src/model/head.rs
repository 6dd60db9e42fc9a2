//! Intensities over the head: what scanners leave arbitrary, measured so that preparation can undo it.
//!
//! MRI has no unit. The mean and the standard deviation of each channel over the pixels of the head, taken
//! over all slices of a stack, make scans comparable; for a lone slice they are those of the slice.

use std::collections::BTreeMap;

use super::card::Input;
use super::prepare::channels;
use crate::imaging::{Samples, Scan};

/// The bright end of a stack: this percentile of the pixels above zero. Vessels and fat are beyond it.
const BRIGHT_PERCENTILE: f64 = 99.5;
/// Pixels above this part of the bright end are head; air and noise are below it.
const HEAD_FRACTION: f64 = 0.2;
/// Into so many steps of brightness a volume's white is divided.
const STEPS: f64 = 1000.0;

/// Mean and standard deviation of one channel over the head, in the stored units.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    pub mean: f64,
    pub deviation: f64,
}

impl Level {
    /// How many standard deviations a stored value lies above the mean.
    pub(super) fn z(&self, stored: f64) -> f64 {
        (stored - self.mean) / self.deviation
    }
}

/// The pixels of some slices, counted by brightness, so that a stack of any length fits in memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Histogram {
    /// By the sum of a pixel's channels, rounded: in stored units, of a volume's slices in [`STEPS`].
    bins: BTreeMap<u32, Bin>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    pixels: f64,
    /// Of up to three channels: the sum of the values, and of their squares.
    sums: [f64; 3],
    squares: [f64; 3],
}

impl Bin {
    fn add(&mut self, other: &Bin) {
        self.pixels += other.pixels;
        for c in 0..3 {
            self.sums[c] += other.sums[c];
            self.squares[c] += other.squares[c];
        }
    }

    fn level(&self, channel: usize) -> Level {
        let mean = self.sums[channel] / self.pixels;
        let variance = (self.squares[channel] / self.pixels - mean * mean).max(0.0);
        // A flat head has no contrast to scale.
        let deviation = if variance > 0.0 { variance.sqrt() } else { 1.0 };
        Level { mean, deviation }
    }
}

impl Histogram {
    /// The pixels of one slice, in the channels that the input takes.
    pub fn of(scan: &Scan, input: &Input) -> Histogram {
        let planes = channels(scan, input.channels);
        let steps = if let Samples::F32(_) = scan.samples() { STEPS } else { 1.0 };
        let plane_of = |c: usize| planes.get(c).or(planes.first());
        let mut histogram = Histogram::default();
        for pixel in 0..scan.width() * scan.height() {
            let mut bin = Bin { pixels: 1.0, ..Bin::default() };
            for c in 0..input.channel_count() {
                let value = plane_of(c).and_then(|p| p.get(pixel)).copied().map_or(0.0, f64::from);
                bin.sums[c] = value;
                bin.squares[c] = value * value;
            }
            let key = (steps * bin.sums.iter().sum::<f64>()).round() as u32;
            histogram.bins.entry(key).or_default().add(&bin);
        }
        histogram
    }

    /// Adds the pixels of another slice.
    pub fn merge(&mut self, other: &Histogram) {
        for (key, bin) in &other.bins {
            self.bins.entry(*key).or_default().add(bin);
        }
    }

    /// The level of each of the three channels over the head; of what is black throughout, mean 0 and
    /// deviation 1.
    pub fn levels(&self) -> [Level; 3] {
        let threshold = HEAD_FRACTION * f64::from(self.bright_end());
        let mut head = Bin::default();
        for (_, bin) in self.bins.iter().filter(|(key, _)| f64::from(**key) > threshold) {
            head.add(bin);
        }
        if head.pixels == 0.0 {
            return [Level { mean: 0.0, deviation: 1.0 }; 3];
        }
        [0, 1, 2].map(|c| head.level(c))
    }

    /// The smallest brightness that [`BRIGHT_PERCENTILE`] of the pixels above zero do not exceed.
    fn bright_end(&self) -> u32 {
        let lit = || self.bins.range(1..);
        let wanted = BRIGHT_PERCENTILE / 100.0 * lit().map(|(_, bin)| bin.pixels).sum::<f64>();
        let mut passed = 0.0;
        for (key, bin) in lit() {
            passed += bin.pixels;
            if passed >= wanted {
                return *key;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Result;
    use crate::imaging::Channels;
    use crate::model::{ChannelsWanted, Fit, Intensity};

    fn input(channels: ChannelsWanted) -> Input {
        let intensity = Intensity::ZScore;
        Input {
            channels,
            height: 2,
            width: 2,
            fit: Fit::Pad,
            intensity,
            percentile: None,
            sequences: None,
            shown: None,
        }
    }

    fn grey(runs: &[(usize, u8)]) -> Result<Histogram> {
        let values: Vec<u8> = runs.iter().flat_map(|&(n, v)| std::iter::repeat_n(v, n)).collect();
        let scan = Scan::new(values.len(), 1, Channels::Grey, Samples::U8(values))?;
        Ok(Histogram::of(&scan, &input(ChannelsWanted::Grey)))
    }

    #[test]
    fn the_head_is_above_a_fifth_of_the_bright_end() -> Result<()> {
        // 200 lit pixels: 199 are 99.5 %, and reach up to 100. The head is above 20.
        let runs = [(50, 0), (5, 20), (4, 21), (190, 100), (1, 255)];
        let level = grey(&runs)?.levels()[0];
        let (sum, squares) = (4.0 * 21.0 + 19_000.0 + 255.0, 4.0 * 441.0 + 1_900_000.0 + 65_025.0);
        let mean: f64 = sum / 195.0;
        assert!((level.mean - mean).abs() < 1e-9, "{level:?}");
        assert!((level.deviation - (squares / 195.0 - mean * mean).sqrt()).abs() < 1e-9, "{level:?}");
        assert!((level.z(mean + 2.0 * level.deviation) - 2.0).abs() < 1e-9);
        // With two pixels beyond, the bright end is theirs: 255, and the head is above 51.
        let level = grey(&[(50, 0), (5, 20), (4, 21), (189, 100), (2, 255)])?.levels()[0];
        assert!((level.mean - (18_900.0 + 510.0) / 191.0).abs() < 1e-9, "{level:?}");
        Ok(())
    }

    #[test]
    fn channels_are_measured_apart_over_one_head() -> Result<()> {
        // The sums are 60, 300 and 6: the head is above 60.
        let samples = Samples::U8(vec![10, 20, 30, 100, 90, 110, 1, 2, 3]);
        let scan = Scan::new(3, 1, Channels::Rgb, samples)?;
        let levels = Histogram::of(&scan, &input(ChannelsWanted::Rgb)).levels();
        assert_eq!(levels.map(|l| (l.mean, l.deviation)), [(100.0, 1.0), (90.0, 1.0), (110.0, 1.0)]);
        Ok(())
    }

    #[test]
    fn grey_stands_for_each_channel() -> Result<()> {
        let scan = Scan::new(3, 1, Channels::Grey, Samples::U16(vec![0, 1000, 3000]))?;
        let levels = Histogram::of(&scan, &input(ChannelsWanted::Rgb)).levels();
        assert_eq!(levels.map(|l| (l.mean, l.deviation)), [(2000.0, 1000.0); 3]);
        Ok(())
    }

    #[test]
    fn slices_are_measured_together() -> Result<()> {
        let mut both = grey(&[(7, 0), (20, 40), (3, 90)])?;
        both.merge(&grey(&[(9, 0), (30, 60), (1, 200), (2, 40)])?);
        let whole = grey(&[(16, 0), (22, 40), (30, 60), (3, 90), (1, 200)])?;
        assert_eq!(both, whole);
        assert_eq!(both.levels(), whole.levels());
        Ok(())
    }

    #[test]
    fn what_has_no_contrast_is_not_scaled() -> Result<()> {
        let none = Level { mean: 0.0, deviation: 1.0 };
        assert_eq!(grey(&[(9, 0)])?.levels(), [none; 3]);
        assert_eq!(Histogram::default().levels(), [none; 3]);
        assert_eq!(grey(&[(9, 77)])?.levels()[0], Level { mean: 77.0, deviation: 1.0 });
        Ok(())
    }
}
