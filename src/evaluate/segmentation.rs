//! How well the masks of a stack match its truth, and what that says over all patients.

use serde::Serialize;

use super::bootstrap::{self, Figure, mean, median};
use super::surface::hausdorff_95;
use crate::error::{Error, Result};
use crate::imaging::Components;

/// What every figure of a stack means, in words that a report can carry.
pub const RULES: [&str; 4] = [
    "Dice and IoU are over all slices of a patient together; where truth and result are both empty they are 1",
    "HD95 is the larger of the two directed 95th percentile distances between the surfaces, none where a mask is empty",
    "a lesion is a 26-connected component of the truth (8-connected in a single slice), found where the result \
     overlaps it at all",
    "a truth slice without a result counts as a result without any marked pixel",
];

/// The figures of one patient's stack. Distances are in mm and volumes in ml where the spacing is known, in pixels
/// and voxels otherwise.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    pub dice: f64,
    pub iou: f64,
    pub hausdorff_95: Option<f64>,
    pub truth_volume: f64,
    pub result_volume: f64,
    /// That of the result less that of the truth.
    pub volume_difference: f64,
    pub lesions: usize,
    pub lesions_found: usize,
    pub lesions_missed: usize,
    /// Components of the result that overlap no lesion.
    pub false_positive_components: usize,
    /// Slices whose truth is empty.
    pub empty_slices: usize,
    /// Those of them on which the result marks something.
    pub empty_slices_marked: usize,
    pub empty_slice_false_positive_pixels: usize,
    /// Their part of all pixels of the empty slices.
    pub empty_slice_false_positive_fraction: Option<f64>,
    /// Pixels of all empty slices.
    #[serde(skip)]
    empty_slice_pixels: usize,
    /// Volume of each lesion, and whether it was found.
    #[serde(skip)]
    lesion_volumes: Vec<(f64, bool)>,
}

/// The size of a voxel in mm: along a row, along a column, from slice to slice.
pub type Spacing = [f64; 3];

/// Scores a result against its truth, both of `size` slices, rows and columns.
///
/// # Errors
/// When a mask is not of this size.
pub fn score(truth: &[bool], result: &[bool], size: [usize; 3], spacing: Option<Spacing>) -> Result<Score> {
    if truth.len() != result.len() {
        return Err(Error::tensor("mask", "truth and result differ in size"));
    }
    let [x, y, z] = spacing.unwrap_or([1.0; 3]);
    let voxel = if spacing.is_some() { x * y * z / 1000.0 } else { 1.0 };
    let lesions = Components::of(truth, size)?;
    let marked = Components::of(result, size)?;
    let [found, true_marks] = overlapping(&lesions, &marked);
    let lesion_volumes: Vec<(f64, bool)> =
        lesions.sizes().iter().zip(&found).map(|(&size, &found)| (size as f64 * voxel, found)).collect();
    let of_both = truth.iter().zip(result).filter(|(t, r)| **t && **r).count();
    let [of_truth, of_result] = [&lesions, &marked].map(|c| c.sizes().iter().sum::<usize>());
    let empty = EmptySlices::of(truth, result, size[1] * size[2]);
    let lesions_found = found.iter().filter(|found| **found).count();
    Ok(Score {
        dice: ratio(2 * of_both, of_truth + of_result).unwrap_or(1.0),
        iou: ratio(of_both, of_truth + of_result - of_both).unwrap_or(1.0),
        hausdorff_95: hausdorff_95(truth, result, size, [z, y, x]),
        truth_volume: of_truth as f64 * voxel,
        result_volume: of_result as f64 * voxel,
        volume_difference: (of_result as f64 - of_truth as f64) * voxel,
        lesions: lesions.count(),
        lesions_found,
        lesions_missed: lesions.count() - lesions_found,
        false_positive_components: true_marks.iter().filter(|overlaps| !**overlaps).count(),
        empty_slices: empty.slices,
        empty_slices_marked: empty.marked,
        empty_slice_false_positive_pixels: empty.marked_pixels,
        empty_slice_false_positive_fraction: ratio(empty.marked_pixels, empty.pixels),
        empty_slice_pixels: empty.pixels,
        lesion_volumes,
    })
}

