//! Which slices belong together: the files of one folder, of one size, are one patient's stack.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::imaging::{Found, Scan, decode_file};
use crate::model::{Card, Histogram, Intensity, Level};

/// The levels of each stack among some files, for cards whose preparation takes them.
#[derive(Debug, Default)]
pub struct StackLevels {
    levels: HashMap<Key, [Level; 3]>,
}

/// A folder, and the size of the slices in it: pictures of another size are another stack.
type Key = (PathBuf, usize, usize, u8);

fn key(file: &Path, scan: &Scan) -> Key {
    let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
    (folder, scan.width(), scan.height(), scan.bit_depth())
}

impl StackLevels {
    /// Reads the slices of every given folder once, where the card wants levels. Files given by name are
    /// lone slices, and files that cannot be read are left out here: whoever prepares them says so.
    pub fn gather(card: &Card, found: &Found) -> StackLevels {
        if card.input.intensity != Intensity::ZScore {
            return StackLevels::default();
        }
        let in_folders = found.files.par_iter().zip(&found.roots).filter(|(_, root)| root.is_some());
        let histograms: Vec<(Key, Histogram)> = in_folders
            .filter_map(|(file, _)| decode_file(file).ok().map(|scan| (file, scan)))
            .map(|(file, scan)| (key(file, &scan), Histogram::of(&scan, &card.input)))
            .collect();
        let mut stacks: HashMap<Key, Histogram> = HashMap::new();
        for (key, histogram) in histograms {
            stacks.entry(key).or_default().merge(&histogram);
        }
        StackLevels { levels: stacks.into_iter().map(|(key, stack)| (key, stack.levels())).collect() }
    }

    /// The levels of the stack that a file belongs to; none for a lone slice.
    pub fn of(&self, file: &Path, scan: &Scan) -> Option<&[Level; 3]> {
        self.levels.get(&key(file, scan))
    }
}
