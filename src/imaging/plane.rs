//! Slices of a volume, as a person looks at them.

use super::volume::Volume;

/// Which way a volume is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// The axis that slices follow each other along, of a volume in RAS order.
    pub fn normal(self) -> usize {
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

    /// How many slices a volume in RAS order has.
    pub fn count(self, volume: &Volume) -> usize {
        volume.size()[self.normal()]
    }

    /// The slice of a volume in RAS order by its number, counted from feet, back or left; the last for one beyond.
    pub fn slice(self, volume: &Volume, number: usize) -> Slice {
        let (size, spacing) = (volume.size(), volume.spacing());
        let strides = [1, size[0], size[0] * size[1]];
        let [across, down] = self.axes();
        let [width, height] = [size[across], size[down]];
        let first = number.min(self.count(volume) - 1) * strides[self.normal()];
        let mut values = Vec::with_capacity(width * height);
        for y in (0..height).rev() {
            let row = first + y * strides[down];
            values.extend((0..width).rev().map(|x| volume.voxels()[row + x * strides[across]]));
        }
        Slice { width, height, values, spacing: [spacing[across], spacing[down]] }
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
    }
}
