//! Masks and probabilities as NIfTI-1 (`.nii.gz`), in the grid of the scan that they belong to.
//!
//! What is written holds nothing of the patient: sizes, the affine, voxels. Offsets are those of `nifti1.h`.

use std::io::{self, Write};
use std::path::Path;

use flate2::{Compression, GzBuilder};

use crate::error::{Error, Result};
use crate::imaging::grid::Grid;
use crate::imaging::write::{unwritable, write_whole};

const HEADER: usize = 348;
/// Header, and the mark that no extensions follow.
const OFFSET: usize = 352;
/// `NIFTI_UNITS_MM`.
const MILLIMETRES: u8 = 2;
/// Axes that are further from right angles than this have no quaternion.
const STRAIGHT: f64 = 1e-4;

/// How voxels are stored: the code of the datatype, its bits, and the slope.
#[derive(Debug, Clone, Copy)]
struct Stored {
    datatype: i16,
    bits: i16,
    slope: f32,
}

const MASK: Stored = Stored { datatype: 2, bits: 8, slope: 1.0 };
const PROBABILITIES: Stored = Stored { datatype: 512, bits: 16, slope: 1.0 / 65535.0 };

/// Writes a mask, one byte a voxel, in the order of the grid's voxels. Folders that are missing are made.
///
/// # Errors
/// When the mask does not fill the grid, a side is too long for NIfTI-1, or the file cannot be written.
pub fn write_mask_volume(path: &Path, grid: &Grid, mask: &[u8]) -> Result<()> {
    write(path, grid, MASK, mask)
}

/// A mask as [`write_mask_volume`] writes it.
///
/// # Errors
/// When the mask does not fill the grid, or a side is too long for NIfTI-1.
pub fn mask_volume(grid: &Grid, mask: &[u8]) -> Result<Vec<u8>> {
    packed_whole(grid, MASK, mask)
}

/// Writes probabilities times 65535, with the slope that makes them probabilities again.
///
/// # Errors
/// As [`write_mask_volume`].
pub fn write_probability_volume(path: &Path, grid: &Grid, values: &[u16]) -> Result<()> {
    write(path, grid, PROBABILITIES, &little_endian(values))
}

/// Probabilities as [`write_probability_volume`] writes them.
///
/// # Errors
/// As [`mask_volume`].
pub fn probability_volume(grid: &Grid, values: &[u16]) -> Result<Vec<u8>> {
    packed_whole(grid, PROBABILITIES, &little_endian(values))
}

