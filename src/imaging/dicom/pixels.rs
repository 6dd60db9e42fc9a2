//! From the pixel data of a file to voxels: native, RLE, JPEG (baseline, lossless), JPEG-LS and JPEG 2000.

use std::borrow::Cow;

use dicom_core::value::{PrimitiveValue, Value};
use dicom_dictionary_std::{tags, uids};
use dicom_encoding::TransferSyntaxIndex;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;
use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};
use jpeg_decoder::PixelFormat;

use super::Refusal;
use super::header::{Frame, Pixels};
use crate::imaging::decode::one_line;

/// Where a JPEG 2000 codestream says how many bits its only component has, and whether a sign.
const SSIZ: usize = 42;

/// How the frames of a transfer syntax are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Native,
    Rle,
    Jpeg,
    JpegLs,
    Jpeg2000,
}

impl Packing {
    /// That of a transfer syntax.
    ///
    /// # Errors
    /// One that is not read, by its name.
    #[expect(deprecated, reason = "big endian is retired, and still lies in archives")]
    pub fn of(syntax: &str) -> Result<Packing, Refusal> {
        match syntax {
            uids::IMPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_LITTLE_ENDIAN
            | uids::EXPLICIT_VR_BIG_ENDIAN
            | uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => Ok(Packing::Native),
            uids::RLE_LOSSLESS => Ok(Packing::Rle),
            uids::JPEG_BASELINE8_BIT
            | uids::JPEG_EXTENDED12_BIT
            | uids::JPEG_LOSSLESS
            | uids::JPEG_LOSSLESS_SV1 => Ok(Packing::Jpeg),
            uids::JPEGLS_LOSSLESS | uids::JPEGLS_NEAR_LOSSLESS => Ok(Packing::JpegLs),
            uids::JPEG2000_LOSSLESS | uids::JPEG2000 => Ok(Packing::Jpeg2000),
            _ => {
                let name = TransferSyntaxRegistry.get(syntax).map_or(syntax, |known| known.name());
                let reason = format!("the transfer syntax {name} is not supported");
                Err((reason, "convert it to explicit little endian".into()))
            }
        }
    }

    /// How many bytes of pixels a byte of a file may stand for, generously: more is a lie.
    pub fn most_in_a_byte(self, syntax: &str) -> u64 {
        match self {
            Packing::Native if syntax == uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN => 1032,
            Packing::Native => 1,
            Packing::Rle => 64,
            // An empty picture is but a header.
            Packing::Jpeg | Packing::JpegLs | Packing::Jpeg2000 => 16_384,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Packing::Native => "uncompressed",
            Packing::Rle => "RLE",
            Packing::Jpeg => "JPEG",
            Packing::JpegLs => "JPEG-LS",
            Packing::Jpeg2000 => "JPEG 2000",
        }
    }
}

/// Voxels that count as 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub padding: usize,
    /// That are no finite numbers.
    pub odd: usize,
}

impl std::iter::Sum for LeftOut {
    fn sum<I: Iterator<Item = LeftOut>>(all: I) -> LeftOut {
        let add = |a: LeftOut, b: LeftOut| LeftOut { padding: a.padding + b.padding, odd: a.odd + b.odd };
        all.fold(LeftOut::default(), add)
    }
}

/// The pixel data of a file, frame by frame.
pub(super) enum Data<'a> {
    Native(Cow<'a, [u8]>),
    /// Fragments in their order, and where frames begin among them, if that is said.
    Packed {
        fragments: &'a [Vec<u8>],
        offsets: &'a [u32],
    },
}

impl<'a> Data<'a> {
    pub fn of(set: &'a InMemDicomObject) -> Result<Data<'a>, Refusal> {
        let none = || {
            let reason = "the file has no pixel data".to_string();
            (reason, "give the images, not what describes them".to_string())
        };
        match set.get(tags::PIXEL_DATA).ok_or_else(none)?.value() {
            Value::PixelSequence(sequence) => {
                Ok(Data::Packed { fragments: sequence.fragments(), offsets: sequence.offset_table() })
            }
            // Words have been put in this machine's order.
            Value::Primitive(PrimitiveValue::U16(words)) => {
                Ok(Data::Native(words.iter().flat_map(|word| word.to_le_bytes()).collect()))
            }
            Value::Primitive(value) => Ok(Data::Native(value.to_bytes())),
            Value::Sequence(_) => Err(none()),
        }
    }

    /// The bytes of one frame of so many, `length` of them where they are native.
    fn frame(&self, number: usize, count: usize, length: usize) -> Result<Cow<'_, [u8]>, Refusal> {
        match self {
            Data::Native(bytes) => {
                let start = number.saturating_mul(length);
                let part = bytes.get(start..start.saturating_add(length));
                part.map(Cow::Borrowed).ok_or_else(|| {
                    damaged(format!(
                        "{} bytes of pixels where {} are due",
                        bytes.len(),
                        count.saturating_mul(length)
                    ))
                })
            }
            Data::Packed { fragments, offsets } => {
                let parts = fragments_of(fragments, offsets, number, count)?;
                match parts {
                    [] => Err(damaged(format!("frame {} has no bytes", number + 1))),
                    [one] => Ok(Cow::Borrowed(one)),
                    several => Ok(Cow::Owned(several.concat())),
                }
            }
        }
    }
}

