//! How far apart the surfaces of two masks lie.

use super::bootstrap::quantile;

/// A volume's size or place: slices, rows, columns.
type Triple = [usize; 3];

/// The symmetric 95 % Hausdorff distance between two masks of one size, in the unit of `spacing`: of the distances
/// from every surface voxel of one mask to the nearest of the other, the 95th percentile (interpolated as numpy
/// does), taken both ways; the larger of the two counts. None where a mask is empty.
///
/// Surface voxels are those with a face on a voxel that is not set, or on the volume's outside; in a single slice
/// only its four sides count. MONAI's `compute_hausdorff_distance(percentile=95)` is defined so; medpy's `hd95`
/// takes one percentile of both directions together.
///
/// `spacing` is that of slices, rows and columns, in the order of `size`.
pub fn hausdorff_95(a: &[bool], b: &[bool], size: Triple, spacing: [f64; 3]) -> Option<f64> {
    let bounds = Bounds::of(a, b, size)?;
    let (a, b) = (surface(&bounds.cut(a, size), &bounds), surface(&bounds.cut(b, size), &bounds));
    let there = directed(&a, &b, bounds.size(), spacing)?;
    let back = directed(&b, &a, bounds.size(), spacing)?;
    Some(there.max(back))
}

/// The 95th percentile of the distances from each voxel of one surface to the nearest of another.
fn directed(from: &[bool], to: &[bool], size: Triple, spacing: [f64; 3]) -> Option<f64> {
    if !to.contains(&true) {
        return None;
    }
    let squared = squared_distances(to, size, spacing);
    let chosen = from.iter().zip(&squared).filter(|(from, _)| **from);
    let mut distances: Vec<f64> = chosen.map(|(_, d)| d.sqrt()).collect();
    distances.sort_by(f64::total_cmp);
    quantile(&distances, 0.95)
}

/// The smallest box that holds both masks: nothing outside of it matters to their surfaces.
struct Bounds {
    from: Triple,
    /// Past the last.
    to: Triple,
    /// Whether the whole volume is one slice.
    flat: bool,
}

impl Bounds {
    fn of(a: &[bool], b: &[bool], [depth, height, width]: Triple) -> Option<Bounds> {
        let mut bounds = Bounds { from: [usize::MAX; 3], to: [0; 3], flat: depth == 1 };
        let either = a.iter().zip(b).enumerate().filter(|(_, (a, b))| **a || **b);
        for (voxel, _) in either {
            let place = [voxel / (height * width), voxel / width % height, voxel % width];
            for (axis, &at) in place.iter().enumerate() {
                bounds.from[axis] = bounds.from[axis].min(at);
                bounds.to[axis] = bounds.to[axis].max(at + 1);
            }
        }
        (bounds.to != [0; 3]).then_some(bounds)
    }

    fn size(&self) -> Triple {
        [0, 1, 2].map(|axis| self.to[axis] - self.from[axis])
    }

    fn cut(&self, mask: &[bool], [_, height, width]: Triple) -> Vec<bool> {
        let mut inside = Vec::with_capacity(self.size().iter().product());
        for z in self.from[0]..self.to[0] {
            for y in self.from[1]..self.to[1] {
                let row = (z * height + y) * width;
                inside.extend_from_slice(&mask[row + self.from[2]..row + self.to[2]]);
            }
        }
        inside
    }
}

/// The voxels with a face on one that is not set.
fn surface(mask: &[bool], bounds: &Bounds) -> Vec<bool> {
    let [depth, height, width] = bounds.size();
    let steps = [height * width, width, 1];
    let axes = if bounds.flat { 1..3 } else { 0..3 };
    let inner = |voxel: usize| {
        let place = [voxel / steps[0], voxel / width % height, voxel % width];
        axes.clone().all(|axis| {
            let last = [depth, height, width][axis] - 1;
            place[axis] > 0 && place[axis] < last && mask[voxel - steps[axis]] && mask[voxel + steps[axis]]
        })
    };
    (0..mask.len()).map(|voxel| mask[voxel] && !inner(voxel)).collect()
}

/// The squared distance of every voxel to the nearest set one, exactly, in time linear in the voxels
/// (Felzenszwalb and Huttenlocher, "Distance transforms of sampled functions", 2012). Infinite where nothing is
/// set.
fn squared_distances(mask: &[bool], size: Triple, spacing: [f64; 3]) -> Vec<f64> {
    let mut values: Vec<f64> = mask.iter().map(|&set| if set { 0.0 } else { f64::INFINITY }).collect();
    let steps = [size[1] * size[2], size[2], 1];
    let mut envelope = Envelope::default();
    for axis in 0..3 {
        let (length, step) = (size[axis], steps[axis]);
        for start in (0..values.len()).filter(|voxel| voxel / step % length == 0) {
            envelope.build((0..length).map(|i| values[start + i * step]), spacing[axis]);
            envelope.read(|i, value| values[start + i * step] = value, length);
        }
    }
    values
}

