//! Which slices belong together: the files of one folder, of one size, are one patient's stack.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::error::Result;
use crate::imaging::{Channels, Found, Scan, decode_file, natural_order};
use crate::model::{Card, Histogram, Intensity, Level};

/// The most pixels of a stack, which is held in memory until its last slice is done. A folder with more is
/// no patient's: its files are taken one by one.
const MAX_STACK_PIXELS: usize = 256 << 20;
/// Files that are read between two additions to the measures of their stacks.
const FILES_AT_A_TIME: usize = 32;

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
}

/// Sorts files into stacks, reading each file of a folder once. The stacks come in the order of their first
/// files. A file given by name is on its own, and so is one that cannot be read, so that whoever prepares it
/// says why, and one that was found before.
pub fn find_stacks(card: &Card, found: &Found) -> Vec<Stack> {
    let mut stacks: Vec<Stack> =
        folders(found).into_iter().flat_map(|files| stacks_of_folder(card, found, &files)).collect();
    let mut alone = vec![true; found.files.len()];
    for file in stacks.iter().flat_map(|stack| &stack.files) {
        if let Some(entry) = alone.get_mut(*file) {
            *entry = false;
        }
    }
    let lone = alone.iter().enumerate().filter(|(_, alone)| **alone);
    stacks.extend(lone.map(|(i, _)| Stack { folder: None, files: vec![i], levels: None, colour: None }));
    stacks.sort_by_key(|stack| stack.files.iter().min().copied());
    stacks
}

/// The files of each folder within each of the given ones, without those that were found before.
fn folders(found: &Found) -> Vec<Vec<usize>> {
    let mut seen = HashSet::new();
    let mut folders: BTreeMap<(&Path, &Path), Vec<usize>> = BTreeMap::new();
    for (i, (file, root)) in found.files.iter().zip(&found.roots).enumerate() {
        if let Some(root) = root.as_deref().filter(|root| seen.insert((*root, file))) {
            let folder = file.parent().unwrap_or(Path::new(""));
            folders.entry((root, folder)).or_default().push(i);
        }
    }
    folders.into_values().collect()
}

fn stacks_of_folder(card: &Card, found: &Found, files: &[usize]) -> Vec<Stack> {
    let mut slices = Vec::new();
    let mut histograms: HashMap<Key, Histogram> = HashMap::new();
    // Of 16-bit files a histogram is as large as the file: few are held at a time.
    for files in files.chunks(FILES_AT_A_TIME) {
        let read = |i: &usize| read(card, found.files.get(*i)?).ok().map(|(key, h)| (*i, key, h));
        let read: Vec<(usize, Key, Option<Histogram>)> = files.par_iter().filter_map(read).collect();
        for (file, key, histogram) in read {
            if let Some(histogram) = histogram {
                histograms.entry(key.clone()).or_default().merge(&histogram);
            }
            slices.push(Slice { file, key });
        }
    }
    let groups = grouped(slices).into_iter().filter(|group| group.pixels() <= MAX_STACK_PIXELS);
    let stack = |group: Group| {
        let histogram = histograms.get(&group.key);
        group.stack(card, found, histogram)
    };
    groups.map(stack).collect()
}

