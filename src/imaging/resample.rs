//! A volume on another's grid, and how much of that grid it covers.

use rayon::prelude::*;

use super::grid::Grid;
use super::volume::Volume;
use crate::error::Result;
use crate::memory;

/// A place this far beyond the outermost voxels, in voxels, is still within them: half of a voxel is.
const MARGIN: f64 = 0.5;

/// From a voxel of one grid to its place in another, in voxels of that.
struct Map {
    rows: [[f64; 4]; 3],
    size: [usize; 3],
}

impl Map {
    fn between(from: &Grid, to: &Grid) -> Map {
        let (to_voxels, affine) = (to.affine.inverse(), from.affine.rows());
        let rows = to_voxels.map(|row| {
            std::array::from_fn(|column| {
                let moved: f64 = (0..3).map(|n| row[n] * affine[n][column]).sum();
                moved + if column == 3 { row[3] } else { 0.0 }
            })
        });
        Map { rows, size: to.size }
    }

    /// Where a voxel lies, unless that is outside.
    fn place(&self, [i, j, k]: [usize; 3]) -> Option<[f64; 3]> {
        let [i, j, k] = [i as f64, j as f64, k as f64];
        let place = self.rows.map(|row| row[0] * i + row[1] * j + row[2] * k + row[3]);
        let is_inside = |(at, &count): (&f64, &usize)| (-MARGIN..=count as f64 - 1.0 + MARGIN).contains(at);
        place.iter().zip(&self.size).all(is_inside).then_some(place)
    }
}

impl Grid {
    /// The part of another grid's voxels that lie within this one, from 0 to 1. Judged by every second voxel along each
    /// axis.
    pub fn coverage(&self, grid: &Grid) -> f64 {
        let map = Map::between(grid, self);
        let steps = grid.size.map(|n| (0..n).step_by(2));
        let (mut inside, mut all) = (0u64, 0u64);
        for k in steps[2].clone() {
            for j in steps[1].clone() {
                for i in steps[0].clone() {
                    inside += u64::from(map.place([i, j, k]).is_some());
                    all += 1;
                }
            }
        }
        inside as f64 / all.max(1) as f64
    }
}

impl Volume {
    /// This volume at the voxels of another grid, by trilinear interpolation; 0 outside of it. In the outer half of an
    /// outermost voxel that voxel's value, as ITK has it.
    ///
    /// # Errors
    /// Where the machine has not the memory.
    pub fn resampled(&self, grid: &Grid) -> Result<Volume> {
        memory::check("a sequence on the grid of another", 4 * grid.voxels() as u64)?;
        let map = Map::between(grid, self.grid());
        let [width, height, _] = grid.size;
        let mut voxels = vec![0.0; grid.voxels()];
        voxels.par_chunks_mut(width * height).enumerate().for_each(|(k, slice)| {
            for (n, voxel) in slice.iter_mut().enumerate() {
                if let Some(place) = map.place([n % width, n / width, k]) {
                    *voxel = self.between(place);
                }
            }
        });
        Volume::new(grid.size, voxels, grid.affine)
    }

    /// The value between voxels.
    fn between(&self, place: [f64; 3]) -> f32 {
        let size = self.size();
        let axes: [_; 3] = std::array::from_fn(|axis| {
            let at = place[axis].clamp(0.0, (size[axis] - 1) as f64);
            let low = at.floor();
            let first = low as usize;
            (first, (first + 1).min(size[axis] - 1), at - low)
        });
        let [(i, next_i, x), (j, next_j, y), (k, next_k, z)] = axes;
        let voxel = |i: usize, j: usize, k: usize| f64::from(self.voxels()[i + size[0] * (j + size[1] * k)]);
        let mix = |a: f64, b: f64, part: f64| a + (b - a) * part;
        let line = |j: usize, k: usize| mix(voxel(i, j, k), voxel(next_i, j, k), x);
        let face = |k: usize| mix(line(j, k), line(next_j, k), y);
        mix(face(k), face(next_k), z) as f32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::affine::Affine;

    fn grid(size: [usize; 3], spacing: [f64; 3], origin: [f64; 3]) -> Grid {
        let row = |n: usize| {
            let mut row = [0.0, 0.0, 0.0, origin[n]];
            row[n] = spacing[n];
            row
        };
        Grid { size, affine: Affine::new([row(0), row(1), row(2)]).expect("an affine") }
    }

    /// A volume whose value is a plane through space.
    fn ramp(grid: Grid) -> Volume {
        let [width, height, _] = grid.size;
        let value = |n: usize| {
            let place = [n % width, n / width % height, n / width / height].map(|n| n as f64);
            let [x, y, z] = grid.affine.apply(place);
            (100.0 + 3.0 * x - 2.0 * y + 0.5 * z) as f32
        };
        Volume::new(grid.size, (0..grid.voxels()).map(value).collect(), grid.affine).expect("a volume")
    }

    #[test]
    fn a_ramp_stays_one_on_any_grid() -> Result<()> {
        let source = ramp(grid([9, 10, 11], [1.0, 2.0, 1.5], [-4.0, -9.0, -7.0]));
        let (sin, cos) = 20f64.to_radians().sin_cos();
        let rows = [[cos, -sin, 0.0, -1.0], [sin, cos, 0.0, -2.0], [0.0, 0.0, -0.7, 1.0]];
        let oblique = Grid { size: [4, 5, 3], affine: Affine::new(rows).expect("an affine") };
        let (found, wanted) = (source.resampled(&oblique)?, ramp(oblique));
        assert_eq!(source.grid().coverage(&oblique), 1.0);
        for (found, wanted) in found.voxels().iter().zip(wanted.voxels()) {
            assert!((found - wanted).abs() < 1e-4, "{found} {wanted}");
        }
        Ok(())
    }

    #[test]
    fn beyond_the_volume_is_nothing() -> Result<()> {
        let source = ramp(grid([4, 4, 4], [1.0; 3], [0.0; 3]));
        let wide = grid([8, 4, 4], [1.0; 3], [-2.4, 0.0, 0.0]);
        let found = source.resampled(&wide)?;
        // The first voxel's value reaches half a voxel further.
        assert_eq!(found.voxels()[..2], [0.0, 0.0]);
        assert_eq!(found.voxels()[2], source.voxels()[0]);
        assert!((found.voxels()[3] - (100.0 + 3.0 * 0.6)).abs() < 1e-4);
        assert_eq!(found.voxels()[6..8], [0.0, 0.0]);
        assert_eq!(source.grid().coverage(&wide), 0.5);
        assert_eq!(source.grid().coverage(&grid([4, 4, 4], [1.0; 3], [9.0, 0.0, 0.0])), 0.0);
        Ok(())
    }
}
