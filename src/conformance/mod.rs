//! Does a device compute right? Suites of small problems, run on any device and judged element by element.
//!
//! Two judges: the operators' own cases, on which every kernel that applies is held against the operator's twin
//! ([`builtin`]), and the ONNX project's test data, which shares nothing with Gyrus ([`onnx`]).

pub mod builtin;
mod chains;
pub mod docs;
mod engine;
pub mod expect;
pub mod export;
pub mod judge;
pub mod junit;
pub mod mutants;
pub mod onnx;
mod plans;
pub mod report;
mod run;
mod skip;
pub mod variants;

use serde::Serialize;

use crate::error::Result;
use crate::graph::Graph;
use crate::ops::kernel::Kernel;
use crate::plan::Precision;
use crate::tensor::Tensor;
pub use engine::Engine;
use judge::Bounds;
pub use judge::Worst;
pub use run::run;
pub use skip::Reason;

/// What the operator is called to which networks of several nodes are booked.
pub const NETWORK: &str = "(network)";

/// Cases under one name.
pub struct Suite {
    pub name: String,
    pub trials: Vec<Box<dyn Trial>>,
}

/// One case, before it has run.
pub trait Trial {
    /// The part of the suite that it belongs to.
    fn group(&self) -> &str;

    /// Its name within the group.
    fn name(&self) -> &str;

    /// The operator that the case is booked to where it does not come to a verdict of its own.
    fn operator(&self) -> &str {
        NETWORK
    }

    /// Runs the case.
    ///
    /// # Errors
    /// A lost device, and that alone: all else is a verdict on the case.
    fn run(&self, engine: &Engine) -> Result<Verdict>;

    /// What the case comes to, for players that are not this program; reasons where it is outside of what Gyrus can do.
    ///
    /// # Errors
    /// What would be a failure of the case on any device: a file that cannot be read, a twin that fails.
    fn questions(&self) -> Result<std::result::Result<Vec<Question<'_>>, Vec<Reason>>>;
}

/// What is to be computed, and what must come out.
pub struct Question<'a> {
    pub graph: Graph,
    pub inputs: Vec<Tensor>,
    /// How textures are to store what is computed.
    pub precision: Precision,
    /// Those that are each to be tried, wherever they apply, beside what a session would choose.
    pub kernels: &'static [&'static Kernel],
    pub expected: Vec<Tensor>,
    /// How far each output may be off where these kernels have computed it.
    pub bounds: Allowed<'a>,
}

/// The bounds of all outputs by the names of the kernels that computed them: some algorithms are granted more.
pub type Allowed<'a> = Box<dyn Fn(&[String]) -> Vec<Bounds> + 'a>;

/// What came of one case on one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Passed,
    /// Outside of what Gyrus or the device can do.
    Skipped {
        reasons: Vec<Reason>,
    },
    Failed {
        reason: String,
    },
    /// The device was lost before.
    NotRun {
        reason: String,
    },
}

/// What a case found, without its name.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Verdict {
    /// The operator that the case is booked to: that of its one node, else [`NETWORK`].
    pub operator: String,
    /// The operator set that the case is written in.
    pub opset: Option<i64>,
    /// The kernels that ran, on the CPU `rten` or `twin`; none where all was computed when the network was loaded.
    pub kernels: Vec<String>,
    /// Whether it could run with all its inputs as constants only, so that no device took part.
    pub at_load: bool,
    /// The error nearest to its bound.
    pub worst: Option<Worst>,
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// One case on one device.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Record {
    pub suite: String,
    pub group: String,
    pub case: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    pub seconds: f64,
}

impl Verdict {
    /// A verdict without anything run.
    pub fn new(operator: impl Into<String>, opset: Option<i64>, outcome: Outcome) -> Verdict {
        let kernels = Vec::new();
        Verdict { operator: operator.into(), opset, kernels, at_load: false, worst: None, outcome }
    }

    fn failed(operator: impl Into<String>, opset: Option<i64>, reason: impl Into<String>) -> Verdict {
        Verdict::new(operator, opset, Outcome::Failed { reason: reason.into() })
    }
}

impl Record {
    /// The case's name with its suite and group in front.
    pub fn path(&self) -> String {
        format!("{}/{}/{}", self.suite, self.group, self.case)
    }
}
