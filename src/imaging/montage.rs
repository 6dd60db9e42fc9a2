//! Slices of a volume in a grid, for a person to look at.

use embedded_graphics::mono_font::iso_8859_1::FONT_9X15;
use embedded_graphics::text::Alignment;
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};
use rayon::prelude::*;

use super::canvas::{BACKGROUND, COLOUR, Canvas, MARGIN, tinted, wrapped};
use super::plane::{Plane, Slice};
use super::volume::Volume;

/// The longer side of a slice's cell, in pixels.
const CELL: u32 = 200;
/// The shorter side of a cell at least, for the letters on it.
const LEAST_SIDE: u32 = 32;
const LINE: u32 = 20;
/// Between cells.
const GAP: u32 = 6;
/// Of the picture, in pixels.
const LEAST_WIDTH: u32 = 420;
/// Slices with less than this part of the lit voxels of the fullest are left out at either end.
const FULL_ENOUGH: f64 = 0.05;

/// Which slices to draw.
#[derive(Debug, Clone, Copy)]
pub struct Montage<'a> {
    pub plane: Plane,
    /// At most this many, evenly spread over those that show something of the mask, or else of the head.
    pub slices: usize,
    /// What to draw over the slices: not 0 where it is set, in the order of the volume's voxels.
    pub mask: Option<&'a [u8]>,
}

impl Montage<'_> {
    /// Draws slices of a volume, its sides marked, and below them what the picture shows.
    pub fn draw(&self, volume: &Volume, notes: &[String]) -> RgbImage {
        let white = volume.white();
        let numbers = self.chosen(volume, white);
        let columns = (numbers.len() as f64).sqrt().ceil().max(1.0) as u32;
        let rows = u32::try_from(numbers.len()).unwrap_or(u32::MAX).div_ceil(columns);
        let [width, height] = cell(&self.plane.slice(volume, 0));
        let [step_x, step_y] = [width + GAP, height + GAP];
        // Wide enough for words, whatever is drawn above them.
        let wide = (columns * step_x - GAP).max(LEAST_WIDTH);
        let room = (wide - 2 * MARGIN) / FONT_9X15.character_size.width;
        let lines = self.lines(&numbers, volume, notes);
        let lines: Vec<String> = lines.iter().flat_map(|line| wrapped(line, room as usize)).collect();
        let below = 2 * MARGIN + LINE * u32::try_from(lines.len()).unwrap_or(0);
        let size = [wide, rows * step_y + below];
        let mut canvas = Canvas(RgbImage::from_pixel(size[0], size[1], BACKGROUND));
        for (place, &number) in (0..).zip(&numbers) {
            let corner = [place % columns * step_x, place / columns * step_y];
            let slice = self.plane.slice(volume, number);
            self.draw_cell(&mut canvas, corner, [width, height], &slice, white, number);
            if let Some(mask) = self.mask_of(volume, number) {
                draw_mask(&mut canvas, corner, [width, height], [slice.width, slice.height], &mask);
            }
        }
        for (n, line) in (0..).zip(&lines) {
            let middle = rows * step_y + MARGIN + n * LINE + LINE / 2;
            canvas.text(line, [MARGIN, middle], &FONT_9X15, Alignment::Left);
        }
        canvas.0
    }

    /// Whether the mask is set, for every pixel of a slice.
    fn mask_of(&self, volume: &Volume, number: usize) -> Option<Vec<bool>> {
        let is_set = |mask: &[u8], voxel: usize| mask.get(voxel).is_some_and(|&set| set != 0);
        let mask = self.mask?;
        Some(self.plane.pixels(volume.grid(), number).map(|voxel| is_set(mask, voxel)).collect())
    }

    /// Numbers of slices, evenly spread between the first and the last that are full enough.
    fn chosen(&self, volume: &Volume, white: f32) -> Vec<usize> {
        let numbers = 0..self.plane.count(volume.grid());
        let marked =
            |n: usize| self.mask_of(volume, n).map_or(0, |mask| mask.iter().filter(|&&set| set).count());
        let bright =
            |n: usize| self.plane.slice(volume, n).values.iter().filter(|&&v| v > white / 10.0).count();
        let in_mask: Vec<usize> = numbers.clone().into_par_iter().map(marked).collect();
        let (lit, least) = if in_mask.iter().any(|&n| n > 0) {
            (in_mask, 1.0)
        } else {
            let lit: Vec<usize> = numbers.into_par_iter().map(bright).collect();
            let fullest = lit.iter().copied().max().unwrap_or(0);
            (lit, fullest as f64 * FULL_ENOUGH)
        };
        let is_full = |&n: &usize| lit[n] as f64 >= least;
        let first = (0..lit.len()).find(is_full).unwrap_or(0);
        let last = (0..lit.len()).rev().find(is_full).unwrap_or(0);
        let count = self.slices.clamp(1, last - first + 1);
        // The middle of each of as many equal parts.
        (0..count).map(|n| first + (2 * n + 1) * (last - first + 1) / (2 * count)).collect()
    }

    fn draw_cell(
        &self,
        canvas: &mut Canvas,
        [left, top]: [u32; 2],
        [width, height]: [u32; 2],
        slice: &Slice,
        white: f32,
        number: usize,
    ) {
        let grey = |v: &f32| (v / white * 255.0).clamp(0.0, 255.0).round() as u8;
        let size = [slice.width, slice.height].map(|n| u32::try_from(n).unwrap_or(u32::MAX));
        let Some(small) = GrayImage::from_raw(size[0], size[1], slice.values.iter().map(grey).collect())
        else {
            return;
        };
        let drawn = imageops::resize(&small, width, height, FilterType::Triangle);
        for (x, y, &Luma([value])) in drawn.enumerate_pixels() {
            canvas.0.put_pixel(left + x, top + y, Rgb([value; 3]));
        }
        let [at_left, at_right] = self.plane.sides();
        let middle = top + height / 2;
        canvas.text(at_left, [left + 4, middle], &FONT_9X15, Alignment::Left);
        canvas.text(at_right, [left + width - 4, middle], &FONT_9X15, Alignment::Right);
        canvas.text(&number.to_string(), [left + 4, top + LINE / 2], &FONT_9X15, Alignment::Left);
    }

    fn lines(&self, numbers: &[usize], volume: &Volume, notes: &[String]) -> Vec<String> {
        let (name, from) = (self.plane, self.plane.begins());
        let all = self.plane.count(volume.grid());
        let shown = format!("{} of {all} {name} slices, counted from the {from}", numbers.len());
        let sides = self.plane.legend();
        [shown, sides.to_string()].into_iter().chain(notes.iter().cloned()).collect()
    }
}

