//! Intensities over the head: what scanners leave arbitrary, measured so that preparation can undo it.
//!
//! MRI has no unit. The mean and the standard deviation of each channel over the pixels of the head, taken
//! over all slices of a stack, make scans comparable; for a lone slice they are those of the slice.

use std::collections::BTreeMap;

use super::card::Input;
use super::prepare::channels;
use crate::imaging::Scan;

/// The bright end of a stack: this percentile of the pixels above zero. Vessels and fat are beyond it.
const BRIGHT_PERCENTILE: f64 = 99.5;
/// Pixels above this part of the bright end are head; air and noise are below it.
const HEAD_FRACTION: f64 = 0.2;

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
    /// By the sum of a pixel's channels, rounded.
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
        let plane_of = |c: usize| planes.get(c).or(planes.first());
        let mut histogram = Histogram::default();
        for pixel in 0..scan.width() * scan.height() {
            let mut bin = Bin { pixels: 1.0, ..Bin::default() };
            for c in 0..input.channel_count() {
                let value = plane_of(c).and_then(|p| p.get(pixel)).copied().map_or(0.0, f64::from);
                bin.sums[c] = value;
                bin.squares[c] = value * value;
            }
            let key = bin.sums.iter().sum::<f64>().round() as u32;
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
