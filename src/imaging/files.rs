//! From the paths that a user gives to the image files that they mean.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use globset::{Glob, GlobSet, GlobSetBuilder};
use walkdir::{DirEntry, WalkDir};

use super::decoded::{is_dicom_file, is_volume};
use crate::error::{Error, Result};

/// The endings, in lower case, by which a folder's images are told from its other files. A file that
/// is given by name is tried whatever its ending.
pub const IMAGE_EXTENSIONS: &[&str] = &["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// The endings, in lower case, of files that hold volumes and are not told by how they begin alone.
const VOLUME_ENDINGS: &[&str] = &[".nii", ".nii.gz", ".hdr", ".hdr.gz"];

/// What is added to a scan's name for its mask, its overlay, its probabilities and its montage.
pub const RESULT_SUFFIXES: [&str; 4] = ["_mask", "_overlay", "_probabilities", "_montage"];

/// The files to work on, and what was wrong with the paths that gave none.
#[derive(Debug, Default)]
pub struct Found {
    /// In the order of the given paths; within a folder sorted by name.
    pub files: Vec<PathBuf>,
    /// For each file the folder that was given and holds it, at any depth; none for a file given by name.
    pub roots: Vec<Option<PathBuf>>,
    /// In the same order; none of them where only images are looked for.
    pub volumes: Vec<FoundVolume>,
    /// Folders that cannot be read or hold nothing to work on.
    pub errors: Vec<Error>,
}

/// A volume to work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundVolume {
    /// A file, or a folder of DICOM files.
    pub path: PathBuf,
    /// The folder that was given and holds it; none for one given by name.
    pub root: Option<PathBuf>,
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
        let stem = volume_stem(file);
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
    find(paths, excluded, false)
}

/// As [`find_images`], with the volumes: NIfTI files, and folders that hold DICOM files. A zip archive is one where it is
/// given by name.
pub fn find_scans(paths: &[PathBuf], excluded: &Excluded) -> Found {
    find(paths, excluded, true)
}

/// A volume's name without its ending, and without that of what is compressed. `.` and `..` have the names of their folders.
pub fn volume_stem(path: &Path) -> String {
    let whole = path.canonicalize().ok().filter(|_| path.file_name().is_none());
    let name = whole.as_deref().unwrap_or(path).file_name().unwrap_or("scan".as_ref()).to_string_lossy();
    let plain = name.strip_suffix(".gz").unwrap_or(&name);
    if path.is_dir() {
        return plain.to_string();
    }
    Path::new(plain).file_stem().map_or_else(|| plain.to_string(), |stem| stem.to_string_lossy().into_owned())
}

fn find(paths: &[PathBuf], excluded: &Excluded, with_volumes: bool) -> Found {
    let mut found = Found::default();
    for path in paths {
        if path.is_dir() {
            search(path, excluded, with_volumes, &mut found);
        } else if with_volumes && (is_volume(path) || is_named_like_volume(path)) {
            found.volumes.push(FoundVolume { path: path.clone(), root: None });
        } else {
            found.files.push(path.clone());
            found.roots.push(None);
        }
    }
    found
}

fn search(folder: &Path, excluded: &Excluded, with_volumes: bool, found: &mut Found) {
    let before = (found.files.len(), found.errors.len());
    let mut volumes = Vec::new();
    let walk = WalkDir::new(folder).follow_links(true).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|e| e.depth() == 0 || !is_hidden(e)) {
        match file_of(folder, entry) {
            Ok(Some(file)) if excluded.holds(folder, &file) => {}
            Ok(Some(file)) if is_image(&file) => {
                found.files.push(file);
                found.roots.push(Some(folder.to_path_buf()));
            }
            Ok(Some(file)) if with_volumes => volumes.extend(volume_of(&file)),
            Ok(_) => {}
            Err(error) => found.errors.push(error),
        }
    }
    let nothing = volumes.is_empty() && before == (found.files.len(), found.errors.len());
    let root = Some(folder.to_path_buf());
    found.volumes.extend(outermost(volumes).into_iter().map(|path| FoundVolume { path, root: root.clone() }));
    if nothing {
        let (what, also) = if with_volumes {
            ("image or volume", " NIfTI by .nii, .nii.gz and .hdr, DICOM by its contents;")
        } else {
            ("image", "")
        };
        let remedy = format!("{also} images are told by their endings: {}", IMAGE_EXTENSIONS.join(", "));
        let reason = format!("the folder holds no {what}");
        found.errors.push(Error::file(folder, reason, remedy.trim_start()));
    }
}

