//! JPEG, with files that end early refused.
//!
//! The `image` crate runs its JPEG decoder in a mode that fills what is missing with grey, as a browser
//! does. A network would take that grey for tissue, so the same decoder is called here in strict mode.

use image::metadata::Orientation;
use image::{DynamicImage, GrayImage, RgbImage};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;

use super::decode::{Refusal, check_size, one_line};

/// Decodes a JPEG to 8-bit grey or RGB, with the orientation that its Exif data asks for.
pub(super) fn decode(bytes: &[u8]) -> Result<(DynamicImage, Orientation), Refusal> {
    let mut decoder = opened(bytes)?;
    let (width, height) = size(&decoder)?;
    check_size(width, height)?;
    if !has_end(bytes) {
        return Err(cut());
    }
    let grey = matches!(decoder.input_colorspace(), Some(ColorSpace::Luma | ColorSpace::LumaA));
    let target = if grey { ColorSpace::Luma } else { ColorSpace::RGB };
    decoder.set_options(decoder.options().jpeg_set_out_colorspace(target));
    let pixels = decoder.decode().map_err(|e| refusal(&e))?;
    let orientation = decoder.exif().and_then(|e| Orientation::from_exif_chunk(e));
    let image = if grey {
        GrayImage::from_raw(width, height, pixels).map(DynamicImage::ImageLuma8)
    } else {
        RgbImage::from_raw(width, height, pixels).map(DynamicImage::ImageRgb8)
    };
    Ok((image.ok_or_else(cut)?, orientation.unwrap_or(Orientation::NoTransforms)))
}

/// Width and height by what the header states.
pub(super) fn stated_size(bytes: &[u8]) -> Option<(u32, u32)> {
    opened(bytes).and_then(|decoder| size(&decoder)).ok()
}

/// A decoder that has read the header.
fn opened(bytes: &[u8]) -> Result<JpegDecoder<ZCursor<&[u8]>>, Refusal> {
    // Sizes are checked later, for the same words as in other formats; the header allocates nothing.
    let options =
        DecoderOptions::default().set_strict_mode(true).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|e| refusal(&e))?;
    Ok(decoder)
}

fn size(decoder: &JpegDecoder<ZCursor<&[u8]>>) -> Result<(u32, u32), Refusal> {
    let (width, height) = decoder.dimensions().ok_or_else(cut)?;
    let side = |n: usize| u32::try_from(n).map_err(|_| cut());
    Ok((side(width)?, side(height)?))
}

fn cut() -> Refusal {
    ("damaged JPEG image (it ends early)".into(), "export or copy it again".into())
}

fn refusal(error: &DecodeErrors) -> Refusal {
    let detail = one_line(&error.to_string());
    match error {
        DecodeErrors::Unsupported(_) => (
            format!("this kind of JPEG is not supported ({detail})"),
            "save it as an 8- or 16-bit PNG".into(),
        ),
        DecodeErrors::ExhaustedData => cut(),
        _ => (format!("damaged JPEG image ({detail})"), "export or copy it again".into()),
    }
}

/// Whether an end-of-image marker follows the first scan.
///
/// The decoder looks for missing data only at the start of a row of blocks, so a file that is cut in
/// its last row would pass. Compressed data never holds the marker: a 0xFF in it is followed by 0x00.
fn has_end(bytes: &[u8]) -> bool {
    first_scan(bytes).is_some_and(|scan| scan.windows(2).any(|pair| pair == [0xff, 0xd9]))
}

/// The bytes from the first start-of-scan marker on. Segments are stepped over by their lengths, since
/// one may hold a thumbnail with markers of its own.
fn first_scan(bytes: &[u8]) -> Option<&[u8]> {
    let mut rest = bytes.get(2..)?;
    loop {
        match *rest {
            [0xff, 0xda, ..] => return Some(rest),
            // A marker may be preceded by fill bytes.
            [0xff, 0xff, ..] => rest = rest.get(1..)?,
            [0xff, _, high, low, ..] => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(2 + length..)?;
            }
            // Bytes between segments that the decoder may tolerate: go on to the next marker.
            [_, ..] => rest = rest.get(1..)?,
            [] => return None,
        }
    }
}
