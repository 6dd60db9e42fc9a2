//! From a scan to the network's input, the same way for training and for use.

use image::imageops::{self, FilterType};
use image::{ImageBuffer, Luma};

use super::card::{Card, ChannelsWanted, Fit, Input, Intensity};
use super::head::{Histogram, Level};
use crate::error::{Error, Result};
use crate::imaging::{Channels, Scan};
use crate::tensor::Tensor;

/// Standard deviations from the mean are held to this either way.
const MAX_Z: f64 = 5.0;

/// A channel's values, row-major, and the value of what lies beyond its edge.
pub(super) struct Channel {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
    pub beyond: f32,
}

impl Card {
    /// The network's input for one scan: f32 `[1, C, H, W]`. `levels` are those of the stack that the
    /// scan belongs to, for cards that take them ([`Histogram::levels`]); a lone slice has its own.
    ///
    /// # Errors
    /// When the scan cannot be scaled.
    pub fn prepare(&self, scan: &Scan, levels: Option<&[Level; 3]>) -> Result<Tensor> {
        self.input.prepare(scan, levels)
    }
}

impl Input {
    /// As [`Card::prepare`].
    ///
    /// # Errors
    /// When the scan cannot be scaled.
    pub fn prepare(&self, scan: &Scan, levels: Option<&[Level; 3]>) -> Result<Tensor> {
        let channels = channels(scan, self.channels);
        let units = self.units(scan, &channels, levels);
        let mut data = Vec::with_capacity(self.channel_count() * self.height * self.width);
        for (c, unit) in units.into_iter().enumerate().take(self.channel_count()) {
            // Grey stands for every channel that the network takes.
            let stored = channels.get(c).or(channels.first()).into_iter().flatten();
            let values = stored.map(|&v| unit.apply(v)).collect();
            let beyond = unit.apply(0.0);
            data.extend(fit(Channel { width: scan.width(), height: scan.height(), values, beyond }, self)?);
        }
        Tensor::from_f32(self.shape(1), data)
    }

    /// The way back for a plane of the network's output, row-major: what was prepared from a scan of
    /// `width` x `height` pixels gets that size again. The part that was padding is cut off.
    ///
    /// # Errors
    /// When the plane is not of the input's size, or cannot be scaled.
    pub fn restore(&self, plane: &[f32], width: usize, height: usize) -> Result<Vec<f32>> {
        if plane.len() != self.width * self.height {
            let reason = format!("{} values where {}x{} are due", plane.len(), self.width, self.height);
            return Err(Error::tensor("output", reason));
        }
        let (inner_width, inner_height) = self.inner_size(width, height);
        let (top, left) = ((self.height - inner_height) / 2, (self.width - inner_width) / 2);
        let rows = plane.chunks_exact(self.width).skip(top).take(inner_height);
        let values = rows.flat_map(|row| row.iter().skip(left).take(inner_width).copied()).collect();
        let inner = Channel { width: inner_width, height: inner_height, values, beyond: 0.0 };
        Ok(scale(inner, width, height)?.values)
    }

    /// The size of a scan of `width` x `height` within the input, without padding.
    pub fn inner_size(&self, width: usize, height: usize) -> (usize, usize) {
        match self.fit {
            Fit::Stretch => (self.width, self.height),
            Fit::Pad => size_within(width, height, self),
        }
    }

    /// How the stored values of each channel become the network's.
    fn units(&self, scan: &Scan, channels: &[Vec<f32>], levels: Option<&[Level; 3]>) -> [Unit; 3] {
        match (self.intensity, self.percentile) {
            (Intensity::ZScore, _) => {
                let own = || Histogram::of(scan, self).levels();
                levels.copied().unwrap_or_else(own).map(Unit::Level)
            }
            (Intensity::Percentile, Some(q)) => {
                let one = percentile_above_zero(channels, q);
                // Black throughout: whatever it is divided by, it stays black.
                [Unit::Scale(one.unwrap_or(1.0)); 3]
            }
            _ => [Unit::Scale(f64::from(scan.maximum())); 3],
        }
    }
}

/// What stored values are measured in.
#[derive(Clone, Copy)]
enum Unit {
    /// The value that becomes 1.
    Scale(f64),
    Level(Level),
}

impl Unit {
    fn apply(self, stored: f32) -> f32 {
        let stored = f64::from(stored);
        match self {
            Unit::Scale(one) => narrow(stored / one).clamp(0.0, 1.0),
            Unit::Level(level) => narrow(level.z(stored).clamp(-MAX_Z, MAX_Z)),
        }
    }
}

/// The channels in the stored units: one, or three that differ.
pub(super) fn channels(scan: &Scan, wanted: ChannelsWanted) -> Vec<Vec<f32>> {
    match (wanted, scan.channels()) {
        (ChannelsWanted::Rgb, Channels::Rgb) => {
            let samples = scan.to_f32();
            (0..3).map(|c| samples.iter().skip(c).step_by(3).copied().collect()).collect()
        }
        _ => vec![scan.to_grey()],
    }
}

