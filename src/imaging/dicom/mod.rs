//! DICOM to a volume: a file, or the series of a folder.
//!
//! What is decided here:
//! - Slices belong together by SeriesInstanceUID and are ordered by their positions along their normal.
//! - Headers are read first: how large the volume is is known before any pixel is decoded.
//! - Rescale slope and intercept give the voxels. Windows and MONOCHROME1 are for display, and are not applied.
//! - Padding counts as 0, with a note.
//! - Slices that lie unevenly, or several at one place, are refused: an affine could not say where they lie.

mod attributes;
mod geometry;
mod header;
mod lengths;
mod pixels;
pub(super) mod zipped;

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use dicom_dictionary_std::tags;
use dicom_object::{DefaultDicomObject, OpenFileOptions};
use rayon::prelude::*;

use self::geometry::Grid;
use self::header::{Frame, Header, no_scan};
use self::pixels::{Data, LeftOut, Packing};
use super::decode::one_line;
use super::decoded::Decoded;
use super::volume::{MAX_VOXELS, Volume};
use crate::error::{Error, Result};
use crate::memory;

/// Why a file cannot be used, and what would work.
type Refusal = (String, String);

/// Where a DICOM file lies: on disc, or in memory where it came out of an archive.
pub(super) struct Source {
    pub path: PathBuf,
    pub bytes: Option<Vec<u8>>,
}

impl Source {
    /// In bytes; 0 where it cannot be told.
    fn length(&self) -> u64 {
        match &self.bytes {
            Some(bytes) => bytes.len() as u64,
            None => std::fs::metadata(&self.path).map_or(0, |metadata| metadata.len()),
        }
    }
}

/// A file with what its header says.
struct Image<'a> {
    source: &'a Source,
    header: Header,
}

/// Why a sound file is no scan.
struct NoScan(Error);

/// A slice of a series: which frame of which file.
struct Slice<'a> {
    file: usize,
    number: usize,
    frame: &'a Frame,
}

/// Reads the series of these files; `series` says which, counted from 1, where there are several. `place` is the file,
/// folder or archive that was given, for errors.
///
/// # Errors
/// One line naming the file or folder: damaged, not supported, several series; more memory than there is.
pub(super) fn read_dicom(place: &Path, sources: &[Source], series: Option<usize>) -> Result<Decoded> {
    let read: Vec<Result<Image, NoScan>> = sources.par_iter().map(header_of).collect::<Result<_>>()?;
    let (files, left_out) = scans(read)?;
    let files = one_series(place, files, series)?;
    let refused = |(reason, remedy): Refusal| Error::file(place, reason, remedy);
    let first = files.first().map(|file| &file.header);
    let first =
        first.ok_or_else(|| refused(("no DICOM file".into(), "give a file or a folder of them".into())))?;
    let slices = slices_of(&files);
    let size = size(&files, first, slices.len()).map_err(refused)?;
    let frames: Vec<Frame> = slices.iter().map(|slice| slice.frame.clone()).collect();
    let grid = Grid::of(&frames, files.len() == 1).map_err(refused)?;
    // What is lit is held once more while it is found what is white.
    memory::check("the volume", 2 * 4 * size.iter().product::<usize>() as u64)?;
    let ordered: Vec<&Slice> = grid.order.iter().filter_map(|&n| slices.get(n)).collect();
    let (voxels, left_out_voxels) = read_slices(&files, &ordered, size[0] * size[1])?;
    let mut notes = grid.notes;
    notes.extend(left_out);
    let LeftOut { padding, odd } = left_out_voxels;
    if padding > 0 {
        notes.push(format!("{padding} voxels are padding and taken as 0"));
    }
    if odd > 0 {
        notes.push(format!("{odd} voxels are not a finite number and taken as 0"));
    }
    Ok(Decoded {
        volume: Volume::new(size, voxels, grid.affine)?,
        format: "DICOM".into(),
        stored: stored(first).into(),
        modality: first.modality.clone(),
        sequence: first.sequence.clone(),
        is_placed: grid.is_placed,
        notes,
    })
}

