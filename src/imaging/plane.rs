//! Slices of a volume, as a person looks at them.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::grid::{Grid, Walk};
use super::volume::Volume;

/// Slices with a shorter side show nothing that could be judged.
pub(crate) const LEAST_SIDE: usize = 8;

/// Which way a volume is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// From feet to head.
    Axial,
    /// From back to front.
    Coronal,
    /// From left to right.
    Sagittal,
}

/// One slice: row-major, top row first. Of axial and coronal ones the patient's right is on the left (the radiological
/// convention), of sagittal ones the front is; the front or the head is at the top.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
    /// The size of a pixel in mm, x and y.
    pub spacing: [f64; 2],
}

impl Plane {
    /// Axial, unless the slices would have a side of few pixels: then the plane with the largest slices.
    pub fn usual(grid: &Grid) -> Plane {
        let shorter = |plane: &Plane| plane.slice_size(grid).into_iter().min().unwrap_or(0);
        if shorter(&Plane::Axial) >= LEAST_SIDE {
            return Plane::Axial;
        }
        // The last of equals.
        [Plane::Sagittal, Plane::Coronal, Plane::Axial]
            .into_iter()
            .max_by_key(shorter)
            .unwrap_or(Plane::Axial)
    }

    /// The axis that slices follow each other along: x, y or z.
    fn normal(self) -> usize {
        match self {
            Plane::Axial => 2,
            Plane::Coronal => 1,
            Plane::Sagittal => 0,
        }
    }

    /// The axes across and down a picture. Both are walked backwards: from right, front and head.
    fn axes(self) -> [usize; 2] {
        match self {
            Plane::Axial => [0, 1],
            Plane::Coronal => [0, 2],
            Plane::Sagittal => [1, 2],
        }
    }

    /// What is at the left and at the right of a picture.
    pub fn sides(self) -> [&'static str; 2] {
        match self {
            Plane::Axial | Plane::Coronal => ["R", "L"],
            Plane::Sagittal => ["A", "P"],
        }
    }

    /// What the letters at the sides mean.
    pub fn legend(self) -> &'static str {
        match self {
            Plane::Axial | Plane::Coronal => "R: patient's right, L: left",
            Plane::Sagittal => "A: front, P: back",
        }
    }

    /// Where slices are counted from.
    pub fn begins(self) -> &'static str {
        match self {
            Plane::Axial => "feet",
            Plane::Coronal => "back",
            Plane::Sagittal => "left",
        }
    }

    /// How many slices a volume has.
    pub fn count(self, grid: &Grid) -> usize {
        grid.walk().0[self.normal()].count
    }

    /// Width and height of a slice, in pixels.
    pub fn slice_size(self, grid: &Grid) -> [usize; 2] {
        let Walk(lines) = grid.walk();
        self.axes().map(|axis| lines[axis].count)
    }

    /// Width and height of a slice's pixels, in mm.
    pub fn pixel_size(self, grid: &Grid) -> [f64; 2] {
        let (Walk(lines), spacing) = (grid.walk(), grid.spacing());
        self.axes().map(|axis| spacing[lines[axis].axis])
    }

    /// Where the pixels of a slice are stored in the volume, row by row from the top left, whatever the order of the volume's
    /// axes. Slices are counted from feet, back or left; the last stands for one beyond.
    pub fn pixels(self, grid: &Grid, number: usize) -> impl Iterator<Item = usize> {
        self.rows(grid, number).flatten()
    }

    /// The same, a row at a time.
    fn rows(self, grid: &Grid, number: usize) -> impl Iterator<Item = impl ExactSizeIterator<Item = usize>> {
        let Walk(lines) = grid.walk();
        let (across, down) = self.axes().map(|axis| lines[axis]).into();
        let normal = lines[self.normal()];
        let slice = normal.offset(number.min(normal.count.saturating_sub(1)));
        (0..down.count).rev().map(move |y| {
            let row = slice + down.offset(y);
            (0..across.count).rev().map(move |x| row + across.offset(x))
        })
    }

    /// A slice by its number, counted from feet, back or left; the last for one beyond.
    pub fn slice(self, volume: &Volume, number: usize) -> Slice {
        let grid = volume.grid();
        let [width, height] = self.slice_size(grid);
        let mut values = Vec::with_capacity(width * height);
        for row in self.rows(grid, number) {
            values.extend(row.map(|voxel| volume.voxels()[voxel]));
        }
        Slice { width, height, values, spacing: self.pixel_size(grid) }
    }
}

/// As commands name it.
impl fmt::Display for Plane {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Plane::Axial => "axial",
            Plane::Coronal => "coronal",
            Plane::Sagittal => "sagittal",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::affine::Affine;

    #[test]
    fn right_is_left_and_the_front_is_up() {
        let affine = Affine::new([[2.0, 0.0, 0.0, 0.0], [0.0, 3.0, 0.0, 0.0], [0.0, 0.0, 4.0, 0.0]]);
        // A voxel's number is 100 k + 10 j + i.
        let numbers =
            (0..2).flat_map(|k| (0..3).flat_map(move |j| (0..2).map(move |i| 100 * k + 10 * j + i)));
        let voxels = numbers.map(|n: u16| f32::from(n)).collect();
        let volume = Volume::new([2, 3, 2], voxels, affine.expect("an affine")).expect("a volume");
        let axial = Plane::Axial.slice(&volume, 1);
        assert_eq!((axial.width, axial.height, axial.spacing), (2, 3, [2.0, 3.0]));
        assert_eq!(axial.values, [121.0, 120.0, 111.0, 110.0, 101.0, 100.0]);
        let coronal = Plane::Coronal.slice(&volume, 0);
        assert_eq!((coronal.width, coronal.height, coronal.spacing), (2, 2, [2.0, 4.0]));
        assert_eq!(coronal.values, [101.0, 100.0, 1.0, 0.0]);
        let sagittal = Plane::Sagittal.slice(&volume, 0);
        assert_eq!((sagittal.width, sagittal.height, sagittal.spacing), (3, 2, [3.0, 4.0]));
        assert_eq!(sagittal.values, [120.0, 110.0, 100.0, 20.0, 10.0, 0.0]);
        // Stored with i to the back, j to the feet and k to the right, the same slices come out.
        let rows = [[0.0, 0.0, 2.0, 0.0], [-3.0, 0.0, 0.0, 6.0], [0.0, -4.0, 0.0, 4.0]];
        let number = |i: u16, j: u16, k: u16| f32::from(100 * (1 - j) + 10 * (2 - i) + k);
        let stored = (0..2).flat_map(|k| (0..2).flat_map(move |j| (0..3).map(move |i| number(i, j, k))));
        let affine = Affine::new(rows).expect("an affine");
        let turned = Volume::new([3, 2, 2], stored.collect(), affine).expect("a volume");
        assert_eq!(turned.orientation().to_string(), "PIR");
        for (plane, count) in [(Plane::Axial, 2), (Plane::Coronal, 3), (Plane::Sagittal, 2)] {
            assert_eq!((plane.count(volume.grid()), plane.count(turned.grid())), (count, count));
            for n in 0..count {
                assert_eq!(plane.slice(&turned, n), plane.slice(&volume, n), "{plane} {n}");
            }
        }
    }
}
