//! From a slice with its pixels in mm to the picture that a network is shown, and back.

use super::card::{Input, Volumes};
use super::prepare::{Channel, scale};
use crate::error::{Error, Result};
use crate::imaging::{Channels, Samples, Scan, Slice};

/// No field of view is wider, in mm.
const MOST_MM: f64 = 2000.0;
/// Nor has a slice more pixels a side once they are square.
const MOST_PIXELS: f64 = 4096.0;

/// How a slice becomes a picture with square pixels: scaled to the size that the card states, cropped or padded about its
/// middle to the network's size; where the card states none, scaled as little as makes the pixels square.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Width and height of the slice itself.
    from: [usize; 2],
    /// With square pixels.
    scaled: [usize; 2],
    /// What the network is shown.
    window: [usize; 2],
    upside_down: bool,
}

impl Field {
    /// # Errors
    /// When the slice would be too large in pixels of the wanted size.
    pub fn of(input: &Input, volumes: &Volumes, size: [usize; 2], pixel: [f64; 2]) -> Result<Field> {
        let unit = volumes.pixel_mm.unwrap_or(pixel[0].min(pixel[1]));
        let sides: [f64; 2] = std::array::from_fn(|n| (size[n] as f64 * pixel[n] / unit).round().max(1.0));
        let is_large = |(side, mm): (&f64, f64)| *side > MOST_PIXELS || mm > MOST_MM;
        if sides.iter().zip([0, 1].map(|n| size[n] as f64 * pixel[n])).any(is_large) {
            let [width, height] = sides;
            let reason = format!("a slice of {width}x{height} pixels of {unit} mm is larger than any head");
            return Err(Error::tensor("slice", reason));
        }
        let scaled = sides.map(|side| side as usize);
        let window = if volumes.pixel_mm.is_some() { [input.width, input.height] } else { scaled };
        Ok(Field { from: size, scaled, window, upside_down: volumes.upside_down })
    }

    /// Width and height of the picture.
    pub fn window(&self) -> [usize; 2] {
        self.window
    }

    /// How many of the slice's pixels one of the picture's is.
    pub fn scale(&self) -> f64 {
        let count = |[width, height]: [usize; 2]| (width * height) as f64;
        count(self.from) / count(self.scaled)
    }

    /// The picture of one slice in all of its channels, one or three of them.
    ///
    /// # Errors
    /// When they cannot be scaled.
    pub fn picture(&self, channels: &[Slice]) -> Result<Scan> {
        let planes = channels.iter().map(|slice| self.apply(&slice.values)).collect::<Result<Vec<_>>>()?;
        let [width, height] = self.window;
        let (kind, samples) = match planes.as_slice() {
            [red, green, blue] => {
                let pixels = red.iter().zip(green).zip(blue).flat_map(|((&r, &g), &b)| [r, g, b]);
                (Channels::Rgb, pixels.collect())
            }
            _ => (Channels::Grey, planes.into_iter().next().unwrap_or_default()),
        };
        Scan::new(width, height, kind, Samples::F32(samples))
    }

    /// Values of the picture's pixels at those of the slice; 0 where the picture does not reach.
    ///
    /// # Errors
    /// When there are not as many as pixels, or they cannot be scaled.
    pub fn restore(&self, picture: &[f32]) -> Result<Vec<f32>> {
        let upright = self.turned(picture.to_vec());
        let whole = moved(&upright, self.window, self.scaled)?;
        resized(whole, self.scaled, self.from)
    }

    fn apply(&self, slice: &[f32]) -> Result<Vec<f32>> {
        let scaled = resized(slice.to_vec(), self.from, self.scaled)?;
        Ok(self.turned(moved(&scaled, self.scaled, self.window)?))
    }

    /// The picture's rows in the network's order, or back in the slice's.
    fn turned(&self, picture: Vec<f32>) -> Vec<f32> {
        if !self.upside_down {
            return picture;
        }
        picture.rchunks(self.window[0].max(1)).flatten().copied().collect()
    }
}

fn resized(values: Vec<f32>, from: [usize; 2], to: [usize; 2]) -> Result<Vec<f32>> {
    let channel = Channel { width: from[0], height: from[1], values, beyond: 0.0 };
    Ok(scale(channel, to[0], to[1])?.values)
}

