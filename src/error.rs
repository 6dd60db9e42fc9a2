//! The one error type of the library: a line that names the file or node, the reason and the remedy.

use std::path::{Path, PathBuf};

/// A result of the library.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that can go wrong, each variant one line when displayed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file that cannot be used.
    #[error("{}: {reason}; {remedy}", path.display())]
    File { path: PathBuf, reason: String, remedy: String },

    /// A node whose attributes, inputs or shapes are wrong.
    #[error("node '{node}' ({operator}): {reason}; correct the network, or give an input that fits it")]
    Node { node: String, operator: String, reason: String },

    /// A network that cannot be run as a whole; every unsupported node is listed.
    #[error("{} unsupported node(s): {}; `gyrus ops` lists what is supported", .0.len(), list(.0))]
    Unsupported(Vec<UnsupportedNode>),

    /// A graph that is broken as a whole: a cycle, a missing value.
    #[error("invalid graph: {0}")]
    Graph(String),

    /// A tensor whose type or shape is not the one asked for.
    #[error("tensor '{name}': {reason}")]
    Tensor { name: String, reason: String },

    /// A volume that cannot be used as was asked.
    #[error("{reason}; {remedy}")]
    Volume { reason: String, remedy: String },

    /// A name that stands for nothing.
    #[error("no {kind} '{name}'; {remedy}")]
    Unknown { kind: &'static str, name: String, remedy: String },

    /// A socket that cannot be had, or that fails.
    #[error("{what}: {reason}")]
    Network { what: String, reason: String },

    /// More memory than the device or the user allows; known before anything is allocated.
    #[error("{what} needs {needed} MiB, {limit_name} is {limit} MiB; {remedy}")]
    TooLarge { what: String, needed: u64, limit_name: String, limit: u64, remedy: String },

    /// No such device, or one that cannot be opened.
    #[error("device '{device}': {reason}")]
    Device { device: String, reason: String },

    /// Work that was taken out of a queue before it was begun.
    #[error("{0}")]
    NotBegun(NotBegun),

    /// The driver reported an error while a network ran.
    #[error("GPU error on {device}: {reason}")]
    Gpu { device: String, reason: String },

    /// The driver has no memory left for what was asked of it, at this moment.
    #[error(
        "the device {device} has no memory left ({reason}); close what else uses it, take a smaller batch, or run with --device cpu"
    )]
    Memory { device: String, reason: String },

    /// Kernels that compute wrong on the device, where there are no others: the network is not run there.
    #[error(
        "the network is not run on {device}: at node '{node}' the kernel {kernel} computes wrong there, and no other is left \
         ({reason}); --device cpu needs none of them, and `gyrus tune` checks them anew after a driver's update"
    )]
    Wrong { device: String, node: String, kernel: String, reason: String },

    /// The device vanished: a driver reset, an unplugged GPU.
    #[error("the device {device} was lost: {reason}; try again, or run with --device cpu")]
    DeviceLost { device: String, reason: String },
}

/// Why work was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// Its time was over.
    #[error("the answer would have come too late; ask again, or allow more time")]
    Late,
    /// Nobody waited for the answer any more.
    #[error("nobody waited for the answer any more")]
    Gone,
    /// No more work is taken.
    #[error("the service is closing; ask again later")]
    Closing,
    /// The models are not there yet.
    #[error("the models are still being loaded; ask again later")]
    Loading,
    /// The model went with its device, which could not be opened again so far.
    #[error("the device was lost and could not be opened again yet; ask again later")]
    Lost,
}

/// A node that Gyrus cannot run, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct UnsupportedNode {
    /// The node's name, or its position where it has none.
    pub node: String,
    /// The ONNX operator, with its domain unless that is ONNX's own.
    pub operator: String,
    /// What exactly is not supported.
    pub reason: String,
}

fn list(nodes: &[UnsupportedNode]) -> String {
    let lines: Vec<String> =
        nodes.iter().map(|n| format!("{} '{}' ({})", n.operator, n.node, n.reason)).collect();
    lines.join(", ")
}

impl Error {
    /// An error about a file: what is wrong with it and what would work.
    pub fn file(path: &Path, reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error::File { path: path.to_path_buf(), reason: reason.into(), remedy: remedy.into() }
    }

    /// An error about a volume: why it cannot be used as was asked, and what would work.
    pub fn volume(reason: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error::Volume { reason: reason.into(), remedy: remedy.into() }
    }

    /// An error about a named tensor.
    pub fn tensor(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Error::Tensor { name: name.into(), reason: reason.into() }
    }

    /// An error about a node of a graph.
    pub fn node(node: &str, operator: &str, reason: impl Into<String>) -> Self {
        Error::Node { node: node.into(), operator: operator.into(), reason: reason.into() }
    }
}