fn little_endian(values: &[u16]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn write(path: &Path, grid: &Grid, stored: Stored, voxels: &[u8]) -> Result<()> {
    let header = header(grid, stored, voxels).map_err(|reason| unwritable(path, &reason))?;
    write_whole(path, |out| pack(out, &header, voxels))
}

fn packed_whole(grid: &Grid, stored: Stored, voxels: &[u8]) -> Result<Vec<u8>> {
    let refused = |reason: String| Error::tensor("volume", reason);
    let header = header(grid, stored, voxels).map_err(refused)?;
    let mut file = Vec::new();
    pack(&mut file, &header, voxels).map_err(|e| refused(e.to_string()))?;
    Ok(file)
}

fn pack(out: impl Write, header: &[u8], voxels: &[u8]) -> io::Result<()> {
    // Without a time or a name, so that the same mask is the same file.
    let mut packed = GzBuilder::new().write(out, Compression::default());
    packed.write_all(header)?;
    packed.write_all(voxels)?;
    packed.finish().map(|_| ())
}

fn header(grid: &Grid, stored: Stored, voxels: &[u8]) -> std::result::Result<[u8; OFFSET], String> {
    let wanted = grid.voxels() * usize::from(stored.bits.unsigned_abs()) / 8;
    if voxels.len() != wanted {
        return Err(format!("{} bytes where {wanted} are due", voxels.len()));
    }
    let mut header = [0; OFFSET];
    let mut put = |at: usize, bytes: &[u8]| {
        for (target, byte) in header.iter_mut().skip(at).zip(bytes) {
            *target = *byte;
        }
    };
    put(0, &(HEADER as i32).to_le_bytes());
    put(38, b"r");
    for (n, side) in [3].into_iter().chain(grid.size).chain([1; 4]).enumerate() {
        let side =
            i16::try_from(side).map_err(|_| format!("{side} voxels are too many for a side of NIfTI-1"))?;
        put(40 + 2 * n, &side.to_le_bytes());
    }
    put(70, &stored.datatype.to_le_bytes());
    put(72, &stored.bits.to_le_bytes());
    let mut real = |at: usize, value: f64| put(at, &(value as f32).to_le_bytes());
    let (rotation, deviation) = grid.affine.rotation();
    let (factor, quaternion) = quaternion(rotation);
    for (n, step) in [factor].into_iter().chain(grid.spacing()).enumerate() {
        real(76 + 4 * n, step);
    }
    real(108, OFFSET as f64);
    real(112, f64::from(stored.slope));
    let rows = grid.affine.rows();
    let is_straight = deviation < STRAIGHT;
    if is_straight {
        quaternion.iter().chain(&rows.map(|row| row[3])).enumerate().for_each(|(n, v)| real(256 + 4 * n, *v));
    }
    rows.iter().flatten().enumerate().for_each(|(n, value)| real(280 + 4 * n, *value));
    put(123, &[MILLIMETRES]);
    put(148, b"Gyrus, for research use only");
    // A scan that does not say where it lies is placed by each viewer's own rule, and so must be what belongs to it.
    let space = grid.affine.space() as i16;
    put(252, &(if is_straight { space } else { 0 }).to_le_bytes());
    put(254, &space.to_le_bytes());
    put(344, b"n+1\0");
    Ok(header)
}

/// NIfTI's `qfac` and b, c, d of the quaternion of a rotation or a reflection, given as columns.
fn quaternion(columns: [[f64; 3]; 3]) -> (f64, [f64; 3]) {
    let [i, j, mut k] = columns;
    let handed = i[0] * (j[1] * k[2] - j[2] * k[1]) - i[1] * (j[0] * k[2] - j[2] * k[0])
        + i[2] * (j[0] * k[1] - j[1] * k[0]);
    let factor = if handed < 0.0 { -1.0 } else { 1.0 };
    k = k.map(|n| n * factor);
    // Of the four ways to the quaternion that whose root is largest; the others divide by what may be nothing.
    let squares = [
        1.0 + i[0] + j[1] + k[2],
        1.0 + i[0] - j[1] - k[2],
        1.0 - i[0] + j[1] - k[2],
        1.0 - i[0] - j[1] + k[2],
    ];
    let largest = (0..4).max_by(|&a, &b| squares[a].total_cmp(&squares[b])).unwrap_or(0);
    let root = 2.0 * squares[largest].max(0.0).sqrt();
    let own = root / 4.0;
    let [a, b, c, d] = match largest {
        0 => [own, (j[2] - k[1]) / root, (k[0] - i[2]) / root, (i[1] - j[0]) / root],
        1 => [(j[2] - k[1]) / root, own, (j[0] + i[1]) / root, (k[0] + i[2]) / root],
        2 => [(k[0] - i[2]) / root, (j[0] + i[1]) / root, own, (k[1] + j[2]) / root],
        _ => [(i[1] - j[0]) / root, (k[0] + i[2]) / root, (k[1] + j[2]) / root, own],
    };
    // a is not stored: it is taken to be positive.
    let sign = if a < 0.0 { -1.0 } else { 1.0 };
    (factor, [b, c, d].map(|n| n * sign))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imaging::{Affine, read_volume};

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a/mask.nii.gz");
        let (sin, cos) = 33f64.to_radians().sin_cos();
        let rows =
            [[-2.0 * cos, 0.0, 3.0 * sin, 7.0], [0.0, 1.5, 0.0, -8.0], [2.0 * sin, 0.0, 3.0 * cos, 9.0]];
        let grid = Grid { size: [3, 2, 2], affine: Affine::new(rows).expect("an affine") };
        let mask = [1, 0, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1];
        write_mask_volume(&path, &grid, &mask).expect("a mask");
        let read = read_volume(&path, None).expect("a volume");
        assert!(read.volume.grid().is_same(&grid) && read.stored == "uint8" && read.notes.is_empty());
        assert_eq!(read.volume.voxels(), mask.map(f32::from));
        let values = mask.map(|set| u16::from(set) * 40_000);
        write_probability_volume(&path, &grid, &values).expect("probabilities");
        let read = read_volume(&path, None).expect("a volume");
        assert!(
            read.volume.voxels().iter().zip(values).all(|(v, n)| (v - f32::from(n) / 65535.0).abs() < 1e-7)
        );
        assert!(write_mask_volume(&path, &grid, &mask[1..]).is_err());
        let long = Grid { size: [40_000, 1, 1], ..grid };
        let error = write_mask_volume(&path, &long, &[0; 40_000]).expect_err("too long").to_string();
        assert!(error.contains("40000 voxels"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path().join("a")).expect("the folder").count(), 1);
    }
}
