//! Connected components of a mask: lesions, and specks to remove.

use crate::error::{Error, Result};

/// The connected components of a mask, numbered from 1 in the order in which their first voxels lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Components {
    labels: Vec<u32>,
    sizes: Vec<usize>,
}

impl Components {
    /// Labels the set voxels of a volume: slices, rows and columns in row-major order. Voxels that touch by a
    /// face, an edge or a corner belong together: 26 neighbours in a volume, 8 in a single slice (depth 1).
    ///
    /// # Errors
    /// When the mask does not have `depth * height * width` voxels, or more than 2^32 - 2.
    pub fn of(mask: &[bool], [depth, height, width]: [usize; 3]) -> Result<Components> {
        let voxels = depth.checked_mul(height).and_then(|n| n.checked_mul(width));
        if voxels != Some(mask.len()) {
            let reason = format!("{depth}x{height}x{width} voxels are not the {} of the mask", mask.len());
            return Err(Error::tensor("mask", reason));
        }
        if mask.len() as u64 >= u64::from(u32::MAX) {
            return Err(Error::tensor("mask", "has more voxels than can be numbered"));
        }
        let mut forest = Forest::default();
        let mut labels = vec![0; mask.len()];
        for voxel in (0..mask.len()).filter(|&voxel| mask[voxel]) {
            let place = [voxel / (height * width), voxel / width % height, voxel % width];
            let mut label = 0;
            for neighbour in earlier(place, [height, width]) {
                label = forest.joined(label, labels[neighbour]);
            }
            labels[voxel] = if label == 0 { forest.grow() } else { label };
        }
        let numbers = forest.numbers();
        let mut sizes = vec![0; numbers.iter().max().map_or(0, |&n| n as usize)];
        for label in labels.iter_mut().filter(|label| **label > 0) {
            *label = numbers[*label as usize];
            sizes[*label as usize - 1] += 1;
        }
        Ok(Components { labels, sizes })
    }

    /// For each voxel the number of its component; 0 where the mask is not set.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Voxels of each component: component `n` at `n - 1`.
    pub fn sizes(&self) -> &[usize] {
        &self.sizes
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.sizes.len()
    }

    /// Voxels of the component that a voxel belongs to; 0 where the mask is not set.
    pub fn size_at(&self, voxel: usize) -> usize {
        match self.labels.get(voxel) {
            Some(&label) if label > 0 => self.sizes[label as usize - 1],
            _ => 0,
        }
    }

    /// The mask without its components of fewer than `smallest` voxels.
    pub fn of_at_least(&self, smallest: usize) -> Vec<bool> {
        (0..self.labels.len())
            .map(|voxel| self.labels[voxel] > 0 && self.size_at(voxel) >= smallest)
            .collect()
    }
}

/// The neighbours of a voxel that lie before it in row-major order: at most 13 of 26.
fn earlier([z, y, x]: [usize; 3], [height, width]: [usize; 2]) -> impl Iterator<Item = usize> {
    const BEFORE: [[isize; 3]; 13] = [
        [-1, -1, -1],
        [-1, -1, 0],
        [-1, -1, 1],
        [-1, 0, -1],
        [-1, 0, 0],
        [-1, 0, 1],
        [-1, 1, -1],
        [-1, 1, 0],
        [-1, 1, 1],
        [0, -1, -1],
        [0, -1, 0],
        [0, -1, 1],
        [0, 0, -1],
    ];
    BEFORE.iter().filter_map(move |[dz, dy, dx]| {
        let z = z.checked_add_signed(*dz)?;
        let y = y.checked_add_signed(*dy).filter(|&y| y < height)?;
        let x = x.checked_add_signed(*dx).filter(|&x| x < width)?;
        Some((z * height + y) * width + x)
    })
}

/// Labels that turned out to belong together: each points at an older one, roots at themselves.
struct Forest(Vec<u32>);

impl Default for Forest {
    /// Label 0 is what the mask does not set.
    fn default() -> Self {
        Forest(vec![0])
    }
}

impl Forest {
    fn grow(&mut self) -> u32 {
        // There are no more labels than voxels, which u32 can number.
        let label = self.0.len() as u32;
        self.0.push(label);
        label
    }

    fn root(&mut self, mut label: u32) -> u32 {
        while self.0[label as usize] != label {
            let older = self.0[self.0[label as usize] as usize];
            self.0[label as usize] = older;
            label = older;
        }
        label
    }

