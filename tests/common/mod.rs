//! What several tests share.

pub mod command;
pub mod images;
