//! Answers that are worked out on threads that may wait, for as long as somebody wants them.

use std::time::Duration;

use super::fault::Fault;
use super::queue::{Place, Ticket};
use crate::error::{Error, NotBegun};

/// Runs `work` on a thread of its own. The request keeps its place in the house until the work is done; when the client hangs
/// up, what is still in the queue is dropped.
///
/// # Errors
/// Those of the work; an answer that is not there in time.
pub async fn answered<T: Send + 'static>(
    place: Place,
    timeout: Duration,
    work: impl FnOnce(Ticket) -> Result<T, Fault> + Send + 'static,
) -> Result<T, Fault> {
    let (ticket, presence) = Ticket::new(timeout);
    let done = tokio::task::spawn_blocking(move || {
        let outcome = work(ticket);
        drop(place);
        outcome
    });
    let outcome = tokio::time::timeout(timeout, done).await;
    drop(presence);
    match outcome {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err(Fault::ours()),
        Err(_) => Err(Error::NotBegun(NotBegun::Late).into()),
    }
}
