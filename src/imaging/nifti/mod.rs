//! NIfTI-1 and NIfTI-2 to a volume: `.nii`, `.nii.gz`, and pairs of `.hdr` and `.img`.
//!
//! What is decided here:
//! - The header is checked before anything is allocated, and a file too short for what it states is refused, also where it is
//!   compressed: deflate packs at most 1,032 bytes into one.
//! - The sform says where voxels lie, else the qform, else they are taken about the middle as nibabel does, with a note.
//! - Voxels are slope times the stored number plus intercept. Those that are no finite number count as 0, with a note.
//! - A unit of metres or micrometres is turned into mm.

mod element;
mod header;
mod write;

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;

use self::header::{HEADER_BYTES, Header, Placed, Refusal, Version};
use super::decoded::Decoded;
use super::volume::Volume;
use crate::error::{Error, Result};
use crate::memory;
pub use write::{mask_volume, probability_volume, write_mask_volume, write_probability_volume};

/// Deflate's best: a byte of it holds no more than this many.
const MOST_IN_A_BYTE: u64 = 1032;
/// Voxels are read so many bytes at a time.
const CHUNK: usize = 256 << 10;
/// What may follow the voxels of a compressed file for its checksum to be looked at.
const TAIL: u64 = 1 << 20;

/// Whether a file begins like NIfTI, by its first bytes after decompression.
pub(super) fn is_nifti(start: &[u8]) -> bool {
    let length = |at: &[u8]| <[u8; 4]>::try_from(at).ok();
    let stated = start.get(..4).and_then(length);
    stated.is_some_and(|b| {
        [i32::from_le_bytes(b), i32::from_be_bytes(b)].iter().any(|n| [348, 540].contains(n))
    })
}

/// Reads a volume. Of a pair either file may be given.
///
/// # Errors
/// One line naming the file: it cannot be read, is damaged or cut, or is of a kind that is not supported; more memory
/// than there is.
pub fn read_nifti(path: &Path) -> Result<Decoded> {
    let head = header_of(path);
    let mut source = Source::open(&head)?;
    let refused = |path: &Path| {
        let path = path.to_path_buf();
        move |(reason, remedy): Refusal| Error::file(&path, reason, remedy)
    };
    let (start, length) = source.start()?;
    let header = Header::parse(&start, length).map_err(refused(&head))?;
    if header.is_pair {
        source = Source::open(&image_of(&head)?)?;
    } else {
        source.put_back(&start[..length]);
    }
    source.check_length(&header)?;
    // What is lit is held once more while it is found what is white.
    memory::check("the volume", 2 * 4 * header.voxels() as u64)?;
    let (voxels, odd) = source.voxels(&header)?;
    Ok(Decoded {
        volume: Volume::new(header.size, voxels, header.affine)?,
        format: if header.version == Version::One { "NIfTI-1" } else { "NIfTI-2" }.into(),
        stored: header.element.name().into(),
        modality: None,
        sequence: None,
        is_placed: header.placed != Placed::Nowhere,
        notes: notes(&header, odd),
    })
}

/// Voxels of a NIfTI file, packed or not, by what its header states; none where it is no such file, or a damaged one.
pub fn stated_voxels(bytes: &[u8]) -> Option<u64> {
    let mut start = Vec::new();
    let limit = HEADER_BYTES as u64;
    // Of a file that ends early as much is read as there is.
    let _ = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => MultiGzDecoder::new(bytes).take(limit).read_to_end(&mut start),
        false => bytes.take(limit).read_to_end(&mut start),
    };
    let mut header = [0; HEADER_BYTES];
    header.get_mut(..start.len())?.copy_from_slice(&start);
    Header::parse(&header, start.len()).ok().map(|header| header.voxels() as u64)
}

fn notes(header: &Header, odd: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if header.placed == Placed::Nowhere {
        notes.push(
            "the file does not say how the head lies: sides are assumed, as nibabel assumes them".into(),
        );
    }
    if odd > 0 {
        let voxels = if odd == 1 { "voxel is" } else { "voxels are" };
        notes.push(format!("{odd} {voxels} not a finite number and taken as 0"));
    }
    notes
}

/// Whether a file is named like one that has the voxels of a pair, and nothing to tell it by.
pub(super) fn is_image_of_pair(path: &Path) -> bool {
    sibling(path, "img", "hdr").is_some()
}

/// The file that has the header: the one given, unless that is the `.img` of a pair.
fn header_of(path: &Path) -> PathBuf {
    sibling(path, "img", "hdr").unwrap_or_else(|| path.to_path_buf())
}

fn image_of(header: &Path) -> Result<PathBuf> {
    let found = sibling(header, "hdr", "img").filter(|image| image.is_file());
    found.ok_or_else(|| {
        Error::file(header, "its voxels lie in a file .img that is not beside it", "put both in one folder")
    })
}