/// The volume that a file of a folder is, or belongs to.
fn volume_of(file: &Path) -> Option<PathBuf> {
    // A disc's list of files lies above the folders of its series.
    let is_list = file.file_name().is_some_and(|name| name.eq_ignore_ascii_case("DICOMDIR"));
    if !is_list && is_dicom_file(file) {
        return file.parent().map(Path::to_path_buf);
    }
    is_named_like_volume(file).then(|| file.to_path_buf())
}

/// Each once, without those within others: a folder of DICOM files is read with the folders in it.
fn outermost(volumes: Vec<PathBuf>) -> Vec<PathBuf> {
    let all: BTreeSet<PathBuf> = volumes.iter().filter(|path| path.is_dir()).cloned().collect();
    let mut seen = HashSet::new();
    let is_within =
        |path: &Path| path.is_dir() && path.ancestors().skip(1).any(|folder| all.contains(folder));
    volumes.into_iter().filter(|path| !is_within(path) && seen.insert(path.clone())).collect()
}

fn is_named_like_volume(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    VOLUME_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn file_of(folder: &Path, entry: walkdir::Result<DirEntry>) -> Result<Option<PathBuf>> {
    match entry {
        Ok(entry) if entry.file_type().is_file() => Ok(Some(entry.into_path())),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_are_left_out() {
        let names =
            ["a/b.nii.gz", "b.nii", "b.img", "b.v1.nii", "b"].map(|name| volume_stem(Path::new(name)));
        assert_eq!(names, ["b", "b", "b", "b.v1", "b"]);
        let here = std::env::current_dir().expect("a folder");
        let name = here.file_name().expect("a name").to_string_lossy().into_owned();
        assert_eq!([volume_stem(Path::new(".")), volume_stem(Path::new("/"))], [name, "scan".into()]);
    }

    #[test]
    fn volumes_are_found_beside_pictures() {
        let folder = tempfile::tempdir().expect("a folder");
        let dicom = [&[0; 128][..], b"DICM"].concat();
        let files: [(&str, &[u8]); 9] = [
            ("a/1.png", b""),
            ("a/scan.nii.gz", b""),
            ("a/scan_mask.nii.gz", b""),
            ("a/scan_montage.png", b""),
            ("b/IM1", &dicom),
            ("b/IM2", &dicom),
            ("b/deeper/IM3", &dicom),
            ("c/notes.txt", b"text"),
            ("d/pair.hdr", b""),
        ];
        for (name, bytes) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            std::fs::write(path, bytes).expect("a file");
        }
        let excluded = || Excluded::default().and_results();
        let found = find_scans(&[folder.path().into()], &excluded());
        let within = |path: &Path| path.strip_prefix(folder.path()).expect("within").display().to_string();
        assert_eq!(found.files.iter().map(|f| within(f)).collect::<Vec<_>>(), ["a/1.png"]);
        let volumes: Vec<String> = found.volumes.iter().map(|v| within(&v.path)).collect();
        assert_eq!(volumes, ["a/scan.nii.gz", "b", "d/pair.hdr"]);
        assert!(found.errors.is_empty());
        assert!(find_images(&[folder.path().into()], &excluded()).volumes.is_empty());
        let error = find_scans(&[folder.path().join("c")], &excluded()).errors.remove(0).to_string();
        assert!(error.contains("no image or volume"), "{error}");
        // By name: told by what they hold, or by their ending.
        let named = ["b/IM1", "a/scan.nii.gz", "c/notes.txt"].map(|name| folder.path().join(name));
        let found = find_scans(&named, &excluded());
        assert_eq!((found.volumes.len(), found.files.len()), (2, 1));
    }
}
