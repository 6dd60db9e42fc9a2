//! What plots share: SVG, on white, in fonts that the viewer has.

use std::fmt::Display;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};

pub type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

pub const FONT: &str = "sans-serif";
/// Sizes of letters as plotters counts them: about five quarters of pixels.
pub const SMALL: u32 = 16;
pub const MEDIUM: u32 = 18;
pub const LARGE: u32 = 24;
/// Colours that people with colour blindness tell apart.
pub const BLUE: RGBColor = RGBColor(0x2F, 0x6D, 0xA8);
pub const ORANGE: RGBColor = RGBColor(0xC8, 0x55, 0x10);
pub const GREY: RGBColor = RGBColor(0x9A, 0xA2, 0xAC);
pub const INK: RGBColor = RGBColor(0x22, 0x26, 0x2B);
pub const FAINT: RGBColor = RGBColor(0xE3, 0xE6, 0xEA);

/// An SVG of this many pixels, white where nothing is drawn.
pub fn picture(size: (u32, u32), draw: impl FnOnce(&Area) -> Result<()>) -> Result<String> {
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, size).into_drawing_area();
        area.fill(&WHITE).map_err(failed)?;
        draw(&area)?;
        area.present().map_err(failed)?;
    }
    Ok(text)
}

/// Drawing writes into memory, and fails where a chart is too small for its axes.
pub fn failed(error: impl Display) -> Error {
    Error::tensor("plot", error.to_string())
}

pub fn ink(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&INK)
}

pub fn put(area: &Area, text: &str, at: (i32, i32), style: TextStyle, across: HPos) -> Result<()> {
    area.draw_text(text, &style.pos(Pos::new(across, VPos::Center)), at).map_err(failed)
}

/// A title in large letters, and below it what the picture shows in small ones.
pub fn heading(area: &Area, title: &str, subtitle: &str) -> Result<()> {
    put(area, title, (20, 24), ink(LARGE), HPos::Left)?;
    put(area, subtitle, (20, 48), ink(MEDIUM), HPos::Left)
}

/// Room in pixels that a small text takes, with some to spare: fonts are not measured here.
pub fn width_of(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_mul(8)
}

/// Names that would crowd out the picture lose their middle.
pub fn shortened(name: &str, most: usize) -> String {
    let letters: Vec<char> = name.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if letters.len() <= most {
        return letters.into_iter().collect();
    }
    let head = (most - 1) / 2;
    let tail = letters.len() - (most - 1 - head);
    letters[..head].iter().chain(&['…']).chain(&letters[tail..]).collect()
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn long_names_lose_their_middle() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("0123456789", 6), "01…789");
        assert_eq!(shortened("a\nb", 9), "a\u{fffd}b");
    }
}
