//! bytes -> imaging::decode -> Scan -> card.preprocess -> Tensor -> Graph (from ONNX) -> fuse -> Plan -> Engine
//! -> Tensor -> card.interpret -> Report

pub mod error;
pub mod graph;
pub mod onnx;
pub mod ops;
pub mod plan;
pub mod tensor;
