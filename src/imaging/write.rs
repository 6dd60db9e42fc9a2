//! Results as PNG files that appear whole or not at all.

use std::fs;
use std::io::{BufWriter, Write};
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, RgbImage};

use crate::error::{Error, Result};
use crate::part_file::PartFile;

/// Writes a mask as 8-bit grey: 255 where it is set, 0 elsewhere. Folders that are missing are made.
///
/// # Errors
/// When the mask does not fill the size, or the file cannot be written.
pub fn write_mask(path: &Path, mask: &[bool], [width, height]: [usize; 2]) -> Result<()> {
    let pixels: Vec<u8> = mask.iter().map(|&set| if set { u8::MAX } else { 0 }).collect();
    write_png(path, &pixels, [width, height], ExtendedColorType::L8)
}

/// Writes probabilities times 65535 as 16-bit grey.
///
/// # Errors
/// As [`write_mask`].
pub fn write_probabilities(path: &Path, values: &[u16], [width, height]: [usize; 2]) -> Result<()> {
    // The encoder takes the machine's own byte order.
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_ne_bytes()).collect();
    write_png(path, &bytes, [width, height], ExtendedColorType::L16)
}

/// Writes a picture for people.
///
/// # Errors
/// As [`write_mask`].
pub fn write_picture(path: &Path, picture: &RgbImage) -> Result<()> {
    let size = [picture.width() as usize, picture.height() as usize];
    write_png(path, picture.as_raw(), size, ExtendedColorType::Rgb8)
}

fn write_png(path: &Path, bytes: &[u8], [width, height]: [usize; 2], kind: ExtendedColorType) -> Result<()> {
    let fails = |e: &dyn std::fmt::Display| {
        Error::file(
            path,
            format!("cannot be written ({e})"),
            "check the folder, its permissions and its space",
        )
    };
    let side = |n: usize| u32::try_from(n).map_err(|e| fails(&e));
    let wanted = width * height * usize::from(kind.bits_per_pixel()) / 8;
    if bytes.len() != wanted {
        return Err(fails(&format_args!("{} bytes where {wanted} are due", bytes.len())));
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(|e| fails(&e))?;
    }
    let (part, file) = PartFile::create(path)?;
    let mut out = BufWriter::new(file);
    let encoder = PngEncoder::new(&mut out);
    encoder.write_image(bytes, side(width)?, side(height)?, kind).map_err(|e| fails(&e))?;
    out.flush().map_err(|e| fails(&e))?;
    drop(out);
    part.keep()
}
