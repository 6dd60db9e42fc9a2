//! External data: weights in files beside the model, which must lie inside the model's own folder.
//!
//! Names come from the file and are hostile until proven otherwise: absolute names, `..` and links
//! are refused (CVE-2022-25882, CVE-2024-27318 and their successors were all escapes of this kind).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::proto::StringStringEntryProto;

/// Reads external data files once each.
pub(super) struct ExternalFiles {
    folder: Option<PathBuf>,
    files: BTreeMap<String, Arc<Vec<u8>>>,
}

impl ExternalFiles {
    /// Files inside this folder.
    pub fn inside(folder: &Path) -> Self {
        ExternalFiles { folder: Some(folder.to_path_buf()), files: BTreeMap::new() }
    }

    /// No external data at all: for networks that did not come from a file.
    pub fn refused() -> Self {
        ExternalFiles { folder: None, files: BTreeMap::new() }
    }

    pub fn into_files(self) -> BTreeMap<String, Arc<Vec<u8>>> {
        self.files
    }

    /// The bytes that a tensor's `external_data` entries point to.
    pub fn slice(&mut self, entries: &[StringStringEntryProto]) -> Result<&[u8], String> {
        let entry = |key: &str| entries.iter().find(|e| e.key() == key).map(|e| e.value());
        let number = |key: &str| match entry(key) {
            None => Ok(None),
            Some(text) => {
                text.parse::<usize>().map(Some).map_err(|_| format!("external {key} '{text}' is not a size"))
            }
        };
        let location = entry("location").ok_or("external data without a location")?.to_string();
        let (offset, length) = (number("offset")?.unwrap_or(0), number("length")?);
        let file = self.file(&location)?;
        let end = match length {
            Some(length) => offset.checked_add(length),
            None => Some(file.len()),
        };
        end.and_then(|end| file.get(offset..end)).ok_or_else(|| {
            format!("external data '{location}' has {} bytes, too few for offset {offset}", file.len())
        })
    }

    fn file(&mut self, location: &str) -> Result<&[u8], String> {
        if !self.files.contains_key(location) {
            let folder = self.folder.as_ref().ok_or("external data needs a model folder")?;
            let path = resolve(folder, location)?;
            let bytes =
                fs::read(&path).map_err(|e| format!("external data '{location}' cannot be read: {e}"))?;
            self.files.insert(location.to_string(), Arc::new(bytes));
        }
        Ok(self.files.get(location).map_or(&[], |f| f.as_slice()))
    }
}

fn resolve(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let outside = || format!("external data '{location}' is outside the model's folder");
    let mut path = folder.to_path_buf();
    for component in Path::new(location).components() {
        match component {
            Component::Normal(part) => path.push(part),
            Component::CurDir => continue,
            _ => return Err(outside()),
        }
        let kind = fs::symlink_metadata(&path).map_err(|e| format!("external data '{location}': {e}"))?;
        if kind.file_type().is_symlink() {
            return Err(format!("external data '{location}' is a link, which is refused"));
        }
    }
    if path.is_file() { Ok(path) } else { Err(format!("external data '{location}' is not a file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_the_folder_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ok.bin"), b"x").unwrap();
        assert!(resolve(folder.path(), "ok.bin").is_ok());
        assert!(resolve(folder.path(), "./ok.bin").is_ok());
        for bad in ["../ok.bin", "/etc/passwd", "a/../../ok.bin", "missing.bin", "", "."] {
            assert!(resolve(folder.path(), bad).is_err(), "{bad} was accepted");
        }
    }

    #[cfg(unix)]
    #[test]
    fn links_are_refused_even_inside_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ok.bin"), b"x").unwrap();
        std::os::unix::fs::symlink(folder.path().join("ok.bin"), folder.path().join("link.bin")).unwrap();
        assert!(resolve(folder.path(), "link.bin").unwrap_err().contains("link"));
    }
}
