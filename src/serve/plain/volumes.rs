//! Volumes that were sent: kept in a folder of their own while they are read, since readers want files.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use crate::imaging::{Decoded, read_volume};
use crate::serve::body::Upload;
use crate::serve::kept::Kept;

/// Reads a volume. Nothing of it is left on disc.
///
/// # Errors
/// As [`read_volume`]; a disc that is full.
pub fn read(kept: &Kept, upload: &Upload, series: Option<usize>) -> Result<Decoded> {
    let unkept = |e: std::io::Error| {
        // Its own words may say where temporary files lie.
        let reason = format!("cannot be kept while it is read ({})", e.kind());
        Error::file(Path::new(&upload.name), reason, "make room for temporary files")
    };
    let folder = kept.folder().map_err(unkept)?;
    // Readers go by what a file holds. Its name stays out of the file system.
    let path = folder.path().join("scan");
    fs::write(&path, &upload.bytes).map_err(unkept)?;
    read_volume(&path, series)
}