fn damaged(reason: String) -> Refusal {
    (format!("damaged DICOM file ({reason})"), "export or copy it again".into())
}

/// One fragment a frame, all for the only frame, or as the basic offset table divides them (PS3.5 A.4).
fn fragments_of<'a>(
    fragments: &'a [Vec<u8>],
    offsets: &[u32],
    number: usize,
    count: usize,
) -> Result<&'a [Vec<u8>], Refusal> {
    if count == 1 {
        return Ok(fragments);
    }
    if fragments.len() == count {
        return Ok(fragments.get(number..=number).unwrap_or_default());
    }
    if offsets.len() != count {
        let reason =
            format!("{} fragments do not say to which of {count} frames they belong", fragments.len());
        return Err(damaged(reason));
    }
    // Each fragment is preceded by eight bytes of its item.
    let starts = fragments.iter().scan(0u64, |next, fragment| {
        let start = *next;
        *next += 8 + fragment.len() as u64;
        Some(start)
    });
    let first = u64::from(offsets.get(number).copied().unwrap_or(u32::MAX));
    let end = offsets.get(number + 1).map_or(u64::MAX, |&offset| u64::from(offset));
    let own: Vec<usize> =
        starts.enumerate().filter(|(_, start)| (first..end).contains(start)).map(|(n, _)| n).collect();
    match (own.first(), own.last()) {
        (Some(&first), Some(&last)) => Ok(fragments.get(first..=last).unwrap_or_default()),
        _ => Ok(&[]),
    }
}

/// Writes the voxels of one frame of so many.
pub(super) fn read(
    data: &Data,
    packing: Packing,
    pixels: &Pixels,
    (number, count): (usize, usize),
    frame: &Frame,
    voxels: &mut [f32],
) -> Result<LeftOut, Refusal> {
    let bytes = data.frame(number, count, pixels.frame_bytes())?;
    let words = match packing {
        Packing::Native => words(&bytes, pixels.bytes),
        Packing::Rle => rle(&bytes, pixels).map(|bytes| words(&bytes, pixels.bytes)).map_err(damaged)?,
        Packing::Jpeg if is_twelve_bits(&bytes) => return Err(twelve_bits()),
        Packing::Jpeg => unpacked(packing, jpeg(&bytes, pixels))?,
        Packing::JpegLs => unpacked(packing, jpeg_ls(&bytes, pixels))?,
        Packing::Jpeg2000 => unpacked(packing, jpeg_2000(&bytes, pixels))?,
    };
    if words.len() != voxels.len() {
        return Err(damaged(format!("frame {} is not of the size that is stated", number + 1)));
    }
    let [slope, intercept] = frame.scale;
    let mut left_out = LeftOut::default();
    for (voxel, word) in voxels.iter_mut().zip(words) {
        let stored = pixels.number(word);
        let is_padding = pixels.padding.is_some_and(|[first, last]| (first..=last).contains(&stored));
        let value = (f64::from(stored) * slope + intercept) as f32;
        left_out.padding += usize::from(is_padding);
        left_out.odd += usize::from(!is_padding && !value.is_finite());
        *voxel = if is_padding || !value.is_finite() { 0.0 } else { value };
    }
    Ok(left_out)
}

fn unpacked(packing: Packing, words: Result<Vec<u16>, String>) -> Result<Vec<u16>, Refusal> {
    words.map_err(|reason| damaged(format!("its {} data: {}", packing.name(), one_line(&reason))))
}

impl Pixels {
    /// The number that a word holds.
    fn number(&self, word: u16) -> i32 {
        let mask = (1u32 << self.bits) - 1;
        let bits = (u32::from(word) >> self.shift) & mask;
        let is_negative = self.is_signed && bits >> (self.bits - 1) == 1;
        // At most 16 bits.
        if is_negative { bits as i32 - (1 << self.bits) } else { bits as i32 }
    }

    fn check(&self, width: usize, height: usize) -> Result<(), String> {
        if [width, height] == [self.columns, self.rows] {
            return Ok(());
        }
        Err(format!("is {width}x{height} pixels and not {}x{}", self.columns, self.rows))
    }
}

fn words(bytes: &[u8], size: usize) -> Vec<u16> {
    match size {
        1 => bytes.iter().map(|&byte| u16::from(byte)).collect(),
        _ => bytes.as_chunks().0.iter().map(|&pair| u16::from_le_bytes(pair)).collect(),
    }
}

