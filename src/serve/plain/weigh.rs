//! About how much memory it takes to answer files, before any of them is decoded.

use super::is_slice;
use crate::imaging::stated_pixels;
use crate::serve::body::Upload;

/// A pixel of up to four channels of 16 bits, once as decoded and once as a scan.
const OF_PIXEL: u64 = 16;
/// What becomes of a byte of a volume: numbers of 16 bits turn into f32, which are held again as a picture and as what a mask is
/// found in.
const OF_BYTE: u64 = 6;
/// What a byte of a packed volume unpacks to; scans are said to pack to a third.
const PACKED: u64 = 3;

/// Bytes for all that is worked on at a time: of pictures a portion, of volumes one, or the sequences of one head together.
pub fn weight(portions: impl Iterator<Item = impl AsRef<[Upload]>>) -> u64 {
    portions.map(|portion| portion.as_ref().iter().map(of_file).sum()).max().unwrap_or_default()
}

fn of_file(upload: &Upload) -> u64 {
    if is_slice(upload) {
        return OF_PIXEL.saturating_mul(stated_pixels(&upload.bytes));
    }
    let is_packed = [b"\x1f\x8b", b"PK"].iter().any(|start| upload.bytes.starts_with(*start));
    let packed = if is_packed { PACKED } else { 1 };
    OF_BYTE * packed * upload.bytes.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upload(bytes: &[u8]) -> Upload {
        Upload { field: String::new(), name: "a".into(), bytes: bytes.to_vec().into() }
    }

    #[test]
    fn portions_weigh_what_their_headers_say() {
        let slice = upload(include_bytes!("../../../samples/slices/icbm152_z10.png"));
        let (raw, packed) = (upload(&[0; 1000]), upload(b"PK\x03\x04 and more"));
        let one = 16 * 176 * 208;
        assert_eq!(weight([vec![slice.clone(), slice.clone()], vec![slice]].iter()), 2 * one);
        assert_eq!(weight([vec![raw], vec![packed]].iter()), 6000);
        assert_eq!(weight(std::iter::empty::<Vec<Upload>>()), 0);
    }
}