/// None of nothing.
fn ratio(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// For both lists of components, which of them overlap any of the other.
fn overlapping(a: &Components, b: &Components) -> [Vec<bool>; 2] {
    let mut overlaps = [vec![false; a.count()], vec![false; b.count()]];
    for (&a, &b) in a.labels().iter().zip(b.labels()).filter(|(a, b)| **a > 0 && **b > 0) {
        overlaps[0][a as usize - 1] = true;
        overlaps[1][b as usize - 1] = true;
    }
    overlaps
}

#[derive(Default)]
struct EmptySlices {
    slices: usize,
    marked: usize,
    marked_pixels: usize,
    pixels: usize,
}

impl EmptySlices {
    fn of(truth: &[bool], result: &[bool], area: usize) -> EmptySlices {
        let mut all = EmptySlices::default();
        let slices = truth.chunks_exact(area.max(1)).zip(result.chunks_exact(area.max(1)));
        for (_, result) in slices.filter(|(truth, _)| !truth.contains(&true)) {
            let marked = result.iter().filter(|set| **set).count();
            all.slices += 1;
            all.pixels += area;
            all.marked += usize::from(marked > 0);
            all.marked_pixels += marked;
        }
        all
    }
}

/// What the scores say over all patients; figures that no patient has are none.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    pub dice: Centre,
    pub iou: Centre,
    pub hausdorff_95: Centre,
    /// The patient of the lowest Dice.
    pub worst_patient: Option<Worst>,
    pub lesions: usize,
    pub lesions_found: usize,
    pub lesions_missed: usize,
    pub false_positive_components: usize,
    pub sensitivity_by_lesion_size: Vec<SizeBin>,
    pub empty_slices: usize,
    pub empty_slices_marked: usize,
    pub empty_slice_false_positive_pixels: usize,
    pub empty_slice_false_positive_fraction: Option<f64>,
}

/// A figure over the patients that have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Centre {
    pub patients: usize,
    pub mean: Option<Figure>,
    pub median: Option<Figure>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Worst {
    pub patient: String,
    pub dice: f64,
}

/// How many of the lesions of one range of volumes were found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SizeBin {
    pub from: f64,
    /// Not of the range itself; none where it is open.
    pub to: Option<f64>,
    pub lesions: usize,
    pub found: usize,
    pub sensitivity: Option<f64>,
}

/// Ranges of lesion volumes start here: in ml, and in voxels.
const SIZES: [[f64; 4]; 2] = [[0.0, 0.1, 1.0, 10.0], [1.0, 10.0, 100.0, 1000.0]];

/// Sums up the patients' scores, all with a spacing or all without.
pub fn summary(patients: &[(&str, &Score)], has_spacing: bool) -> Summary {
    let total = |of: fn(&Score) -> usize| patients.iter().map(|(_, score)| of(score)).sum::<usize>();
    let worst = patients.iter().min_by(|a, b| a.1.dice.total_cmp(&b.1.dice));
    let marked_pixels = total(|s| s.empty_slice_false_positive_pixels);
    Summary {
        dice: centre(patients, |s| Some(s.dice)),
        iou: centre(patients, |s| Some(s.iou)),
        hausdorff_95: centre(patients, |s| s.hausdorff_95),
        worst_patient: worst.map(|(name, s)| Worst { patient: (*name).to_string(), dice: s.dice }),
        lesions: total(|s| s.lesions),
        lesions_found: total(|s| s.lesions_found),
        lesions_missed: total(|s| s.lesions_missed),
        false_positive_components: total(|s| s.false_positive_components),
        sensitivity_by_lesion_size: size_bins(patients, SIZES[usize::from(!has_spacing)]),
        empty_slices: total(|s| s.empty_slices),
        empty_slices_marked: total(|s| s.empty_slices_marked),
        empty_slice_false_positive_pixels: marked_pixels,
        empty_slice_false_positive_fraction: ratio(marked_pixels, total(|s| s.empty_slice_pixels)),
    }
}

fn centre(patients: &[(&str, &Score)], of: fn(&Score) -> Option<f64>) -> Centre {
    let values: Vec<f64> = patients.iter().filter_map(|(_, score)| of(score)).collect();
    let figures = bootstrap::figures(values.len(), |picks| {
        let drawn: Vec<f64> = picks.iter().map(|&i| values[i]).collect();
        vec![mean(&drawn), median(&drawn)]
    });
    Centre { patients: values.len(), mean: figures[0], median: figures[1] }
}

