//! The roofline: what work takes at least on a device, by what it computes and by what it moves.

use std::ops::Add;

use serde::Serialize;

use crate::gpu::Ceilings;

/// What a step computes and moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    pub multiply_adds: u64,
    /// Read and written together.
    pub bytes: u64,
}

/// Which of a device's ceilings is nearer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    Compute,
    Memory,
}

impl Work {
    /// Floating-point operations: a multiplication and an addition are two.
    pub fn flop(self) -> f64 {
        2.0 * self.multiply_adds as f64
    }

    /// FLOP per byte.
    pub fn intensity(self) -> f64 {
        if self.bytes > 0 { self.flop() / self.bytes as f64 } else { 0.0 }
    }

    /// 10^9 FLOP a second of work that took so long; 0 where the clock did not move.
    pub fn gflop_per_s(self, milliseconds: f64) -> f64 {
        if milliseconds > 0.0 { self.flop() / milliseconds / 1e6 } else { 0.0 }
    }

    /// The ceiling that this work meets first; work without multiply-adds only has bytes to move.
    pub fn bound(self, ceilings: &Ceilings) -> Bound {
        if self.compute_ms(ceilings) > self.memory_ms(ceilings) { Bound::Compute } else { Bound::Memory }
    }

    /// What the work takes under the nearer ceiling.
    pub fn least_ms(self, ceilings: &Ceilings) -> f64 {
        self.compute_ms(ceilings).max(self.memory_ms(ceilings))
    }

    fn compute_ms(self, ceilings: &Ceilings) -> f64 {
        self.flop() / ceilings.fma_gflop_per_s / 1e6
    }

    fn memory_ms(self, ceilings: &Ceilings) -> f64 {
        self.bytes as f64 / ceilings.copy_gb_per_s / 1e6
    }
}

impl Add for Work {
    type Output = Work;

    fn add(self, other: Work) -> Work {
        let multiply_adds = self.multiply_adds.saturating_add(other.multiply_adds);
        Work { multiply_adds, bytes: self.bytes.saturating_add(other.bytes) }
    }
}

/// The part of a ceiling that was reached: at best a time over the time taken; `None` where the clock did not move.
pub(super) fn fraction(least_ms: f64, milliseconds: f64) -> Option<f64> {
    (milliseconds > 0.0).then(|| least_ms / milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILINGS: Ceilings = Ceilings { fma_gflop_per_s: 100.0, copy_gb_per_s: 10.0 };

    fn work(multiply_adds: u64, bytes: u64) -> Work {
        Work { multiply_adds, bytes }
    }

    #[test]
    fn the_nearer_ceiling_counts() {
        // Below the ridge at 10 FLOP a byte: 5 FLOP a byte allow 50 GFLOP/s.
        let moving = work(50_000_000, 20_000_000);
        assert_eq!((moving.intensity(), moving.bound(&CEILINGS)), (5.0, Bound::Memory));
        assert_eq!(moving.least_ms(&CEILINGS), 2.0);
        assert_eq!(fraction(moving.least_ms(&CEILINGS), 4.0), Some(0.5));
        // 25 of the 50 GFLOP/s that are attainable: the same half.
        assert_eq!(moving.gflop_per_s(4.0), 25.0);
        // Beyond the ridge bytes do not matter.
        let computing = work(50_000_000, 1_000_000);
        assert_eq!((computing.intensity(), computing.bound(&CEILINGS)), (100.0, Bound::Compute));
        assert_eq!(fraction(computing.least_ms(&CEILINGS), 2.0), Some(0.5));
    }

    #[test]
    fn work_without_multiply_adds_is_judged_by_its_bytes() {
        let copy = work(0, 30_000_000);
        assert_eq!((copy.bound(&CEILINGS), copy.least_ms(&CEILINGS)), (Bound::Memory, 3.0));
        assert_eq!((copy.intensity(), copy.gflop_per_s(3.0)), (0.0, 0.0));
    }

    #[test]
    fn a_clock_that_did_not_move_tells_nothing() {
        assert_eq!(fraction(1.0, 0.0), None);
        assert_eq!(work(1, 0).gflop_per_s(0.0), 0.0);
        assert_eq!(work(1, 0).intensity(), 0.0);
    }
}
