//! From the paths that a user gives to the image files that they mean.

use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::{Error, Result};

/// The endings, in lower case, by which a folder's images are told from its other files. A file that
/// is given by name is tried whatever its ending.
pub const IMAGE_EXTENSIONS: &[&str] = &["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// The files to work on, and what was wrong with the paths that gave none.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the given paths; within a folder sorted by name.
    pub files: Vec<PathBuf>,
    /// Folders that cannot be read or hold no image.
    pub errors: Vec<Error>,
}

/// The images that these files and folders mean.
///
/// Folders are searched to any depth, links are followed (once round a loop), and files and folders
/// whose name begins with a dot are left out. A path that does not exist is returned as a file: to say
/// so is up to whoever opens it.
pub fn find_images(paths: &[PathBuf]) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            search(path, &mut found);
        } else {
            found.files.push(path.clone());
        }
    }
    found
}

fn search(folder: &Path, found: &mut Found) {
    let before = (found.files.len(), found.errors.len());
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| e.depth() == 0 || !is_hidden(e)) {
        match image_of(folder, entry) {
            Ok(Some(file)) => found.files.push(file),
            Ok(None) => {}
            Err(error) => found.errors.push(error),
        }
    }
    if before == (found.files.len(), found.errors.len()) {
        let remedy = format!("images are told by their endings: {}", IMAGE_EXTENSIONS.join(", "));
        found.errors.push(Error::file(folder, "the folder holds no image", remedy));
    }
}

fn image_of(folder: &Path, entry: walkdir::Result<DirEntry>) -> Result<Option<PathBuf>> {
    match entry {
        Ok(entry) if entry.file_type().is_file() && is_image(entry.path()) => Ok(Some(entry.into_path())),
        Ok(_) => Ok(None),
        // A loop of links leads only to what has been seen.
        Err(e) if e.loop_ancestor().is_some() => Ok(None),
        Err(e) => {
            let path = e.path().unwrap_or(folder).to_path_buf();
            let reason = match e.io_error() {
                Some(io) => format!("cannot be read ({io})"),
                None => "cannot be read".to_string(),
            };
            Err(Error::file(&path, reason, "check its permissions"))
        }
    }
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with('.')
}

fn is_image(path: &Path) -> bool {
    path.extension()
        .and_then(|e| e.to_str())
        .is_some_and(|e| IMAGE_EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()))
}
