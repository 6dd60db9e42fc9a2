//! Independent samples side by side, each on a core of its own: threads that share a sample wait for each other at the end of
//! every node, those with one of their own only for the last.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Builder};

use rten::{RunOptions, ThreadPool};

use crate::error::Result;

/// How many samples are computed at a time: the cores that rten would share one among.
pub fn cores() -> usize {
    pools().len()
}

/// A pool of one thread for each core.
fn pools() -> &'static [Arc<ThreadPool>] {
    static POOLS: OnceLock<Vec<Arc<ThreadPool>>> = OnceLock::new();
    POOLS.get_or_init(|| {
        let cores = rten::thread_pool().run(rayon::current_num_threads);
        (0..cores).map(|_| Arc::new(ThreadPool::with_num_threads(1))).collect()
    })
}

/// What `run` gives for each of these, in their order; whichever core is free takes the next.
///
/// # Errors
/// Those of `run`.
pub fn each<I: Sync, T: Send>(
    items: &[I],
    run: impl Fn(&I, RunOptions) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let share = |pool: &Arc<ThreadPool>| {
        let mut own = Vec::new();
        loop {
            let position = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(position) else { return Ok(own) };
            let options = RunOptions::default().with_thread_pool(Some(pool.clone()));
            own.push((position, run(item, options)?));
        }
    };
    let mut all = thread::scope(|scope| {
        let (own, others) = pools().split_first().expect("a machine has a core");
        let start = |pool| Builder::new().spawn_scoped(scope, move || share(pool)).ok();
        // Where the system gives no more threads, fewer take them all.
        let others: Vec<_> = others.iter().filter_map(start).collect();
        let mut all: Vec<(usize, T)> = share(own)?;
        for other in others {
            all.extend(other.join().unwrap_or_else(|panic| resume_unwind(panic))?);
        }
        Ok(all)
    })?;
    all.sort_by_key(|(position, _)| *position);
    Ok(all.into_iter().map(|(_, found)| found).collect())
}
