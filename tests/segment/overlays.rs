//! The picture of a mask for people.

use std::path::Path;

use gyrus::imaging::{Overlay, decode_file};
use image::{DynamicImage, Rgb, RgbImage};

use super::common::command::{DEVICES, lines};
use super::{ONE, codes, copies, fixture, mask, read, segment, text};

const OUTLINE: Rgb<u8> = Rgb([255, 128, 0]);

fn overlay(path: &Path) -> RgbImage {
    let DynamicImage::ImageRgb8(picture) = read(path) else { panic!("{}: not RGB", path.display()) };
    picture
}

fn is_coloured(pixel: &Rgb<u8>) -> bool {
    let [r, g, b] = pixel.0;
    r > g && g > b && r - b > 40
}

/// The part of a picture that shows the scan, whose longer side is `scale` times as long.
fn shown(picture: &RgbImage, size: (u32, u32), scale: u32) -> RgbImage {
    let (width, height) = (size.0 * scale, size.1 * scale);
    let left = (picture.width() - width) / 2;
    image::imageops::crop_imm(picture, left, 0, width, height).to_image()
}

/// Whether this may be a pixel of the letters at the sides, which are white with a black rim and lie over the mask where
/// it goes there.
fn is_letter([x, y]: [u32; 2], (width, height): (u32, u32), pixel: &Rgb<u8>) -> bool {
    let at_sides = (x < 24 || x + 24 > width) && y.abs_diff(height / 2) <= 12;
    at_sides && [[0; 3], [255; 3]].contains(&pixel.0)
}

