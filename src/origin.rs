//! What an answer comes from, as every report says it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A model on a device.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    pub model: String,
    pub device: String,
    pub verified: Verified,
}

/// Whether the kernels of a network were held against the operators' twins on the device on which it runs. All clones say the
/// same, also of what is found later.
#[derive(Debug, Clone, Default)]
pub struct Verified(Arc<AtomicU8>);

const YES: u8 = 1;
const NO: u8 = 2;

impl Verified {
    /// None where no kernels run: on the CPU engine, or before the first answer. False where they were not checked, or the twin
    /// could not say.
    pub fn get(&self) -> Option<bool> {
        match self.0.load(Ordering::Relaxed) {
            YES => Some(true),
            NO => Some(false),
            _ => None,
        }
    }

    /// The same in words that follow a device's name.
    pub fn words(&self) -> &'static str {
        match self.get() {
            None => "",
            Some(true) => ", kernels verified",
            Some(false) => ", kernels not verified",
        }
    }

    /// Says what another says by now, and nothing of what was said before.
    pub(crate) fn become_that_of(&self, other: &Verified) {
        self.0.store(other.0.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// Adds what was found of another plan of the network.
    pub(crate) fn add(&self, verified: bool) {
        self.0.fetch_max(if verified { YES } else { NO }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plan_that_was_not_checked_is_enough() {
        let verified = Verified::default();
        let told = verified.clone();
        assert_eq!(told.get(), None);
        for (found, expected) in [(true, true), (true, true), (false, false), (true, false)] {
            verified.add(found);
            assert_eq!(told.get(), Some(expected));
        }
    }
}
