//! What a model was asked for, and how long that took: for statistics and metrics.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::queue::Done;
use crate::error::Result;

/// How often something was done, and how long that took in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    pub count: u64,
    pub spent: Duration,
}

impl Times {
    fn add(&mut self, spent: Duration) {
        self.count += 1;
        self.spent += spent;
    }
}

/// Figures since the model was loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    pub succeeded: Times,
    pub failed: Times,
    pub waited: Times,
    pub computed: Times,
    /// Samples that were run.
    pub samples: u64,
    /// Runs of the device, a job's part of a shared one counted as that part.
    pub runs: f64,
    /// When the last answer was given, in milliseconds since 1970.
    pub last: u64,
}

/// Figures that many threads add to.
#[derive(Debug, Default)]
pub struct Counts(Mutex<Figures>);

impl Counts {
    /// Adds one job.
    pub fn count(&self, done: &Result<Done>) {
        let mut figures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match done {
            Ok(done) => {
                figures.succeeded.add(done.waited + done.computed);
                figures.waited.add(done.waited);
                figures.computed.add(done.computed);
                figures.samples += done.rows as u64;
                figures.runs += done.rows as f64 / done.batch.max(1) as f64;
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                figures.last = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            }
            Err(_) => figures.failed.add(Duration::ZERO),
        }
    }

    pub fn figures(&self) -> Figures {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
