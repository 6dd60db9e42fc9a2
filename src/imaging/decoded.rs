//! What a file of a volume, or a folder of slices, holds.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use walkdir::WalkDir;

#[cfg(feature = "dicom")]
use super::dicom;
use super::nifti;
use super::volume::Volume;
use crate::error::{Error, Result};

/// As many bytes as tell the format of a file.
const START: u64 = 132;

/// A volume with what its file says of how it was made and stored. Nothing tells whose scan it is.
#[derive(Debug, Clone)]
pub struct Decoded {
    pub volume: Volume,
    /// Of the file: `NIfTI-1`, `NIfTI-2` or `DICOM`.
    pub format: String,
    /// NumPy's name of the type that voxels were stored as.
    pub stored: String,
    /// DICOM's code of the kind of machine, such as `MR`.
    pub modality: Option<String>,
    /// How the image was weighted, as far as that is said.
    pub sequence: Option<String>,
    /// Whether the file says how the head lies; otherwise the sides are assumed.
    pub is_placed: bool,
    /// What the user must be told.
    pub notes: Vec<String>,
}

/// What files that hold volumes are told by: how they begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Nifti,
    Dicom,
    /// Taken to hold DICOM files.
    Zip,
}

impl Format {
    /// That of a file; one that cannot be read has none.
    fn of(path: &Path) -> Option<Format> {
        // Opening a pipe would wait for its writer for ever.
        if !path.is_file() {
            return None;
        }
        let open = || File::open(path).ok();
        let start = |bytes: &mut dyn Read| {
            let mut start = Vec::new();
            bytes.take(START).read_to_end(&mut start).ok();
            start
        };
        let plain = start(&mut open()?);
        if is_dicom(&plain) {
            return Some(Format::Dicom);
        }
        if plain.starts_with(b"PK\x03\x04") {
            return Some(Format::Zip);
        }
        let is_nifti = nifti::is_nifti(&plain) || nifti::is_nifti(&start(&mut MultiGzDecoder::new(open()?)));
        is_nifti.then_some(Format::Nifti)
    }
}

/// Whether a file begins like one that holds a volume, or is the second of a pair.
pub(super) fn is_volume(path: &Path) -> bool {
    Format::of(path).is_some() || nifti::is_image_of_pair(path)
}

/// Whether a file begins like DICOM.
pub(super) fn is_dicom_file(path: &Path) -> bool {
    Format::of(path) == Some(Format::Dicom)
}

fn is_dicom(start: &[u8]) -> bool {
    start.get(128..132) == Some(b"DICM")
}

/// Reads a volume: a NIfTI file, a DICOM file, or the DICOM series of a folder or a zip archive. `series` says which,
/// counted from 1, where there are several.
///
/// # Errors
/// One line naming the file or folder: of no known format, damaged, not supported, several series; more memory than
/// there is.
pub fn read_volume(path: &Path, series: Option<usize>) -> Result<Decoded> {
    if path.is_dir() {
        return read_series(path, &dicom_files(path)?, series);
    }
    match Format::of(path) {
        Some(Format::Dicom) => read_series(path, &[path.to_path_buf()], series),
        Some(Format::Zip) => read_archive(path, series),
        None if path.is_file() && !nifti::is_image_of_pair(path) => {
            let remedy = "NIfTI (.nii, .nii.gz, .hdr with .img) and DICOM (files, folders, .zip) are read";
            Err(Error::file(path, "not a volume that can be read", remedy))
        }
        Some(Format::Nifti) | None => nifti::read_nifti(path),
    }
}

/// The DICOM files of a folder, at any depth; others are left out.
fn dicom_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(folder).follow_links(true).sort_by_file_name() {
        let unreadable = |e: walkdir::Error| {
            Error::file(e.path().unwrap_or(folder), "cannot be read", "check the path and its permissions")
        };
        match entry {
            Err(e) if e.loop_ancestor().is_some() => {}
            entry => files.push(entry.map_err(unreadable)?.into_path()),
        }
    }
    files.retain(|path| is_dicom_file(path));
    if files.is_empty() {
        return Err(Error::file(
            folder,
            "the folder holds no DICOM file",
            "give a folder of one series, or a file",
        ));
    }
    Ok(files)
}

#[cfg(feature = "dicom")]
fn read_series(place: &Path, files: &[PathBuf], series: Option<usize>) -> Result<Decoded> {
    let source = |path: &PathBuf| dicom::Source { path: path.clone(), bytes: None };
    dicom::read_dicom(place, &files.iter().map(source).collect::<Vec<_>>(), series)
}

/// Bytes of all files of a zip archive by its own list; none where it is no archive.
#[cfg(feature = "dicom")]
pub fn unpacked_bytes(bytes: &[u8]) -> Option<u64> {
    dicom::zipped::stated_bytes(bytes)
}

/// None: no archive is read.
#[cfg(not(feature = "dicom"))]
pub fn unpacked_bytes(_bytes: &[u8]) -> Option<u64> {
    None
}

#[cfg(feature = "dicom")]
fn read_archive(path: &Path, series: Option<usize>) -> Result<Decoded> {
    let files = dicom::zipped::entries(path, is_dicom)?;
    if files.is_empty() {
        let remedy = "give an archive of one DICOM series";
        return Err(Error::file(path, "the archive holds no DICOM file", remedy));
    }
    let source = |(path, bytes)| dicom::Source { path, bytes: Some(bytes) };
    dicom::read_dicom(path, &files.into_iter().map(source).collect::<Vec<_>>(), series)
}

#[cfg(not(feature = "dicom"))]
fn read_series(place: &Path, _files: &[PathBuf], _series: Option<usize>) -> Result<Decoded> {
    Err(Error::file(place, "this build of Gyrus does not read DICOM", "build it with the feature `dicom`"))
}

#[cfg(not(feature = "dicom"))]
fn read_archive(path: &Path, series: Option<usize>) -> Result<Decoded> {
    read_series(path, &[], series)
}
