//! Seeded mutations of image files: none may panic, and every refusal is one line.
//!
//! Only inputs whose header is still right count, as another decoder call judges: changes that are
//! refused at the first byte prove little.

mod common;

use std::io::Cursor;
use std::panic::catch_unwind;
use std::path::Path;

use common::images::{ENCODINGS, correct_png_checksums, encode};
use fastrand::Rng;
use gyrus::imaging::decode;

/// Inputs past the header, for each encoding.
const WANTED: usize = 2_000;
/// Attempts to get them, for each encoding.
const ATTEMPTS: usize = 20_000;

/// One file with a few bytes changed, cut out, doubled or cut off.
fn mutated(original: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..rng.usize(1..=4) {
        if bytes.len() < 16 {
            break;
        }
        let at = rng.usize(8..bytes.len());
        let end = (at + rng.usize(1..=8)).min(bytes.len());
        match rng.u8(0..8) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 => bytes[at] = if rng.bool() { 0 } else { 0xff },
            4 => bytes[at] ^= 1 << rng.u8(0..8),
            _ => bytes[at] = rng.u8(..),
        }
    }
    bytes
}

fn passes_header(bytes: &[u8]) -> bool {
    let read = || {
        let reader = image::ImageReader::new(Cursor::new(bytes)).with_guessed_format();
        reader.is_ok_and(|r| r.into_dimensions().is_ok())
    };
    // The judge may panic where Gyrus must not.
    catch_unwind(read).unwrap_or(true)
}

/// The complaint about one input, where there is one.
fn complaint(bytes: &[u8]) -> Option<String> {
    match catch_unwind(|| decode(Path::new("x"), bytes)) {
        Err(_) => Some("panicked".into()),
        Ok(Err(e)) if e.to_string().contains('\n') => Some(format!("several lines: {e}")),
        Ok(Ok(scan)) if scan.to_f32().len() != scan.width() * scan.height() * scan.channels().count() => {
            Some("samples do not fill the scan".into())
        }
        Ok(_) => None,
    }
}

#[test]
fn mutated_images_never_panic() {
    let mut complaints = Vec::new();
    for (i, encoding) in ENCODINGS.iter().enumerate() {
        let original = encode(*encoding);
        let mut rng = Rng::with_seed(0x6779_7275_7300 + i as u64);
        let mut past = 0;
        for attempt in 0..ATTEMPTS {
            if past == WANTED {
                break;
            }
            let mut bytes = mutated(&original, &mut rng);
            // Half of them with right checksums, or none would reach the filters and the inflater.
            if encoding.format() == image::ImageFormat::Png && rng.bool() {
                correct_png_checksums(&mut bytes);
            }
            if !passes_header(&bytes) {
                continue;
            }
            past += 1;
            complaints.extend(complaint(&bytes).map(|c| format!("{encoding:?}, attempt {attempt}: {c}")));
        }
        assert_eq!(past, WANTED, "{encoding:?}: too few inputs get past the header");
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
