//! Work on its way to the device: bounded where requests come in, fair between models, gathered into batches.
//!
//! Requests are admitted once they are read ([`Queue::admit`]); what was admitted is never turned away afterwards. Each
//! model has a lane. The device thread takes from the lanes in turn, and from a lane as much at a time as saves time, up to a full batch: while
//! it computes, what comes meanwhile gathers by itself, so nothing needs to wait on an idle device.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::budget::Held;
use super::lanes::Lanes;
pub use super::lanes::{Gathering, Sizes};
use crate::error::{Error, NotBegun, Result};
use crate::model::Model;
use crate::origin::Verified;
use crate::tensor::Tensor;

/// What a network is to be run on.
#[derive(Debug, Clone)]
pub enum Inputs {
    /// Independent samples, `[N, ...]`, of a network with one input: joined with those of other requests.
    Rows(Tensor),
    /// All inputs by name, run on their own.
    Whole(BTreeMap<String, Tensor>),
}

impl Inputs {
    /// How many samples there are.
    pub fn rows(&self) -> usize {
        match self {
            Inputs::Rows(tensor) => tensor.shape().first().copied().unwrap_or(1),
            Inputs::Whole(_) => 1,
        }
    }

    /// The shape of one sample, where samples may be joined.
    pub(super) fn sample(&self) -> Option<&[usize]> {
        match self {
            Inputs::Rows(tensor) => tensor.shape().get(1..),
            Inputs::Whole(_) => None,
        }
    }
}

/// What became of a job.
#[derive(Debug, Clone)]
pub struct Done {
    /// The network's outputs in its order, the rows of this job alone.
    pub outputs: Vec<Tensor>,
    pub times: Times,
    /// The rows of the job, and of its batch.
    pub rows: usize,
    pub batch: usize,
}

/// Where the time of a job went.
#[derive(Debug, Clone, Copy, Default)]
pub struct Times {
    /// Until the device thread took it.
    pub waited: Duration,
    /// Until the rows of its batch lay behind each other.
    pub joined: Duration,
    /// From upload to readback.
    pub computed: Duration,
    /// Until each job of the batch had its rows.
    pub parted: Duration,
}

/// Until when an answer is wanted, whether anyone still wants it, and its request's place in the house.
#[derive(Clone)]
pub struct Ticket {
    deadline: Instant,
    is_gone: Arc<AtomicBool>,
    /// Kept as long as there is work on the request, also where its client is gone.
    _place: Arc<Place>,
}

/// Held by whoever waits for an answer: when it is dropped, work that was not begun is not done.
#[derive(Debug)]
pub struct Presence(Arc<AtomicBool>);

