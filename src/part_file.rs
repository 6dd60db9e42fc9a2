//! Results that appear whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

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
        if target.is_dir() {
            return Err(Error::file(target, "is a folder", "give the name of a file"));
        }
        // In a container every start may have the same number, and find what one left that was killed.
        let (part, file) = loop {
            let part = next_name(target);
            match OpenOptions::new().write(true).create_new(true).open(&part) {
                Ok(file) => break (part, file),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {}
                Err(e) => {
                    let remedy = "check the folder and its permissions";
                    return Err(Error::file(target, format!("cannot be written ({e})"), remedy));
                }
            }
        };
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

/// A name beside the target that this process has not used before.
fn next_name(target: &Path) -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let mut name = target.as_os_str().to_os_string();
    name.push(format!(".part-{}-{number}", std::process::id()));
    PathBuf::from(name)
}

impl Drop for PartFile {
    fn drop(&mut self) {
        if !self.kept {
            // Nothing is left to be done about a part file that cannot be removed.
            let _ = fs::remove_file(&self.part);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_a_killed_process_of_the_same_number_left_is_in_nobodys_way() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("result");
        let stale: Vec<PathBuf> = (0..50)
            .map(|number| {
                let name = format!("result.part-{}-{number}", std::process::id());
                folder.path().join(name)
            })
            .collect();
        stale.iter().for_each(|path| fs::write(path, "half").unwrap());
        let (part, mut file) = PartFile::create(&target).unwrap();
        file.write_all(b"whole").unwrap();
        part.keep().unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"whole");
        assert!(stale.iter().all(|path| fs::read(path).unwrap() == b"half"));
    }
}
