//! A picture with text on it.

use embedded_graphics::mono_font::iso_8859_1::FONT_10X20;
use embedded_graphics::mono_font::{MonoFont, MonoTextStyle};
use embedded_graphics::pixelcolor::{Rgb888, RgbColor};
use embedded_graphics::prelude::{DrawTarget, Drawable, OriginDimensions, Pixel, Point, Size};
use embedded_graphics::text::{Alignment, Baseline, Text, TextStyleBuilder};
use image::{Rgb, RgbImage};

/// This percentile of the lit pixels is drawn white.
const WHITE_PERCENTILE: f64 = 99.5;
/// Between what is drawn and the picture's edge.
pub(super) const MARGIN: u32 = 10;
pub(super) const BACKGROUND: Rgb<u8> = Rgb([16, 18, 22]);
/// Of a mask's outline.
pub(super) const COLOUR: Rgb<u8> = Rgb([255, 128, 0]);
/// The part of it in what lies within.
const TINT: f32 = 0.28;

/// An RGB picture that text and shapes can be drawn on.
pub(super) struct Canvas(pub RgbImage);

impl OriginDimensions for Canvas {
    fn size(&self) -> Size {
        Size::new(self.0.width(), self.0.height())
    }
}

impl DrawTarget for Canvas {
    type Color = Rgb888;
    type Error = std::convert::Infallible;

    fn draw_iter<I: IntoIterator<Item = Pixel<Rgb888>>>(&mut self, pixels: I) -> Result<(), Self::Error> {
        for Pixel(point, colour) in pixels {
            let (Ok(x), Ok(y)) = (u32::try_from(point.x), u32::try_from(point.y)) else { continue };
            if let Some(pixel) = self.0.get_pixel_mut_checked(x, y) {
                *pixel = Rgb([colour.r(), colour.g(), colour.b()]);
            }
        }
        Ok(())
    }
}

impl Canvas {
    /// Letters at the left and at the right of the drawn scan.
    pub fn sides(&mut self, left: u32, drawn: [u32; 2], [at_left, at_right]: [&str; 2]) {
        let middle = drawn[1] / 2;
        self.text(at_left, [left + MARGIN, middle], &FONT_10X20, Alignment::Left);
        self.text(at_right, [left + drawn[0] - MARGIN, middle], &FONT_10X20, Alignment::Right);
    }

    /// White, with a dark rim: it may lie over a bright scan.
    pub fn text(&mut self, text: &str, [x, y]: [u32; 2], font: &MonoFont, alignment: Alignment) {
        let place = TextStyleBuilder::new().alignment(alignment).baseline(Baseline::Middle).build();
        let middle = Point::new(signed(x), signed(y));
        let mut draw = |offset: Point, colour: Rgb888| {
            let style = MonoTextStyle::new(font, colour);
            let Ok(_) = Text::with_text_style(text, middle + offset, style, place).draw(self);
        };
        for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
            draw(Point::new(dx, dy), Rgb888::BLACK);
        }
        draw(Point::zero(), Rgb888::WHITE);
    }
}

/// Breaks a text between words into lines of at most `room` characters; a longer word has a line of its own.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= room => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_string()),
        }
    }
    lines
}

/// A grey pixel within a mask.
pub(super) fn tinted(grey: u8) -> Rgb<u8> {
    Rgb(COLOUR.0.map(|c| (f32::from(grey) * (1.0 - TINT) + f32::from(c) * TINT).round() as u8))
}

/// The value that is drawn white.
pub(super) fn white(values: &[f32]) -> f32 {
    let mut lit: Vec<f32> = values.iter().copied().filter(|v| *v > 0.0).collect();
    let Some(last) = lit.len().checked_sub(1) else { return 1.0 };
    let position = (WHITE_PERCENTILE / 100.0 * last as f64).round() as usize;
    *lit.select_nth_unstable_by(position.min(last), f32::total_cmp).1
}

pub(super) fn signed(n: u32) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("one two three", 13), ["one two three"]);
        assert_eq!(wrapped("one two three", 12), ["one two", "three"]);
        assert_eq!(wrapped("  one\n two\t", 80), ["one two"]);
        // Characters count, not bytes.
        assert_eq!(wrapped("5 mm² mm²", 9), ["5 mm² mm²"]);
        assert_eq!(wrapped("a verylongword b", 5), ["a", "verylongword", "b"]);
        assert_eq!(wrapped("verylongword", 0), ["verylongword"]);
        assert_eq!(wrapped("", 9), [""]);
    }

    #[test]
    fn white_is_near_the_brightest_lit_pixel() {
        assert_eq!(white(&[0.0; 4]), 1.0);
        assert_eq!(white(&[0.0, 0.0, 7.0]), 7.0);
        let values: Vec<f32> = (0..=1000).map(|v| v as f32).collect();
        assert_eq!(white(&values), 995.0);
    }
}
