//! Pictures drawn by formula, in every encoding that Gyrus reads.

// Each test uses its own part.
#![allow(dead_code)]

use std::io::Cursor;

use gyrus::error::Result;
use gyrus::imaging::{Channels, Samples, Scan};
use image::{DynamicImage, ImageFormat};

/// Width and height of the picture.
pub const PICTURE: (usize, usize) = (43, 29);

/// The kinds of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Png8,
    Png16,
    PngRgb8,
    PngRgb16,
    PngPalette,
    Jpeg,
    JpegRgb,
    JpegProgressive,
    Tiff8,
    Tiff16,
    TiffRgb16,
    TiffLzw,
    TiffDeflate,
    Bmp8,
    BmpRgb,
    Webp,
    WebpLossy,
}

pub const ENCODINGS: &[Encoding] = &[
    Encoding::Png8,
    Encoding::Png16,
    Encoding::PngRgb8,
    Encoding::PngRgb16,
    Encoding::PngPalette,
    Encoding::Jpeg,
    Encoding::JpegRgb,
    Encoding::JpegProgressive,
    Encoding::Tiff8,
    Encoding::Tiff16,
    Encoding::TiffRgb16,
    Encoding::TiffLzw,
    Encoding::TiffDeflate,
    Encoding::Bmp8,
    Encoding::BmpRgb,
    Encoding::Webp,
    Encoding::WebpLossy,
];

impl Encoding {
    pub fn is_lossy(self) -> bool {
        use Encoding::*;
        matches!(self, Jpeg | JpegRgb | JpegProgressive | WebpLossy)
    }

    fn is_wide(self) -> bool {
        matches!(self, Encoding::Png16 | Encoding::PngRgb16 | Encoding::Tiff16 | Encoding::TiffRgb16)
    }

    fn is_rgb(self) -> bool {
        use Encoding::*;
        matches!(self, PngRgb8 | PngRgb16 | JpegRgb | TiffRgb16 | BmpRgb | Webp | WebpLossy)
    }

    pub fn format(self) -> ImageFormat {
        use Encoding::*;
        match self {
            Png8 | Png16 | PngRgb8 | PngRgb16 | PngPalette => ImageFormat::Png,
            Jpeg | JpegRgb | JpegProgressive => ImageFormat::Jpeg,
            Tiff8 | Tiff16 | TiffRgb16 | TiffLzw | TiffDeflate => ImageFormat::Tiff,
            Bmp8 | BmpRgb => ImageFormat::Bmp,
            Webp | WebpLossy => ImageFormat::WebP,
        }
    }
}

/// A smooth picture, so that lossy formats stay close; channels differ a little.
fn samples(channels: usize, maximum: f64) -> Vec<f64> {
    let (width, height) = PICTURE;
    let value = |x: usize, y: usize, c: usize| {
        let wave = (x as f64 / 9.0 + c as f64 * 0.2).sin() * (y as f64 / 7.0).cos();
        ((wave * 0.45 + 0.5) * maximum).round()
    };
    let pixel = |x, y| (0..channels).map(move |c| value(x, y, c));
    (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect()
}

/// The picture as a scan.
pub fn picture(encoding: Encoding) -> Result<Scan> {
    let channels = if encoding.is_rgb() { Channels::Rgb } else { Channels::Grey };
    let (width, height) = PICTURE;
    let samples = if encoding.is_wide() {
        Samples::U16(samples(channels.count(), 65535.0).iter().map(|&v| v as u16).collect())
    } else {
        Samples::U8(samples(channels.count(), 255.0).iter().map(|&v| v as u8).collect())
    };
    Scan::new(width, height, channels, samples)
}

/// The picture as a file. What the `image` crate does not write comes from Pillow
/// (`fixtures/images/make.py`).
pub fn encode(encoding: Encoding) -> Vec<u8> {
    match encoding {
        Encoding::JpegProgressive => include_bytes!("../fixtures/images/progressive.jpg").to_vec(),
        Encoding::PngPalette => include_bytes!("../fixtures/images/palette.png").to_vec(),
        Encoding::TiffLzw => include_bytes!("../fixtures/images/lzw.tif").to_vec(),
        Encoding::TiffDeflate => include_bytes!("../fixtures/images/deflate.tif").to_vec(),
        Encoding::WebpLossy => include_bytes!("../fixtures/images/lossy.webp").to_vec(),
        _ => save(&dynamic(encoding), encoding.format()),
    }
}

fn dynamic(encoding: Encoding) -> DynamicImage {
    let scan = picture(encoding).expect("the picture");
    let (w, h) = (PICTURE.0 as u32, PICTURE.1 as u32);
    let image = match (scan.samples().clone(), scan.channels()) {
        (Samples::U8(v), Channels::Grey) => image::GrayImage::from_raw(w, h, v).map(DynamicImage::from),
        (Samples::U8(v), Channels::Rgb) => image::RgbImage::from_raw(w, h, v).map(DynamicImage::from),
        (Samples::U16(v), Channels::Grey) => {
            image::ImageBuffer::from_raw(w, h, v).map(DynamicImage::ImageLuma16)
        }
        (Samples::U16(v), Channels::Rgb) => {
            image::ImageBuffer::from_raw(w, h, v).map(DynamicImage::ImageRgb16)
        }
        (Samples::F32(_), _) => None,
    };
    image.expect("the samples fill the picture")
}

/// The image as a file of this format.
pub fn save(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).expect("an encoder");
    bytes.into_inner()
}

