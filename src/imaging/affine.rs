//! Where voxels lie, in which space, and which way their axes point.

use std::fmt;

/// Axes that are closer to lying in one plane than this have no volume between them.
const LEAST_VOLUME: f64 = 1e-4;
/// More steps than Newton's iteration takes for axes that pass [`LEAST_VOLUME`].
const POLAR_STEPS: usize = 60;

/// From voxel indices (i, j, k) to millimetres (x, y, z), where x grows to the patient's right, y to the front and z
/// to the head: NIfTI's RAS+.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// By how much one voxel along i, j and k moves.
    columns: [[f64; 3]; 3],
    /// Where the first voxel's centre lies.
    origin: [f64; 3],
    /// Whose millimetres they are.
    space: Space,
}

/// What an affine's millimetres are measured in: the codes `NIFTI_XFORM_*` of `nifti1.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// The file does not say where its voxels lie.
    Unknown = 0,
    /// The scanner's.
    Scanner = 1,
    /// Another scan's, to which this one was aligned.
    Aligned = 2,
    /// Talairach and Tournoux's atlas.
    Talairach = 3,
    /// The MNI 152 average.
    Mni = 4,
    /// Another atlas.
    Template = 5,
}

/// The way that an axis of voxels points, most nearly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Direction {
    /// x, y or z: 0, 1 or 2.
    pub axis: usize,
    /// Whether the axis grows with the index.
    pub forwards: bool,
}

/// The ways of i, j and k, each along another axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(pub [Direction; 3]);

impl Direction {
    /// Where the axis points, of the patient.
    pub fn words(self) -> &'static str {
        let [backwards, forwards] = [
            ["to the left", "to the right"],
            ["to the back", "to the front"],
            ["to the feet", "to the head"],
        ][self.axis.min(2)];
        if self.forwards { forwards } else { backwards }
    }
}

impl Affine {
    /// An affine by its first three rows.
    ///
    /// # Errors
    /// In words, where a number is not finite, or the axes span no volume.
    pub fn new(rows: [[f64; 4]; 3]) -> Result<Affine, String> {
        if rows.iter().flatten().any(|n| !n.is_finite()) {
            return Err("the affine has numbers that are not finite".into());
        }
        let affine = Affine {
            columns: std::array::from_fn(|column| rows.map(|row| row[column])),
            origin: rows.map(|row| row[3]),
            space: Space::Scanner,
        };
        let product: f64 = affine.spacing().iter().product();
        // Also false where it is not a number.
        if determinant(&affine.columns).abs() > LEAST_VOLUME * product && product.is_finite() {
            Ok(affine)
        } else {
            Err("the affine is singular: its axes span no volume".into())
        }
    }

    /// The same places in another space than the scanner's, which is that of a new affine.
    pub fn in_space(self, space: Space) -> Affine {
        Affine { space, ..self }
    }

    /// Whose millimetres they are.
    pub fn space(&self) -> Space {
        self.space
    }

    /// The affine's first three rows.
    pub fn rows(&self) -> [[f64; 4]; 3] {
        let [i, j, k] = self.columns;
        std::array::from_fn(|row| [i[row], j[row], k[row], self.origin[row]])
    }

    /// The distance between neighbouring voxels along i, j and k, in mm.
    pub fn spacing(&self) -> [f64; 3] {
        self.columns.map(|column| length(&column))
    }

    /// Where a voxel's centre lies, in mm.
    pub fn apply(&self, voxel: [f64; 3]) -> [f64; 3] {
        let along =
            |row: usize| self.columns.iter().zip(voxel).map(|(column, n)| column[row] * n).sum::<f64>();
        std::array::from_fn(|row| self.origin[row] + along(row))
    }

    /// The signed volume between the axes of one voxel, in mm³; negative where they are a left hand's.
    pub fn determinant(&self) -> f64 {
        determinant(&self.columns)
    }

    /// From mm to voxel indices, as the rows of the inverse.
    pub(super) fn inverse(&self) -> [[f64; 4]; 3] {
        let [a, b, c] = self.columns;
        let scale = 1.0 / self.determinant();
        [cross(&b, &c), cross(&c, &a), cross(&a, &b)].map(|row| {
            let [x, y, z] = row.map(|n| n * scale);
            let [ox, oy, oz] = self.origin;
            [x, y, z, -(x * ox + y * oy + z * oz)]
        })
    }

    /// The rotation, or rotation and reflection, that is nearest to the axes, as columns, and how far the axes are from it
    /// at most, as unit vectors.
    pub(super) fn rotation(&self) -> ([[f64; 3]; 3], f64) {
        let spacing = self.spacing();
        let unit = std::array::from_fn(|d| self.columns[d].map(|n| n / spacing[d]));
        let rotation = nearest_rotation(unit);
        let pairs = rotation.iter().flatten().zip(unit.iter().flatten());
        (rotation, pairs.fold(0.0, |most: f64, (r, u)| most.max((r - u).abs())))
    }

    /// The nearest ways of the axes: those of the nearest rotation (the orthogonal part of the polar decomposition, as
    /// nibabel's `io_orientation` takes it), each axis in turn the largest component that is still free.
    pub fn orientation(&self) -> Orientation {
        let (rotation, _) = self.rotation();
        let mut taken = [false; 3];
        Orientation(rotation.map(|column| {
            let free = (0..3).filter(|&axis| !taken[axis]);
            let axis = free.max_by(|&a, &b| column[a].abs().total_cmp(&column[b].abs())).unwrap_or(0);
            taken[axis] = true;
            Direction { axis, forwards: column[axis] > 0.0 }
        }))
    }