fn size_bins(patients: &[(&str, &Score)], starts: [f64; 4]) -> Vec<SizeBin> {
    let lesions: Vec<(f64, bool)> = patients.iter().flat_map(|(_, s)| s.lesion_volumes.clone()).collect();
    let bin = |(i, &from): (usize, &f64)| {
        let to = starts.get(i + 1).copied();
        let within = |volume: f64| volume >= from && to.is_none_or(|to| volume < to);
        let inside: Vec<bool> = lesions.iter().filter(|(v, _)| within(*v)).map(|(_, found)| *found).collect();
        let found = inside.iter().filter(|found| **found).count();
        SizeBin { from, to, lesions: inside.len(), found, sensitivity: ratio(found, inside.len()) }
    };
    starts.iter().enumerate().map(bin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Vec<bool> {
        rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect()
    }

    #[test]
    fn a_stack_by_hand() -> Result<()> {
        // Truth: a lesion of 3 voxels across two slices, one of 1 voxel. Result: 2 voxels of the first, and a
        // component of 1 voxel on the slice without truth.
        let truth = mask(&["##..", "....", "#...", "...#", "....", "...."]);
        let result = mask(&["##..", "....", "....", "....", "....", "...#"]);
        let score = score(&truth, &result, [3, 2, 4], Some([0.5, 2.0, 10.0]))?;
        assert_eq!((score.dice, score.iou), (4.0 / 7.0, 2.0 / 5.0));
        // Volumes are products of decimals; a voxel has 10 cubic millimetres.
        let near = |a: f64, b: f64| (a - b).abs() < 1e-15;
        assert!(near(score.truth_volume, 0.04) && near(score.result_volume, 0.03), "{score:?}");
        assert!(near(score.volume_difference, -0.01), "{score:?}");
        assert_eq!((score.lesions, score.lesions_found, score.lesions_missed), (2, 1, 1));
        // Diagonally below the lesion of one voxel, in no contact with it.
        assert_eq!(score.false_positive_components, 1);
        assert_eq!((score.empty_slices, score.empty_slices_marked), (1, 1));
        assert_eq!(score.empty_slice_false_positive_pixels, 1);
        assert_eq!(score.empty_slice_false_positive_fraction, Some(1.0 / 8.0));
        Ok(())
    }

    #[test]
    fn empty_masks() -> Result<()> {
        let (none, some) = (vec![false; 8], mask(&["#.......", ""]));
        let both = score(&none, &none, [2, 2, 2], None)?;
        assert_eq!((both.dice, both.iou, both.hausdorff_95), (1.0, 1.0, None));
        for (truth, result) in [(&none, &some), (&some, &none)] {
            let score = score(truth, result, [2, 2, 2], None)?;
            assert_eq!((score.dice, score.iou, score.hausdorff_95), (0.0, 0.0, None));
        }
        assert!(score(&none, &some[1..], [2, 2, 2], None).is_err());
        let whole = score(&[true; 8], &[true; 8], [2, 2, 2], None)?;
        assert_eq!((whole.empty_slices, whole.empty_slice_false_positive_fraction), (0, None));
        Ok(())
    }

    #[test]
    fn patients_are_summed_up() -> Result<()> {
        let lesion = mask(&["###.", "...."]);
        let good = score(&lesion, &lesion, [1, 2, 4], None)?;
        let bad = score(&lesion, &[false; 8], [1, 2, 4], None)?;
        let all = summary(&[("a", &good), ("b", &bad), ("c", &good)], false);
        assert_eq!(all.dice.mean.map(|f| f.value), Some(2.0 / 3.0));
        assert_eq!(all.dice.median.map(|f| f.value), Some(1.0));
        assert_eq!(all.dice.mean.and_then(|f| f.interval_95), Some([0.0, 1.0]));
        assert_eq!((all.hausdorff_95.patients, all.hausdorff_95.mean.map(|f| f.value)), (2, Some(0.0)));
        assert_eq!(all.worst_patient, Some(Worst { patient: "b".into(), dice: 0.0 }));
        let bin = &all.sensitivity_by_lesion_size[0];
        assert_eq!((bin.lesions, bin.found, bin.sensitivity), (3, 2, Some(2.0 / 3.0)));
        assert_eq!(all.sensitivity_by_lesion_size[1].sensitivity, None);
        assert_eq!(summary(&[], true).worst_patient, None);
        Ok(())
    }
}