    /// The label of both, which are one from here on; 0 is no label.
    fn joined(&mut self, a: u32, b: u32) -> u32 {
        if a == 0 || b == 0 {
            return a.max(b);
        }
        let (a, b) = (self.root(a), self.root(b));
        let root = a.min(b);
        self.0[a.max(b) as usize] = root;
        root
    }

    /// For each label the number of its component, without gaps.
    fn numbers(mut self) -> Vec<u32> {
        let mut numbers = vec![0; self.0.len()];
        let mut count = 0;
        for label in 1..numbers.len() {
            let root = self.root(label as u32) as usize;
            if root == label {
                count += 1;
                numbers[label] = count;
            } else {
                numbers[label] = numbers[root];
            }
        }
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mask(rows: &[&str]) -> Vec<bool> {
        rows.iter().flat_map(|row| row.bytes().map(|b| b == b'#')).collect()
    }

    #[test]
    fn corners_join_within_a_slice_and_across() -> Result<()> {
        let slices = mask(&["#...", ".#..", "...#", "....", "....", "..#.", "....", "....", "#..."]);
        let one = Components::of(&slices[..12], [1, 3, 4])?;
        assert_eq!(one.labels(), [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2]);
        assert_eq!(one.sizes(), [2, 1]);
        let all = Components::of(&slices, [3, 3, 4])?;
        // The voxel of the second slice touches both of the first by corners.
        assert_eq!(all.sizes(), [4, 1]);
        assert_eq!((all.size_at(0), all.size_at(1), all.size_at(32)), (4, 0, 1));
        Ok(())
    }

    #[test]
    fn arms_that_meet_late_are_one() -> Result<()> {
        let comb = Components::of(&mask(&["#.#.#", "#.#.#", "#####"]), [1, 3, 5])?;
        assert_eq!((comb.count(), comb.sizes()), (1, &[11][..]));
        Ok(())
    }

    #[test]
    fn rows_do_not_wrap() -> Result<()> {
        assert_eq!(Components::of(&mask(&["...#", "#..."]), [1, 2, 4])?.count(), 2);
        assert_eq!(Components::of(&mask(&["#", "#"]), [2, 1, 1])?.count(), 1);
        Ok(())
    }

    #[test]
    fn specks_are_removed() -> Result<()> {
        let rows = ["##..#", "#...#", "....."];
        let all = Components::of(&mask(&rows), [1, 3, 5])?;
        assert_eq!(all.of_at_least(3), mask(&["##...", "#....", "....."]));
        assert_eq!(all.of_at_least(0), mask(&rows));
        assert_eq!(all.of_at_least(4), vec![false; 15]);
        Ok(())
    }

    #[test]
    fn sizes_must_agree() -> Result<()> {
        assert!(Components::of(&[true; 5], [1, 2, 3]).is_err());
        assert!(Components::of(&[], [usize::MAX, 2, 3]).is_err());
        assert_eq!(Components::of(&[], [0, 4, 4])?.count(), 0);
        Ok(())
    }

    #[test]
    fn as_a_flood_would_label() -> Result<()> {
        let mut random = fastrand::Rng::with_seed(5);
        for size in [[4, 6, 7], [1, 9, 8], [6, 1, 5], [3, 20, 21]] {
            let count = size.iter().product();
            for density in [0.05, 0.15, 0.4] {
                let mask: Vec<bool> = (0..count).map(|_| random.f64() < density).collect();
                assert_eq!(Components::of(&mask, size)?.labels(), flood(&mask, size), "{size:?}");
            }
        }
        Ok(())
    }

    /// Slow and obvious.
    fn flood(mask: &[bool], [depth, height, width]: [usize; 3]) -> Vec<u32> {
        let mut labels = vec![0; mask.len()];
        let mut next = 0;
        for start in 0..mask.len() {
            if !mask[start] || labels[start] > 0 {
                continue;
            }
            next += 1;
            labels[start] = next;
            let mut open = vec![start];
            while let Some(voxel) = open.pop() {
                let (z, y, x) = (voxel / (height * width), voxel / width % height, voxel % width);
                let near = |c: usize, n: usize| c.saturating_sub(1)..(c + 2).min(n);
                for z in near(z, depth) {
                    for y in near(y, height) {
                        for x in near(x, width) {
                            let other = (z * height + y) * width + x;
                            if mask[other] && labels[other] == 0 {
                                labels[other] = next;
                                open.push(other);
                            }
                        }
                    }
                }
            }
        }
        labels
    }
}
