//! PNG, JPEG, TIFF, BMP and WebP to a [`Scan`].
//!
//! What is decided here, the same for every format:
//! - The format is told by the content, never by the file's name.
//! - Sizes are read from the header and checked before any pixel is decoded.
//! - A file that ends early is an error, also where the decoder could go on with a grey tail.
//! - The orientation that a file asks for (Exif or the TIFF tag) is applied, so that a network sees
//!   what a viewer shows.
//! - Transparency is composited over black, the background of a scan.
//! - Palettes become RGB, samples of fewer than 8 bits become 8 bits wide.
//! - Floating-point samples are refused, since they have no fixed range, and so are files of several
//!   pages or frames, since one would have to be guessed.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::jpeg;
use super::scan::{Channels, Samples, Scan};
use crate::error::{Error, Result};

/// The longest file that is read, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// The longest side that is decoded, in pixels.
pub const MAX_SIDE: u32 = 16_384;
/// The most pixels that are decoded.
pub const MAX_PIXELS: u64 = 64 << 20;
/// The most memory that a decoder may take: the largest image at 16 bits and four channels, and as
/// much again for its working space.
const MAX_DECODER_BYTES: u64 = 2 * MAX_PIXELS * 8;

const FORMATS: &str = "PNG, JPEG, TIFF, BMP and WebP are read";

/// Why bytes cannot be decoded, and what would work.
pub(super) type Refusal = (String, String);

/// Reads and decodes one image file.
///
/// # Errors
/// One line naming the file, when it cannot be read, is no image of a known format, is too large, or
/// is damaged.
pub fn decode_file(path: &Path) -> Result<Scan> {
    let bytes = read_file(path)?;
    decode(path, &bytes)
}

/// Whether bytes begin like a picture; anything else may be a volume.
pub fn is_picture(bytes: &[u8]) -> bool {
    image::guess_format(bytes).is_ok()
}

/// Pixels of a picture by what its header states; 0 where it states none that can be read.
pub fn stated_pixels(bytes: &[u8]) -> u64 {
    let size = match image::guess_format(bytes) {
        Ok(ImageFormat::Jpeg) => jpeg::stated_size(bytes),
        Ok(format) => ImageReader::with_format(Cursor::new(bytes), format).into_dimensions().ok(),
        Err(_) => None,
    };
    size.map_or(0, |(width, height)| u64::from(width) * u64::from(height))
}

/// Decodes the bytes of one image file; `name` is only used in errors.
///
/// # Errors
/// As [`decode_file`].
pub fn decode(name: &Path, bytes: &[u8]) -> Result<Scan> {
    decode_bytes(bytes).map_err(|(reason, remedy)| Error::file(name, reason, remedy))
}

fn read_file(path: &Path) -> Result<Vec<u8>> {
    let unreadable = |e: std::io::Error| {
        Error::file(path, format!("cannot be read ({e})"), "check the path and its permissions")
    };
    let too_large = || {
        let reason = format!("larger than {} MiB", MAX_FILE_BYTES >> 20);
        Error::file(path, reason, "a single slice is far smaller; crop or scale it down")
    };
    let metadata = std::fs::metadata(path).map_err(unreadable)?;
    // Opening a pipe would wait for its writer for ever.
    if !metadata.is_file() {
        return Err(Error::file(path, "not a file", "give an image file or a folder of them"));
    }
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    // The file may grow while it is read.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    match u64::try_from(bytes.len()) {
        Ok(n) if n <= MAX_FILE_BYTES => Ok(bytes),
        _ => Err(too_large()),
    }
}

fn decode_bytes(bytes: &[u8]) -> Result<Scan, Refusal> {
    if bytes.is_empty() {
        return Err(("the file is empty".into(), "export or copy it again".into()));
    }
    let format = match image::guess_format(bytes) {
        Ok(f) if f.reading_enabled() => f,
        Ok(f) => return Err((format!("{f:?} images are not supported"), FORMATS.into())),
        Err(_) => return Err(("not an image that can be read".into(), FORMATS.into())),
    };
    if holds_several(format, bytes) {
        let reason = format!("the {format:?} file holds more than one image");
        return Err((reason, "save the one you mean as a file of its own".into()));
    }
    let (image, orientation) = match format {
        ImageFormat::Jpeg => jpeg::decode(bytes)?,
        ImageFormat::WebP if is_cut_riff(bytes) => {
            return Err(("damaged WebP image (it ends early)".into(), "export or copy it again".into()));
        }
        _ => decode_with_image(format, bytes)?,
    };
    to_scan(image, orientation)
}

fn decode_with_image(format: ImageFormat, bytes: &[u8]) -> Result<(DynamicImage, Orientation), Refusal> {
    let refuse = |e| refusal(format, &e);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(refuse)?;
    let (width, height) = decoder.dimensions();
    check_size(width, height)?;
    let orientation = decoder.orientation().map_err(refuse)?;
    let image = DynamicImage::from_decoder(decoder).map_err(refuse)?;
    Ok((image, orientation))
}

