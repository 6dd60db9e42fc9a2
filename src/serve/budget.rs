//! How much memory requests may take together: for their bodies, and for what is made of them.
//!
//! Bodies are counted while they come: one for which there is no room left is turned away. What is made of them is estimated
//! before it is begun, and waits for its turn; what is larger than the whole is worked on by itself.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Memory is counted by so many bytes.
const UNIT: u64 = 64 << 10;

/// What all requests share: half of it for bodies, half for work.
pub struct Budget {
    bodies: Share,
    work: Share,
}

struct Share {
    units: Arc<Semaphore>,
    whole: u32,
}

/// A part of a budget, given back when it is dropped.
#[derive(Debug, Default)]
pub struct Held(Option<OwnedSemaphorePermit>);

impl Budget {
    /// A budget of so many bytes. One body of the largest size fits into any, with its parts beside it.
    pub fn new(bytes: u64, largest_body: u64) -> Budget {
        Budget { bodies: Share::new((bytes / 2).max(2 * largest_body)), work: Share::new(bytes / 2) }
    }

    /// Lets a body hold so many bytes in all. Whether there is room for it.
    pub fn grow(&self, held: &mut Held, bytes: u64) -> bool {
        let more = units(bytes).saturating_sub(held.units());
        if more == 0 {
            return true;
        }
        let Ok(permit) = self.bodies.units.clone().try_acquire_many_owned(more) else { return false };
        match &mut held.0 {
            Some(before) => before.merge(permit),
            None => held.0 = Some(permit),
        }
        true
    }

    /// Bytes that bodies hold.
    pub fn of_bodies(&self) -> u64 {
        let free = self.bodies.units.available_permits() as u64;
        u64::from(self.bodies.whole).saturating_sub(free) * UNIT
    }

    /// Waits until there is room for work that takes about so many bytes.
    pub async fn work(&self, bytes: u64) -> Held {
        let share = units(bytes).min(self.work.whole);
        // It is never closed.
        Held(self.work.units.clone().acquire_many_owned(share).await.ok())
    }
}

impl Share {
    fn new(bytes: u64) -> Share {
        let whole = units(bytes).max(1);
        Share { units: Arc::new(Semaphore::new(whole as usize)), whole }
    }
}

impl Held {
    fn units(&self) -> u32 {
        self.0.as_ref().map_or(0, |permit| u32::try_from(permit.num_permits()).unwrap_or(u32::MAX))
    }
}

fn units(bytes: u64) -> u32 {
    // No machine has more than 256 TiB.
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn bodies_take_what_they_hold_and_give_it_back() {
        let budget = Budget::new(4 * MIB, MIB);
        let (mut one, mut two) = (Held::default(), Held::default());
        assert!(budget.grow(&mut one, 1) && budget.grow(&mut one, MIB) && budget.grow(&mut two, MIB));
        assert!(!budget.grow(&mut two, MIB + 1), "both have all there is");
        assert_eq!(budget.of_bodies(), 2 * MIB);
        drop(one);
        assert!(budget.grow(&mut two, 2 * MIB));
        // The largest body fits where the budget is smaller than it.
        assert!(Budget::new(MIB, 8 * MIB).grow(&mut Held::default(), 16 * MIB));
    }

    #[tokio::test]
    async fn work_waits_for_room() {
        let budget = Budget::new(4 * MIB, MIB);
        let is_room =
            async |bytes| tokio::time::timeout(Duration::from_millis(20), budget.work(bytes)).await.ok();
        let whole = is_room(100 * MIB).await;
        assert!(whole.is_some(), "what is larger than the whole takes all of it");
        assert!(is_room(1).await.is_none());
        drop(whole);
        let (half, other) = (is_room(MIB).await, is_room(MIB).await);
        assert!(half.is_some() && other.is_some() && is_room(1).await.is_none());
    }
}
