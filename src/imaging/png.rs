//! Results and scans as PNG.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use super::canvas::white;
use super::plane::Plane;
use super::scan::{Channels, Scan};
use super::volume::Volume;
use crate::error::{Error, Result};

/// A mask as 8-bit grey: 255 where it is set, 0 elsewhere.
///
/// # Errors
/// When the mask does not fill the size.
pub fn mask_png(mask: &[bool], size: [usize; 2]) -> Result<Vec<u8>> {
    let pixels: Vec<u8> = mask.iter().map(|&set| if set { u8::MAX } else { 0 }).collect();
    png(&pixels, size, ExtendedColorType::L8)
}

/// Probabilities times 65535 as 16-bit grey.
///
/// # Errors
/// As [`mask_png`].
pub fn probabilities_png(values: &[u16], size: [usize; 2]) -> Result<Vec<u8>> {
    // The encoder takes the machine's own byte order.
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    png(&bytes, size, ExtendedColorType::L16)
}

/// A picture for people.
///
/// # Errors
/// As [`mask_png`].
pub fn picture_png(picture: &RgbImage) -> Result<Vec<u8>> {
    let size = [picture.width() as usize, picture.height() as usize];
    png(picture.as_raw(), size, ExtendedColorType::Rgb8)
}

/// A scan at its own size as 8-bit grey or colour, whatever it was stored as.
///
/// # Errors
/// As [`mask_png`].
pub fn scan_png(scan: &Scan) -> Result<Vec<u8>> {
    let values = scan.to_f32();
    // Sixteen bits are seldom filled: they have no white of their own.
    let white = if scan.bit_depth() == 16 { white(&values) } else { scan.maximum() };
    let kind = if scan.channels() == Channels::Rgb { ExtendedColorType::Rgb8 } else { ExtendedColorType::L8 };
    png(&bytes(&values, white), [scan.width(), scan.height()], kind)
}

/// A slice of a volume as 8-bit grey; `white` is the value that is shown as white.
///
/// # Errors
/// As [`mask_png`].
pub fn slice_png(volume: &Volume, plane: Plane, number: usize, white: f32) -> Result<Vec<u8>> {
    let slice = plane.slice(volume, number);
    png(&bytes(&slice.values, white), [slice.width, slice.height], ExtendedColorType::L8)
}

fn bytes(values: &[f32], white: f32) -> Vec<u8> {
    values.iter().map(|v| (v / white * 255.0).clamp(0.0, 255.0).round() as u8).collect()
}

fn png(bytes: &[u8], [width, height]: [usize; 2], kind: ExtendedColorType) -> Result<Vec<u8>> {
    let refused = |reason: String| Error::tensor("picture", reason);
    let side = |n: usize| u32::try_from(n).map_err(|e| refused(e.to_string()));
    let (columns, rows) = (side(width)?, side(height)?);
    let wanted = width * height * usize::from(kind.bits_per_pixel()) / 8;
    if bytes.len() != wanted {
        return Err(refused(format!("{} bytes where {wanted} are due", bytes.len())));
    }
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(bytes, columns, rows, kind)
        .map_err(|e| refused(format!("cannot be written as PNG ({e})")))?;
    Ok(png)
}