/// The lower envelope of the parabolas `f(j) + (spacing * (i - j))^2` along one line.
#[derive(Default)]
struct Envelope {
    spacing: f64,
    /// The parabolas of the envelope from left to right: where they stand, and their lowest value.
    parabolas: Vec<(f64, f64)>,
    /// From where on each of them is the lowest.
    starts: Vec<f64>,
}

impl Envelope {
    fn build(&mut self, values: impl Iterator<Item = f64>, spacing: f64) {
        self.spacing = spacing;
        self.parabolas.clear();
        self.starts.clear();
        for (i, value) in values.enumerate().filter(|(_, value)| value.is_finite()) {
            let place = i as f64 * spacing;
            let mut start = f64::NEG_INFINITY;
            while let (Some(&(other, low)), Some(&from)) = (self.parabolas.last(), self.starts.last()) {
                start = ((value + place * place) - (low + other * other)) / (2.0 * (place - other));
                if start > from {
                    break;
                }
                self.parabolas.pop();
                self.starts.pop();
                start = f64::NEG_INFINITY;
            }
            self.parabolas.push((place, value));
            self.starts.push(start);
        }
    }

    fn read(&self, mut set: impl FnMut(usize, f64), length: usize) {
        let mut lowest = 0;
        for i in 0..length {
            let place = i as f64 * self.spacing;
            while self.starts.get(lowest + 1).is_some_and(|&start| start < place) {
                lowest += 1;
            }
            if let Some((other, low)) = self.parabolas.get(lowest) {
                set(i, (place - other) * (place - other) + low);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(size: Triple, set: &[Triple]) -> Vec<bool> {
        let mut mask = vec![false; size.iter().product()];
        set.iter().for_each(|[z, y, x]| mask[(z * size[1] + y) * size[2] + x] = true);
        mask
    }

    #[test]
    fn two_voxels_are_as_far_apart_as_their_centres() {
        let size = [5, 6, 7];
        let (a, b) = (mask(size, &[[0, 1, 1]]), mask(size, &[[2, 4, 1]]));
        assert_eq!(hausdorff_95(&a, &b, size, [1.0; 3]), Some(13f64.sqrt()));
        assert_eq!(hausdorff_95(&a, &b, size, [2.0, 1.0, 9.0]), Some(5.0));
        assert_eq!(hausdorff_95(&a, &a, size, [1.0; 3]), Some(0.0));
        assert_eq!(hausdorff_95(&a, &mask(size, &[]), size, [1.0; 3]), None);
        assert_eq!(hausdorff_95(&mask(size, &[]), &mask(size, &[]), size, [1.0; 3]), None);
    }

    #[test]
    fn the_larger_direction_counts_and_is_interpolated() {
        // From a's voxels the distances are 0 and 1 (95th percentile 0.95), from b's 0 only.
        let size = [2, 1, 4];
        let (a, b) = (mask(size, &[[0, 0, 0], [0, 0, 1]]), mask(size, &[[0, 0, 0]]));
        assert_eq!(hausdorff_95(&a, &b, size, [1.0; 3]), Some(0.95));
        assert_eq!(hausdorff_95(&b, &a, size, [1.0; 3]), Some(0.95));
    }

    #[test]
    fn distances_are_those_of_a_search() {
        let mut random = fastrand::Rng::with_seed(3);
        let spacing = [3.3, 0.5, 1.25];
        for size in [[4, 5, 6], [1, 1, 9], [7, 1, 3]] {
            let set: Vec<bool> = (0..size.iter().product()).map(|_| random.u8(..) < 20).collect();
            for (voxel, found) in squared_distances(&set, size, spacing).into_iter().enumerate() {
                let wanted = nearest(voxel, &set, size, spacing);
                assert!((found - wanted).abs() < 1e-9 || found == wanted, "{found} {wanted}");
            }
        }
    }

    fn nearest(voxel: usize, set: &[bool], [_, height, width]: Triple, spacing: [f64; 3]) -> f64 {
        let place = |voxel: usize| [voxel / (height * width), voxel / width % height, voxel % width];
        let distance = |other: usize| {
            let (a, b) = (place(voxel), place(other));
            (0..3).map(|i| ((a[i] as f64 - b[i] as f64) * spacing[i]).powi(2)).sum::<f64>()
        };
        (0..set.len()).filter(|&other| set[other]).map(distance).fold(f64::INFINITY, f64::min)
    }
}
