//! The Open Inference Protocol, version 2: tensors in, the network's raw outputs out.
//!
//! <https://github.com/kserve/open-inference-protocol>, with the binary tensors, statistics and model repository of Triton's
//! extensions. Shared memory is left out: it lets a request name memory of the machine.

pub mod describe;
pub mod infer;
pub mod repository;
mod tensors;
mod wire;

pub use describe::{BACKEND, EXTENSIONS, PLATFORM, configuration, versioned};
pub use infer::{known_outputs, not_done, run};
pub use repository::{Entry, READY, changed, index, loads_as_it_is};
pub use tensors::{Named, Stated, datatype, dims, from_bytes, from_contents, stated, to_bytes};