#[test]
fn the_mask_is_drawn_where_it_is_and_nowhere_else() {
    for device in DEVICES {
        let out = tempfile::tempdir().expect("a folder");
        let place = out.path().to_str().expect("UTF-8");
        let output =
            segment(&fixture("scans"), device, "segmenter", &["--overlay", "--out", place, "sizes", "stack"]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        for line in lines(&output) {
            let scan = decode_file(&fixture("scans").join(text(&line, "file"))).expect("the scan");
            let size = (scan.width() as u32, scan.height() as u32);
            let mask = mask(Path::new(text(&line, "mask")), size);
            let picture = overlay(Path::new(text(&line, "overlay")));
            let scale = 512_u32.div_ceil(size.0.max(size.1));
            assert!(picture.width() >= 512 && picture.height() > size.1 * scale, "{line}");
            let shown = shown(&picture, size, scale);
            let outside = shown.enumerate_pixels().find(|(x, y, pixel)| {
                let set = mask[(y / scale * size.0 + x / scale) as usize];
                set != is_coloured(pixel) && !is_letter([*x, *y], shown.dimensions(), pixel)
            });
            assert!(outside.is_none(), "{line}: {outside:?}");
            // The key of the legend has the colour whether or not there is a mask.
            assert_eq!(shown.pixels().any(|p| *p == OUTLINE), mask.contains(&true), "{line}");
            assert!(picture.pixels().any(|p| *p == OUTLINE), "{line}: no legend");
        }
    }
}

#[test]
fn the_shown_sequence_is_the_cards() {
    let out = tempfile::tempdir().expect("a folder");
    let place = out.path().to_str().expect("UTF-8");
    let output =
        segment(&fixture("scans"), "cpu", "segmenter", &["--overlay", "--out", place, "sizes/c.png"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let picture = overlay(&out.path().join("c_overlay.png"));
    // At 512x512 nothing is enlarged, so that each pixel is FLAIR's, from black to its 99.5th percentile.
    let DynamicImage::ImageRgb8(scan) = read(&fixture("scans/sizes/c.png")) else { panic!("not RGB") };
    let mut lit: Vec<u8> = scan.pixels().map(|p| p.0[1]).filter(|v| *v > 0).collect();
    lit.sort_unstable();
    let white = f64::from(lit[(0.995 * (lit.len() - 1) as f64).round() as usize]);
    let mask = mask(&out.path().join("c_mask.png"), (512, 512));
    let wrong = scan.enumerate_pixels().filter(|(x, y, pixel)| {
        let grey = (f64::from(pixel.0[1]) / white * 255.0).min(255.0);
        let found = picture.get_pixel(*x, *y).0;
        let is_letter = is_letter([*x, *y], (512, 512), picture.get_pixel(*x, *y));
        let is_grey = found.iter().all(|v| (f64::from(*v) - grey).abs() <= 1.0);
        !mask[(y * 512 + x) as usize] && !is_grey && !is_letter
    });
    assert_eq!(wrong.count(), 0);
}

#[test]
fn the_sides_of_the_patient_are_marked_and_the_legend_is_below() {
    let scan = decode_file(&fixture("scans").join(ONE)).expect("the scan");
    let mut mask = vec![false; 32 * 32];
    let draw = |mask: &[bool], label: &str, notes: &[String]| {
        Overlay { mask, channel: Some(1), plane: None, label, notes }.draw(&scan).expect("a picture")
    };
    let plain = draw(&mask, "tumor", &[]);
    assert_eq!(plain.width(), 512);
    let white = |from: u32, to: u32| {
        let letters = plain
            .enumerate_pixels()
            .filter(|(x, y, pixel)| (from..to).contains(x) && (240..272).contains(y) && pixel.0 == [255; 3]);
        letters.count()
    };
    // R is left: the radiological convention.
    assert!(white(8, 22) > 20 && white(490, 504) > 10, "{} {}", white(8, 22), white(490, 504));
    assert!(white(8, 22) > white(490, 504), "R has more strokes than L");
    // A longer note is broken into lines, each of which makes the picture higher.
    let long = vec!["word ".repeat(60)];
    assert!(draw(&mask, "tumor", &long).height() >= plain.height() + 100);
    // What a mask adds is on its pixels alone.
    mask[5 * 32 + 7] = true;
    let drawn = draw(&mask, "tumor", &[]);
    let differing = plain.enumerate_pixels().filter(|(x, y, pixel)| drawn.get_pixel(*x, *y) != *pixel);
    let places: Vec<(u32, u32)> = differing.map(|(x, y, _)| (x / 16, y / 16)).collect();
    assert_eq!(places.len(), 256);
    assert!(places.iter().all(|place| *place == (7, 5)));
    assert_eq!(
        (drawn.get_pixel(7 * 16, 5 * 16), drawn.get_pixel(8 * 16 - 1, 6 * 16 - 1)),
        (&OUTLINE, &OUTLINE)
    );
    assert_ne!(drawn.get_pixel(7 * 16 + 8, 5 * 16 + 8), &OUTLINE, "tinted within, so that the scan is seen");
    assert!(
        Overlay { mask: &mask[1..], channel: None, plane: None, label: "", notes: &[] }.draw(&scan).is_err()
    );
}

#[test]
fn any_size_can_be_drawn() {
    use gyrus::imaging::{Channels, Samples, Scan};
    for (width, height) in [(1, 1), (1, 700), (700, 1), (3, 2), (513, 300), (16_384, 2)] {
        let scan = Scan::new(width, height, Channels::Grey, Samples::U16(vec![900; width * height]));
        let mask = vec![true; width * height];
        let overlay =
            Overlay { mask: &mask, channel: Some(1), plane: None, label: "tumor", notes: &["a note".into()] };
        let picture = overlay.draw(&scan.expect("a scan")).expect("a picture");
        assert!(picture.width() >= 512.max(width as u32), "{width}x{height}");
    }
}

#[test]
fn a_withheld_mask_is_not_drawn() {
    let folder = copies(&[("foreign/f1.png", "x.png")]);
    let line = super::only(&segment(folder.path(), "cpu", "segmenter", &["--overlay", "x.png"]));
    assert_eq!(codes(&line), ["foreground", "withheld", "empty_mask"]);
    let picture = overlay(&folder.path().join("gyrus-out/x_overlay.png"));
    assert!(!shown(&picture, (32, 32), 16).pixels().any(is_coloured));
}
