//! Dividing a windowed operator whose activations no binding holds: into some output planes, rows or pixels of one
//! sample at a time, with the part of the input that lies under their windows.

use std::ops::Range;

use super::window::Window;

/// A part of the work on `batch` samples; pixels count through all samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub batch: usize,
    pub window: Window,
    pub input: Range<u64>,
    pub output: Range<u64>,
}

/// The work in about so many pieces, where the windows allow it; else in one.
pub fn divide(window: &Window, batch: usize, parts: usize, transposed: bool) -> Vec<Piece> {
    let (in_pixels, out_pixels) = (pixels(&window.input), pixels(&window.output));
    // The outermost axis that there is: only along it what lies under some outputs is one range of memory.
    let axis = (0..3).find(|&d| window.input[d] > 1 || window.output[d] > 1).unwrap_or(2);
    // A window that lies in the padding alone has no input to bind.
    if parts <= 1 || !(transposed || window.always_covers_input()) {
        let samples = batch as u64;
        return vec![Piece {
            batch,
            window: *window,
            input: 0..in_pixels * samples,
            output: 0..out_pixels * samples,
        }];
    }
    // One more than the bytes ask for: windows overlap.
    let rows = window.output[axis].div_ceil(parts.div_ceil(batch) + 1);
    let mut pieces = Vec::new();
    for sample in 0..batch as u64 {
        for first in (0..window.output[axis]).step_by(rows) {
            let outputs = first..(first + rows).min(window.output[axis]);
            let (part, inputs) = match transposed {
                false => window.part(axis, outputs.clone()),
                true => window.transposed_part(axis, outputs.clone()),
            };
            let span = |rows: Range<usize>, pixels: u64, size: usize| {
                let row = pixels / size as u64;
                sample * pixels + rows.start as u64 * row..sample * pixels + rows.end as u64 * row
            };
            let input = span(inputs, in_pixels, window.input[axis]);
            let output = span(outputs, out_pixels, window.output[axis]);
            pieces.push(Piece { batch: 1, window: part, input, output });
        }
    }
    pieces
}

fn pixels(sizes: &[usize; 3]) -> u64 {
    sizes.iter().map(|&s| s as u64).product()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window() -> Window {
        Window {
            input: [1, 10, 4],
            output: [1, 5, 2],
            kernel: [1, 3, 3],
            strides: [1, 2, 2],
            dilations: [1; 3],
            pads_begin: [0, 1, 1],
            pads_end: [0, 1, 1],
            rank: 2,
        }
    }

    #[test]
    fn only_the_outermost_axis_is_divided() {
        // One output along the depth of two inputs: rows of the planes under it lie apart.
        let deep = Window { input: [2, 10, 4], kernel: [2, 3, 3], ..window() };
        let pieces = divide(&deep, 2, 4, false);
        let ranges: Vec<_> = pieces.iter().map(|p| (p.input.clone(), p.output.clone())).collect();
        assert_eq!(ranges, [(0..80, 0..10), (80..160, 10..20)]);
        let line = Window {
            input: [1, 1, 9],
            output: [1, 1, 9],
            kernel: [1; 3],
            strides: [1; 3],
            pads_begin: [0; 3],
            pads_end: [0; 3],
            ..window()
        };
        assert_eq!(
            divide(&line, 1, 2, false).iter().map(|p| p.input.clone()).collect::<Vec<_>>(),
            [0..3, 3..6, 6..9]
        );
    }

    #[test]
    fn pieces_cover_all_outputs_and_what_lies_under_them() {
        assert_eq!(divide(&window(), 3, 1, false).len(), 1);
        let pieces = divide(&window(), 2, 3, false);
        let covered: Vec<Range<u64>> = pieces.iter().map(|p| p.output.clone()).collect();
        assert_eq!(covered, [0..4, 4..8, 8..10, 10..14, 14..18, 18..20]);
        // Rows 0 and 1 need input rows 0 to 3 (the first is padded), rows 2 and 3 need 3 to 7.
        assert_eq!((pieces[0].input.clone(), pieces[0].window.pads_begin), (0..16, [0, 1, 1]));
        assert_eq!((pieces[1].input.clone(), pieces[1].window.pads_begin), (12..32, [0, 0, 1]));
        assert_eq!((pieces[3].input.clone(), pieces[3].window.input), (40..56, [1, 4, 4]));
    }

    #[test]
    fn inputs_that_reach_an_output_go_with_it() {
        // Twice as high: output y comes from the whole ones of (y + 1 - k) / 2 for the taps k. Output 4 is reached by input
        // 2 alone, output 7 by 3 and 4, output 8 by 4.
        let up = Window { input: [1, 5, 2], output: [1, 10, 4], ..window() };
        let pieces = divide(&up, 1, 2, true);
        let rows: Vec<_> =
            pieces.iter().map(|p| (p.input.clone(), p.output.clone(), p.window.pads_begin[1])).collect();
        assert_eq!(rows, [(0..6, 0..16, 1), (4..10, 16..32, 1), (8..10, 32..40, 1)]);
    }
}
