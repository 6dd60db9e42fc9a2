//! Pictures within JSON, as `data:` addresses.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use serde::Serialize;

use crate::error::Result;
use crate::imaging::{Plane, Scan, Volume, scan_png, slice_png};

/// The longest side of a scan that is shown, in pixels: what a screen has room for. A photograph at its own size would come
/// back larger than it went, and browsers would hold it several times.
const LONGEST: usize = 1024;

/// A scan as browsers show it.
#[derive(Serialize)]
pub struct Shown {
    picture: String,
    /// The height of a pixel over its width, where that is known and not 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    stretch: Option<f64>,
}

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

/// A scan, or a smaller one where it is large.
pub fn of_scan(scan: &Scan) -> Result<Shown> {
    let stretch = scan.spacing().and_then(|[x, y]| stretch([x, y].map(f64::from)));
    let picture = png(&scan_png(&scan.shrunk(LONGEST))?);
    Ok(Shown { picture, stretch })
}

/// A slice of a volume; `white` is the volume's.
pub fn of_slice(volume: &Volume, white: f32, plane: Plane, number: usize) -> Result<Shown> {
    let picture = png(&slice_png(volume, plane, number, white)?);
    Ok(Shown { picture, stretch: stretch(plane.pixel_size(volume.grid())) })
}

/// Of pixels of this width and height in mm.
fn stretch([width, height]: [f64; 2]) -> Option<f64> {
    let stretch = height / width;
    // What could not be seen is not worth saying.
    (stretch.is_finite() && (stretch - 1.0).abs() > 0.001).then_some(stretch)
}
