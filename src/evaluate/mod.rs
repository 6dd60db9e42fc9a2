//! Scores results against their truth: masks by stack and patient, classes by slice and person.
//!
//! What the results are is told by themselves ([`Results`]), and every figure carries how sure it is
//! ([`Figure`]). Nothing here knows how the results were made.

mod bootstrap;
mod figures;
mod labels;
mod masks;
pub mod plot;
mod report;
mod results;
mod segmentation;
mod stack;
mod surface;

pub use bootstrap::{Figure, RESAMPLES};
pub use figures::{Bin, Case, ClassFigures, Level, RELIABILITY_BINS};
pub use labels::{Labelled, Truth, label};
pub use masks::{Pairing, Patient, ResultMask, pair};
pub use report::{ClassificationReport, PatientReport, SegmentationReport, Units};
pub use results::{Answer, Results, read};
pub use segmentation::{Centre, Score, SizeBin, Spacing, Summary, Worst, score, summary};
pub use stack::Pair;
pub use surface::hausdorff_95;
