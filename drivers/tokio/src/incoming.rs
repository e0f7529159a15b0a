//! What the application receives, as a stream.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use heartline_tungstenite::client::Received;
use heartline_tungstenite::engine::Receiver;
use tungstenite::Message;

/// What is received, as a stream that outlives disconnects. It ends when the client has ended and everything was read.
///
/// It is bounded in messages and in bytes; what happens when it is full is up to
/// [`Options::when_full`](crate::Options::when_full). Dropping it discards what comes from then on; the session lives on.
pub struct Incoming<R = Message> {
    receiver: Receiver<R>,
}

impl<R> Incoming<R> {
    pub(crate) fn new(receiver: Receiver<R>) -> Self {
        Self { receiver }
    }

    /// The next message or event; `None` at the end.
    ///
    /// # Cancel safety
    /// Cancel safe: nothing is lost.
    pub async fn next(&mut self) -> Option<Received<R>> {
        poll_fn(|cx| self.poll_received(cx)).await
    }

    /// The next message, past all events; `None` at the end.
    ///
    /// # Cancel safety
    /// Cancel safe: no message is lost, events may be.
    pub async fn next_message(&mut self) -> Option<R> {
        loop {
            if let Received::Message(message) = self.next().await? {
                return Some(message);
            }
        }
    }

    /// As [`next`](Self::next), for futures written by hand.
    pub fn poll_received(&mut self, cx: &mut Context<'_>) -> Poll<Option<Received<R>>> {
        self.receiver.poll(cx)
    }
}

impl<R> Stream for Incoming<R> {
    type Item = Received<R>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Received<R>>> {
        self.get_mut().poll_received(cx)
    }
}

// Nothing is pinned structurally.
impl<R> Unpin for Incoming<R> {}

impl<R> fmt::Debug for Incoming<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Incoming").finish_non_exhaustive()
    }
}