/// The nearest f32.
fn narrow(value: f64) -> f32 {
    value as f32
}

/// The `q`-th percentile of all values above zero, interpolated as `numpy.percentile` does; None when
/// no value is above zero.
fn percentile_above_zero(channels: &[Vec<f32>], q: f64) -> Option<f64> {
    let mut values: Vec<f32> = channels.iter().flatten().copied().filter(|&v| v > 0.0).collect();
    let last = values.len().checked_sub(1)?;
    let position = q / 100.0 * last as f64;
    let below = (position.floor() as usize).min(last);
    let (_, &mut low, above) = values.select_nth_unstable_by(below, f32::total_cmp);
    let high = above.iter().copied().min_by(f32::total_cmp).unwrap_or(low);
    let (low, high) = (f64::from(low), f64::from(high));
    Some(low + (high - low) * (position - below as f64))
}

/// The plane at the input's size.
fn fit(plane: Channel, input: &Input) -> Result<Vec<f32>> {
    let (width, height) = input.inner_size(plane.width, plane.height);
    let scaled = scale(plane, width, height)?;
    Ok(centre(scaled, input))
}

/// The largest size of these proportions within the input, each side rounded to the nearest.
fn size_within(width: usize, height: usize, input: &Input) -> (usize, usize) {
    let (width, height) = (width as f64, height as f64);
    let factor = (input.width as f64 / width).min(input.height as f64 / height);
    let side = |n: f64, limit: usize| ((n * factor).round() as usize).clamp(1, limit);
    (side(width, input.width), side(height, input.height))
}

pub(super) fn scale(plane: Channel, width: usize, height: usize) -> Result<Channel> {
    if (plane.width, plane.height) == (width, height) {
        return Ok(plane);
    }
    let side = |n: usize| u32::try_from(n).map_err(|_| Error::tensor("scan", "a side is too long"));
    // The resizing holds f32 to [0, 1]: other values are brought there, and back.
    let low = plane.values.iter().copied().fold(0.0, f32::min);
    let extent = plane.values.iter().copied().fold(1.0, f32::max) - low;
    let values: Vec<f32> = plane.values.iter().map(|v| (v - low) / extent).collect();
    let image = ImageBuffer::<Luma<f32>, _>::from_raw(side(plane.width)?, side(plane.height)?, values)
        .ok_or_else(|| Error::tensor("scan", "its samples do not fill it"))?;
    let scaled = imageops::resize(&image, side(width)?, side(height)?, FilterType::Triangle);
    let values = scaled.into_raw().into_iter().map(|v| v * extent + low).collect();
    Ok(Channel { width, height, values, beyond: plane.beyond })
}

