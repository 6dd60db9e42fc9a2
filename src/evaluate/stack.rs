//! A patient's slices as one volume of truth and one of results.

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::imaging::{Channels, Samples, Scan, decode_file};
use crate::memory;
use crate::model::Warning;

/// Bytes a voxel, at most, from reading both masks to their distances.
const BYTES_A_VOXEL: u64 = 40;

/// Both masks of a patient, of the same size.
#[derive(Debug)]
pub struct Pair {
    pub truth: Vec<bool>,
    pub result: Vec<bool>,
    /// Slices, rows, columns.
    pub size: [usize; 3],
    /// What is odd about the files.
    pub warnings: Vec<Warning>,
}

impl Pair {
    /// Reads a stack of at least one slice; a slice without a result has none of its pixels marked.
    ///
    /// # Errors
    /// One for every file that cannot be read or is not of the first truth's size.
    pub(super) fn read(name: &str, files: &[(&Path, Option<&Path>)]) -> Result<Pair, Vec<Error>> {
        let Some(first) = files.iter().find_map(|(truth, _)| decode_file(truth).ok()) else {
            return Err(files.iter().filter_map(|(truth, _)| decode_file(truth).err()).collect());
        };
        let size = (first.width(), first.height());
        let voxels = size.0 as u64 * size.1 as u64 * files.len() as u64;
        memory::check(&format!("the stack {name}"), voxels * BYTES_A_VOXEL).map_err(|e| vec![e])?;
        let (mut truth, mut result) = (Stack::new(size), Stack::new(size));
        let mut errors = Vec::new();
        for (truth_file, result_file) in files {
            errors.extend(truth.push(truth_file).err());
            match result_file {
                Some(file) => errors.extend(result.push(file).err()),
                None => result.levels.resize(truth.levels.len(), Level::Zero),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let ((truth, truth_warning), (result, result_warning)) = (truth.mask()?, result.mask()?);
        let warnings = truth_warning.into_iter().chain(result_warning).collect();
        Ok(Pair { truth, result, size: [files.len(), size.1, size.0], warnings })
    }
}

/// What a sample may mean; which of it holds is known once all slices are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Zero,
    BelowHalf,
    /// At least half of the largest value that a sample can have.
    Half,
}

/// The slices of one mask as they come.
struct Stack {
    /// Width and height.
    size: (usize, usize),
    levels: Vec<Level>,
    /// The only value beside 0 so far, as of 16 bits.
    only: Option<u16>,
    largest: u16,
    /// A file that holds another value than those before.
    grey: Option<PathBuf>,
}

impl Stack {
    fn new(size: (usize, usize)) -> Stack {
        Stack { size, levels: Vec::new(), only: None, largest: 0, grey: None }
    }

    fn push(&mut self, path: &Path) -> Result<()> {
        let scan = decode_file(path)?;
        let (width, height) = self.size;
        if (scan.width(), scan.height()) != self.size {
            let reason = format!(
                "is {}x{} pixels where the truth of its patient is {width}x{height}",
                scan.width(),
                scan.height()
            );
            return Err(Error::file(path, reason, "give masks of one size a patient"));
        }
        if scan.channels() != Channels::Grey {
            return Err(Error::file(
                path,
                "a coloured picture, not a mask",
                "save the mask as black and white",
            ));
        }
        for value in samples(&scan) {
            let level = match value {
                0 => Level::Zero,
                32_768.. => Level::Half,
                _ => Level::BelowHalf,
            };
            self.levels.push(level);
            if value > 0 && *self.only.get_or_insert(value) != value && self.grey.is_none() {
                self.grey = Some(path.to_path_buf());
            }
            self.largest = self.largest.max(value);
        }
        Ok(())
    }

    /// Where there is one value beside 0, it is what is marked, be it 1 or 255. Where there are several, those of
    /// at least half count, with a warning; several that are all below half are numbers of labels.
    fn mask(self) -> Result<(Vec<bool>, Option<Warning>), Vec<Error>> {
        let Some(path) = self.grey else {
            return Ok((self.levels.into_iter().map(|level| level != Level::Zero).collect(), None));
        };
        if self.largest < 32_768 {
            let reason = "holds several values, all below half of white: numbers of labels, not a mask";
            return Err(vec![Error::file(&path, reason, "make a mask of the one label that is meant")]);
        }
        let text = format!(
            "{} holds grey values where a mask has black and white; at least half of white counts as marked.",
            path.display()
        );
        let warning = Warning { code: "grey".into(), text };
        Ok((self.levels.into_iter().map(|level| level == Level::Half).collect(), Some(warning)))
    }
}

/// All samples of a grey scan, as of 16 bits.
fn samples(scan: &Scan) -> Box<dyn Iterator<Item = u16> + '_> {
    match scan.samples() {
        Samples::U8(values) => Box::new(values.iter().map(|&v| u16::from(v) * 257)),
        Samples::U16(values) => Box::new(values.iter().copied()),
        Samples::F32(values) => Box::new(values.iter().map(|&v| (v * f32::from(u16::MAX)).round() as u16)),
    }
}
