//! A mask drawn over its scan, for a person to look at.

use embedded_graphics::mono_font::iso_8859_1::FONT_9X15;
use embedded_graphics::pixelcolor::Rgb888;
use embedded_graphics::prelude::{Drawable, Point, Size};
use embedded_graphics::primitives::{Primitive, PrimitiveStyle, Rectangle};
use embedded_graphics::text::Alignment;
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma, Rgb, RgbImage};

use super::canvas::{BACKGROUND, COLOUR, Canvas, MARGIN, signed, tinted, white, wrapped};
use super::plane::Plane;
use super::scan::{Channels, Scan};
use crate::error::{Error, Result};

/// The longer side of the drawn scan is at least this many pixels, so that text is in proportion.
const MIN_SIDE: u32 = 512;
const LINE: u32 = 20;
/// Room for the key before the first line.
const KEY: u32 = 24;

/// What to draw over a scan.
#[derive(Debug, Clone)]
pub struct Overlay<'a> {
    /// At the scan's size, row-major.
    pub mask: &'a [bool],
    /// The channel to show, where the channels are sequences; otherwise colour is shown as grey.
    pub channel: Option<usize>,
    /// How the slice lies, where the scan says so. A picture does not: it is taken as axial, in the radiological convention.
    pub plane: Option<Plane>,
    /// What the mask marks.
    pub label: &'a str,
    /// Lines below the legend.
    pub notes: &'a [String],
}

impl Overlay<'_> {
    /// Draws the scan in grey, the mask as a tint with an outline, the sides of the patient and a legend.
    ///
    /// # Errors
    /// When the mask is not of the scan's size.
    pub fn draw(&self, scan: &Scan) -> Result<RgbImage> {
        let (width, height) = (scan.width(), scan.height());
        if self.mask.len() != width * height {
            return Err(Error::tensor("mask", format!("does not have {width}x{height} pixels")));
        }
        let side = |n: usize| u32::try_from(n).map_err(|_| Error::tensor("scan", "a side is too long"));
        let size = [side(width)?, side(height)?];
        let scale = MIN_SIDE.div_ceil(size[0].max(size[1]));
        let drawn = [size[0] * scale, size[1] * scale];
        let width_drawn = drawn[0].max(MIN_SIDE);
        let lines = self.lines(width_drawn);
        let below = u32::try_from(lines.len()).unwrap_or(u32::MAX).saturating_mul(LINE);
        let height_drawn = drawn[1].saturating_add(below).saturating_add(2 * MARGIN);
        let mut canvas = Canvas(RgbImage::from_pixel(width_drawn, height_drawn, BACKGROUND));
        let left = (canvas.0.width() - drawn[0]) / 2;
        let grey = self.grey(scan, size, drawn)?;
        for (x, y, &Luma([value])) in grey.enumerate_pixels() {
            let pixel = self.pixel([x, y], drawn, scale, width, value);
            canvas.0.put_pixel(left + x, y, pixel);
        }
        canvas.sides(left, drawn, self.plane.unwrap_or(Plane::Axial).sides());
        draw_legend(&mut canvas, drawn[1] + MARGIN, &lines);
        Ok(canvas.0)
    }

    /// The lines of the legend, short enough for the width.
    fn lines(&self, width: u32) -> Vec<String> {
        // What the key takes from the first line is small enough to take from all.
        let room = width.saturating_sub(2 * MARGIN + KEY) / FONT_9X15.character_size.width;
        let convention = match self.plane {
            None => "R and L assumed: radiological convention, patient's right on the left",
            Some(plane) => plane.legend(),
        };
        let texts = [self.label, convention].into_iter().chain(self.notes.iter().map(String::as_str));
        texts.flat_map(|text| wrapped(text, room as usize)).collect()
    }

    /// The shown channel from black to white, enlarged.
    fn grey(&self, scan: &Scan, [width, height]: [u32; 2], drawn: [u32; 2]) -> Result<GrayImage> {
        let values = match (self.channel, scan.channels()) {
            (Some(c), Channels::Rgb) => scan.to_f32().into_iter().skip(c).step_by(3).collect(),
            _ => scan.to_grey(),
        };
        let white = white(&values);
        let pixels = values.iter().map(|v| (v / white * 255.0).clamp(0.0, 255.0).round() as u8).collect();
        let small = GrayImage::from_raw(width, height, pixels)
            .ok_or_else(|| Error::tensor("scan", "its samples do not fill it"))?;
        Ok(imageops::resize(&small, drawn[0], drawn[1], FilterType::Triangle))
    }

    fn pixel(&self, [x, y]: [u32; 2], drawn: [u32; 2], scale: u32, width: usize, grey: u8) -> Rgb<u8> {
        let is_set = |x: i64, y: i64| {
            let inside = |v: i64, side: u32| u32::try_from(v).ok().filter(|v| *v < side).map(|v| v / scale);
            let (Some(x), Some(y)) = (inside(x, drawn[0]), inside(y, drawn[1])) else { return false };
            self.mask.get(y as usize * width + x as usize) == Some(&true)
        };
        let (x, y) = (i64::from(x), i64::from(y));
        if !is_set(x, y) {
            return Rgb([grey; 3]);
        }
        let near = [(-2, 0), (2, 0), (0, -2), (0, 2), (-1, -1), (1, 1), (-1, 1), (1, -1)];
        if near.iter().any(|(dx, dy)| !is_set(x + dx, y + dy)) {
            return COLOUR;
        }
        tinted(grey)
    }
}

fn draw_legend(canvas: &mut Canvas, top: u32, lines: &[String]) {
    let place = Point::new(signed(MARGIN), signed(top + 3));
    let colour = Rgb888::new(COLOUR.0[0], COLOUR.0[1], COLOUR.0[2]);
    let key = Rectangle::new(place, Size::new(14, 14)).into_styled(PrimitiveStyle::with_fill(colour));
    let Ok(()) = key.draw(canvas);
    for (n, line) in (0..).zip(lines) {
        let left = if n == 0 { MARGIN + KEY } else { MARGIN };
        canvas.text(line, [left, top + n * LINE + LINE / 2], &FONT_9X15, Alignment::Left);
    }
}
