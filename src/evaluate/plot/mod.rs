//! Scores as pictures.

mod classification;
mod segmentation;

pub use classification::classification;
pub use segmentation::segmentation;
