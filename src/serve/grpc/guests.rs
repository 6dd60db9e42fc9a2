//! Connections of gRPC, no more of them than are allowed at a time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::server::Connected;

/// A connection with its place among all.
pub struct Guest {
    stream: TcpStream,
    _place: OwnedSemaphorePermit,
}

/// Connections as they come. Whoever comes when all places are taken waits in the system's own queue.
pub fn guests(listener: TcpListener, most: usize) -> impl Stream<Item = io::Result<Guest>> {
    let room = Arc::new(Semaphore::new(most));
    futures_util::stream::unfold((listener, room), async |(listener, room)| {
        let place = room.clone().acquire_owned().await.ok()?;
        let guest = listener.accept().await.map(|(stream, _)| {
            // Answers are small, and wanted at once.
            let _ = stream.set_nodelay(true);
            Guest { stream, _place: place }
        });
        Some((guest, (listener, room)))
    })
}

impl Connected for Guest {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Guest {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Guest {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
