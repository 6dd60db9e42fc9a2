//! What waits for the device, lane by lane, and how much of it makes a batch.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use super::queue::{Job, Task};

/// How work is gathered.
#[derive(Debug, Clone, Copy)]
pub struct Gathering {
    /// Rows of a batch, at most.
    pub most: usize,
    /// How long a batch that is not full waits for more; zero: not at all.
    pub wait: Duration,
}

/// Those whose batch ended may ask again at once, as those do that send one scan after the other: for this part of the time that it took,
/// the next waits for as many rows as there were. The device idles for less than a larger batch saves.
const AGAIN: u32 = 20;

/// Where more than this many times a batch's rows wait, batches grow: their last row costs the first less than the queue does, and
/// fewer runs are made.
const CROWD: usize = 4;

/// Rows of a model's batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// As many as one batch may hold.
    pub most: usize,
    /// As many as are gathered: more would take nearly as much longer as they are more.
    pub worth: usize,
}

impl Sizes {
    /// How many rows go together where so many are there.
    fn of_batch(&self, rows: usize) -> usize {
        // Where batches save time at all, the little that the largest still saves adds up for those who wait.
        let is_crowd = self.worth > 1 && rows > 2 * self.worth;
        let gathered = if is_crowd { self.most } else { self.worth };
        gathered.max(rows / CROWD).min(self.most)
    }
}

/// Jobs and tasks that wait, and what is known of the models that they are for.
#[derive(Default)]
pub(super) struct Lanes {
    pub tasks: VecDeque<Task>,
    /// Of each model its jobs; the lane whose turn it is comes first.
    pub lanes: VecDeque<(u64, VecDeque<Job>)>,
    /// Of each model that is ready.
    pub sizes: HashMap<u64, Sizes>,
    /// Models that went with their device.
    pub lost: HashSet<u64>,
    /// What the device thread took last.
    last: Option<Last>,
    pub is_closed: bool,
}

/// A batch that the device thread took.
struct Last {
    lane: u64,
    rows: usize,
    began: Instant,
    /// Once it has ended: how many rows are expected, and until when they are waited for.
    ended: Option<(usize, Instant)>,
}

impl Lanes {
    pub fn sizes_of(&self, lane: u64, gathering: Gathering) -> Sizes {
        let most = gathering.most;
        let usual = Sizes { most, worth: most };
        self.sizes.get(&lane).copied().unwrap_or(usual)
    }

    /// Answers what is late, or wanted by nobody, without doing it.
    pub fn drop_unwanted(&mut self) {
        for (_, jobs) in &mut self.lanes {
            for job in std::mem::take(jobs) {
                match job.ticket.check() {
                    Ok(()) => jobs.push_back(job),
                    Err(error) => job.answer(Err(error)),
                }
            }
        }
        self.lanes.retain(|(_, jobs)| !jobs.is_empty());
    }

    /// Notes that what the device thread took has ended, if it was a batch.
    pub fn end(&mut self) {
        let now = Instant::now();
        if let Some(last) = self.last.as_mut().filter(|last| last.ended.is_none()) {
            let waiting =
                self.lanes.iter().find(|(lane, _)| *lane == last.lane).map_or(0, |(_, jobs)| rows(jobs));
            last.ended = Some((waiting + last.rows, now + now.duration_since(last.began) / AGAIN));
        }
    }

    /// How many rows of a lane are expected, and how long they are to be waited for.
    fn expected(&self, lane: u64) -> (usize, Duration) {
        let last = self.last.as_ref().filter(|last| last.lane == lane);
        let Some((rows, until)) = last.and_then(|last| last.ended) else { return (0, Duration::ZERO) };
        let wait = until.saturating_duration_since(Instant::now());
        if wait.is_zero() { (0, wait) } else { (rows, wait) }
    }

    /// The jobs of the lane whose turn it is, as many as one batch holds; or how long to wait for more of them, or for
    /// ever.
    pub fn begin(&mut self, gathering: Gathering) -> std::result::Result<Task, Option<Duration>> {
        let Some((lane, mut jobs)) = self.lanes.pop_front() else { return Err(None) };
        let (expected, again) = self.expected(lane);
        let there = rows(&jobs);
        let most = self.sizes_of(lane, gathering).of_batch(there.max(expected));
        let count = together(&jobs, most);
        let waited = jobs.front().map_or(Duration::MAX, |job| job.since.elapsed());
        let told = gathering.wait.saturating_sub(waited);
        let wait = if there < expected { told.max(again) } else { told };
        let is_full = count < jobs.len() || there >= most;
        // With several lanes none waits: the device has something to do.
        if !is_full && !wait.is_zero() && self.lanes.is_empty() && !self.is_closed {
            self.lanes.push_front((lane, jobs));
            return Err(Some(wait));
        }
        let rest = jobs.split_off(count);
        self.last = Some(Last { lane, rows: rows(&jobs), began: Instant::now(), ended: None });
        if !rest.is_empty() {
            self.lanes.push_back((lane, rest));
        }
        Ok(Task::Run { lane, jobs: jobs.into() })
    }
}

fn rows(jobs: &VecDeque<Job>) -> usize {
    jobs.iter().map(|job| job.inputs.rows()).sum()
}

/// How many jobs from the front make one batch: at least one, of samples of one shape.
fn together(jobs: &VecDeque<Job>, most: usize) -> usize {
    let sample = jobs.front().and_then(|job| job.inputs.sample());
    let mut rows = 0;
    let fits = |job: &&Job| {
        rows += job.inputs.rows();
        rows <= most && sample.is_some() && job.inputs.sample() == sample
    };
    jobs.iter().take_while(fits).count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_go_together_as_is_fastest() {
        let sizes = |worth| Sizes { most: 32, worth };
        let rows = [1, 8, 9, 40, 100, 999];
        assert_eq!(rows.map(|rows| sizes(4).of_batch(rows)), [4, 4, 32, 32, 32, 32]);
        // A device that gains nothing by it computes one after the other, until the queue is long.
        assert_eq!(rows.map(|rows| sizes(1).of_batch(rows)), [1, 2, 2, 10, 25, 32]);
    }
}
