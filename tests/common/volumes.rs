//! Volumes by their bytes.

// Each test uses its own part.
#![allow(dead_code)]

use std::path::Path;

use gyrus::imaging::Volume;
use gyrus::npy;

/// A little-endian NIfTI-1 file of 4x3x2 voxels of int16 counting from 0, changed.
pub fn nifti(change: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = vec![0; 352];
    put(&mut bytes, 0, &348i32.to_le_bytes());
    for (n, size) in [3i16, 4, 3, 2, 1, 1, 1, 1].into_iter().enumerate() {
        put(&mut bytes, 40 + 2 * n, &size.to_le_bytes());
    }
    put(&mut bytes, 70, &4i16.to_le_bytes());
    put(&mut bytes, 72, &16i16.to_le_bytes());
    for (n, size) in [1f32, 1.0, 2.0, 3.0].into_iter().enumerate() {
        put(&mut bytes, 76 + 4 * n, &size.to_le_bytes());
    }
    put(&mut bytes, 108, &352f32.to_le_bytes());
    put(&mut bytes, 344, b"n+1\0");
    bytes.extend((0i16..24).flat_map(i16::to_le_bytes));
    change(&mut bytes);
    bytes
}

/// Bytes over those at a place.
pub fn put(bytes: &mut [u8], at: usize, what: &[u8]) {
    bytes[at..at + what.len()].copy_from_slice(what);
}

/// Numbers over those at a place.
pub fn put_f32(bytes: &mut [u8], at: usize, numbers: &[f32]) {
    numbers.iter().enumerate().for_each(|(n, number)| put(bytes, at + 4 * n, &number.to_le_bytes()));
}

/// The bytes with a few of them changed, sometimes cut.
pub fn changed(original: &[u8], random: &mut fastrand::Rng) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..random.usize(1..6) {
        let place = random.usize(..bytes.len());
        bytes[place] =
            if random.bool() { random.u8(..) } else { [0, 1, 0x7f, 0x80, 0xff][random.usize(..5)] };
    }
    if random.u8(..8) == 0 {
        bytes.truncate(random.usize(..bytes.len()));
    }
    bytes
}

/// Of the largest number in what is compared.
const TOLERANCE: f32 = 1e-5;

/// Where what was found is not what a judge's `.npy` file says.
pub fn far(what: &str, judged: &Path, found: &[f32]) -> Option<String> {
    let tensor = npy::read(judged).expect("an array");
    let expected = tensor.as_f32().expect("f32");
    if expected.len() != found.len() {
        return Some(format!("{}: {} {what} instead of {}", judged.display(), found.len(), expected.len()));
    }
    let largest = expected.iter().fold(1e-30, |largest: f32, n| largest.max(n.abs()));
    let far = |(a, b): (&f32, &f32)| (a - b).abs() > TOLERANCE * largest;
    let place = found.iter().zip(expected).position(far)?;
    Some(format!("{}: {what} {place} is {} instead of {}", judged.display(), found[place], expected[place]))
}

/// A volume's affine as nibabel's 4x4.
pub fn affine(volume: &Volume) -> Vec<f32> {
    let rows = volume.affine().rows();
    rows.iter().flatten().copied().chain([0.0, 0.0, 0.0, 1.0]).map(|n| n as f32).collect()
}
