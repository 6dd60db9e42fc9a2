//! bytes -> imaging::decode -> Scan -> card.preprocess -> Tensor -> Graph (from ONNX) -> fuse -> Plan -> Engine
//! -> Tensor -> card.interpret -> Report

mod batches;
pub mod bench;
pub mod classify;
pub mod conformance;
mod cpu;
pub mod cut;
pub mod device;
mod drawing;
pub mod error;
pub mod evaluate;
pub mod export;
mod failure;
pub mod gpu;
pub mod graph;
pub mod imaging;
mod memory;
pub mod model;
pub mod npy;
pub mod onnx;
pub mod ops;
pub mod origin;
pub mod part_file;
pub mod plan;
pub mod platform;
mod runner;
mod samples;
pub mod segment;
pub mod sequences;
#[cfg(feature = "serve")]
pub mod serve;
pub mod session;
pub mod stacks;
pub mod tensor;
pub mod tuning;

pub use classify::Classifier;
pub use device::Device;
pub use error::{Error, Result};
pub use failure::Failure;
pub use model::Model;
pub use runner::Prepared;
pub use segment::Segmenter;
pub use session::Session;
pub use tensor::{DType, Data, Shape, Tensor};