/// Whether a file has several pages or frames. A damaged file counts as one image: decoding will say
/// more.
fn holds_several(format: ImageFormat, bytes: &[u8]) -> bool {
    let bytes = Cursor::new(bytes);
    match format {
        ImageFormat::Tiff => tiff::decoder::Decoder::new(bytes).is_ok_and(|d| d.more_images()),
        ImageFormat::WebP => WebPDecoder::new(bytes).is_ok_and(|d| d.has_animation()),
        ImageFormat::Png => {
            PngDecoder::with_limits(bytes, limits()).is_ok_and(|d| d.is_apng().is_ok_and(|several| several))
        }
        _ => false,
    }
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    limits
}

/// Whether a RIFF file, as WebP is one, is shorter than it says. The decoder takes missing data at the
/// end for zeros.
fn is_cut_riff(bytes: &[u8]) -> bool {
    match *bytes {
        [b'R', b'I', b'F', b'F', a, b, c, d, ref rest @ ..] => {
            u64::try_from(rest.len()).is_ok_and(|n| n < u64::from(u32::from_le_bytes([a, b, c, d])))
        }
        _ => true,
    }
}

/// Holds the size that a header declares to the limits.
pub(super) fn check_size(width: u32, height: u32) -> Result<(), Refusal> {
    if width == 0 || height == 0 {
        return Err((format!("the image is empty ({width}x{height} pixels)"), "export it again".into()));
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        let reason = format!("the image is too large ({width}x{height} pixels)");
        let remedy = format!(
            "at most {MAX_SIDE} pixels a side and {} megapixels are read; scale it down",
            MAX_PIXELS >> 20
        );
        return Err((reason, remedy));
    }
    Ok(())
}

/// A decoder's error as one line of words.
fn refusal(format: ImageFormat, error: &ImageError) -> Refusal {
    let detail = one_line(&error.to_string());
    match error {
        ImageError::Limits(_) => {
            let remedy = format!("at most {MAX_SIDE} pixels a side are read; scale it down");
            (format!("the {format:?} image is too large ({detail})"), remedy)
        }
        ImageError::Unsupported(_) => (
            format!("this kind of {format:?} is not supported ({detail})"),
            "save it as an 8- or 16-bit PNG".into(),
        ),
        _ => (format!("damaged {format:?} image ({detail})"), "export or copy it again".into()),
    }
}

/// The text with every run of white space, line ends included, as one space.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn to_scan(mut image: DynamicImage, orientation: Orientation) -> Result<Scan, Refusal> {
    image.apply_orientation(orientation);
    let (width, height) = (image.width(), image.height());
    let (channels, samples) = match image {
        DynamicImage::ImageLuma8(b) => (Channels::Grey, Samples::U8(b.into_raw())),
        DynamicImage::ImageLuma16(b) => (Channels::Grey, Samples::U16(b.into_raw())),
        DynamicImage::ImageRgb8(b) => (Channels::Rgb, Samples::U8(b.into_raw())),
        DynamicImage::ImageRgb16(b) => (Channels::Rgb, Samples::U16(b.into_raw())),
        DynamicImage::ImageLumaA8(b) => (Channels::Grey, Samples::U8(over_black(&b.into_raw(), 2))),
        DynamicImage::ImageLumaA16(b) => (Channels::Grey, Samples::U16(over_black(&b.into_raw(), 2))),
        DynamicImage::ImageRgba8(b) => (Channels::Rgb, Samples::U8(over_black(&b.into_raw(), 4))),
        DynamicImage::ImageRgba16(b) => (Channels::Rgb, Samples::U16(over_black(&b.into_raw(), 4))),
        _ => {
            let reason = "floating-point samples are not supported".into();
            return Err((reason, "save it as an 8- or 16-bit PNG".into()));
        }
    };
    let too_large = |_| ("the image is too large".to_string(), "scale it down".to_string());
    let (width, height) =
        (usize::try_from(width).map_err(too_large)?, usize::try_from(height).map_err(too_large)?);
    let inconsistent = |e: Error| (e.to_string(), "export it again".to_string());
    Scan::new(width, height, channels, samples).map_err(inconsistent)
}

/// A sample type that can be weighted by an alpha of the same type.
trait Composite: Copy {
    /// `self * alpha / maximum`, rounded to nearest.
    fn times(self, alpha: Self) -> Self;
}

impl Composite for u8 {
    fn times(self, alpha: u8) -> u8 {
        let product = u32::from(self) * u32::from(alpha);
        u8::try_from((product + 127) / 255).unwrap_or(u8::MAX)
    }
}

impl Composite for u16 {
    fn times(self, alpha: u16) -> u16 {
        let product = u64::from(self) * u64::from(alpha);
        u16::try_from((product + 32_767) / 65_535).unwrap_or(u16::MAX)
    }
}

/// Pixels of `stride` samples, the last of them alpha, as opaque pixels over black.
fn over_black<T: Composite>(samples: &[T], stride: usize) -> Vec<T> {
    samples
        .chunks_exact(stride)
        .filter_map(|pixel| pixel.split_last())
        .flat_map(|(&alpha, colours)| colours.iter().map(move |&c| c.times(alpha)))
        .collect()
}
