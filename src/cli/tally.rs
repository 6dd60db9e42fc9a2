//! How a command over many files ended.

use super::Outcome;

/// Files with an answer and without.
#[derive(Debug, Default)]
pub struct Tally {
    pub answered: usize,
    pub failed: usize,
}

impl Tally {
    pub fn count<T>(&mut self, result: &gyrus::Result<T>) {
        match result {
            Ok(_) => self.answered += 1,
            Err(_) => self.failed += 1,
        }
    }

    pub fn files(&self) -> usize {
        self.answered + self.failed
    }

    pub fn outcome(&self) -> Outcome {
        match (self.answered, self.failed) {
            (_, 0) => Outcome::AllGood,
            (0, _) => Outcome::NothingRan,
            _ => Outcome::SomeFailed,
        }
    }
}
