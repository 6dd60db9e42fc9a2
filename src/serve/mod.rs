//! The service: a web page, the Open Inference Protocol, and a plain API, in front of one device.
//!
//! request -> guard (host, origin, token) -> body -> Scan -> Prepared, on all cores -> queue -> device thread -> Report
//!
//! Threads: connections are tokio's; what decodes, prepares and interprets runs on threads that may wait; networks run on the
//! device thread alone, which takes from the queue what gathered while it was busy.

mod accept;
mod app;
mod body;
mod budget;
mod counts;
mod fault;
mod grpc;
mod guard;
mod house;
mod kept;
mod lanes;
mod models;
mod oip;
mod openapi;
mod page;
mod path;
mod plain;
mod queue;
mod remote;
mod rows;
mod server;
mod settings;
mod wait;
mod watch;
mod worker;

pub use app::app;
pub use house::House;
pub use server::Server;
pub use settings::{Limits, Settings, Token};
