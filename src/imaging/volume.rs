//! A decoded volume: voxels and where they lie, and nothing that tells whose they are.

use super::affine::{Affine, Orientation};
use super::canvas::white;
use super::grid::{Grid, Walk};
use crate::error::{Error, Result};

/// The most voxels that are read: 4 GiB of them.
pub const MAX_VOXELS: u64 = 1 << 30;

/// Voxels on a regular grid, in the units that the file states (its slope and intercept applied).
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    grid: Grid,
    voxels: Vec<f32>,
}

impl Volume {
    /// A volume of these voxels, i fastest, `size[0] * size[1] * size[2]` of them.
    ///
    /// # Errors
    /// When a side is zero or the number of voxels is another.
    pub fn new(size: [usize; 3], voxels: Vec<f32>, affine: Affine) -> Result<Volume> {
        let expected = size.iter().try_fold(1usize, |product, &n| product.checked_mul(n));
        if voxels.is_empty() || expected != Some(voxels.len()) {
            let [i, j, k] = size;
            let reason = format!("a volume of {i}x{j}x{k} cannot hold {} voxels", voxels.len());
            return Err(Error::tensor("volume", reason));
        }
        Ok(Volume { grid: Grid { size, affine }, voxels })
    }

    /// How many voxels there are, and where they lie.
    pub fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Voxels along i, j and k.
    pub fn size(&self) -> [usize; 3] {
        self.grid.size
    }

    /// All voxels, i fastest, k slowest.
    pub fn voxels(&self) -> &[f32] {
        &self.voxels
    }

    /// From voxel indices to mm.
    pub fn affine(&self) -> &Affine {
        &self.grid.affine
    }

    /// The distance between neighbouring voxels along i, j and k, in mm.
    pub fn spacing(&self) -> [f64; 3] {
        self.grid.spacing()
    }

    /// The nearest ways of the axes.
    pub fn orientation(&self) -> Orientation {
        self.grid.orientation()
    }

    /// The same voxels with i towards the patient's right, j to the front and k to the head, as nearly as flips and an
    /// exchange of axes can: nothing is resampled.
    pub fn into_ras(self) -> Volume {
        if self.orientation() == Orientation::RAS {
            return self;
        }
        let Walk([i, j, k]) = self.grid.walk();
        let mut voxels = Vec::with_capacity(self.voxels.len());
        for z in 0..k.count {
            for y in 0..j.count {
                let row = j.offset(y) + k.offset(z);
                voxels.extend((0..i.count).map(|x| self.voxels[i.offset(x) + row]));
            }
        }
        Volume { grid: self.grid.in_ras(), voxels }
    }

    /// The value that pictures show as white: a percentile of the voxels above zero; 1 where there are none.
    pub fn white(&self) -> f32 {
        white(&self.voxels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reorienting_moves_voxels_and_keeps_their_places() {
        // i to the back, j to the left, k to the head.
        let rows = [[0.0, -2.0, 0.0, 5.0], [-1.0, 0.0, 0.0, 6.0], [0.0, 0.0, 3.0, 7.0]];
        let affine = Affine::new(rows).expect("an affine");
        let volume = Volume::new([2, 3, 2], (0u8..12).map(f32::from).collect(), affine).expect("a volume");
        assert_eq!(volume.orientation().to_string(), "PLS");
        let ras = volume.clone().into_ras();
        assert_eq!((ras.size(), ras.orientation()), ([3, 2, 2], Orientation::RAS));
        let at = |v: &Volume, [i, j, k]: [usize; 3]| v.voxels()[i + v.size()[0] * (j + v.size()[1] * k)];
        for (i, j, k) in (0..2).flat_map(|i| (0..3).flat_map(move |j| (0..2).map(move |k| (i, j, k)))) {
            let (before, after) = ([i, j, k], [2 - j, 1 - i, k]);
            assert_eq!(at(&volume, before), at(&ras, after));
            let place = |v: &Volume, at: [usize; 3]| v.affine().apply(at.map(|n| n as f64));
            assert_eq!(place(&volume, before), place(&ras, after));
        }
    }

    #[test]
    fn sizes_must_agree() {
        let affine = Affine::new([[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]])
            .expect("an affine");
        for size in [[2, 2, 2], [0, 1, 1], [usize::MAX, 2, 2]] {
            assert!(Volume::new(size, vec![0.0; 7], affine).is_err(), "{size:?}");
        }
        assert!(Volume::new([0, 0, 0], vec![], affine).is_err());
    }
}
