//! A send that waits for room.

use std::sync::Arc;
use std::task::{Context, Poll};

use heartline::Timestamp;

use super::receipt::Receipt;
use super::shared::Shared;
use crate::client::{Outgoing, Refusal, SendError};

/// A send under way. Dropping it gives up its place among those that wait.
pub struct Sending<'a, M> {
    shared: &'a Arc<Shared<M>>,
    /// Until it was accepted or refused.
    outgoing: Option<Outgoing<M>>,
    size: u32,
    /// If it has a time to live.
    called: Option<Timestamp>,
    place: Option<u64>,
}

impl<'a, M> Sending<'a, M> {
    /// Begins now.
    ///
    /// # Errors
    /// The codec can never encode the message.
    pub fn new(shared: &'a Arc<Shared<M>>, outgoing: Outgoing<M>) -> Result<Self, SendError<M>> {
        let size = match shared.size(&outgoing) {
            Ok(size) => size,
            Err(reason) => return Err(SendError::new(reason, outgoing)),
        };
        let called = shared.called(&outgoing);
        Ok(Self { shared, outgoing: Some(outgoing), size, called, place: None })
    }

    /// Accepts the message if there is room and no other send has waited for longer.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receipt<M>, SendError<M>>> {
        let Some(outgoing) = self.outgoing.take() else { return Poll::Pending };
        let (place, waker) = (&mut self.place, Some(cx.waker()));
        match self.shared.submit(outgoing, self.size, self.called, place, waker) {
            Ok(slot) => Poll::Ready(Ok(Receipt::new(self.shared.clone(), slot))),
            Err(SendError { reason: Refusal::Full, outgoing }) => {
                self.outgoing = Some(outgoing);
                if self.is_late() { Poll::Ready(Err(self.give_up())) } else { Poll::Pending }
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// When the message expires, and the wait with it. Nobody is woken then.
    pub fn expiry(&self) -> Option<Timestamp> {
        Some(self.called?.saturating_add(self.outgoing.as_ref()?.time_to_live()?))
    }

    fn is_late(&self) -> bool {
        self.expiry().is_some_and(|at| at <= self.shared.clock().now())
    }

    /// The wait is over; to be called while the message is neither accepted nor refused.
    ///
    /// # Panics
    /// After [`poll`](Self::poll) was ready.
    pub fn give_up(&mut self) -> SendError<M> {
        let reason = if self.is_late() { Refusal::Expired } else { Refusal::Full };
        SendError::new(reason, self.outgoing.take().expect("a message that waits"))
    }
}

impl<M> Drop for Sending<'_, M> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.shared.leave(place);
        }
    }
}
