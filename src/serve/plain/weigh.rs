//! About how much memory it takes to answer files, before any of them is decoded.

use super::is_slice;
use crate::imaging::{stated_pixels, stated_voxels, unpacked_bytes};
use crate::serve::body::Upload;

/// A pixel of up to four channels of 16 bits, once as decoded and once as a scan.
const OF_PIXEL: u64 = 16;
/// A voxel as f32, held again for pictures of it and as what a mask is found in.
const OF_VOXEL: u64 = 12;
/// What becomes of a byte of DICOM: numbers of 16 bits turn into voxels.
const OF_BYTE: u64 = OF_VOXEL / 2;

/// Bytes for all that is worked on at a time: of pictures a portion, of volumes one, or the sequences of one head together.
pub fn weight(portions: impl Iterator<Item = impl AsRef<[Upload]>>) -> u64 {
    portions.map(|portion| portion.as_ref().iter().map(of_file).sum()).max().unwrap_or_default()
}

fn of_file(upload: &Upload) -> u64 {
    if is_slice(upload) {
        return OF_PIXEL.saturating_mul(stated_pixels(&upload.bytes));
    }
    let own = upload.bytes.len() as u64;
    match stated_voxels(&upload.bytes) {
        Some(voxels) => OF_VOXEL.saturating_mul(voxels),
        None => OF_BYTE.saturating_mul(unpacked_bytes(&upload.bytes).unwrap_or(own).max(own)),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn upload(bytes: &[u8]) -> Upload {
        Upload { field: String::new(), name: "a".into(), bytes: bytes.to_vec().into() }
    }

    #[test]
    fn portions_weigh_what_their_headers_say() {
        let slice = upload(include_bytes!("../../../samples/slices/icbm152_z10.png"));
        let mut header = vec![0; 352];
        header[..4].copy_from_slice(&348i32.to_le_bytes());
        for (n, size) in [3i16, 100, 20, 30, 1, 1, 1, 1].into_iter().enumerate() {
            header[40 + 2 * n..42 + 2 * n].copy_from_slice(&size.to_le_bytes());
        }
        header[70..72].copy_from_slice(&4i16.to_le_bytes());
        header[72..74].copy_from_slice(&16i16.to_le_bytes());
        for n in 1..4 {
            header[76 + 4 * n..80 + 4 * n].copy_from_slice(&1f32.to_le_bytes());
        }
        header[108..112].copy_from_slice(&352f32.to_le_bytes());
        header[344..348].copy_from_slice(b"n+1\0");
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        packer.write_all(&header).expect("packed");
        let (raw, volume) = (upload(&[0; 1000]), upload(&packer.finish().expect("packed")));
        let one = 16 * 176 * 208;
        assert_eq!(weight([vec![slice.clone(), slice.clone()], vec![slice]].iter()), 2 * one);
        assert_eq!(weight([vec![raw]].iter()), 6000);
        assert_eq!(weight([vec![volume]].iter()), 12 * 60_000);
        assert_eq!(weight(std::iter::empty::<Vec<Upload>>()), 0);
    }
}
