//! A network that is run by the device thread, as a runner sees it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::models::Served;
use super::queue::{Inputs, Queue, Ticket};
use crate::batches::{Batches, Computed};
use crate::error::{Error, NotBegun, Result};
use crate::origin::Verified;
use crate::tensor::Tensor;
use crate::tuning::Adapters;

/// Sends batches to the device thread and waits for them: for threads that may wait.
pub struct Remote {
    pub queue: Arc<Queue>,
    pub served: Arc<Served>,
    pub ticket: Ticket,
    pub device: String,
}

impl Remote {
    fn compute(&self, inputs: Inputs) -> Result<Computed> {
        self.ticket.check()?;
        let answer = self.queue.submit(self.served.lane, inputs, self.ticket.clone());
        let done = answer.blocking_recv().unwrap_or(Err(Error::NotBegun(NotBegun::Closing)));
        self.served.counts.job(&done);
        done.map(|done| Computed {
            outputs: done.outputs,
            milliseconds: done.times.computed.as_secs_f64() * 1e3 * share(done.rows, done.batch),
        })
    }
}

/// The part of a batch that some of its rows are.
fn share(rows: usize, batch: usize) -> f64 {
    rows as f64 / batch.max(1) as f64
}

impl Batches for Remote {
    fn rows(&mut self, batch: Tensor) -> Result<Computed> {
        self.compute(Inputs::Rows(batch))
    }

    fn whole(&mut self, inputs: BTreeMap<String, Tensor>) -> Result<Computed> {
        self.compute(Inputs::Whole(inputs))
    }

    fn device_name(&self) -> &str {
        &self.device
    }

    fn verified(&self) -> Verified {
        self.served.verified.clone()
    }

    fn notices(&self) -> &[String] {
        &[]
    }

    /// The device thread sees to that.
    fn tune_in_background(&mut self, _: Adapters) {}
}