fn slices_of<'a>(files: &'a [Image]) -> Vec<Slice<'a>> {
    let of_file = |(file, of): (usize, &'a Image)| {
        of.header.frames.iter().enumerate().map(move |(number, frame)| Slice { file, number, frame })
    };
    files.iter().enumerate().flat_map(of_file).collect()
}

/// Columns, rows and slices, the same in all files, and not too many.
fn size(files: &[Image], first: &Header, slices: usize) -> Result<[usize; 3], Refusal> {
    let sides = |header: &Header| [header.pixels.columns, header.pixels.rows];
    if files.iter().any(|file| sides(&file.header) != sides(first)) {
        let reason = "the slices are of several sizes".to_string();
        return Err((reason, "give the slices of one volume in a folder of their own".into()));
    }
    let [columns, rows] = sides(first);
    let voxels = ((columns * rows) as u64).saturating_mul(slices as u64);
    if voxels > MAX_VOXELS {
        let reason = format!("{columns}x{rows}x{slices} voxels are too many");
        return Err((reason, format!("at most {} million are read", MAX_VOXELS >> 20)));
    }
    Ok([columns, rows, slices])
}

fn stored(header: &Header) -> &'static str {
    match (header.pixels.bytes, header.pixels.is_signed) {
        (1, false) => "uint8",
        (1, true) => "int8",
        (_, false) => "uint16",
        (_, true) => "int16",
    }
}

fn open(source: &Source, until_pixels: bool) -> Result<DefaultDicomObject> {
    let options = OpenFileOptions::new();
    let options = if until_pixels { options.read_until(tags::PIXEL_DATA) } else { options };
    let opened = match &source.bytes {
        Some(bytes) => options.from_reader(bytes.as_slice()),
        None => options.open_file(&source.path),
    };
    opened.map_err(|error| {
        let mut reason = one_line(&error.to_string());
        let mut cause = std::error::Error::source(&error);
        while let Some(deeper) = cause {
            reason = one_line(&deeper.to_string());
            cause = deeper.source();
        }
        Error::file(&source.path, format!("damaged DICOM file ({reason})"), "export or copy it again")
    })
}

/// Outer: the file cannot be read.
fn check_lengths(source: &Source) -> Result<Result<(), Refusal>> {
    let unreadable = |e: std::io::Error| {
        Error::file(&source.path, format!("cannot be read ({e})"), "check the path and its permissions")
    };
    Ok(match &source.bytes {
        Some(bytes) => lengths::check(Cursor::new(bytes)),
        None => lengths::check(BufReader::new(File::open(&source.path).map_err(unreadable)?)),
    })
}

fn header_of(source: &Source) -> Result<Result<Image<'_>, NoScan>> {
    let refused = |(reason, remedy): Refusal| Error::file(&source.path, reason, remedy);
    check_lengths(source)?.map_err(refused)?;
    let object = open(source, true)?;
    if let Some(refusal) = no_scan(&object) {
        return Ok(Err(NoScan(refused(refusal))));
    }
    let header = Header::of(&object).map_err(refused)?;
    let most = Packing::of(&header.syntax).map_err(refused)?.most_in_a_byte(&header.syntax);
    let needed = (header.pixels.frame_bytes() as u64).saturating_mul(header.frames.len() as u64);
    // Before memory is asked for.
    if needed > source.length().saturating_mul(most) {
        let reason =
            format!("damaged DICOM file (it is too short for the {needed} bytes of pixels that it states)");
        return Err(refused((reason, "export or copy it again".into())));
    }
    Ok(Ok(Image { source, header }))
}

