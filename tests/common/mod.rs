//! What several integration tests share.

pub mod onnx_cases;
