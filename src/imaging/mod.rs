//! From the bytes of a file to a [`Scan`], one slice, or a [`Volume`]: numbers and geometry, no patient data.

mod affine;
mod canvas;
mod components;
mod decode;
mod decoded;
#[cfg(feature = "dicom")]
mod dicom;
mod files;
mod grid;
mod jpeg;
mod measure;
mod montage;
mod natural;
mod nifti;
mod overlay;
mod plane;
mod png;
mod resample;
mod scan;
mod section;
mod volume;
mod write;

pub use affine::{Affine, Direction, Orientation, Space};
pub use components::Components;
pub use decode::{MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE, decode, decode_file, is_picture, stated_pixels};
pub use decoded::{Decoded, read_volume, unpacked_bytes};
pub use files::{
    Excluded, Found, FoundVolume, IMAGE_EXTENSIONS, RESULT_SUFFIXES, find_images, find_scans, volume_stem,
};
pub use grid::Grid;
pub use measure::{Measures, measure};
pub use montage::Montage;
pub use natural::natural_order;
pub use nifti::{
    mask_volume, probability_volume, stated_voxels, write_mask_volume, write_probability_volume,
};
pub use overlay::Overlay;
pub(crate) use plane::LEAST_SIDE;
pub use plane::{Plane, Slice};
pub use png::{mask_png, picture_png, probabilities_png, scan_png, slice_png};
pub use scan::{Channels, Samples, Scan};
pub use volume::{MAX_VOXELS, Volume};
pub use write::{write_mask, write_picture, write_probabilities};
