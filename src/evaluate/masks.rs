//! Which mask belongs to which truth: slices by their folder and name, stacks by their folder.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::stack::Pair;
use crate::Failure;
use crate::error::{Error, Result};
use crate::imaging::{Excluded, find_images, natural_order};

/// What `gyrus segment` ends the name of a mask with; where a folder has such files, its others are no masks.
const SUFFIX: &str = "_mask";

/// A slice's place among its set: its folder, joined by slashes, and its name without ending and suffix.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    folder: String,
    stem: String,
}

impl Key {
    fn of(path: &Path) -> Key {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let stem = stem.strip_suffix(SUFFIX).unwrap_or(&stem).to_string();
        Key { folder: names(path.parent().unwrap_or(Path::new(""))).join("/"), stem }
    }
}

/// The components of a path that are names.
pub(super) fn names(path: &Path) -> Vec<String> {
    let name = |component| match component {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    };
    path.components().filter_map(name).collect()
}

/// A mask to score.
#[derive(Debug)]
pub struct ResultMask {
    path: PathBuf,
    key: Key,
    /// Whether the key is the place under a folder that was given; the folders of a mask out of a list may begin
    /// anywhere.
    exact: bool,
}

impl ResultMask {
    /// A mask that a list names, seen from here or else from the list.
    pub(super) fn listed(list: &Path, mask: &Path) -> ResultMask {
        let beside = list.parent().unwrap_or(Path::new("")).join(mask);
        let path = if !mask.is_file() && beside.is_file() { beside } else { mask.to_path_buf() };
        ResultMask { path, key: Key::of(mask), exact: false }
    }
}

/// The masks of a folder, at any depth.
///
/// # Errors
/// When there is none.
pub(super) fn under(folder: &Path, failures: &mut Vec<Failure>) -> Result<Vec<ResultMask>> {
    let (files, errors) = mask_files(folder);
    if files.is_empty() {
        return Err(no_mask(
            folder,
            "give the folder that gyrus segment wrote, or what it printed with --format json",
        ));
    }
    failures.extend(errors.iter().map(|error| Failure::new(folder, error)));
    let mask = |path: PathBuf| {
        let key = Key::of(path.strip_prefix(folder).unwrap_or(&path));
        ResultMask { path, key, exact: true }
    };
    Ok(files.into_iter().map(mask).collect())
}

fn no_mask(folder: &Path, remedy: &str) -> Error {
    match fs::read_dir(folder) {
        Ok(_) => Error::file(folder, "the folder holds no mask", remedy),
        Err(e) => Error::file(folder, format!("the folder cannot be read ({e})"), "check its permissions"),
    }
}

fn mask_files(folder: &Path) -> (Vec<PathBuf>, Vec<Error>) {
    let found = find_images(&[folder.to_path_buf()], &Excluded::default());
    let named =
        |file: &PathBuf| file.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with(SUFFIX));
    let mut files = found.files;
    if files.iter().any(named) {
        files.retain(named);
    }
    (files, found.errors)
}

/// The masks of one patient and their truth.
#[derive(Debug)]
pub struct Patient {
    /// The folder under the truth.
    pub name: String,
    /// In the order of their numbers.
    slices: Vec<Slice>,
}

#[derive(Debug)]
struct Slice {
    truth: PathBuf,
    result: Option<PathBuf>,
}

impl Patient {
    /// Slices that have truth, and those of them that no result is for.
    pub fn slices_and_missing(&self) -> (usize, usize) {
        (self.slices.len(), self.slices.iter().filter(|slice| slice.result.is_none()).count())
    }

    /// Reads both stacks.
    ///
    /// # Errors
    /// One for every file that cannot be read or is not of the stack's size.
    pub fn read(&self) -> Result<Pair, Vec<Error>> {
        let files: Vec<(&Path, Option<&Path>)> =
            self.slices.iter().map(|s| (s.truth.as_path(), s.result.as_deref())).collect();
        Pair::read(&self.name, &files)
    }
}

/// Which results belong to which truth.
#[derive(Debug)]
pub struct Pairing {
    /// In the order of their names' numbers; each has at least one result.
    pub patients: Vec<Patient>,
    /// Results without truth, or of the same truth as another.
    pub failures: Vec<Failure>,
    /// Patients of the truth that no result is for.
    pub patients_without_result: usize,
}

/// The truth's masks by folder, then by name.
type Truth = BTreeMap<String, BTreeMap<String, PathBuf>>;

/// Finds the truth of every mask.
///
/// # Errors
/// When the truth is no folder of masks.
pub fn pair(truth_folder: &Path, results: Vec<ResultMask>) -> Result<Pairing> {
    let mut failures = Vec::new();
    let truth = read_truth(truth_folder, &mut failures)?;
    let mut found: BTreeMap<Key, PathBuf> = BTreeMap::new();
    let mut strays: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for result in results {
        let Some(key) = find(&truth, &result) else {
            strays.entry(result.key.folder).or_default().push(result.path);
            continue;
        };
        if let Some(other) = found.get(&key) {
            let reason = format!("is for the same truth as {}", other.display());
            failures.push(failure(&result.path, reason, "evaluate one result a slice"));
        } else {
            found.insert(key, result.path);
        }
    }
    failures.extend(strays.iter().flat_map(|(folder, files)| stray(truth_folder, &truth, folder, files)));
    Ok(stacks(truth_folder, truth, found, failures))
}

