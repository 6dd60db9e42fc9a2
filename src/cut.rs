//! Which slices of a volume a network is shown.

use std::ops::Range;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::imaging::{Grid, LEAST_SIDE, Plane};

/// A choice of slices along one axis.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cut {
    /// Which way the volume is cut; as the card says where it is none.
    pub plane: Option<Plane>,
    pub slices: Slices,
}

/// Which of a volume's slices, counted from 0 at the feet, the back or the left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Slices {
    #[default]
    All,
    /// The one halfway.
    Middle,
    /// From the first number up to, and without, the second.
    Range(Range<usize>),
}

/// `all`, `middle` or `A..B`.
impl FromStr for Slices {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Slices, String> {
        let range = |text: &str| {
            let (first, end) = text.split_once("..")?;
            let (first, end) = (first.parse().ok()?, end.parse().ok()?);
            (first < end).then_some(Slices::Range(first..end))
        };
        match text {
            "all" => Ok(Slices::All),
            "middle" => Ok(Slices::Middle),
            text => range(text).ok_or_else(|| {
                "give all, middle, or A..B: from slice A up to, and without, slice B, such as 60..90".into()
            }),
        }
    }
}

impl Cut {
    /// The plane and the numbers of the slices, of a volume on this grid. `usual` is the card's plane.
    ///
    /// # Errors
    /// Slices that the volume does not have; a plane in which it is too thin to show anything.
    pub fn of(&self, grid: &Grid, usual: Plane) -> Result<(Plane, Range<usize>)> {
        let plane = self.plane.unwrap_or(usual);
        let [width, height] = plane.slice_size(grid);
        if width.min(height) < LEAST_SIDE {
            let other = Plane::usual(grid);
            if other == plane || other.slice_size(grid).into_iter().any(|side| side < LEAST_SIDE) {
                let [i, j, k] = grid.size;
                let reason = format!("a volume of {i}x{j}x{k} voxels shows no head");
                return Err(Error::volume(
                    reason,
                    format!("slices have at least {LEAST_SIDE} pixels a side"),
                ));
            }
            let reason = format!(
                "its {plane} slices have only {width}x{height} pixels; it was taken as {other} slices"
            );
            return Err(Error::volume(reason, format!("give --axis {other}")));
        }
        let count = plane.count(grid);
        let chosen = match &self.slices {
            Slices::All => 0..count,
            Slices::Middle => count / 2..count / 2 + 1,
            Slices::Range(range) => range.clone(),
        };
        if chosen.end > count {
            let reason =
                format!("slices {}..{} go beyond its {count} {plane} slices", chosen.start, chosen.end);
            return Err(Error::volume(reason, "they are numbered from 0; the last of A..B is B - 1"));
        }
        Ok((plane, chosen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::Affine;

    fn grid(size: [usize; 3]) -> Grid {
        let rows = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        Grid { size, affine: Affine::new(rows).expect("an affine") }
    }

    fn cut(slices: &str, plane: Option<Plane>) -> Cut {
        Cut { plane, slices: slices.parse().expect("slices") }
    }

    #[test]
    fn slices_are_chosen_by_name_or_number() -> Result<()> {
        let grid = grid([10, 20, 31]);
        let of = |slices: &str, plane| cut(slices, plane).of(&grid, Plane::Axial);
        assert_eq!(of("all", None)?, (Plane::Axial, 0..31));
        assert_eq!(of("middle", None)?, (Plane::Axial, 15..16));
        assert_eq!(of("3..7", Some(Plane::Coronal))?, (Plane::Coronal, 3..7));
        assert!(of("30..31", None).is_ok());
        let error = of("30..32", None).expect_err("beyond").to_string();
        assert!(error.contains("its 31 axial slices") && error.contains("30..32"), "{error}");
        for wrong in ["", "some", "5", "5..", "..5", "7..3", "3..3", "-1..3", "1...3"] {
            assert!(wrong.parse::<Slices>().is_err(), "{wrong}");
        }
        Ok(())
    }

    #[test]
    fn a_scan_in_another_plane_is_told() {
        let error = cut("all", None).of(&grid([1, 256, 256]), Plane::Axial).expect_err("thin").to_string();
        assert!(error.contains("--axis sagittal"), "{error}");
        let error = cut("all", None).of(&grid([2, 2, 2]), Plane::Axial).expect_err("tiny").to_string();
        assert!(error.contains("2x2x2 voxels shows no head"), "{error}");
        assert!(cut("all", Some(Plane::Sagittal)).of(&grid([1, 256, 256]), Plane::Axial).is_ok());
    }
}