/// PS3.5 G: a header of 16 numbers says where the segments of packed bytes begin, one for each byte of a number, the
/// highest first.
fn rle(bytes: &[u8], pixels: &Pixels) -> Result<Vec<u8>, String> {
    let header: Vec<usize> = bytes
        .get(..64)
        .ok_or("RLE data that ends in its header")?
        .as_chunks()
        .0
        .iter()
        .map(|&number| u32::from_le_bytes(number) as usize)
        .collect();
    let [count, starts @ ..] = header.as_slice() else { return Err("RLE data without a header".into()) };
    if *count != pixels.bytes {
        return Err(format!("RLE data of {count} segments, {} expected", pixels.bytes));
    }
    let length = pixels.rows * pixels.columns;
    let mut all = vec![0; length * pixels.bytes];
    for (segment, start) in starts.iter().take(*count).enumerate() {
        let end = starts.get(segment + 1).filter(|_| segment + 1 < *count).copied().unwrap_or(bytes.len());
        let packed = bytes.get(*start..end).ok_or("a segment of RLE data lies outside of it")?;
        let plain = pack_bits(packed, length)?;
        let place = pixels.bytes - 1 - segment;
        for (number, byte) in all.chunks_exact_mut(pixels.bytes).zip(plain) {
            number[place] = byte;
        }
    }
    Ok(all)
}

/// Apple's PackBits: a count of bytes that follow, or of repeats of the one that follows.
fn pack_bits(packed: &[u8], length: usize) -> Result<Vec<u8>, String> {
    let mut plain = Vec::with_capacity(length);
    let mut rest = packed;
    while plain.len() < length {
        let (&code, after) = rest.split_first().ok_or("RLE data that ends early")?;
        rest = match code as i8 {
            -128 => after,
            count @ 0.. => {
                let (literal, after) =
                    after.split_at_checked(count as usize + 1).ok_or("RLE data that ends early")?;
                plain.extend_from_slice(literal);
                after
            }
            count => {
                let (&byte, after) = after.split_first().ok_or("RLE data that ends early")?;
                plain.resize(plain.len() + 1 + usize::from(count.unsigned_abs()), byte);
                after
            }
        };
    }
    plain.truncate(length);
    Ok(plain)
}

/// Whether JPEG data is lossily packed with 12 bits (ITU T.81, process 4), by the first frame header of its markers.
fn is_twelve_bits(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    while let [0xff, marker, high, low, after @ ..] = rest {
        match marker {
            0xc1 => return after.first() == Some(&12),
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(marker) => return false,
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        rest = after.get(length.saturating_sub(2)..).unwrap_or_default();
    }
    false
}

fn twelve_bits() -> Refusal {
    (
        "lossy JPEG with 12 bits is not supported".into(),
        "unpack it first, as with dcmdjpeg or gdcmconv --raw".into(),
    )
}

fn jpeg(bytes: &[u8], pixels: &Pixels) -> Result<Vec<u16>, String> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.read_info().map_err(|e| e.to_string())?;
    let info = decoder.info().ok_or("has no header")?;
    pixels.check(info.width.into(), info.height.into())?;
    let plain = decoder.decode().map_err(|e| e.to_string())?;
    match info.pixel_format {
        PixelFormat::L8 => Ok(words(&plain, 1)),
        // In this machine's order.
        PixelFormat::L16 => Ok(plain.as_chunks().0.iter().map(|&pair| u16::from_ne_bytes(pair)).collect()),
        PixelFormat::RGB24 | PixelFormat::CMYK32 => Err("is in colours".into()),
    }
}

fn jpeg_ls(bytes: &[u8], pixels: &Pixels) -> Result<Vec<u16>, String> {
    let side = |n: usize| u32::try_from(n).map_err(|e| e.to_string());
    let (width, height) = (side(pixels.columns)?, side(pixels.rows)?);
    let (words, ..) = jpegls::decode(bytes, width, height).map_err(|e| e.to_string())?;
    Ok(words)
}

/// The size is looked at before the decoder allocates for it.
fn jpeg_2000(bytes: &[u8], pixels: &Pixels) -> Result<Vec<u16>, String> {
    let number = |at: usize| {
        let bytes: Option<[u8; 4]> = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map(|bytes| u32::from_be_bytes(bytes) as usize)
    };
    let numbers = [8, 12, 16, 20].map(number);
    let ([Some(right), Some(bottom), Some(left), Some(top)], true) =
        (numbers, bytes.starts_with(&[0xff, 0x4f, 0xff, 0x51]))
    else {
        return Err("does not begin with a size".into());
    };
    pixels.check(right.saturating_sub(left), bottom.saturating_sub(top))?;
    let image = Image::new(bytes, &DecodeSettings::default()).map_err(|e| e.to_string())?;
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(|e| e.to_string())?;
    let [grey] = decoded.components() else {
        return Err(format!("has {} components", decoded.components().len()));
    };
    if grey.bit_depth() > 16 {
        return Err(format!("has {} bits", grey.bit_depth()));
    }
    // The decoder adds half of the range to numbers with a sign too (Ssiz, ITU T.800 A.5.1).
    let range = 1i32 << grey.bit_depth();
    let lowest = if bytes.get(SSIZ).is_some_and(|ssiz| ssiz & 0x80 != 0) { -range / 2 } else { 0 };
    // The low bits of a negative number are those of the stored word.
    let word = |&sample: &f32| (sample.round() as i32).clamp(0, range - 1).wrapping_add(lowest) as u16;
    Ok(grey.samples().iter().map(word).collect())
}