/// The mask as a tint with an outline, over a drawn cell.
fn draw_mask(
    canvas: &mut Canvas,
    [left, top]: [u32; 2],
    [width, height]: [u32; 2],
    [columns, rows]: [usize; 2],
    mask: &[bool],
) {
    // A pixel of the cell shows the one of the slice that its middle lies in.
    let source =
        |n: u32, drawn: u32, count: usize| (2 * n as usize + 1) * count / (2 * drawn.max(1) as usize);
    let is_set = |x: Option<u32>, y: Option<u32>| {
        let (Some(x), Some(y)) = (x.filter(|x| *x < width), y.filter(|y| *y < height)) else { return false };
        mask.get(source(y, height, rows) * columns + source(x, width, columns)) == Some(&true)
    };
    for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
        if !is_set(Some(x), Some(y)) {
            continue;
        }
        let beside = [
            (x.checked_sub(1), Some(y)),
            (Some(x + 1), Some(y)),
            (Some(x), y.checked_sub(1)),
            (Some(x), Some(y + 1)),
        ];
        let is_edge = beside.iter().any(|&(x, y)| !is_set(x, y));
        if let Some(pixel) = canvas.0.get_pixel_mut_checked(left + x, top + y) {
            *pixel = if is_edge { COLOUR } else { tinted(pixel.0[0]) };
        }
    }
}

/// Width and height of a slice's picture, in proportion to its size in mm.
fn cell(slice: &Slice) -> [u32; 2] {
    let mm = [slice.width as f64 * slice.spacing[0], slice.height as f64 * slice.spacing[1]];
    let scale = f64::from(CELL) / mm[0].max(mm[1]);
    mm.map(|side| ((side * scale).round() as u32).clamp(LEAST_SIDE, CELL))
}
