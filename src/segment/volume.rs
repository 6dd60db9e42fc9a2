//! Segmentation of a volume: its slices, judged together like those of a stack.

use super::mask::finish;
use super::{Segmentation, Segmenter};
use crate::cut::Cut;
use crate::error::{Error, Result};
use crate::imaging::{Grid, Plane};
use crate::memory;
use crate::model::Warning;
use crate::runner::{Prepared, run_all};
use crate::sequences::Sequences;

/// What a volume's voxels take in bytes until its mask is written: masks twice, components, probabilities.
const BYTES_A_VOXEL: u64 = 10;

/// The slices of a volume, each with its answer or why it has none.
#[derive(Debug)]
pub struct SegmentedVolume {
    pub grid: Grid,
    pub plane: Plane,
    pub slices: Vec<(usize, Result<Segmentation>)>,
    /// About the volume as a whole.
    pub warnings: Vec<Warning>,
}

impl Segmenter {
    /// Segments slices of a volume. `progress` is told how many slices more were computed, of how many.
    ///
    /// # Errors
    /// Slices that the volume does not have; more memory than there is; an error of the device.
    pub fn segment_volume(
        &mut self,
        sequences: &Sequences,
        cut: &Cut,
        progress: impl Fn(usize, usize),
    ) -> Result<SegmentedVolume> {
        let card = self.runner.card.clone();
        let grid = *sequences.grid();
        let (plane, numbers) = cut.of(&grid, card.volume.plane)?;
        memory::check("the masks of the volume", BYTES_A_VOXEL * grid.voxels() as u64)?;
        let levels = sequences.levels(&card, plane)?;
        let prepare =
            |number: &usize| Prepared::of_slice(&card, &sequences.slice(plane, *number), levels.as_ref());
        let (jobs, size) = (numbers.clone().collect::<Vec<_>>(), self.runner.largest);
        let slices = run_all(&jobs, size, prepare, |scans| self.segment(scans), progress)?;
        let (numbers_done, slices): (Vec<usize>, Vec<_>) = slices.into_iter().unzip();
        let slices: Vec<_> = numbers_done.into_iter().zip(finish(slices, &card)?).collect();
        if let Some(error) = none_answered(&slices) {
            return Err(error);
        }
        let mut warnings = sequences.warnings().to_vec();
        warnings.extend(withheld(&slices));
        warnings.extend(failed(&slices));
        if plane != card.volume.plane {
            let text = format!("The model was made for {} slices; these are {plane}.", card.volume.plane);
            warnings.push(Warning::new("plane", text));
        }
        let count = plane.count(&grid);
        if numbers.len() < count {
            let text = format!(
                "Only slices {} to {} of {count} were looked at: elsewhere the mask is empty.",
                numbers.start,
                numbers.end - 1
            );
            warnings.push(Warning::new("partial", text));
        }
        Ok(SegmentedVolume { grid, plane, slices, warnings })
    }
}

/// Why no slice has an answer, where none has.
fn none_answered(slices: &[(usize, Result<Segmentation>)]) -> Option<Error> {
    let first = slices.iter().find_map(|(_, slice)| slice.as_ref().err().cloned());
    first.filter(|_| slices.iter().all(|(_, slice)| slice.is_err()))
}

/// Which slices have no answer: their part of the mask is empty.
fn failed(slices: &[(usize, Result<Segmentation>)]) -> Option<Warning> {
    let numbers = slices.iter().filter(|(_, slice)| slice.is_err()).map(|(number, _)| number.to_string());
    let numbers: Vec<String> = numbers.collect();
    let text = format!("Slices without an answer, where the mask is empty: {}.", numbers.join(", "));
    (!numbers.is_empty()).then(|| Warning::new("failed", text))
}

/// The warning of the slices whose masks were withheld, which is all of them or none.
fn withheld(slices: &[(usize, Result<Segmentation>)]) -> Option<Warning> {
    let answered = slices.iter().filter_map(|(_, slice)| slice.as_ref().ok());
    answered.flat_map(|slice| &slice.warnings).find(|warning| warning.code == Warning::WITHHELD).cloned()
}

impl SegmentedVolume {
    /// The mask of the whole volume, in the order in which its voxels are stored; 1 where it is set.
    ///
    /// # Errors
    /// A slice that is not of the volume's size.
    pub fn mask(&self) -> Result<Vec<u8>> {
        self.placed(|slice| slice.mask.iter().map(|&set| u8::from(set)))
    }

    /// The probabilities of the whole volume times 65535, in the order in which its voxels are stored; 0 where there are none.
    ///
    /// # Errors
    /// As [`SegmentedVolume::mask`].
    pub fn probabilities(&self) -> Result<Vec<u16>> {
        self.placed(|slice| slice.probabilities.iter().flatten().copied())
    }

    /// Voxels of the mask.
    pub fn voxels(&self) -> usize {
        self.answered().map(Segmentation::pixels).sum()
    }

    /// The mask's volume in ml.
    pub fn volume_ml(&self) -> f64 {
        self.voxels() as f64 * self.grid.voxel_ml()
    }

    /// The slices that have an answer.
    pub fn answered(&self) -> impl Iterator<Item = &Segmentation> {
        self.slices.iter().filter_map(|(_, slice)| slice.as_ref().ok())
    }

    fn placed<'a, T, I>(&'a self, values: impl Fn(&'a Segmentation) -> I) -> Result<Vec<T>>
    where
        T: Copy + Default,
        I: Iterator<Item = T>,
    {
        let [width, height] = self.plane.slice_size(&self.grid);
        let mut volume = vec![T::default(); self.grid.voxels()];
        for (number, slice) in &self.slices {
            let Ok(slice) = slice else { continue };
            if (slice.width, slice.height) != (width, height) {
                return Err(Error::tensor("mask", format!("is not of {width}x{height} pixels")));
            }
            for (voxel, value) in self.plane.pixels(&self.grid, *number).zip(values(slice)) {
                volume[voxel] = value;
            }
        }
        Ok(volume)
    }
}