/// The values in the middle of a picture of another size: cropped, or with zeros around.
fn moved(values: &[f32], from: [usize; 2], to: [usize; 2]) -> Result<Vec<f32>> {
    if values.len() != from[0] * from[1] {
        let reason = format!("{} values where {}x{} are due", values.len(), from[0], from[1]);
        return Err(Error::tensor("slice", reason));
    }
    if from == to {
        return Ok(values.to_vec());
    }
    // What is left out before the first, and what is left free.
    let skipped: [usize; 2] = std::array::from_fn(|n| from[n].saturating_sub(to[n]) / 2);
    let free: [usize; 2] = std::array::from_fn(|n| to[n].saturating_sub(from[n]) / 2);
    let kept = from[0].min(to[0]);
    let mut moved = vec![0.0; to[0] * to[1]];
    let sources = values.chunks_exact(from[0]).skip(skipped[1]);
    for (row, source) in moved.chunks_exact_mut(to[0]).skip(free[1]).zip(sources) {
        row[free[0]..free[0] + kept].copy_from_slice(&source[skipped[0]..skipped[0] + kept]);
    }
    Ok(moved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ChannelsWanted, Fit, Intensity};

    fn field(pixel_mm: Option<f64>, size: [usize; 2], pixel: [f64; 2]) -> Result<Field> {
        let input = Input {
            channels: ChannelsWanted::Grey,
            height: 3,
            width: 4,
            fit: Fit::Pad,
            intensity: Intensity::Unit,
            percentile: None,
            sequences: None,
            shown: None,
        };
        Field::of(&input, &Volumes { pixel_mm, ..Volumes::default() }, size, pixel)
    }

    fn slice(size: [usize; 2]) -> Slice {
        let values = (1..=size[0] * size[1]).map(|n| n as f32).collect();
        Slice { width: size[0], height: size[1], values, spacing: [1.0; 2] }
    }

    #[test]
    fn a_slice_of_the_right_size_is_not_touched() -> Result<()> {
        let (field, slice) = (field(Some(0.5), [4, 3], [0.5, 0.5])?, slice([4, 3]));
        let picture = field.picture(std::slice::from_ref(&slice))?;
        assert_eq!((picture.width(), picture.height(), picture.to_f32()), (4, 3, slice.values.clone()));
        assert_eq!(field.restore(&slice.values)?, slice.values);
        Ok(())
    }

    #[test]
    fn other_sizes_are_cropped_and_padded_about_the_middle() -> Result<()> {
        // Too wide by two pixels, too low by one.
        let field = field(Some(1.0), [6, 2], [1.0, 1.0])?;
        let picture = field.picture(&[slice([6, 2])])?.to_f32();
        assert_eq!(picture, [2.0, 3.0, 4.0, 5.0, 8.0, 9.0, 10.0, 11.0, 0.0, 0.0, 0.0, 0.0]);
        let back = field.restore(&picture)?;
        assert_eq!(back, [0.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 8.0, 9.0, 10.0, 11.0, 0.0]);
        assert!(field.restore(&[0.0; 11]).is_err());
        Ok(())
    }

    #[test]
    fn pixels_become_square() -> Result<()> {
        let flat = field(None, [4, 3], [1.0, 2.0])?;
        assert_eq!(flat.window(), [4, 6]);
        assert_eq!(flat.restore(&[7.0; 24])?, [7.0; 12]);
        let stated = field(Some(2.0), [8, 3], [1.0, 2.0])?;
        assert_eq!(stated.picture(&[slice([8, 3])])?.to_f32().len(), 12);
        assert!(field(Some(0.001), [4, 3], [1e9, 1.0]).is_err());
        Ok(())
    }

    #[test]
    fn a_network_may_want_slices_upside_down() -> Result<()> {
        let upright = field(Some(1.0), [6, 2], [1.0, 1.0])?;
        let field = Field { upside_down: true, ..upright };
        let picture = field.picture(&[slice([6, 2])])?.to_f32();
        assert_eq!(picture, [0.0, 0.0, 0.0, 0.0, 8.0, 9.0, 10.0, 11.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(field.restore(&picture)?, [0.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.0, 8.0, 9.0, 10.0, 11.0, 0.0]);
        Ok(())
    }

    #[test]
    fn three_channels_make_a_picture_in_colour() -> Result<()> {
        let field = field(Some(1.0), [4, 3], [1.0, 1.0])?;
        let dark = Slice { values: vec![0.0; 12], ..slice([4, 3]) };
        let picture = field.picture(&[slice([4, 3]), dark.clone(), dark])?;
        assert_eq!(picture.channels(), Channels::Rgb);
        assert_eq!(picture.to_f32()[..6], [1.0, 0.0, 0.0, 2.0, 0.0, 0.0]);
        Ok(())
    }
}
