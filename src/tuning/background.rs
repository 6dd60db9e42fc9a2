//! Tuning beside the answers: what a session runs is measured while it waits for the next request.
//!
//! A thread of the lowest priority works on a device of its own, and only while no request runs: a request that comes
//! waits at most for the one kernel that is under way. A time during which a request came is not counted.
//!
//! The process can end at any moment. Drivers do not bear being called while it does, so the thread holds a lock
//! whenever it may call one; [`shut_down`] takes that lock and never gives it back.

use std::mem;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::{park, sleep};
use std::time::Duration;

use thread_priority::{ThreadPriority, set_current_thread_priority};

use super::{Cache, Event, Halt, Pace, Scope, Tuner};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::onnx::OnnxFile;
use crate::tensor::Shape;

/// Held by a thread that may call a driver.
static DRIVER: Mutex<()> = Mutex::new(());
/// Set when the process is about to end.
static CLOSING: AtomicBool = AtomicBool::new(false);

/// How often, and how far apart, the end of the process looks whether the driver is left alone.
const CLOSE_TRIES: u32 = 1000;
const CLOSE_PAUSE: Duration = Duration::from_millis(2);

/// A process that ends sooner after its first answer is not bothered at all.
const START_PAUSE: Duration = Duration::from_millis(500);

/// How long the thread sleeps before it looks again whether a request is still running.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// Device memory that is taken at most: the session needs the rest, and a GPU does not tell what is left.
const MOST_BYTES: u64 = 2 << 30;

/// Input shapes of one session that are tuned; few sessions see more.
const MOST_SHAPES: usize = 16;

/// Where to tune in the background.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Adapters {
    /// Only where a GPU works while the CPU waits. On a software adapter the answers take all cores.
    Hardware,
    All,
}

/// Ends all background tuning for good, and waits for the kernel that is under way. Call it last in `main`: what is
/// left of the threads then touches no driver while the process ends. What was measured is on disk by then.
pub fn shut_down() {
    CLOSING.store(true, Ordering::SeqCst);
    for _ in 0..CLOSE_TRIES {
        match DRIVER.try_lock() {
            Ok(guard) => return mem::forget(guard),
            Err(TryLockError::Poisoned(error)) => return mem::forget(error.into_inner()),
            Err(TryLockError::WouldBlock) => sleep(CLOSE_PAUSE),
        }
    }
}

/// Whether requests run, and how many have begun.
#[derive(Debug, Default)]
pub struct Activity {
    running: AtomicUsize,
    begun: AtomicU64,
}

/// A request that runs until it is dropped.
pub struct Request(Arc<Activity>);

