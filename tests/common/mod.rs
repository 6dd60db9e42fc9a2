//! What several tests share.

pub mod images;
