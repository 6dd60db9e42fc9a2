//! Accepting connections, on either port.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long connections are read from when the service ends.
pub const GRACE: Duration = Duration::from_millis(200);
/// After an error of accepting, such as too many open files, it is tried again.
const BREATH: Duration = Duration::from_millis(50);

/// The next connection, with its place among all; none when there are no places any more. Whoever comes when all are taken
/// waits in the system's own queue.
pub async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> Option<(TcpStream, OwnedSemaphorePermit)> {
    let place = room.clone().acquire_owned().await.ok()?;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                // Answers are small, and wanted at once.
                let _ = stream.set_nodelay(true);
                return Some((stream, place));
            }
            Err(error) => {
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(BREATH).await;
            }
        }
    }
}