fn read(card: &Card, path: &Path) -> Result<(Key, Option<Histogram>)> {
    let scan = decode_file(path)?;
    let (width, height, kind) = (scan.width(), scan.height(), kind(&scan));
    let key = Key {
        folder: path.parent().unwrap_or(Path::new("")).to_path_buf(),
        width,
        height,
        bits: scan.bit_depth(),
        kind,
    };
    // Black is no part of any head.
    let wanted = card.input.intensity == Intensity::ZScore && kind != Kind::Black;
    Ok((key, wanted.then(|| Histogram::of(&scan, &card.input))))
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

    fn stack(self, card: &Card, found: &Found, histogram: Option<&Histogram>) -> Stack {
        let mut files: Vec<usize> = self.slices.iter().map(|s| s.file).collect();
        let name = |i: &usize| found.files.get(*i).and_then(|f| f.file_name()).unwrap_or_default();
        files.sort_by(|a, b| natural_order(&name(a).to_string_lossy(), &name(b).to_string_lossy()));
        let levels = histogram.map_or_else(|| Histogram::default().levels(), Histogram::levels);
        let levels = (card.input.intensity == Intensity::ZScore).then_some(levels);
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

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, ImageBuffer, Luma, Rgb, RgbImage};
    use tempfile::TempDir;

    use super::*;
    use crate::imaging::{Excluded, find_images};

    fn card(intensity: &str) -> Card {
        let text = format!(
            "name = \"t\"\nversion = 1\ntitle = \"T\"\ntask = \"segmentation\"\n\
             [input]\nchannels = \"rgb\"\nheight = 8\nwidth = 8\nfit = \"pad\"\nintensity = \"{intensity}\"\n"
        );
        Card::parse(Path::new("card.toml"), &text).expect("a card")
    }

    fn colour(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([10, 20 + x as u8, 30 + y as u8])).into()
    }

    fn grey(width: u32, height: u32, value: u8) -> DynamicImage {
        GrayImage::from_pixel(width, height, Luma([value])).into()
    }

    fn folder(files: &[(&str, DynamicImage)]) -> TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, image) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            image.save(path).expect("a file");
        }
        folder
    }

    fn found(folder: &TempDir, given: &[&str]) -> Found {
        let paths: Vec<PathBuf> = given.iter().map(|name| folder.path().join(name)).collect();
        find_images(&paths, &Excluded::default())
    }

    /// The names of each stack's files, and whether it is a folder's.
    fn names(stacks: &[Stack], found: &Found) -> Vec<(Vec<String>, bool)> {
        let name = |i: &usize| found.files[*i].file_name().expect("a name").to_string_lossy().into_owned();
        stacks.iter().map(|s| (s.files.iter().map(name).collect(), s.folder.is_some())).collect()
    }

    fn stack(names: &[&str]) -> (Vec<String>, bool) {
        (names.iter().map(|n| (*n).to_string()).collect(), true)
    }

    fn lone(name: &str) -> (Vec<String>, bool) {
        (vec![name.to_string()], false)
    }

    #[test]
    fn what_differs_in_form_is_apart() {
        let wide: DynamicImage = ImageBuffer::from_fn(6, 5, |x, _| Rgb([x as u16, 900, 5])).into();
        let files = [
            ("a/1.png", colour(6, 5)),
            ("a/10.png", colour(6, 5)),
            ("a/2.png", colour(6, 5)),
            ("a/3.png", colour(5, 6)),
            ("a/4.png", wide),
            ("a/5.png", grey(6, 5, 9)),
            ("a/6.png", grey(6, 5, 0)),
            ("a/7.png", grey(5, 5, 0)),
            ("b/1.png", colour(6, 5)),
        ];
        let folder = folder(&files);
        let found = found(&folder, &["."]);
        let stacks = find_stacks(&card("z-score"), &found);
        let expected = [
            stack(&["1.png", "2.png", "6.png", "10.png"]),
            stack(&["3.png"]),
            stack(&["4.png"]),
            stack(&["5.png"]),
            stack(&["7.png"]),
            stack(&["1.png"]),
        ];
        assert_eq!(names(&stacks, &found), expected);
        let colours: Vec<_> = stacks.iter().map(|s| s.colour).collect();
        assert_eq!(colours, [true, true, true, false, false, true].map(Some));
    }

    #[test]
    fn black_goes_with_grey_where_there_is_no_colour() {
        let folder = folder(&[("1.png", grey(6, 5, 0)), ("2.png", grey(6, 5, 7)), ("3.png", grey(6, 5, 0))]);
        let found = found(&folder, &["."]);
        let stacks = find_stacks(&card("z-score"), &found);
        assert_eq!(names(&stacks, &found), [stack(&["1.png", "2.png", "3.png"])]);
        assert_eq!(stacks[0].colour, Some(false));
    }

    #[test]
    fn files_by_name_and_damaged_ones_are_on_their_own() {
        let folder = folder(&[("s/1.png", colour(6, 5)), ("s/3.png", colour(6, 5)), ("x.png", colour(6, 5))]);
        std::fs::write(folder.path().join("s/2.png"), b"no picture").expect("a file");
        let found = found(&folder, &["x.png", "s", "missing.png", "s/1.png"]);
        let stacks = find_stacks(&card("z-score"), &found);
        let expected =
            [lone("x.png"), stack(&["1.png", "3.png"]), lone("2.png"), lone("missing.png"), lone("1.png")];
        assert_eq!(names(&stacks, &found), expected);
        let levels = levels_of_files(&stacks, found.files.len());
        assert_eq!(
            levels.iter().map(Option::is_some).collect::<Vec<_>>(),
            [false, true, false, true, false, false]
        );
    }

    #[test]
    fn a_file_that_is_found_again_is_in_each_stack_once() {
        let folder = folder(&[("all/p/1.png", colour(6, 5)), ("all/p/2.png", colour(6, 5))]);
        // Below two of the given folders: a stack of each.
        let overlapping = found(&folder, &["all", "all/p"]);
        let stacks = find_stacks(&card("z-score"), &overlapping);
        assert_eq!(names(&stacks, &overlapping), [stack(&["1.png", "2.png"]), stack(&["1.png", "2.png"])]);
        assert_eq!(stacks[0].levels, stacks[1].levels);
        // Twice below the same one: a stack, and what is left over.
        let twice = found(&folder, &["all", "all"]);
        let stacks = find_stacks(&card("z-score"), &twice);
        assert_eq!(names(&stacks, &twice), [stack(&["1.png", "2.png"]), lone("1.png"), lone("2.png")]);
    }

    #[test]
    fn levels_are_the_whole_stacks() {
        let bright = DynamicImage::from(RgbImage::from_pixel(6, 5, Rgb([200, 180, 160])));
        let folder = folder(&[("1.png", colour(6, 5)), ("2.png", bright)]);
        let found = found(&folder, &["."]);
        let card = card("z-score");
        let stacks = find_stacks(&card, &found);
        let mut whole = Histogram::default();
        for file in &found.files {
            whole.merge(&Histogram::of(&decode_file(file).expect("a scan"), &card.input));
        }
        assert_eq!(stacks[0].levels, Some(whole.levels()));
        assert_eq!(levels_of_files(&stacks, 2), [Some(whole.levels()); 2]);
        let unit = find_stacks(&self::card("unit"), &found);
        assert_eq!((unit.len(), unit[0].levels), (1, None));
    }
}
