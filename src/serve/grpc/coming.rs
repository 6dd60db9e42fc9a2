//! Messages on their way: their memory is counted while they come.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tonic::Status;

use crate::serve::budget::Held;
use crate::serve::fault::Fault;
use crate::serve::house::House;

/// A body of no more than so many bytes, for which there must be room.
pub struct Coming {
    body: tonic::body::Body,
    house: Arc<House>,
    held: Held,
    came: u64,
    /// Bytes that are counted as soon as any came.
    least: u64,
    most: u64,
}

impl Coming {
    pub fn new(body: tonic::body::Body, house: Arc<House>, least: u64, most: u64) -> Coming {
        Coming { body, house, held: Held::default(), came: 0, least, most }
    }

    /// Counts what came.
    fn count(&mut self, bytes: usize) -> Result<(), Fault> {
        self.came += bytes as u64;
        if self.came > self.most {
            return Err(Fault::too_large(usize::try_from(self.most).unwrap_or(usize::MAX)));
        }
        let bytes = self.came.max(self.least);
        self.house.budget.grow(&mut self.held, bytes).then_some(()).ok_or_else(Fault::busy)
    }
}

impl Body for Coming {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)).transpose()? else {
            return Poll::Ready(None);
        };
        let counted = self.count(frame.data_ref().map_or(0, Bytes::len));
        Poll::Ready(Some(counted.map(|()| frame).map_err(Status::from)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
