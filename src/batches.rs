//! What computes a network's batches: a session, or the service's queue in front of one.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::error::Result;
use crate::origin::Verified;
use crate::session::Session;
use crate::tensor::Tensor;
use crate::tuning::Adapters;

/// A network's outputs in its order.
#[derive(Debug, Clone)]
pub(crate) struct Computed {
    pub outputs: Vec<Tensor>,
    /// From upload to readback, without any time in a queue.
    pub milliseconds: f64,
}

/// A network on a device, behind whatever brings its batches there.
pub(crate) trait Batches: Send {
    /// Runs independent samples, `[N, ...]`, of a network with one input. Each output has N rows.
    ///
    /// # Errors
    /// A wrong shape; more memory than there is; an error of the device.
    fn rows(&mut self, batch: Tensor) -> Result<Computed>;

    /// Runs the network once, on all its inputs by name.
    ///
    /// # Errors
    /// As [`Batches::rows`], and inputs that are missing or unknown.
    fn whole(&mut self, inputs: BTreeMap<String, Tensor>) -> Result<Computed>;

    /// The device's name as every report quotes it.
    fn device_name(&self) -> &str;

    /// Whether its kernels were held against the twins.
    fn verified(&self) -> Verified;

    /// What the user must be told.
    fn notices(&self) -> &[String];

    /// Measures in the background which kernels are fastest, if that is for this one to begin.
    fn tune_in_background(&mut self, adapters: Adapters);
}

impl Batches for Session {
    fn rows(&mut self, batch: Tensor) -> Result<Computed> {
        timed(|| self.run_batch(&batch))
    }

    fn whole(&mut self, inputs: BTreeMap<String, Tensor>) -> Result<Computed> {
        timed(|| Ok(self.run(inputs)?.into_iter().map(|(_, tensor)| tensor).collect()))
    }

    fn device_name(&self) -> &str {
        Session::device_name(self)
    }

    fn verified(&self) -> Verified {
        Session::verified(self)
    }

    fn notices(&self) -> &[String] {
        Session::notices(self)
    }

    fn tune_in_background(&mut self, adapters: Adapters) {
        Session::tune_in_background(self, adapters);
    }
}

fn timed(run: impl FnOnce() -> Result<Vec<Tensor>>) -> Result<Computed> {
    let start = Instant::now();
    let outputs = run()?;
    Ok(Computed { outputs, milliseconds: start.elapsed().as_secs_f64() * 1e3 })
}
