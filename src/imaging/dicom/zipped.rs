//! DICOM files out of a zip archive, into memory: nothing is unpacked to disc.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use crate::error::{Error, Result};
use crate::memory;

/// More entries than any study has.
const MAX_ENTRIES: usize = 100_000;
/// Deflate's best; an entry that states more is none.
const MOST_IN_A_BYTE: u64 = 1032;

/// The names and bytes of an archive's files of which `wanted` is true of the bytes. How much memory they take is known from
/// the archive's own list, and held to.
///
/// # Errors
/// One line naming the archive: damaged, encrypted, a name that leads out of it, sizes that lie; more memory than there is.
pub fn entries(path: &Path, wanted: impl Fn(&[u8]) -> bool) -> Result<Vec<(PathBuf, Vec<u8>)>> {
    let file = File::open(path).map_err(|e| {
        Error::file(path, format!("cannot be read ({e})"), "check the path and its permissions")
    })?;
    let mut archive = ZipArchive::new(file).map_err(|e| damaged(path, &e))?;
    if archive.len() > MAX_ENTRIES {
        let reason = format!("{} files in an archive are too many", archive.len());
        return Err(Error::file(path, reason, "unpack it and give the folder of one series"));
    }
    let total = check(path, &mut archive)?;
    memory::check("the archive, unpacked,", total)?;
    let mut found = Vec::new();
    for index in 0..archive.len() {
        let entry = archive.by_index(index).map_err(|e| damaged(path, &e))?;
        if !entry.is_file() {
            continue;
        }
        let (name, size) = (path.join(entry.enclosed_name().unwrap_or_default()), entry.size());
        let mut bytes = Vec::new();
        // One more than stated would show that it lies.
        let read = entry.take(size + 1).read_to_end(&mut bytes);
        read.map_err(|e| Error::file(&name, format!("damaged archive ({e})"), "copy it again"))?;
        if bytes.len() as u64 != size {
            return Err(Error::file(&name, "damaged archive (a size that lies)", "copy it again"));
        }
        if wanted(&bytes) {
            found.push((name, bytes));
        }
    }
    Ok(found)
}

/// Bytes of all files of an archive by its own list; none where it cannot be read.
pub fn stated_bytes(bytes: &[u8]) -> Option<u64> {
    let archive = ZipArchive::new(std::io::Cursor::new(bytes)).ok()?;
    archive.decompressed_size().and_then(|size| u64::try_from(size).ok())
}

/// Holds what an archive says of its files to what can be, and sums their bytes.
fn check(path: &Path, archive: &mut ZipArchive<File>) -> Result<u64> {
    let mut total = 0u64;
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|e| damaged(path, &e))?;
        if entry.enclosed_name().is_none() {
            let name = entry.name().unwrap_or_default();
            let reason = format!("its entry '{name}' leads out of the archive");
            return Err(Error::file(path, reason, "do not trust it; ask for another"));
        }
        if entry.encrypted() {
            return Err(Error::file(path, "the archive is encrypted", "unpack it and give the folder"));
        }
        if entry.size()
            > entry.compressed_size().saturating_mul(MOST_IN_A_BYTE).saturating_add(MOST_IN_A_BYTE)
        {
            return Err(Error::file(path, "damaged archive (a size that lies)", "copy it again"));
        }
        total = total.saturating_add(entry.size());
    }
    Ok(total)
}

fn damaged(path: &Path, error: &ZipError) -> Error {
    let reason = crate::imaging::decode::one_line(&error.to_string());
    Error::file(
        path,
        format!("damaged archive ({reason})"),
        "copy it again, or unpack it and give the folder",
    )
}
