//! What a model was asked for, and how long that took: for statistics and metrics.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::queue::Done;
use crate::error::Result;

/// How often something was done, and how long that took in all.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    pub count: u64,
    pub spent: Duration,
}

impl Spent {
    fn add(&mut self, spent: Duration) {
        self.count += 1;
        self.spent += spent;
    }
}

/// Figures since the first model of this name was loaded.
#[derive(Debug, Clone, Copy, Default)]
pub struct Figures {
    /// Requests, from when they were read to their answers.
    pub succeeded: Spent,
    pub failed: Spent,
    /// Jobs of theirs, by where their time went: see [`super::queue::Times`].
    pub waited: Spent,
    pub joined: Spent,
    pub computed: Spent,
    pub parted: Spent,
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
    /// Adds one job, of which a request may have many; one that was not done adds nothing.
    pub fn job(&self, done: &Result<Done>) {
        let Ok(done) = done else { return };
        let mut figures = self.lock();
        figures.waited.add(done.times.waited);
        figures.joined.add(done.times.joined);
        figures.computed.add(done.times.computed);
        figures.parted.add(done.times.parted);
        figures.samples += done.rows as u64;
        figures.runs += done.rows as f64 / done.batch.max(1) as f64;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        figures.last = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    }

    fn request(&self, is_answered: bool, spent: Duration) {
        let mut figures = self.lock();
        if is_answered { figures.succeeded.add(spent) } else { figures.failed.add(spent) }
    }

    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn figures(&self) -> Figures {
        *self.lock()
    }
}

/// A request that is being answered: counted when it is over, as failed where its client hung up before.
pub struct Counted {
    counts: Arc<Counts>,
    start: Instant,
    is_answered: bool,
}

impl Counted {
    pub fn begin(counts: &Arc<Counts>) -> Counted {
        Counted { counts: counts.clone(), start: Instant::now(), is_answered: false }
    }

    /// Says whether there is an answer.
    pub fn end(mut self, is_answered: bool) {
        self.is_answered = is_answered;
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.counts.request(self.is_answered, self.start.elapsed());
    }
}
