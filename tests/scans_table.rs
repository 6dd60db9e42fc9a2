//! `docs/scans.md`: what becomes of every real file that readers are tried on.
//!
//! The files lie beside the checkout and may not be copied. Where they are, the table has to be what is read; `GYRUS_WRITE_DOCS=1`
//! writes it anew.
#![cfg(feature = "dicom")]

mod common;

use std::path::{Path, PathBuf};

use common::docs::{is_writing, replace_section, section};
use gyrus::imaging::read_volume;
use walkdir::WalkDir;

/// The one file that holds no volume: `data/README.md` calls it a mosaic.
const MOSAIC: &str = "dicom/nibabel_0.dcm";

/// A row of the table: a file, or the folder of a series; what must become of it, and what did.
fn row(scans: &Path, path: &Path) -> String {
    let name = path.strip_prefix(scans).expect("a file of the scans").display().to_string();
    let expected = if name == MOSAIC { "refused: a mosaic" } else { "read" };
    let outcome = match read_volume(path, None) {
        Ok(decoded) => {
            let ([i, j, k], [x, y, z]) = (decoded.volume.size(), decoded.volume.spacing());
            let orientation = decoded.volume.orientation();
            let notes = if decoded.notes.is_empty() {
                String::new()
            } else {
                format!("; {}", decoded.notes.join("; "))
            };
            format!(
                "read: {}, {}, {i}x{j}x{k} voxels of {x:.3} x {y:.3} x {z:.3} mm, {orientation}{notes}",
                decoded.format, decoded.stored
            )
        }
        Err(error) => {
            let error = error.to_string();
            format!("refused: {}", error.split_once(": ").map_or(error.as_str(), |(_, reason)| reason))
        }
    };
    let met = if outcome.starts_with(expected) { "yes" } else { "NO" };
    format!("| `{name}` | {expected} | {met} | {outcome} |")
}

#[test]
fn the_table_says_what_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scans = root.join("../shared/data/scans");
    if !scans.is_dir() {
        eprintln!("not run: {} is not there, and its files may not be copied", scans.display());
        return;
    }
    let files = WalkDir::new(&scans)
        .sort_by_file_name()
        .into_iter()
        .map(|entry| entry.expect("an entry").into_path());
    let mut files: Vec<PathBuf> = files.filter(|path| path.is_file()).collect();
    files.push(scans.join("dicom/series"));
    files.sort();
    let rows: Vec<String> = files.iter().map(|path| row(&scans, path)).collect();
    let unmet: Vec<&String> = rows.iter().filter(|row| row.contains("| NO |")).collect();
    assert!(unmet.is_empty(), "{unmet:?}");
    let heading = "| file | expected | met | outcome |\n| --- | --- | --- | --- |";
    let table = format!("{heading}\n{}\n", rows.join("\n"));
    if is_writing() {
        replace_section("docs/scans.md", "scans", &table);
    }
    let found = section("docs/scans.md", "scans");
    assert_eq!(found, table, "docs/scans.md is out of date; GYRUS_WRITE_DOCS=1 writes it");
}
