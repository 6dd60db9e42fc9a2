//! What several tests share.

pub mod command;
pub mod docs;
pub mod images;
pub mod onnx_suite;
pub mod server;
pub mod volumes;
