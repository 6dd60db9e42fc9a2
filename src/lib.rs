//! bytes -> imaging::decode -> Scan -> card.preprocess -> Tensor -> Graph (from ONNX) -> fuse -> Plan -> Engine
//! -> Tensor -> card.interpret -> Report

pub mod error;
pub mod gpu;
pub mod graph;
pub mod imaging;
pub mod model;
pub mod npy;
pub mod onnx;
pub mod ops;
pub mod part_file;
pub mod plan;
pub mod tensor;
