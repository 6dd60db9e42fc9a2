//! How long a network takes: from upload to readback, step by step, and beside what its device can do at most.

mod plot;
mod steps;
mod times;
mod work;

pub use plot::plot;
pub use steps::{KernelSummary, Layer, Steps};
pub use times::{EndToEnd, Times};
pub use work::{Bound, Work};