/// A file of each format whose header declares this size, over the data of a small picture.
pub fn with_size(width: u32, height: u32) -> Vec<(&'static str, Vec<u8>)> {
    let (short_width, short_height) = (width as u16, height as u16);
    let mut png = encode(Encoding::Png8);
    put(&mut png, 16, &width.to_be_bytes());
    put(&mut png, 20, &height.to_be_bytes());
    let checksum = crc32(&png[12..29]);
    put(&mut png, 29, &checksum.to_be_bytes());
    let mut jpeg = encode(Encoding::Jpeg);
    let frame = find(&jpeg, &[0xff, 0xc0]);
    put(&mut jpeg, frame + 5, &short_height.to_be_bytes());
    put(&mut jpeg, frame + 7, &short_width.to_be_bytes());
    let mut bmp = encode(Encoding::Bmp8);
    put(&mut bmp, 18, &width.to_le_bytes());
    put(&mut bmp, 22, &height.to_le_bytes());
    let mut tiff = encode(Encoding::Tiff8);
    put_tiff_size(&mut tiff, width, height);
    let mut files = vec![("PNG", png), ("JPEG", jpeg), ("BMP", bmp), ("TIFF", tiff)];
    // WebP's lossy header has 14 bits a side, zero among them; larger sides cannot be declared.
    if width <= 16_383 && height <= 16_383 {
        let mut webp = encode(Encoding::WebpLossy);
        let start = find(&webp, &[0x9d, 0x01, 0x2a]);
        put(&mut webp, start + 3, &short_width.to_le_bytes());
        put(&mut webp, start + 5, &short_height.to_le_bytes());
        files.push(("WebP", webp));
    }
    files
}

/// Overwrites the values of the tags ImageWidth (256), ImageLength (257) and RowsPerStrip (278).
fn put_tiff_size(tiff: &mut [u8], width: u32, height: u32) {
    let start = u32::from_le_bytes(tiff[4..8].try_into().expect("four bytes")) as usize;
    let count = u16::from_le_bytes(tiff[start..start + 2].try_into().expect("two bytes"));
    for entry in 0..usize::from(count) {
        let at = start + 2 + 12 * entry;
        let value = match u16::from_le_bytes([tiff[at], tiff[at + 1]]) {
            256 => width,
            257 | 278 => height,
            _ => continue,
        };
        // One value of type LONG.
        put(tiff, at + 2, &[4, 0, 1, 0, 0, 0]);
        put(tiff, at + 8, &value.to_le_bytes());
    }
}

/// The JPEG with an Exif segment that asks for an orientation.
pub fn with_exif_orientation(jpeg: &[u8], orientation: u8) -> Vec<u8> {
    let mut segment = vec![0xff, 0xe1, 0, 34];
    segment.extend(b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0");
    segment.extend([orientation, 0, 0, 0, 0, 0, 0]);
    [&jpeg[..2], &segment, &jpeg[2..]].concat()
}

/// A TIFF file that holds the picture twice.
pub fn two_page_tiff() -> Vec<u8> {
    let mut bytes = encode(Encoding::Tiff8);
    let start = u32::from_le_bytes(bytes[4..8].try_into().expect("four bytes")) as usize;
    let count = usize::from(u16::from_le_bytes(bytes[start..start + 2].try_into().expect("two bytes")));
    let next = start + 2 + 12 * count;
    // The second directory is a copy of the first.
    let copy = bytes[start..next + 4].to_vec();
    let second = bytes.len() + bytes.len() % 2;
    bytes.resize(second, 0);
    bytes.extend(copy);
    put(&mut bytes, next, &(second as u32).to_le_bytes());
    bytes
}

fn put(bytes: &mut [u8], at: usize, values: &[u8]) {
    bytes[at..at + values.len()].copy_from_slice(values);
}

fn find(bytes: &[u8], pattern: &[u8]) -> usize {
    bytes.windows(pattern.len()).position(|w| w == pattern).expect("the pattern")
}

/// Makes the checksums of a PNG's chunks right, so that what was changed in them is decoded.
pub fn correct_png_checksums(png: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = png.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().expect("four bytes")) as usize;
        let Some(chunk) = png.get(at + 4..at + 8 + length) else { return };
        let checksum = crc32(chunk).to_be_bytes();
        let end = at + 8 + length;
        let Some(place) = png.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&checksum);
        at = end + 4;
    }
}

/// The checksum of PNG chunks, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, &b| (0..8).fold(crc ^ u32::from(b), |crc, _| step(crc)))
}
