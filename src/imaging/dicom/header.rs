//! What a file says of its images, classic or enhanced multi-frame: how pixels are stored and where they lie. Names, numbers
//! and dates of the patient are not looked at.

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::{DefaultDicomObject, InMemDicomObject};

use super::Refusal;
use super::attributes::{Item, named};

/// Photometric interpretations that are not grey: PS3.3 C.7.6.3.1.2.
const COLOURS: [&str; 8] =
    ["PALETTE COLOR", "RGB", "HSV", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT", "YBR_PARTIAL_420"];
/// What modalities and sequences may be called, PS3.3 C.7.3.1.1.1 and C.8.3.1: what else stands there may be anything.
const MODALITIES: [&str; 7] = ["MR", "CT", "PT", "NM", "OT", "SEG", "US"];
const SEQUENCES: [&str; 5] = ["SE", "IR", "GR", "EP", "RM"];
/// More frames than any scanner puts in a file.
const MAX_FRAMES: usize = 65_536;

/// How numbers are stored: PS3.3 C.7.6.3.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Pixels {
    pub rows: usize,
    pub columns: usize,
    /// Of a number in memory: 1 or 2.
    pub bytes: usize,
    /// Bits that hold the number, and above how many others.
    pub bits: u32,
    pub shift: u32,
    pub is_signed: bool,
    /// Stored numbers that mean that nothing was measured.
    pub padding: Option<[i32; 2]>,
}

/// One image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Frame {
    /// Where the first pixel's centre lies, in mm: x to the left, y to the back, z to the head.
    pub position: Option<[f64; 3]>,
    /// The ways along a row and down a column.
    pub ways: Option<[[f64; 3]; 2]>,
    /// The distance between rows, and between columns, in mm.
    pub spacing: Option<[f64; 2]>,
    /// The distance to the next slice, in mm.
    pub between: Option<f64>,
    /// A slice's thickness, in mm.
    pub thickness: Option<f64>,
    /// Slope and intercept.
    pub scale: [f64; 2],
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Header {
    /// What images belong together. Never shown.
    pub series: String,
    /// The transfer syntax.
    pub syntax: String,
    pub pixels: Pixels,
    pub frames: Vec<Frame>,
    pub modality: Option<String>,
    pub sequence: Option<String>,
}

impl Pixels {
    pub fn frame_bytes(&self) -> usize {
        self.rows * self.columns * self.bytes
    }
}

impl Header {
    pub fn of(object: &DefaultDicomObject) -> Result<Header, Refusal> {
        let set: &InMemDicomObject = object;
        let item = Item(set);
        let pixels = pixels(item)?;
        let frames = frames(item)?;
        Ok(Header {
            series: item.text(tags::SERIES_INSTANCE_UID).unwrap_or_default(),
            syntax: object.meta().transfer_syntax().trim_end_matches('\0').to_string(),
            pixels,
            frames,
            modality: item.text(tags::MODALITY).filter(|code| MODALITIES.contains(&code.as_str())),
            sequence: sequence(item),
        })
    }
}

fn wrong(reason: String) -> Refusal {
    (format!("unusable DICOM file ({reason})"), "export it again".into())
}

fn missing(tag: Tag) -> Refusal {
    wrong(format!("{} is missing or no number", named(tag)))
}

