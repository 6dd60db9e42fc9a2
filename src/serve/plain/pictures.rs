//! Pictures within JSON, as `data:` addresses.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::error::Result;
use crate::imaging::{Plane, Scan, Volume, scan_png, slice_png};

/// PNG as an address.
pub fn png(bytes: &[u8]) -> String {
    address("image/png", bytes)
}

/// Packed NIfTI as an address.
pub fn nifti(bytes: &[u8]) -> String {
    address("application/gzip", bytes)
}

fn address(kind: &str, bytes: &[u8]) -> String {
    format!("data:{kind};base64,{}", BASE64_STANDARD.encode(bytes))
}

/// A scan as browsers show it.
pub fn of_scan(scan: &Scan) -> Result<String> {
    scan_png(scan).map(|bytes| png(&bytes))
}

/// A slice of a volume as browsers show it.
pub fn of_slice(volume: &Volume, plane: Plane, number: usize) -> Result<String> {
    slice_png(volume, plane, number, volume.white()).map(|bytes| png(&bytes))
}
