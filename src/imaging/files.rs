//! From the paths that a user gives to the image files that they mean.

use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use walkdir::{DirEntry, WalkDir};

use crate::error::{Error, Result};

/// The endings, in lower case, by which a folder's images are told from its other files. A file that
/// is given by name is tried whatever its ending.
pub const IMAGE_EXTENSIONS: &[&str] = &["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// What `gyrus segment` adds to a scan's name for its mask, its overlay and its probabilities.
pub const RESULT_SUFFIXES: [&str; 3] = ["_mask", "_overlay", "_probabilities"];

/// The files to work on, and what was wrong with the paths that gave none.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the given paths; within a folder sorted by name.
    pub files: Vec<PathBuf>,
    /// For each file the folder that was given and holds it, at any depth; none for a file given by name.
    pub roots: Vec<Option<PathBuf>>,
    /// Folders that cannot be read or hold no image.
    pub errors: Vec<Error>,
}

/// Files of a folder that are not scans, by patterns such as `*_mask.png`.
#[derive(Debug, Default)]
pub struct Excluded {
    patterns: GlobSet,
    results: bool,
}

impl Excluded {
    /// `*`, `?`, `[a-z]` and `{a,b}` as in a shell. A pattern is held against a file's name and against its
    /// path within the given folder.
    ///
    /// # Errors
    /// When a pattern is malformed.
    pub fn new(patterns: &[String]) -> Result<Excluded> {
        let mut set = GlobSetBuilder::new();
        for pattern in patterns {
            set.add(Glob::new(pattern).map_err(|e| wrong_pattern(pattern, &e))?);
        }
        let all = set.build().map_err(|e| wrong_pattern(&patterns.join(" "), &e))?;
        Ok(Excluded { patterns: all, results: false })
    }

    /// Also leaves out what is named like a result ([`RESULT_SUFFIXES`]): a mask beside a scan is no scan.
    pub fn and_results(self) -> Excluded {
        Excluded { results: true, ..self }
    }

    fn holds(&self, folder: &Path, file: &Path) -> bool {
        let name = file.file_name().is_some_and(|name| self.patterns.is_match(name));
        let stem = file.file_stem().map(|stem| stem.to_string_lossy()).unwrap_or_default();
        let result = self.results && RESULT_SUFFIXES.iter().any(|suffix| stem.ends_with(suffix));
        name || result || file.strip_prefix(folder).is_ok_and(|within| self.patterns.is_match(within))
    }
}

fn wrong_pattern(pattern: &str, error: &globset::Error) -> Error {
    Error::file(
        Path::new(pattern),
        format!("no pattern of file names ({})", error.kind()),
        "quote it as in --exclude '*_mask.png'",
    )
}

/// The images that these files and folders mean.
///
/// Folders are searched to any depth, links are followed (once round a loop), and files and folders
/// whose name begins with a dot or is excluded are left out. A file given by name is never left out, and
/// a path that does not exist is returned as a file: to say so is up to whoever opens it.
pub fn find_images(paths: &[PathBuf], excluded: &Excluded) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            search(path, excluded, &mut found);
        } else {
            found.files.push(path.clone());
            found.roots.push(None);
        }
    }
    found
}

fn search(folder: &Path, excluded: &Excluded, found: &mut Found) {
    let before = (found.files.len(), found.errors.len());
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| e.depth() == 0 || !is_hidden(e)) {
        match image_of(folder, entry) {
            Ok(Some(file)) if excluded.holds(folder, &file) => {}
            Ok(Some(file)) => {
                found.files.push(file);
                found.roots.push(Some(folder.to_path_buf()));
            }
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