impl Request {
    fn begin(activity: &Arc<Activity>) -> Request {
        activity.running.fetch_add(1, Ordering::SeqCst);
        activity.begun.fetch_add(1, Ordering::SeqCst);
        Request(activity.clone())
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The tuning of one session. Dropping it ends the thread soon, without waiting for it.
pub struct Background {
    file: Arc<OnnxFile>,
    model: String,
    activity: Arc<Activity>,
    stop: Arc<AtomicBool>,
    /// To the thread, once there is one.
    jobs: Option<Sender<Vec<Shape>>>,
    seen: Vec<Vec<Shape>>,
    dropped: (Sender<String>, Receiver<String>),
}

impl Background {
    pub fn new(file: Arc<OnnxFile>, model: String) -> Background {
        Background {
            file,
            model,
            activity: Arc::default(),
            stop: Arc::default(),
            jobs: None,
            seen: Vec::new(),
            dropped: channel(),
        }
    }

    /// Keeps the thread off the device until the request is dropped.
    pub fn request(&self) -> Request {
        Request::begin(&self.activity)
    }

    /// A request of these input shapes was answered, so that they are worth measuring.
    pub fn answered(&mut self, gpu: &Arc<Gpu>, shapes: &[Shape]) {
        if self.seen.len() == MOST_SHAPES || self.seen.iter().any(|seen| seen == shapes) {
            return;
        }
        self.seen.push(shapes.to_vec());
        if self.jobs.is_none() {
            self.start(gpu);
        }
        if let Some(jobs) = &self.jobs {
            // A thread that has given up wants no more.
            let _ = jobs.send(shapes.to_vec());
        }
    }

    /// Kernels that were found to compute wrong since the last call.
    pub fn dropped(&self) -> Vec<String> {
        self.dropped.1.try_iter().collect()
    }

    fn start(&mut self, gpu: &Arc<Gpu>) {
        // A pool of one, so that compiling kernels, which is spread over the pool, stays on this thread.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(1)
            .thread_name(|_| "gyrus-tune".into())
            .start_handler(|_| drop(set_current_thread_priority(ThreadPriority::Min)))
            // The message is printed; the answers go on.
            .panic_handler(|_| {})
            .build();
        let Ok(pool) = pool else { return };
        let (sender, jobs) = channel();
        let (gpu, file, model) = (gpu.clone(), self.file.clone(), self.model.clone());
        let (activity, stop, told) = (self.activity.clone(), self.stop.clone(), self.dropped.0.clone());
        self.jobs = Some(sender);
        pool.spawn(move || {
            // First, and so dropped last: what follows is let go of under its lock.
            let mut pace = Quiet { guard: Some(lock()), activity, stop, begun: 0, told };
            if let Err(error) = work(gpu, &file, &model, &jobs, &mut pace) {
                tracing::debug!(%error, "the tuning in the background has ended");
            }
        });
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
    }
}

fn lock() -> MutexGuard<'static, ()> {
    DRIVER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tunes for one shape after the other until there are no more to come.
fn work(
    gpu: Arc<Gpu>,
    file: &OnnxFile,
    model: &str,
    jobs: &Receiver<Vec<Shape>>,
    pace: &mut Quiet,
) -> Result<(), Error> {
    pace.away(|| sleep(START_PAUSE));
    if pace.pause().is_break() {
        return Ok(());
    }
    let own = Arc::new(gpu.reopen()?);
    drop(gpu);
    let cache = Cache::of(&own);
    while let Some(shapes) = pace.away(|| jobs.recv().ok()) {
        let (network, scope) = (&file.network, Scope::Unknown);
        let tuner = Tuner { gpu: &own, cache: &cache, network, shapes: &shapes, model, scope };
        match tuner.tune(pace) {
            Ok(_) => tracing::debug!(?shapes, "tuned in the background"),
            Err(Halt::Stopped) => return Ok(()),
            Err(Halt::Failed(error @ Error::TooLarge { .. })) => tracing::debug!(%error, "not tuned"),
            Err(Halt::Failed(error)) => return Err(error),
        }
    }
    Ok(())
}

/// A thread that keeps out of the way.
struct Quiet {
    guard: Option<MutexGuard<'static, ()>>,
    activity: Arc<Activity>,
    stop: Arc<AtomicBool>,
    /// Requests that had begun at the last pause.
    begun: u64,
    told: Sender<String>,
}

impl Quiet {
    /// Lets go of the driver for as long as the work takes. If the process ends meanwhile, this does not return.
    fn away<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.guard = None;
        let result = work();
        self.guard = Some(lock());
        result
    }
}

impl Pace for Quiet {
    fn pause(&mut self) -> ControlFlow<()> {
        loop {
            if CLOSING.load(Ordering::SeqCst) {
                self.away(|| {
                    loop {
                        park();
                    }
                })
            }
            if self.stop.load(Ordering::SeqCst) {
                return ControlFlow::Break(());
            }
            self.begun = self.activity.begun.load(Ordering::SeqCst);
            if self.activity.running.load(Ordering::SeqCst) == 0 {
                return ControlFlow::Continue(());
            }
            self.away(|| sleep(BUSY_PAUSE));
        }
    }

    fn is_disturbed(&self) -> bool {
        self.activity.begun.load(Ordering::SeqCst) != self.begun
    }

    fn compute(&mut self, work: &mut dyn FnMut()) {
        self.away(work);
    }

    fn most_bytes(&self) -> u64 {
        MOST_BYTES
    }

    fn tell(&mut self, event: Event) {
        if let Event::Dropped { kernel, .. } = event {
            // Nobody has to listen.
            let _ = self.told.send(kernel.to_string());
        }
    }
}
