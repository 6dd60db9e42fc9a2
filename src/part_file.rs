//! Results that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A file that is being written beside its place, moved there when it is whole, and removed when it is
/// dropped before.
#[derive(Debug)]
pub struct PartFile {
    part: PathBuf,
    target: PathBuf,
    kept: bool,
}

impl PartFile {
    /// Creates the part file for `target`, which is left alone until [`PartFile::keep`].
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn create(target: &Path) -> Result<(Self, File)> {
        let mut name = target.as_os_str().to_os_string();
        name.push(format!(".part-{}", std::process::id()));
        let part = PathBuf::from(name);
        if target.is_dir() {
            return Err(Error::file(target, "is a folder", "give the name of a file"));
        }
        let file = OpenOptions::new().write(true).create_new(true).open(&part).map_err(|e| {
            Error::file(target, format!("cannot be written ({e})"), "check the folder and its permissions")
        })?;
        Ok((PartFile { part, target: target.to_path_buf(), kept: false }, file))
    }

    /// Moves the file to its place, over what was there.
    ///
    /// # Errors
    /// When it cannot be moved.
    pub fn keep(mut self) -> Result<()> {
        fs::rename(&self.part, &self.target).map_err(|e| {
            Error::file(&self.target, format!("cannot be written ({e})"), "check the folder's permissions")
        })?;
        self.kept = true;
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing is left to be done about a part file that cannot be removed.
            let _ = fs::remove_file(&self.part);
        }
    }
}
