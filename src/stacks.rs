//! Which slices belong together: the files of one folder, of one size, are one patient's stack.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::Result;
use crate::imaging::{Channels, Found, Scan, decode_file, natural_order};
use crate::model::{Card, Histogram, Intensity, Level};

/// The most pixels of a stack, which is held in memory until its last slice is done. A folder with more is
/// no patient's: its files are taken one by one.
const MAX_STACK_PIXELS: usize = 256 << 20;

/// Slices that are prepared and judged together.
#[derive(Debug, Clone, PartialEq)]
pub struct Stack {
    /// Where the slices lie; none for a slice on its own.
    pub folder: Option<PathBuf>,
    /// Positions among the found files, in the order of their numbers.
    pub files: Vec<usize>,
    /// For cards whose preparation takes them.
    pub levels: Option<[Level; 3]>,
    /// Whether any slice has channels that differ; not known of a slice on its own, which is not read yet.
    pub colour: Option<bool>,
}

/// What the slices of one stack have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    folder: PathBuf,
    width: usize,
    height: usize,
    bits: u8,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Kind {
    /// Sequences in the channels, which differ somewhere.
    Colour,
    Grey,
    /// Black throughout, which a slice beyond the head may be in any stack.
    Black,
}

struct Slice {
    file: usize,
    key: Key,
    histogram: Option<Histogram>,
}

/// Sorts files into stacks, reading each file of a folder once. The stacks come in the order of their first
/// files. A file given by name is on its own, and so is one that cannot be read, so that whoever prepares it
/// says why.
pub fn find_stacks(card: &Card, found: &Found) -> Vec<Stack> {
    let in_folders =
        || found.files.iter().zip(&found.roots).enumerate().filter(|(_, (_, root))| root.is_some());
    let files: Vec<(usize, &PathBuf)> = in_folders().map(|(i, (file, _))| (i, file)).collect();
    let slices: Vec<Slice> = files.par_iter().filter_map(|(i, file)| read(card, *i, file).ok()).collect();
    let mut groups = grouped(slices);
    groups.retain(|group| group.pixels() <= MAX_STACK_PIXELS);
    let mut alone = vec![true; found.files.len()];
    for file in groups.iter().flat_map(|g| &g.slices).map(|s| s.file) {
        if let Some(entry) = alone.get_mut(file) {
            *entry = false;
        }
    }
    let mut stacks: Vec<Stack> = groups.into_iter().map(|g| g.stack(card, found)).collect();
    let lone = alone.iter().enumerate().filter(|(_, alone)| **alone);
    stacks.extend(lone.map(|(i, _)| Stack { folder: None, files: vec![i], levels: None, colour: None }));
    stacks.sort_by_key(|stack| stack.files.iter().min().copied());
    stacks
}

fn read(card: &Card, file: usize, path: &Path) -> Result<Slice> {
    let scan = decode_file(path)?;
    let key = Key {
        folder: path.parent().unwrap_or(Path::new("")).to_path_buf(),
        width: scan.width(),
        height: scan.height(),
        bits: scan.bit_depth(),
        kind: kind(&scan),
    };
    let wanted = card.input.intensity == Intensity::ZScore;
    Ok(Slice { file, key, histogram: wanted.then(|| Histogram::of(&scan, &card.input)) })
}

fn kind(scan: &Scan) -> Kind {
    match scan.channels() {
        Channels::Rgb => Kind::Colour,
        Channels::Grey if scan.is_black() => Kind::Black,
        Channels::Grey => Kind::Grey,
    }
}

struct Group {
    key: Key,
    slices: Vec<Slice>,
}

impl Group {
    fn pixels(&self) -> usize {
        self.slices.len().saturating_mul(self.key.width).saturating_mul(self.key.height)
    }

    fn stack(self, card: &Card, found: &Found) -> Stack {
        let mut whole = Histogram::default();
        self.slices.iter().filter_map(|s| s.histogram.as_ref()).for_each(|h| whole.merge(h));
        let mut files: Vec<usize> = self.slices.iter().map(|s| s.file).collect();
        let name = |i: &usize| found.files.get(*i).and_then(|f| f.file_name()).unwrap_or_default();
        files.sort_by(|a, b| natural_order(&name(a).to_string_lossy(), &name(b).to_string_lossy()));
        let levels = (card.input.intensity == Intensity::ZScore).then(|| whole.levels());
        let colour = Some(self.key.kind == Kind::Colour);
        Stack { folder: Some(self.key.folder), files, levels, colour }
    }
}

/// Groups by key; black slices go to a group of their folder and size that has a picture.
fn grouped(slices: Vec<Slice>) -> Vec<Group> {
    let mut groups: HashMap<Key, Vec<Slice>> = HashMap::new();
    let (black, lit): (Vec<Slice>, Vec<Slice>) = slices.into_iter().partition(|s| s.key.kind == Kind::Black);
    for slice in lit.into_iter().chain(black) {
        let of_kind = |kind| Key { kind, ..slice.key.clone() };
        let home = [Kind::Colour, Kind::Grey].map(of_kind).into_iter().find(|key| groups.contains_key(key));
        let key = if slice.key.kind == Kind::Black {
            home.unwrap_or(of_kind(Kind::Black))
        } else {
            slice.key.clone()
        };
        groups.entry(key).or_default().push(slice);
    }
    groups.into_iter().map(|(key, slices)| Group { key, slices }).collect()
}

/// The levels of each file's stack, by the file's position; none for lone slices.
pub fn levels_of_files(stacks: &[Stack], files: usize) -> Vec<Option<[Level; 3]>> {
    let mut levels = vec![None; files];
    for stack in stacks {
        for file in &stack.files {
            if let Some(entry) = levels.get_mut(*file) {
                *entry = stack.levels;
            }
        }
    }
    levels
}
