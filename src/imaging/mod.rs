//! From the bytes of a file to a [`Scan`]: samples and geometry, no patient data.

mod components;
mod decode;
mod files;
mod jpeg;
mod measure;
mod natural;
mod overlay;
mod scan;
mod write;

pub use components::Components;
pub use decode::{MAX_FILE_BYTES, MAX_PIXELS, MAX_SIDE, decode, decode_file};
pub use files::{Excluded, Found, IMAGE_EXTENSIONS, RESULT_SUFFIXES, find_images};
pub use measure::{Measures, measure};
pub use natural::natural_order;
pub use overlay::Overlay;
pub use scan::{Channels, Samples, Scan};
pub use write::{write_mask, write_picture, write_probabilities};
