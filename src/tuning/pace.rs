//! How tuning gets along with whatever else goes on.

use std::ops::ControlFlow;

/// What tuning tells while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// So many sites of a network are about to be measured.
    Sites(usize),
    /// A site begins.
    Site(&'a str),
    /// All sites are done; whole plans are timed.
    Plans,
    /// A kernel computes wrong, and why that is so.
    Dropped { kernel: &'a str, reason: &'a str },
}

/// Whoever asked for the tuning. The defaults suit one who waits for it and does nothing else.
pub trait Pace {
    /// Called before each short piece of work on the device: may wait, or end the tuning.
    fn pause(&mut self) -> ControlFlow<()> {
        ControlFlow::Continue(())
    }

    /// Whether something else ran on the device since the last pause, so that a time means nothing.
    fn is_disturbed(&self) -> bool {
        false
    }

    /// Does work that leaves the device alone and may take seconds.
    fn compute(&mut self, work: &mut dyn FnMut()) {
        work();
    }

    /// Memory of the device that may be taken, in bytes.
    fn most_bytes(&self) -> u64 {
        u64::MAX
    }

    fn tell(&mut self, _event: Event) {}
}

/// For one who waits, without a word.
#[derive(Debug, Default)]
pub struct Waiting;

impl Pace for Waiting {}
