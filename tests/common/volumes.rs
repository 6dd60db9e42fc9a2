//! Volumes by their bytes.

// Each test uses its own part.
#![allow(dead_code)]

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
