//! `gyrus serve` over sockets: what it answers, and what it does not put up with.

#[path = "../common/mod.rs"]
mod common;

mod clients;
mod faults;
mod load;
mod openapi;
mod operation;
mod plain;
mod protocol;
mod security;
