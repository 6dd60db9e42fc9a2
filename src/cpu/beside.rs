//! Independent samples side by side, each on a core of its own: threads that share a sample wait for each other at the end of
//! every node, those with one of their own only for the last.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Builder};

use rten::{RunOptions, ThreadPool};

use crate::error::Result;

/// How many samples are computed at a time: the cores that rten would share one among, as far as this process may use them.
pub fn cores() -> usize {
    pools().len()
}

/// A pool of one thread for each core.
fn pools() -> &'static [Arc<ThreadPool>] {
    static POOLS: OnceLock<Vec<Arc<ThreadPool>>> = OnceLock::new();
    POOLS.get_or_init(|| {
        let cores = rten::thread_pool().run(rayon::current_num_threads);
        // rten counts the machine's, whatever a container or an affinity leaves of them.
        let own = thread::available_parallelism().map_or(cores, usize::from);
        (0..cores.min(own)).map(|_| Arc::new(ThreadPool::with_num_threads(1))).collect()
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
    each_on(pools(), items, run)
}

fn each_on<I: Sync, T: Send>(
    pools: &[Arc<ThreadPool>],
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
        let (own, others) = pools.split_first().expect("a machine has a core");
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::time::Duration;

    use super::*;
    use crate::error::Error;

    fn three() -> Vec<Arc<ThreadPool>> {
        (0..3).map(|_| Arc::new(ThreadPool::with_num_threads(1))).collect()
    }

    #[test]
    fn all_cores_take_part_and_what_they_give_is_in_order() {
        let threads = Mutex::new(HashSet::new());
        let items: Vec<u64> = (0..20).collect();
        let run = |&item: &u64, options: RunOptions| {
            // The first take longest, so that they end last.
            thread::sleep(Duration::from_millis(20 - item));
            let pool = options.thread_pool.expect("one of its own");
            let own = pool.run(|| (rayon::current_num_threads(), thread::current().id()));
            assert_eq!(own.0, 1);
            threads.lock().expect("no panic").insert(own.1);
            Ok(item)
        };
        assert_eq!(each_on(&three(), &items, run).expect("all"), items);
        assert_eq!(threads.lock().expect("no panic").len(), 3);
    }

    #[test]
    fn one_failure_is_that_of_all() {
        let run = |&item: &usize, _| match item {
            4 => Err(Error::Graph("the fifth".into())),
            _ => Ok(item),
        };
        let items: Vec<usize> = (0..9).collect();
        let error = each_on(&three(), &items, run).expect_err("one failed");
        assert!(error.to_string().contains("the fifth"), "{error}");
        assert_eq!(each_on(&three(), &items[..4], run).expect("all"), items[..4]);
    }
}
