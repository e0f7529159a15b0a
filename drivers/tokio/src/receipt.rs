//! What became of a message.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use heartline::{MessageId, Outcome};
use heartline_tungstenite::engine;
use tungstenite::Message;

/// The outcome of one accepted message, as a future. It always resolves, also if the client ends, panics or is dropped.
///
/// Do not await it in the loop that reads [`Incoming`](crate::Incoming): an at-least-once message resolves when its
/// acknowledgement is read, and while `Incoming` is full nothing is read. Such a loop waits for itself until
/// [`max_stall`](crate::Options::max_stall) ends the connection. Await it in another task, as the
/// [front page](crate#3-receive) shows.
///
/// Dropping it costs nothing and changes nothing for the message. Polling it is cancel safe. After it gave the outcome it
/// must not be polled again.
pub struct Receipt<M = Message> {
    receipt: engine::Receipt<M>,
}

impl<M> Receipt<M> {
    pub(crate) fn new(receipt: engine::Receipt<M>) -> Self {
        Self { receipt }
    }

    /// Asks for the message not to be sent. If that comes in time, or the message waits for its acknowledgement, the
    /// outcome says `Cancelled`; otherwise nothing changes.
    pub fn cancel(&self) {
        self.receipt.cancel();
    }

    /// The id of the message, as codecs and acknowledgements know it; `None` until the driver has taken the message.
    pub fn id(&self) -> Option<MessageId> {
        self.receipt.id()
    }
}

impl<M> Future for Receipt<M> {
    type Output = Outcome<M>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Outcome<M>> {
        match self.receipt.poll(cx) {
            Poll::Ready(Some(outcome)) => Poll::Ready(outcome),
            Poll::Ready(None) => panic!("a receipt gives its outcome once"),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<M> fmt::Debug for Receipt<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receipt").field("id", &self.id()).finish_non_exhaustive()
    }
}