fn read_truth(folder: &Path, failures: &mut Vec<Failure>) -> Result<Truth> {
    if !folder.is_dir() {
        let reason = if folder.exists() { "is no folder" } else { "does not exist" };
        return Err(Error::file(folder, reason, "results that are masks need a folder of truth masks"));
    }
    let (files, errors) = mask_files(folder);
    if files.is_empty() {
        return Err(no_mask(folder, "give a folder of truth masks, laid out as the results are"));
    }
    failures.extend(errors.iter().map(|error| Failure::new(folder, error)));
    let mut truth = Truth::new();
    for file in files {
        let key = Key::of(file.strip_prefix(folder).unwrap_or(&file));
        let slices = truth.entry(key.folder).or_default();
        if let Some(other) = slices.get(&key.stem) {
            let reason = format!("is a second truth beside {}", other.display());
            failures.push(failure(&file, reason, "remove one of them"));
        } else {
            slices.insert(key.stem, file);
        }
    }
    Ok(truth)
}

fn failure(path: &Path, reason: impl Into<String>, remedy: &str) -> Failure {
    Failure::new(path, &Error::file(path, reason, remedy))
}

/// The truth in the same folder by the same name; for a mask out of a list in the longest end of its folders.
fn find(truth: &Truth, result: &ResultMask) -> Option<Key> {
    let Key { folder, stem } = &result.key;
    let end = ends(folder)
        .take(if result.exact { 1 } else { usize::MAX })
        .find(|end| truth.get(*end).is_some_and(|slices| slices.contains_key(stem)))?;
    Some(Key { folder: end.to_string(), stem: stem.clone() })
}

/// A folder, and what is left of it without its first name, without its first two, down to nothing.
fn ends(folder: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(folder), |end| {
        (!end.is_empty()).then(|| end.split_once('/').map_or("", |(_, rest)| rest))
    })
}

/// Results of one folder without truth: a line each, or one where the whole folder is unknown.
fn stray(truth_folder: &Path, truth: &Truth, folder: &str, files: &[PathBuf]) -> Vec<Failure> {
    let remedy = "the truth must have the folders and names of the results";
    let known = ends(folder).any(|end| truth.contains_key(end));
    if let [first, _, ..] = files
        && !known
    {
        let reason = format!("its {} masks have no truth under {}", files.len(), truth_folder.display());
        return vec![failure(first.parent().unwrap_or(first), reason, remedy)];
    }
    let reason = || format!("has no truth under {}", truth_folder.display());
    files.iter().map(|file| failure(file, reason(), remedy)).collect()
}

fn stacks(
    truth_folder: &Path,
    truth: Truth,
    mut found: BTreeMap<Key, PathBuf>,
    failures: Vec<Failure>,
) -> Pairing {
    let evaluated: HashSet<String> = found.keys().map(|key| key.folder.clone()).collect();
    let patients_without_result = truth.len() - evaluated.len();
    let mut patients: Vec<Patient> = Vec::new();
    for (folder, slices) in truth.into_iter().filter(|(folder, _)| evaluated.contains(folder)) {
        let mut slices: Vec<(String, PathBuf)> = slices.into_iter().collect();
        slices.sort_by(|a, b| natural_order(&a.0, &b.0));
        let slice =
            |(stem, truth)| Slice { truth, result: found.remove(&Key { folder: folder.clone(), stem }) };
        let slices = slices.into_iter().map(slice).collect();
        patients.push(Patient { name: patient_name(truth_folder, folder), slices });
    }
    patients.sort_by(|a, b| natural_order(&a.name, &b.name));
    Pairing { patients, failures, patients_without_result }
}

/// A patient whose slices lie directly in the truth is called as that folder is.
fn patient_name(truth_folder: &Path, folder: String) -> String {
    if !folder.is_empty() {
        return folder;
    }
    let own = truth_folder.canonicalize().ok().and_then(|path| names(&path).pop());
    own.unwrap_or_else(|| ".".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn truth(keys: &[(&str, &str)]) -> Truth {
        let mut truth = Truth::new();
        for (folder, stem) in keys {
            truth.entry((*folder).into()).or_default().insert((*stem).into(), PathBuf::new());
        }
        truth
    }

    #[test]
    fn listed_masks_are_found_by_the_end_of_their_path() {
        let truth = truth(&[("p1", "01"), ("a/p2", "01"), ("", "07")]);
        let found = |path: &str| {
            let result = ResultMask::listed(Path::new("list.jsonl"), Path::new(path));
            find(&truth, &result).map(|Key { folder, stem }| format!("{folder}|{stem}"))
        };
        assert_eq!(found("out/x/p1/01_mask.png").as_deref(), Some("p1|01"));
        assert_eq!(found("/out/a/p2/01_mask.png").as_deref(), Some("a/p2|01"));
        assert_eq!(found("out/p2/01_mask.png"), None);
        assert_eq!(found("out/07_mask.png").as_deref(), Some("|07"));
        assert_eq!(found("out/p1/01_mask_mask.png"), None);
    }

    #[test]
    fn masks_of_a_folder_are_found_at_their_place_only() {
        let truth = truth(&[("p1", "01")]);
        let key = |folder: &str| Key { folder: folder.into(), stem: "01".into() };
        let found =
            |folder| find(&truth, &ResultMask { path: PathBuf::new(), key: key(folder), exact: true });
        assert!(found("p1").is_some() && found("x/p1").is_none() && found("").is_none());
    }
}
