//! Connections of gRPC: no more of them than are allowed at a time, and none that says nothing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::server::Connected;

use crate::serve::accept::{GRACE, accept};
use crate::serve::house::House;

/// What a client says first: the preface of HTTP/2 and the head of its settings.
const GREETING: usize = 24 + 9;

/// A connection with its place among all.
pub struct Guest {
    stream: TcpStream,
    /// Bytes that the client has said so far, up to its greeting.
    said: usize,
    /// Done when the greeting is not waited for any more: until it is there HTTP/2 has no timer of its own.
    patience: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    _place: OwnedSemaphorePermit,
}

/// Connections as they come.
pub fn guests(listener: TcpListener, house: Arc<House>) -> impl Stream<Item = io::Result<Guest>> {
    let room = Arc::new(Semaphore::new(house.settings.limits.connections));
    futures_util::stream::unfold((listener, house, room), async |(listener, house, room)| {
        let (stream, place) = accept(&listener, &room).await?;
        let (head, closed) = (house.settings.limits.head, house.closed());
        let patience = Box::pin(async move {
            tokio::select! {
                () = tokio::time::sleep(head) => {}
                () = async { closed.await; tokio::time::sleep(GRACE).await } => {}
            }
        });
        let guest = Guest { stream, said: 0, patience: Some(patience), _place: place };
        Some((Ok(guest), (listener, house, room)))
    })
}

impl Guest {
    /// Whether the greeting is not waited for any more.
    fn is_late(&mut self, context: &mut Context<'_>) -> bool {
        let is_late =
            self.patience.as_mut().is_none_or(|patience| patience.as_mut().poll(context).is_ready());
        if is_late {
            self.patience = None;
        }
        is_late
    }
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
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if self.said >= GREETING {
            return read;
        }
        self.said += buffer.filled().len() - before;
        match read {
            Poll::Pending if self.is_late(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            read => read,
        }
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