/// What a file holds that is no scan, and what would work; `None` of an image.
pub(super) fn no_scan(object: &DefaultDicomObject) -> Option<Refusal> {
    let set: &InMemDicomObject = object;
    let item = Item(set);
    if object.meta().media_storage_sop_class_uid() == uids::MEDIA_STORAGE_DIRECTORY_STORAGE {
        return Some(("a DICOMDIR, which holds no image".into(), "give the folder that it lies in".into()));
    }
    let described = [tags::ROWS, tags::COLUMNS, tags::BITS_ALLOCATED];
    if described.iter().all(|&tag| item.0.get(tag).is_none()) {
        return Some(("a DICOM file without an image".into(), "give the images".into()));
    }
    let kinds = item.text(tags::IMAGE_TYPE).unwrap_or_default();
    if kinds.split('\\').any(|kind| kind.trim() == "MOSAIC") {
        let reason = "a mosaic: all slices of a volume as tiles of one picture".into();
        return Some((reason, "convert it to NIfTI with a tool of the scanner's vendor".into()));
    }
    let samples = item.integer(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
    let photometric = item.text(tags::PHOTOMETRIC_INTERPRETATION).unwrap_or_default();
    if samples != 1 || !photometric.starts_with("MONOCHROME") {
        let known = COLOURS.into_iter().find(|&name| name == photometric).unwrap_or("of no known kind");
        let reason = format!("a picture in colours ({known}, {samples} samples a pixel)");
        return Some((reason, "give the grey images that it was made from".into()));
    }
    // Masks and maps beside scans.
    item.integer(tags::BITS_ALLOCATED).filter(|bits| ![8, 16].contains(bits)).map(|bits| {
        let reason = format!("an image with {bits} bits a pixel, which is not supported");
        (reason, "save it with 8 or 16 bits".into())
    })
}

fn pixels(item: Item) -> Result<Pixels, Refusal> {
    let integer = |tag: Tag| item.integer(tag).ok_or_else(|| missing(tag));
    let side = |tag: Tag| match integer(tag)? {
        n @ 1..=65_535 => Ok(n as usize),
        n => Err(wrong(format!("{} is {n}", named(tag)))),
    };
    let (rows, columns) = (side(tags::ROWS)?, side(tags::COLUMNS)?);
    let allocated = integer(tags::BITS_ALLOCATED)?;
    let stored = item.integer(tags::BITS_STORED).unwrap_or(allocated);
    let high = item.integer(tags::HIGH_BIT).unwrap_or(stored.saturating_sub(1));
    let fits = (1..=allocated).contains(&stored) && (stored - 1..allocated).contains(&high);
    if ![8, 16].contains(&allocated) || !fits {
        let reason = format!("numbers of {stored} bits, up to bit {high}, in {allocated} are not supported");
        return Err((reason, "save it with 8 or 16 bits".into()));
    }
    let padding = item.integer(tags::PIXEL_PADDING_VALUE).map(|first| {
        let last = item.integer(tags::PIXEL_PADDING_RANGE_LIMIT).unwrap_or(first);
        [first.min(last), first.max(last)].map(|n| n.clamp(-65_536, 65_536) as i32)
    });
    Ok(Pixels {
        rows,
        columns,
        bytes: allocated as usize / 8,
        bits: stored as u32,
        shift: (high + 1 - stored) as u32,
        is_signed: item.integer(tags::PIXEL_REPRESENTATION).unwrap_or(0) == 1,
        padding,
    })
}

fn frames(item: Item) -> Result<Vec<Frame>, Refusal> {
    let stated = item.integer(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    let count = match usize::try_from(stated) {
        Ok(count @ 1..=MAX_FRAMES) => count,
        _ => return Err(wrong(format!("{} is {stated}", named(tags::NUMBER_OF_FRAMES)))),
    };
    let shared = item.item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE);
    let own = item.items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE);
    if own.is_empty() && shared.is_none() {
        let mut frame = classic(item)?;
        // What is said of the first does not hold for those after it.
        frame.position = frame.position.filter(|_| count == 1);
        return Ok(vec![frame; count]);
    }
    if own.len() != count {
        return Err(wrong(format!("{count} frames and {} descriptions of them", own.len())));
    }
    own.iter().map(|own| enhanced(Item(own), shared)).collect()
}

fn classic(item: Item) -> Result<Frame, Refusal> {
    Ok(Frame {
        position: item.vector(tags::IMAGE_POSITION_PATIENT),
        ways: ways(item)?,
        spacing: spacing(item)?,
        between: length(item, tags::SPACING_BETWEEN_SLICES),
        thickness: length(item, tags::SLICE_THICKNESS),
        scale: scale(item)?,
    })
}