/// The files that are scans, and what is to be said of others: a folder off a disc has a DICOMDIR too.
fn scans(read: Vec<Result<Image<'_>, NoScan>>) -> Result<(Vec<Image<'_>>, Option<String>)> {
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for one in read {
        match one {
            Ok(file) => files.push(file),
            Err(NoScan(error)) => others.push(error),
        }
    }
    match others.first() {
        None => Ok((files, None)),
        Some(error) if files.is_empty() => Err(error.clone()),
        // Named by its last part: a note goes into answers, and where files lie does not.
        Some(Error::File { path, reason, .. }) => {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            Ok((files, Some(format!("{} file(s) left out: {name}: {reason}", others.len()))))
        }
        Some(error) => Ok((files, Some(format!("{} file(s) left out: {error}", others.len())))),
    }
}

/// The files of the series that is wanted, or of the only one.
fn one_series<'a>(place: &Path, files: Vec<Image<'a>>, wanted: Option<usize>) -> Result<Vec<Image<'a>>> {
    let mut names: Vec<String> = files.iter().map(|file| file.header.series.clone()).collect();
    names.sort();
    names.dedup();
    let chosen = match (wanted, names.as_slice()) {
        (None, [] | [_]) => return Ok(files),
        (None, _) => {
            let kinds: Vec<String> =
                names.iter().enumerate().map(|(n, name)| kind(n, name, &files)).collect();
            let reason = format!("{} series lie here: {}", names.len(), kinds.join("; "));
            return Err(Error::file(place, reason, "choose one with --series N"));
        }
        (Some(n), names) => names.get(n.wrapping_sub(1)).cloned(),
    };
    let Some(chosen) = chosen else {
        let reason = format!("{} series lie here", names.len());
        return Err(Error::file(place, reason, format!("choose one with --series 1 to {}", names.len())));
    };
    Ok(files.into_iter().filter(|file| file.header.series == chosen).collect())
}

/// A series in words that tell nothing of the patient.
fn kind(number: usize, name: &str, files: &[Image]) -> String {
    let own = || files.iter().filter(|file| file.header.series == name).map(|file| &file.header);
    let slices: usize = own().map(|header| header.frames.len()).sum();
    let Some(first) = own().next() else { return String::new() };
    let words = [first.modality.clone(), first.sequence.clone()].into_iter().flatten().collect::<Vec<_>>();
    let size = format!("{}x{}", first.pixels.columns, first.pixels.rows);
    format!("{}: {slices} slice(s) of {size} {}", number + 1, words.join(", ")).trim_end().to_string()
}

/// The voxels of slices in their order, files side by side, and how many of them count as 0.
fn read_slices(files: &[Image], slices: &[&Slice], length: usize) -> Result<(Vec<f32>, LeftOut)> {
    let mut voxels = vec![0.0; slices.len() * length];
    let mut own: Vec<Vec<(&Slice, &mut [f32])>> = files.iter().map(|_| Vec::new()).collect();
    for (slice, part) in slices.iter().zip(voxels.chunks_exact_mut(length)) {
        if let Some(of_file) = own.get_mut(slice.file) {
            of_file.push((slice, part));
        }
    }
    let left_out: Vec<LeftOut> =
        files.par_iter().zip(own).map(|(file, parts)| read_file(file, parts)).collect::<Result<_>>()?;
    Ok((voxels, left_out.into_iter().sum()))
}

fn read_file(file: &Image, parts: Vec<(&Slice, &mut [f32])>) -> Result<LeftOut> {
    let refused = |(reason, remedy): Refusal| Error::file(&file.source.path, reason, remedy);
    let object = open(file.source, false)?;
    let data = Data::of(&object).map_err(refused)?;
    let packing = Packing::of(&file.header.syntax).map_err(refused)?;
    let count = file.header.frames.len();
    let mut left_out = Vec::new();
    for (slice, voxels) in parts {
        let numbers = (slice.number, count);
        let read = pixels::read(&data, packing, &file.header.pixels, numbers, slice.frame, voxels);
        left_out.push(read.map_err(refused)?);
    }
    Ok(left_out.into_iter().sum())
}
