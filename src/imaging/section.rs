//! How large a cut through a head is, by which a brain on its own is told from a head with its skull.

use super::plane::Slice;

/// Pixels above this part of what pictures show as white are no air.
const TISSUE: f32 = 0.1;

impl Slice {
    /// The area in mm² of what is not air, with all that it encloses. `white` is [`super::Volume::white`].
    pub fn filled_area(&self, white: f32) -> f64 {
        let (width, height) = (self.width, self.height);
        let is_air = |pixel: usize| self.values.get(pixel).is_some_and(|&v| v <= TISSUE * white);
        let mut outside = vec![false; width * height];
        let edge = |x: usize, y: usize| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        let mut waiting: Vec<usize> =
            (0..width * height).filter(|n| edge(n % width, n / width) && is_air(*n)).collect();
        waiting.iter().for_each(|&n| outside[n] = true);
        while let Some(pixel) = waiting.pop() {
            let (x, y) = (pixel % width, pixel / width);
            let beside = [
                (x > 0).then(|| pixel - 1),
                (x + 1 < width).then(|| pixel + 1),
                (y > 0).then(|| pixel - width),
                (y + 1 < height).then(|| pixel + width),
            ];
            for next in beside.into_iter().flatten() {
                if !outside[next] && is_air(next) {
                    outside[next] = true;
                    waiting.push(next);
                }
            }
        }
        let filled = outside.iter().filter(|&&outside| !outside).count();
        filled as f64 * self.spacing[0] * self.spacing[1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slice(rows: &[&str]) -> Slice {
        let values = rows.iter().flat_map(|row| row.bytes().map(|b| if b == b'#' { 9.0 } else { 0.5 }));
        Slice { width: rows[0].len(), height: rows.len(), values: values.collect(), spacing: [2.0, 0.5] }
    }

    #[test]
    fn what_is_enclosed_counts() {
        let ring = slice(&["......", ".####.", ".#..#.", ".####.", "......"]);
        assert_eq!(ring.filled_area(10.0), 12.0);
        // Open at one side, and at the picture's edge.
        let open = slice(&["......", ".####.", ".#....", ".####.", "......"]);
        assert_eq!(open.filled_area(10.0), 9.0);
        let at_the_edge = slice(&["####..", "...#..", "####.."]);
        assert_eq!(at_the_edge.filled_area(10.0), 9.0);
        assert_eq!(slice(&["...", "..."]).filled_area(10.0), 0.0);
    }
}