/// What a frame says itself, or else what all share.
fn enhanced(own: Item, shared: Option<Item>) -> Result<Frame, Refusal> {
    let group = |tag: Tag| own.item(tag).or_else(|| shared.and_then(|shared| shared.item(tag)));
    let measures = group(tags::PIXEL_MEASURES_SEQUENCE);
    let plane = group(tags::PLANE_ORIENTATION_SEQUENCE);
    let values = group(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE);
    Ok(Frame {
        position: group(tags::PLANE_POSITION_SEQUENCE)
            .and_then(|item| item.vector(tags::IMAGE_POSITION_PATIENT)),
        ways: plane.map_or(Ok(None), ways)?,
        spacing: measures.map_or(Ok(None), spacing)?,
        between: measures.and_then(|item| length(item, tags::SPACING_BETWEEN_SLICES)),
        thickness: measures.and_then(|item| length(item, tags::SLICE_THICKNESS)),
        scale: values.map_or(Ok([1.0, 0.0]), scale)?,
    })
}

fn ways(item: Item) -> Result<Option<[[f64; 3]; 2]>, Refusal> {
    let Some([a, b, c, d, e, f]) = item.vector(tags::IMAGE_ORIENTATION_PATIENT) else { return Ok(None) };
    let ways = [[a, b, c], [d, e, f]];
    let dot = |v: [f64; 3], w: [f64; 3]| v.iter().zip(w).map(|(a, b)| a * b).sum::<f64>();
    let is_unit = |v: [f64; 3]| (dot(v, v) - 1.0).abs() < 0.01;
    // Files round to few places.
    if is_unit(ways[0]) && is_unit(ways[1]) && dot(ways[0], ways[1]).abs() < 0.01 {
        return Ok(Some(ways));
    }
    Err(wrong(format!("{} is not two ways at right angles", named(tags::IMAGE_ORIENTATION_PATIENT))))
}

fn spacing(item: Item) -> Result<Option<[f64; 2]>, Refusal> {
    let Some(numbers) = item.numbers(tags::PIXEL_SPACING) else { return Ok(None) };
    match numbers.as_slice() {
        &[rows, columns] if rows > 0.0 && columns > 0.0 && rows.is_finite() && columns.is_finite() => {
            Ok(Some([rows, columns]))
        }
        _ => Err(wrong(format!("{} is {numbers:?}", named(tags::PIXEL_SPACING)))),
    }
}

fn length(item: Item, tag: Tag) -> Option<f64> {
    item.number(tag).map(f64::abs).filter(|mm| mm.is_finite() && *mm > 0.0)
}

fn scale(item: Item) -> Result<[f64; 2], Refusal> {
    let number = |tag: Tag, otherwise: f64| match item.number(tag) {
        Some(number) if !number.is_finite() => Err(wrong(format!("{} is {number}", named(tag)))),
        number => Ok(number.unwrap_or(otherwise)),
    };
    Ok([number(tags::RESCALE_SLOPE, 1.0)?, number(tags::RESCALE_INTERCEPT, 0.0)?])
}

/// How the image was weighted, by numbers alone: names of protocols may hold a patient's.
fn sequence(item: Item) -> Option<String> {
    let kinds = item.text(tags::SCANNING_SEQUENCE).unwrap_or_default();
    let kinds: Vec<&str> = kinds.split('\\').map(str::trim).filter(|kind| SEQUENCES.contains(kind)).collect();
    let kinds = (!kinds.is_empty()).then(|| kinds.join("/"));
    let times = [("TR", tags::REPETITION_TIME), ("TE", tags::ECHO_TIME), ("TI", tags::INVERSION_TIME)];
    let time = |(name, tag): (&str, Tag)| item.number(tag).map(|ms| format!("{name} {ms} ms"));
    let words: Vec<String> = kinds.into_iter().chain(times.into_iter().filter_map(time)).collect();
    (!words.is_empty()).then(|| words.join(", "))
}