/// `scan.hdr` for `scan.img`, `scan.hdr.gz` for `scan.img.gz`; whichever exists of the compressed and the plain one.
fn sibling(path: &Path, from: &str, to: &str) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let stem = [format!(".{from}"), format!(".{from}.gz")]
        .iter()
        .find(|ending| lower.ends_with(ending.as_str()))
        .and_then(|ending| name.get(..name.len() - ending.len()))?;
    let endings = [to.to_string(), format!("{to}.gz"), to.to_ascii_uppercase()];
    let candidates = endings.map(|ending| path.with_file_name(format!("{stem}.{ending}")));
    let existing = candidates.iter().find(|candidate| candidate.is_file());
    existing.or(candidates.first()).cloned()
}

/// The bytes of a file, decompressed.
struct Source {
    path: PathBuf,
    /// Of the file itself.
    length: u64,
    is_compressed: bool,
    bytes: Box<dyn Read>,
}

impl Source {
    fn open(path: &Path) -> Result<Source> {
        let unreadable = |e: io::Error| {
            Error::file(path, format!("cannot be read ({e})"), "check the path and its permissions")
        };
        let metadata = std::fs::metadata(path).map_err(unreadable)?;
        // Opening a pipe would wait for its writer for ever.
        if !metadata.is_file() {
            return Err(Error::file(path, "not a file", "give a file or a folder of them"));
        }
        let mut file = BufReader::with_capacity(CHUNK, File::open(path).map_err(unreadable)?);
        let is_compressed = io::BufRead::fill_buf(&mut file).map_err(unreadable)?.starts_with(&[0x1f, 0x8b]);
        let bytes: Box<dyn Read> =
            if is_compressed { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
        Ok(Source { path: path.to_path_buf(), length: metadata.len(), is_compressed, bytes })
    }

    /// As many of the first bytes as a header may have, and how many there are.
    fn start(&mut self) -> Result<([u8; HEADER_BYTES], usize)> {
        let mut start = Vec::new();
        let limited = &mut self.bytes;
        limited.take(HEADER_BYTES as u64).read_to_end(&mut start).map_err(|e| self.damaged(&e))?;
        let mut bytes = [0; HEADER_BYTES];
        bytes[..start.len()].copy_from_slice(&start);
        Ok((bytes, start.len()))
    }

    /// Reads these bytes again before those that follow them.
    fn put_back(&mut self, start: &[u8]) {
        let rest = std::mem::replace(&mut self.bytes, Box::new(io::empty()));
        self.bytes = Box::new(Cursor::new(start.to_vec()).chain(rest));
    }

    /// Refuses a file that cannot hold what its header states, before memory is asked for.
    fn check_length(&self, header: &Header) -> Result<()> {
        let most = if self.is_compressed { self.length.saturating_mul(MOST_IN_A_BYTE) } else { self.length };
        let needed = header.offset.saturating_add(header.bytes());
        if needed <= most {
            return Ok(());
        }
        let [i, j, k] = header.size;
        let kind = header.element.name();
        Err(self.refusal(format!(
            "it is too short for the {i}x{j}x{k} voxels of {kind} that its header states: {needed} bytes"
        )))
    }

    /// All voxels, and how many of them were no finite numbers.
    fn voxels(&mut self, header: &Header) -> Result<(Vec<f32>, usize)> {
        let offset = header.offset;
        let skipped = io::copy(&mut (&mut self.bytes).take(offset), &mut io::sink());
        if skipped.map_err(|e| self.damaged(&e))? < offset {
            return Err(self.refusal("it ends before its voxels begin".into()));
        }
        let mut voxels = Vec::with_capacity(header.voxels());
        let mut chunk = vec![0; CHUNK];
        let (mut left, mut odd) = (header.bytes(), 0);
        while left > 0 {
            let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let part = &mut chunk[..length];
            self.bytes.read_exact(part).map_err(|e| self.damaged(&e))?;
            let start = voxels.len();
            header.element.append(part, header.order, header.scale, &mut voxels);
            odd += zeroed(&mut voxels[start..]);
            left -= length as u64;
        }
        self.check_end()?;
        Ok((voxels, odd))
    }

    /// A compressed file ends in a checksum, which is looked at once all has been read.
    fn check_end(&mut self) -> Result<()> {
        if self.is_compressed {
            io::copy(&mut (&mut self.bytes).take(TAIL), &mut io::sink()).map_err(|e| self.damaged(&e))?;
        }
        Ok(())
    }

    fn damaged(&self, error: &io::Error) -> Error {
        let what = match error.kind() {
            io::ErrorKind::UnexpectedEof => "it ends early".to_string(),
            _ => super::decode::one_line(&error.to_string()),
        };
        self.refusal(what)
    }

    fn refusal(&self, what: String) -> Error {
        Error::file(&self.path, format!("damaged NIfTI file ({what})"), "export or copy it again")
    }
}

/// Makes what is no finite number 0, and counts it.
fn zeroed(voxels: &mut [f32]) -> usize {
    let odd = voxels.iter_mut().filter(|v| !v.is_finite());
    odd.map(|v| *v = 0.0).count()
}
