//! Answers that are worked out on threads that may wait, for as long as somebody wants them.

use std::time::Duration;

use super::budget::Held;
use super::fault::Fault;
use super::house::House;
use super::queue::{Place, Ticket};
use crate::error::{Error, NotBegun};

/// Runs `work`, which takes about so many bytes of memory, on a thread of its own once there is room for it. The request keeps its
/// place in the house until the work is done; when the client hangs up, what is still in the queue is dropped.
///
/// # Errors
/// Those of the work; an answer that is not there in time.
pub async fn answered<T: Send + 'static>(
    house: &House,
    place: Place,
    timeout: Duration,
    bytes: u64,
    work: impl FnOnce(Ticket) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (ticket, presence) = place.ticket(timeout);
    let outcome = tokio::time::timeout(timeout, async {
        let room = house.budget.work(bytes).await;
        aside(move || {
            let outcome = work(ticket);
            drop(room);
            outcome
        })
        .await
    });
    let outcome = outcome.await.unwrap_or_else(|_| Err(Error::NotBegun(NotBegun::Late).into()));
    drop(presence);
    outcome
}

/// Waits for room for work that takes about so many bytes.
///
/// # Errors
/// When there is none in time.
pub async fn room(house: &House, bytes: u64, timeout: Duration) -> Result<Held, Fault> {
    let held = tokio::time::timeout(timeout, house.budget.work(bytes)).await;
    held.map_err(|_| Error::NotBegun(NotBegun::Late).into())
}

/// Runs what takes long, or waits, where it keeps no connection waiting.
///
/// # Errors
/// Those of the work.
pub async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|_| Err(Fault::ours()))
}