/// The plane in the middle of the input, half a pixel up and left where the rest is odd.
fn centre(plane: Channel, input: &Input) -> Vec<f32> {
    if (plane.width, plane.height) == (input.width, input.height) {
        return plane.values;
    }
    let (top, left) = ((input.height - plane.height) / 2, (input.width - plane.width) / 2);
    let mut out = vec![plane.beyond; input.height * input.width];
    let rows = out.chunks_exact_mut(input.width).skip(top);
    for (row, values) in rows.zip(plane.values.chunks_exact(plane.width)) {
        for (pixel, &value) in row.iter_mut().skip(left).zip(values) {
            *pixel = value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Samples;

    fn input(channels: ChannelsWanted, fit: Fit, percentile: Option<f64>) -> Input {
        let intensity = if percentile.is_some() { Intensity::Percentile } else { Intensity::Unit };
        Input { channels, height: 2, width: 4, fit, intensity, percentile, sequences: None, shown: None }
    }

    fn values(input: &Input, scan: &Scan) -> Result<Vec<f32>> {
        Ok(input.prepare(scan, None)?.as_f32()?.to_vec())
    }

    #[test]
    fn percentiles_are_numpys() {
        // numpy.percentile([1, 2, 4, 8], q)
        for (q, expected) in [(100.0, 8.0), (50.0, 3.0), (25.0, 1.75), (90.0, 6.8), (1e-9, 1.0)] {
            let found = percentile_above_zero(&[vec![8.0, 0.0, 1.0], vec![4.0, 2.0, 0.0]], q);
            assert!(found.is_some_and(|p| (p - expected).abs() < 1e-9), "{q}: {found:?}");
        }
        assert_eq!(percentile_above_zero(&[vec![0.0; 3]], 50.0), None);
        assert_eq!(percentile_above_zero(&[vec![3.0]], 99.5), Some(3.0));
    }

    #[test]
    fn values_above_the_percentile_become_one() -> Result<()> {
        let scan = Scan::new(4, 2, Channels::Grey, Samples::U8(vec![0, 0, 0, 0, 1, 2, 4, 8]))?;
        let found = values(&input(ChannelsWanted::Grey, Fit::Pad, Some(50.0)), &scan)?;
        assert_eq!(found, [0.0, 0.0, 0.0, 0.0, 1.0 / 3.0, 2.0 / 3.0, 1.0, 1.0]);
        Ok(())
    }

    #[test]
    fn black_stays_black() -> Result<()> {
        let scan = Scan::new(3, 5, Channels::Grey, Samples::U16(vec![0; 15]))?;
        let found = values(&input(ChannelsWanted::Grey, Fit::Pad, Some(99.5)), &scan)?;
        assert_eq!(found, [0.0; 8]);
        Ok(())
    }

    #[test]
    fn padding_is_half_a_pixel_up_and_left() -> Result<()> {
        let scan = Scan::new(1, 2, Channels::Grey, Samples::U8(vec![51, 255]))?;
        let found = values(&input(ChannelsWanted::Grey, Fit::Pad, None), &scan)?;
        assert_eq!(found, [0.0, 0.2, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        Ok(())
    }

    #[test]
    fn channels_are_what_the_network_takes() -> Result<()> {
        let scan = Scan::new(4, 2, Channels::Grey, Samples::U8(vec![255; 8]))?;
        let rgb = input(ChannelsWanted::Rgb, Fit::Pad, None).prepare(&scan, None)?;
        assert_eq!((rgb.shape().to_vec(), rgb.as_f32()?), (vec![1, 3, 2, 4], &[1.0; 24][..]));
        let red: Vec<u8> = [255, 0, 0].repeat(8);
        let scan = Scan::new(4, 2, Channels::Rgb, Samples::U8(red))?;
        let rgb = values(&input(ChannelsWanted::Rgb, Fit::Pad, None), &scan)?;
        assert_eq!((rgb[..8].to_vec(), rgb[8..].to_vec()), (vec![1.0; 8], vec![0.0; 16]));
        let grey = values(&input(ChannelsWanted::Grey, Fit::Pad, None), &scan)?;
        assert_eq!(grey, [0.299; 8]);
        Ok(())
    }

    #[test]
    fn the_longest_strip_still_fits() -> Result<()> {
        let scan = Scan::new(16_384, 1, Channels::Grey, Samples::U8(vec![255; 16_384]))?;
        let found = values(&input(ChannelsWanted::Grey, Fit::Pad, None), &scan)?;
        assert!(found[..4].iter().all(|v| (v - 1.0).abs() < 1e-6), "{found:?}");
        assert_eq!(found[4..], [0.0; 4]);
        Ok(())
    }
    #[test]
    fn masks_go_the_way_back() -> Result<()> {
        let plane = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
        let pad = input(ChannelsWanted::Grey, Fit::Pad, None);
        assert_eq!(pad.restore(&plane, 4, 2)?, plane);
        // What was padding on both sides is cut off.
        assert_eq!(pad.restore(&plane, 2, 2)?, [1.0, 2.0, 5.0, 6.0]);
        // Half a pixel up and left, as it was put in.
        assert_eq!(pad.restore(&plane, 1, 2)?, [1.0, 5.0]);
        assert_eq!(pad.restore(&plane, 1, 1)?.len(), 1);
        let stretched = input(ChannelsWanted::Grey, Fit::Stretch, None).restore(&plane, 2, 2)?;
        assert!(stretched[0] > 0.0 && stretched[0] < 1.5 && stretched[3] > 5.5, "{stretched:?}");
        let sizes = [(7, 5), (1, 9), (16_384, 1), (1, 16_384)];
        for (width, height) in sizes {
            for fit in [Fit::Pad, Fit::Stretch] {
                let input = input(ChannelsWanted::Grey, fit, None);
                let found = input.restore(&[0.5; 8], width, height)?;
                assert_eq!(found.len(), width * height);
                assert!(found.iter().all(|v| (v - 0.5).abs() < 1e-6), "{width}x{height}");
            }
        }
        assert!(pad.restore(&plane[1..], 4, 2).is_err());
        Ok(())
    }

    #[test]
    fn levels_make_deviations_and_black_around_them() -> Result<()> {
        let scan = Scan::new(1, 2, Channels::Grey, Samples::U8(vec![30, 200]))?;
        let input = Input { intensity: Intensity::ZScore, ..input(ChannelsWanted::Grey, Fit::Pad, None) };
        let levels = [Level { mean: 20.0, deviation: 10.0 }; 3];
        let found = input.prepare(&scan, Some(&levels))?;
        // At most five; what was padded is as black as the scan's own black.
        assert_eq!(found.as_f32()?, [-2.0, 1.0, -2.0, -2.0, -2.0, 5.0, -2.0, -2.0]);
        let own = input.prepare(&scan, None)?;
        // Only the brighter pixel is head, and a flat head is not scaled.
        assert_eq!(own.as_f32()?[1], -5.0);
        assert_eq!(own.as_f32()?[5], 0.0);
        Ok(())
    }
}
