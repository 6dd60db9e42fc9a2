//! Image files of every format: right, cut, lying and giant.

mod common;

use std::path::Path;

use common::images::{ENCODINGS, Encoding, PICTURE, encode, picture};
use gyrus::error::Result;
use gyrus::imaging::{Channels, Samples, Scan, decode, decode_file};

fn name() -> &'static Path {
    Path::new("slice")
}

fn error(bytes: &[u8]) -> String {
    match decode(name(), bytes) {
        Ok(scan) => panic!("decoded to {}x{}", scan.width(), scan.height()),
        Err(e) => e.to_string(),
    }
}

/// The largest difference of two scans' samples, in units of the type.
fn difference(a: &Scan, b: &Scan) -> f32 {
    a.to_f32().iter().zip(b.to_f32()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn every_encoding_is_decoded() -> Result<()> {
    for encoding in ENCODINGS {
        let scan = decode(name(), &encode(*encoding))?;
        let expected = picture(*encoding)?;
        assert_eq!((scan.width(), scan.height()), PICTURE, "{encoding:?}");
        assert_eq!(
            (scan.channels(), scan.bit_depth()),
            (expected.channels(), expected.bit_depth()),
            "{encoding:?}"
        );
        let tolerance = if encoding.is_lossy() { 12.0 } else { 0.0 };
        assert!(difference(&scan, &expected) <= tolerance, "{encoding:?}: {}", difference(&scan, &expected));
    }
    Ok(())
}

/// A file cut anywhere is an error, or decodes to what the whole file holds: what follows the last
/// pixel may be missing.
#[test]
fn cut_files_never_decode_to_something_else() -> Result<()> {
    for encoding in ENCODINGS {
        let bytes = encode(*encoding);
        let whole = decode(name(), &bytes)?;
        let mut refused = 0;
        for length in 0..bytes.len() {
            match decode(name(), &bytes[..length]) {
                Ok(scan) => assert!(scan == whole, "{encoding:?} cut to {length} of {}", bytes.len()),
                Err(e) => {
                    refused += 1;
                    let e = e.to_string();
                    assert!(
                        e.starts_with("slice: ") && !e.contains('\n'),
                        "{encoding:?} cut to {length}: {e}"
                    );
                }
            }
        }
        // What may be missing is a trailer: PNG's last chunk and checksums, padding, TIFF's directory never.
        assert!(bytes.len() - refused <= 24, "{encoding:?}: {refused} of {} cuts refused", bytes.len());
    }
    Ok(())
}

#[test]
fn the_content_tells_the_format_not_the_name() -> Result<()> {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("really_a_png.jpg");
    std::fs::write(&path, encode(Encoding::Png8)).expect("a file");
    assert_eq!(decode_file(&path)?, picture(Encoding::Png8)?);
    std::fs::write(&path, "no image at all").expect("a file");
    let error = decode_file(&path).expect_err("text").to_string();
    assert!(error.contains("really_a_png.jpg: not an image that can be read; PNG, JPEG"), "{error}");
    Ok(())
}

#[test]
fn other_files_are_refused_in_words() {
    let cases: &[(&[u8], &str)] = &[
        (b"", "the file is empty"),
        (b"GIF89a\x01\x00\x01\x00", "Gif images are not supported"),
        (b"\x89PNG\r\n\x1a\n", "damaged Png"),
        (b"\xff\xd8\xff", "damaged JPEG"),
        (b"%PDF-1.4", "not an image that can be read"),
    ];
    for (bytes, expected) in cases {
        assert!(error(bytes).contains(expected), "{}", error(bytes));
    }
}

#[test]
fn giants_are_refused_by_their_headers() {
    for (format, bytes) in common::images::with_size(30_000, 30_000) {
        let error = error(&bytes);
        assert!(error.contains("too large"), "{format}: {error}");
    }
    // Each side within its limit, the product not.
    for (format, bytes) in common::images::with_size(16_000, 16_000) {
        let error = error(&bytes);
        assert!(error.contains("too large"), "{format}: {error}");
    }
}

#[test]
fn empty_images_are_refused() {
    for (format, bytes) in common::images::with_size(0, 5) {
        let error = error(&bytes);
        assert!(error.contains("slice: ") && !error.contains('\n'), "{format}: {error}");
    }
}

#[test]
fn orientation_is_applied() -> Result<()> {
    let upright = picture(Encoding::Jpeg)?;
    let bytes = common::images::with_exif_orientation(&encode(Encoding::Jpeg), 6);
    let turned = decode(name(), &bytes)?;
    assert_eq!((turned.width(), turned.height()), (PICTURE.1, PICTURE.0));
    // Orientation 6: the picture's left column is the top row, from the bottom up.
    let (upright, turned) = (upright.to_f32(), turned.to_f32());
    let bottom_left = upright[(PICTURE.1 - 1) * PICTURE.0];
    assert!((turned[0] - bottom_left).abs() <= 12.0, "{} {bottom_left}", turned[0]);
    Ok(())
}

#[test]
fn transparency_is_over_black() -> Result<()> {
    let image = image::GrayAlphaImage::from_raw(2, 1, vec![200, 255, 200, 51]).expect("an image");
    let bytes = common::images::save(&image.into(), image::ImageFormat::Png);
    let expected = Scan::new(2, 1, Channels::Grey, Samples::U8(vec![200, 40]))?;
    assert_eq!(decode(name(), &bytes)?, expected);
    Ok(())
}

#[test]
fn what_has_no_fixed_range_is_refused() {
    let image = image::Rgb32FImage::from_pixel(2, 2, image::Rgb([f32::NAN, 1.0, 2.0]));
    let bytes = common::images::save(&image.into(), image::ImageFormat::Tiff);
    let error = error(&bytes);
    assert!(error.contains("floating-point samples are not supported"), "{error}");
}

#[test]
fn pages_and_frames_are_refused() {
    let files: [&[u8]; 3] = [
        &common::images::two_page_tiff(),
        include_bytes!("fixtures/images/frames.png"),
        include_bytes!("fixtures/images/frames.webp"),
    ];
    for bytes in files {
        assert!(error(bytes).contains("more than one image"), "{}", error(bytes));
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = decode_file(&folder.path().join("missing.png")).expect_err("missing").to_string();
    assert!(missing.contains("missing.png: cannot be read"), "{missing}");
    let not_file = decode_file(folder.path()).expect_err("a folder").to_string();
    assert!(not_file.contains("not a file"), "{not_file}");
    let huge = folder.path().join("huge.png");
    // A sparse file: its size is refused before a byte is read.
    std::fs::File::create(&huge).and_then(|f| f.set_len(1 << 40)).expect("a sparse file");
    let huge = decode_file(&huge).expect_err("huge").to_string();
    assert!(huge.contains("larger than 256 MiB"), "{huge}");
}