    /// The affine of the same voxels, those along i, j and k in turn taken from another axis, backwards where that
    /// is said: `from` holds axis, direction and number of voxels.
    pub(super) fn rearranged(&self, from: [(usize, bool, usize); 3]) -> Affine {
        let mut origin = self.origin;
        let columns = from.map(|(axis, forwards, count)| {
            let column = self.columns[axis];
            if forwards {
                return column;
            }
            let last = count.saturating_sub(1) as f64;
            for (place, step) in origin.iter_mut().zip(column) {
                *place += step * last;
            }
            column.map(|n| -n)
        });
        Affine { columns, origin, ..*self }
    }
}

impl Orientation {
    /// Left to right, back to front, feet to head.
    pub const RAS: Orientation = Orientation([
        Direction { axis: 0, forwards: true },
        Direction { axis: 1, forwards: true },
        Direction { axis: 2, forwards: true },
    ]);

    /// Which axis of voxels lies along x, y and z, and whether forwards.
    pub(super) fn sources(&self) -> [(usize, bool); 3] {
        let along = |axis: usize| self.0.iter().position(|direction| direction.axis == axis).unwrap_or(axis);
        std::array::from_fn(|axis| (along(axis), self.0[along(axis)].forwards))
    }
}

/// As nibabel's `aff2axcodes`: where the axes point to, such as `LPS`.
impl fmt::Display for Orientation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for Direction { axis, forwards } in self.0 {
            let [backwards, ahead] = [["L", "R"], ["P", "A"], ["I", "S"]][axis.min(2)];
            f.write_str(if forwards { ahead } else { backwards })?;
        }
        Ok(())
    }
}

fn length(v: &[f64; 3]) -> f64 {
    v.iter().map(|n| n * n).sum::<f64>().sqrt()
}

fn cross(a: &[f64; 3], b: &[f64; 3]) -> [f64; 3] {
    [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
}

fn determinant([a, b, c]: &[[f64; 3]; 3]) -> f64 {
    cross(a, b).iter().zip(c).map(|(x, y)| x * y).sum()
}

/// Newton's iteration for the orthogonal polar factor: the mean of a matrix and its inverse transpose, again and again.
/// Reflections stay reflections.
fn nearest_rotation(mut columns: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    for _ in 0..POLAR_STEPS {
        let [a, b, c] = columns;
        let scale = 1.0 / determinant(&columns);
        // The columns of the inverse transpose.
        let inverse = [cross(&b, &c), cross(&c, &a), cross(&a, &b)];
        let mut moved: f64 = 0.0;
        for (column, other) in columns.iter_mut().zip(inverse) {
            for (n, m) in column.iter_mut().zip(other) {
                let next = (*n + m * scale) / 2.0;
                moved = moved.max((next - *n).abs());
                *n = next;
            }
        }
        if moved < 1e-12 {
            break;
        }
    }
    columns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn affine(rows: [[f64; 4]; 3]) -> Affine {
        Affine::new(rows).expect("a sound affine")
    }

    #[test]
    fn spacing_and_place_are_in_mm() {
        let a = affine([[0.0, -2.0, 0.0, 10.0], [0.0, 0.0, 3.0, -4.0], [1.5, 0.0, 0.0, 7.0]]);
        assert_eq!(a.spacing(), [1.5, 2.0, 3.0]);
        assert_eq!(a.apply([1.0, 2.0, 3.0]), [6.0, 5.0, 8.5]);
        assert_eq!(a.orientation().to_string(), "SLA");
        assert_eq!(affine(a.rows()), a);
    }

    #[test]
    fn the_inverse_leads_back() {
        let a = affine([[0.9, -2.0, 0.1, 10.0], [0.3, 0.2, 3.0, -4.0], [1.5, 0.0, 0.4, 7.0]]);
        let (voxel, inverse) = ([3.0, -2.0, 11.0], a.inverse());
        let [x, y, z] = a.apply(voxel);
        for (row, n) in inverse.iter().zip(voxel) {
            assert!((row[0] * x + row[1] * y + row[2] * z + row[3] - n).abs() < 1e-12);
        }
    }

    #[test]
    fn an_oblique_scan_has_the_nearest_axes() {
        let (sin, cos) = 19f64.to_radians().sin_cos();
        let a = affine([
            [-0.9, 0.0, 0.0, 0.0],
            [0.0, 0.9 * cos, -5.0 * sin, 0.0],
            [0.0, 0.9 * sin, 5.0 * cos, 0.0],
        ]);
        assert_eq!(a.orientation().to_string(), "LAS");
        // By 45 degrees and a bit more the axes change places; the columns alone would leave one axis twice.
        let (sin, cos) = 46f64.to_radians().sin_cos();
        let a = affine([[1.0, 0.0, 0.0, 0.0], [0.0, cos, -sin, 0.0], [0.0, sin, cos, 0.0]]);
        assert_eq!(a.orientation().to_string(), "RSP");
    }

    #[test]
    fn axes_without_a_volume_are_refused() {
        let flat = [[1.0, 0.0, 1.0, 0.0], [0.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 0.0]];
        assert!(Affine::new(flat).is_err_and(|reason| reason.contains("singular")));
        assert!(Affine::new([[0.0; 4]; 3]).is_err());
        let endless = [[1.0, 0.0, 0.0, f64::NAN], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
        assert!(Affine::new(endless).is_err_and(|reason| reason.contains("finite")));
        let huge = [[1e200, 0.0, 0.0, 0.0], [0.0, 1e200, 0.0, 0.0], [0.0, 0.0, 1e200, 0.0]];
        assert!(Affine::new(huge).is_err());
    }
}