impl Ticket {
    /// # Errors
    /// When nobody waits for the answer any more, or it would be late.
    pub fn check(&self) -> Result<()> {
        if self.is_gone.load(Ordering::Relaxed) {
            return Err(Error::NotBegun(NotBegun::Gone));
        }
        if Instant::now() >= self.deadline {
            return Err(Error::NotBegun(NotBegun::Late));
        }
        Ok(())
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One run that was asked for.
pub struct Job {
    pub inputs: Inputs,
    pub since: Instant,
    pub(super) ticket: Ticket,
    reply: oneshot::Sender<Result<Done>>,
}

impl Job {
    /// Hands the answer to whoever waits; it may be gone.
    pub fn answer(self, answer: Result<Done>) {
        let _ = self.reply.send(answer);
    }
}

/// What the device thread does next.
pub enum Task {
    /// Makes a model ready, and says when it is.
    Open { lane: u64, model: Box<Model>, ready: oneshot::Sender<Result<Verified>> },
    /// Forgets a model that nobody uses any more.
    Close { lane: u64 },
    /// Opens a model again that went with its device.
    Recover { lane: u64 },
    /// Runs jobs of one model together.
    Run { lane: u64, jobs: Vec<Job> },
}

/// The queue between requests and the device thread.
pub struct Queue {
    state: Mutex<Lanes>,
    wake: Condvar,
    gathering: Gathering,
    /// Requests in the house, and how many there may be.
    admitted: AtomicUsize,
    room: usize,
}

/// A request's place in the house, with the memory of its body; given back when it is dropped.
pub struct Place {
    queue: Arc<Queue>,
    _body: Held,
}

impl Place {
    /// A ticket that is good for so long, as long as the presence beside it is held.
    pub fn ticket(self, timeout: Duration) -> (Ticket, Presence) {
        let is_gone = Arc::new(AtomicBool::new(false));
        let now = Instant::now();
        let deadline = now.checked_add(timeout).unwrap_or(now + Duration::from_secs(86_400));
        let ticket = Ticket { deadline, is_gone: is_gone.clone(), _place: Arc::new(self) };
        (ticket, Presence(is_gone))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.admitted.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// A queue for so many requests at a time.
    pub fn new(room: usize, gathering: Gathering) -> Queue {
        let admitted = AtomicUsize::new(0);
        Queue { state: Mutex::default(), wake: Condvar::new(), gathering, admitted, room }
    }

    /// A place for a request with such a body; none when the house is full.
    pub fn admit(self: &Arc<Self>, body: Held) -> Option<Place> {
        let one_more = |n: usize| (n < self.room).then_some(n + 1);
        let is_room = self.admitted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_ok();
        is_room.then(|| Place { queue: self.clone(), _body: body })
    }

    /// Requests in the house.
    pub fn admitted(&self) -> usize {
        self.admitted.load(Ordering::Relaxed)
    }

    /// Jobs that wait for the device.
    pub fn waiting(&self) -> usize {
        self.lock().lanes.iter().map(|(_, jobs)| jobs.len()).sum()
    }

    /// Jobs of one model that wait for the device.
    pub fn waiting_in(&self, lane: u64) -> usize {
        let state = self.lock();
        state.lanes.iter().filter(|(own, _)| *own == lane).map(|(_, jobs)| jobs.len()).sum()
    }

    /// Puts a job at the end of a model's lane.
    pub fn submit(&self, lane: u64, inputs: Inputs, ticket: Ticket) -> oneshot::Receiver<Result<Done>> {
        let (reply, answer) = oneshot::channel();
        let job = Job { inputs, since: Instant::now(), ticket, reply };
        let mut state = self.lock();
        if state.is_closed {
            job.answer(Err(Error::NotBegun(NotBegun::Closing)));
            return answer;
        }
        match state.lanes.iter_mut().find(|(own, _)| *own == lane) {
            Some((_, jobs)) => jobs.push_back(job),
            None => state.lanes.push_back((lane, VecDeque::from([job]))),
        }
        drop(state);
        self.wake.notify_one();
        answer
    }

    /// Says how many rows of a model go together.
    pub fn set_sizes(&self, lane: u64, sizes: Sizes) {
        self.lock().sizes.insert(lane, sizes);
    }

    /// How many rows of a model go together.
    pub fn sizes(&self, lane: u64) -> Sizes {
        self.lock().sizes_of(lane, self.gathering)
    }

    /// Says whether a model went with its device.
    pub fn set_lost(&self, lane: u64, is_lost: bool) {
        let lost = &mut self.lock().lost;
        if is_lost {
            lost.insert(lane)
        } else {
            lost.remove(&lane)
        };
    }

    /// Whether a model went with its device, so that nothing is answered by it until that is opened again.
    pub fn is_lost(&self, lane: u64) -> bool {
        self.lock().lost.contains(&lane)
    }

    /// Forgets a model that is gone.
    pub fn forget(&self, lane: u64) {
        let mut state = self.lock();
        state.sizes.remove(&lane);
        state.lost.remove(&lane);
    }

    /// Gives the device thread something else to do than to run a network. It comes before all jobs.
    pub fn order(&self, task: Task) {
        let mut state = self.lock();
        // Dropped, it tells whoever waits for it that nothing comes of it.
        if state.is_closed {
            return;
        }
        state.tasks.push_back(task);
        drop(state);
        self.wake.notify_one();
    }

    /// Lets the device thread end once there is nothing left to do.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.wake.notify_all();
    }

    /// Whether nothing more is wanted.
    pub fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// What to do next, as soon as there is something; none when the queue was closed and is empty.
    pub fn next(&self) -> Option<Task> {
        let mut state = self.lock();
        state.end();
        loop {
            if let Some(task) = state.tasks.pop_front() {
                return Some(task);
            }
            state.drop_unwanted();
            match state.begin(self.gathering) {
                Ok(task) => return Some(task),
                Err(_) if state.is_closed && state.lanes.is_empty() => return None,
                Err(Some(wait)) => {
                    let waited = self.wake.wait_timeout(state, wait);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                Err(None) => state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lanes> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn queue(room: usize, most: usize, wait: Duration) -> Arc<Queue> {
        Arc::new(Queue::new(room, Gathering { most, wait }))
    }

    fn sample(rows: usize, width: usize) -> Inputs {
        Inputs::Rows(Tensor::from_f32([rows, width], vec![0.0; rows * width]).expect("a tensor"))
    }

    fn ticket(queue: &Arc<Queue>, timeout: Duration) -> (Ticket, Presence) {
        queue.admit(Held::default()).expect("a place").ticket(timeout)
    }

    /// Lanes and rows of the batches that are taken until the queue is empty.
    fn taken(queue: &Queue) -> Vec<(u64, usize)> {
        queue.close();
        let mut all = Vec::new();
        while let Some(Task::Run { lane, jobs }) = queue.next() {
            all.push((lane, jobs.iter().map(|job| job.inputs.rows()).sum()));
        }
        all
    }

    #[test]
    fn jobs_gather_and_models_take_turns() {
        let queue = queue(9, 4, Duration::ZERO);
        let (ticket, _presence) = ticket(&queue, SECOND);
        let answers: Vec<_> = [(1, 1, 2), (1, 1, 2), (1, 3, 2), (2, 1, 2), (1, 1, 3), (2, 9, 2)]
            .map(|(lane, rows, width)| queue.submit(lane, sample(rows, width), ticket.clone()))
            .into();
        // Two fit, the third does not; more than a batch is taken on its own; another shape begins anew.
        assert_eq!(taken(&queue), [(1, 2), (2, 1), (1, 3), (2, 9), (1, 1)]);
        assert_eq!(answers.len(), 6);
    }

    #[test]
    fn a_model_of_which_fewer_rows_are_worth_it_gathers_fewer() {
        let queue = queue(9, 4, Duration::ZERO);
        let (ticket, _presence) = ticket(&queue, SECOND);
        queue.set_sizes(1, Sizes { most: 4, worth: 2 });
        let _answers = [1, 2, 1, 2, 1, 2].map(|lane| queue.submit(lane, sample(1, 2), ticket.clone()));
        assert_eq!(taken(&queue), [(1, 2), (2, 3), (1, 1)]);
    }

    #[test]
    fn batches_grow_where_many_wait() {
        let queue = queue(9, 8, Duration::ZERO);
        let (ticket, _presence) = ticket(&queue, SECOND);
        queue.set_sizes(1, Sizes { most: 8, worth: 1 });
        let _answers: Vec<_> = (0..40).map(|_| queue.submit(1, sample(1, 2), ticket.clone())).collect();
        let rows: Vec<usize> = taken(&queue).into_iter().map(|(_, rows)| rows).collect();
        assert_eq!(rows[..5], [8, 8, 6, 4, 3]);
        assert_eq!(rows.last(), Some(&1));
    }

    #[test]
    fn a_batch_waits_shortly_for_those_that_were_answered() {
        let queue = queue(9, 8, Duration::ZERO);
        let (ticket, _presence) = ticket(&queue, SECOND);
        let submit = |rows: usize| queue.submit(1, sample(rows, 2), ticket.clone());
        let took = |queue: &Queue| match queue.next() {
            Some(Task::Run { jobs, .. }) => jobs.iter().map(|job| job.inputs.rows()).sum(),
            _ => 0,
        };
        let _first = submit(2);
        assert_eq!(took(&queue), 2);
        // It takes a while; another comes meanwhile, and one comes again shortly after.
        let _third = submit(1);
        std::thread::sleep(Duration::from_millis(400));
        let before = Instant::now();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                std::thread::sleep(Duration::from_millis(2));
                submit(2)
            });
            assert_eq!(took(&queue), 3, "as many as are expected");
        });
        assert!(before.elapsed() < Duration::from_millis(19), "it waits no longer than until they are there");
        // Nobody comes again: at most a twentieth of the time is lost.
        let _fourth = submit(1);
        let before = Instant::now();
        assert_eq!(took(&queue), 1);
        assert!(before.elapsed() < Duration::from_millis(15), "{:?}", before.elapsed());
    }

    #[test]
    fn inputs_as_a_whole_are_never_joined() {
        let queue = queue(9, 4, Duration::ZERO);
        let (ticket, _presence) = ticket(&queue, SECOND);
        let whole = || Inputs::Whole(BTreeMap::new());
        let _answers = [whole(), whole()].map(|inputs| queue.submit(1, inputs, ticket.clone()));
        assert_eq!(taken(&queue), [(1, 1), (1, 1)]);
    }

    #[test]
    fn a_full_house_turns_away_and_has_room_again() {
        let queue = queue(2, 4, Duration::ZERO);
        let admit = || queue.admit(Held::default());
        let (one, two) = (admit(), admit());
        assert!(one.is_some() && two.is_some() && admit().is_none());
        drop(one);
        assert!(admit().is_some());
        // Who hung up keeps the place as long as there is work for them.
        let (ticket, presence) = two.expect("a place").ticket(SECOND);
        drop(presence);
        assert_eq!(queue.admitted(), 1);
        drop(ticket);
        assert_eq!(queue.admitted(), 0);
    }

    #[test]
    fn what_is_late_or_unwanted_is_not_begun() {
        let queue = queue(9, 4, Duration::ZERO);
        let (late, _presence) = ticket(&queue, Duration::ZERO);
        let (gone, presence) = ticket(&queue, SECOND);
        drop(presence);
        let answers = [late, gone].map(|ticket| queue.submit(1, sample(1, 2), ticket));
        assert_eq!(taken(&queue), []);
        let errors = answers.map(|answer| answer.blocking_recv().expect("an answer").expect_err("refused"));
        let kinds = errors.map(|error| match error {
            Error::NotBegun(why) => why,
            other => panic!("{other}"),
        });
        assert_eq!(kinds, [NotBegun::Late, NotBegun::Gone]);
    }

    #[test]
    fn a_batch_waits_for_more_only_if_told_to() {
        let queue = queue(9, 2, Duration::from_secs(60));
        let (ticket, _presence) = ticket(&queue, 60 * SECOND);
        let submit = |queue: &Queue| queue.submit(1, sample(1, 2), ticket.clone());
        let _one = submit(&queue);
        let waiter = queue.clone();
        let taken = std::thread::spawn(move || {
            waiter.next().map(|task| matches!(task, Task::Run { jobs, .. } if jobs.len() == 2))
        });
        std::thread::sleep(Duration::from_millis(50));
        assert!(!taken.is_finished(), "one of two is not a batch yet");
        let _two = submit(&queue);
        assert_eq!(taken.join().expect("no panic"), Some(true));
    }
}
