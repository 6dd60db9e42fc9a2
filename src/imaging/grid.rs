//! The regular grid that voxels lie on.

use super::affine::{Affine, Orientation};

/// Voxels of two grids are at the same places when they are no further apart than this part of a voxel.
const SAME: f64 = 0.01;

/// How many voxels there are, and where they lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grid {
    /// Voxels along i, j and k.
    pub size: [usize; 3],
    /// From voxel indices to mm.
    pub affine: Affine,
}

impl Grid {
    /// How many voxels there are.
    pub fn voxels(&self) -> usize {
        self.size.iter().product()
    }

    /// The distance between neighbouring voxels along i, j and k, in mm.
    pub fn spacing(&self) -> [f64; 3] {
        self.affine.spacing()
    }

    /// The nearest ways of the axes.
    pub fn orientation(&self) -> Orientation {
        self.affine.orientation()
    }

    /// The volume of one voxel in ml; also right where the axes are not at right angles.
    pub fn voxel_ml(&self) -> f64 {
        self.affine.determinant().abs() / 1000.0
    }

    /// Whether another grid has its voxels at the same places.
    pub fn is_same(&self, other: &Grid) -> bool {
        let least = self.spacing().into_iter().fold(f64::INFINITY, f64::min);
        let is_near = |corner: [f64; 3]| {
            let (a, b) = (self.affine.apply(corner), other.affine.apply(corner));
            a.iter().zip(b).all(|(a, b)| (a - b).abs() <= SAME * least)
        };
        self.size == other.size && self.corners().all(is_near)
    }

    /// The indices of the outermost voxels.
    fn corners(&self) -> impl Iterator<Item = [f64; 3]> {
        let last = self.size.map(|n| n.saturating_sub(1) as f64);
        (0..8u8).map(move |bits| std::array::from_fn(|axis| last[axis] * f64::from(bits >> axis & 1)))
    }

    /// The voxels in RAS order: i towards the patient's right, j to the front, k to the head, as nearly as flips and an
    /// exchange of axes can.
    pub(super) fn walk(&self) -> Walk {
        let strides = [1, self.size[0], self.size[0] * self.size[1]];
        Walk(self.orientation().sources().map(|(axis, forwards)| Line {
            axis,
            forwards,
            stride: strides[axis],
            count: self.size[axis],
        }))
    }

    /// The grid whose stored order is this one's RAS order.
    pub(super) fn in_ras(&self) -> Grid {
        let Walk(lines) = self.walk();
        let affine = self.affine.rearranged(lines.map(|line| (line.axis, line.forwards, line.count)));
        Grid { size: lines.map(|line| line.count), affine }
    }
}

/// The lines of voxels along x, y and z.
#[derive(Debug, Clone, Copy)]
pub(super) struct Walk(pub [Line; 3]);

/// The voxels along one axis.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    /// The stored axis that it is.
    pub axis: usize,
    forwards: bool,
    stride: usize,
    pub count: usize,
}

impl Line {
    /// How far the n-th lies from the first stored one; `n` is less than the count.
    pub fn offset(&self, n: usize) -> usize {
        self.stride * if self.forwards { n } else { self.count - 1 - n }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rows: [[f64; 4]; 3]) -> Grid {
        Grid { size: [3, 4, 5], affine: Affine::new(rows).expect("an affine") }
    }

    #[test]
    fn a_voxel_is_in_ml() {
        let straight = grid([[2.0, 0.0, 0.0, 0.0], [0.0, -5.0, 0.0, 0.0], [0.0, 0.0, 10.0, 0.0]]);
        assert!((straight.voxel_ml() - 0.1).abs() < 1e-12);
        // Slices that lie askew are as far apart as before.
        let tilted = grid([[2.0, 0.0, 0.0, 0.0], [0.0, -5.0, 4.0, 0.0], [0.0, 0.0, 10.0, 0.0]]);
        assert!((tilted.voxel_ml() - 0.1).abs() < 1e-12);
    }

    #[test]
    fn grids_are_the_same_at_all_corners() {
        let rows = [[1.0, 0.0, 0.0, 7.0], [0.0, 1.0, 0.0, 8.0], [0.0, 0.0, 2.0, 9.0]];
        let one = grid(rows);
        let changed = |row: usize, column: usize, by: f64| {
            let mut other = rows;
            other[row][column] += by;
            grid(other)
        };
        assert!(one.is_same(&one) && one.is_same(&changed(0, 3, 0.005)));
        assert!(!one.is_same(&changed(0, 3, 0.02)));
        // Small at the first voxel, and not at the last.
        assert!(!one.is_same(&changed(2, 2, 0.004)));
        assert!(!one.is_same(&Grid { size: [3, 4, 6], ..one }));
    }
}
