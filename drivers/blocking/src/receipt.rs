//! What became of a message.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use heartline::{MessageId, Outcome};
use heartline_tungstenite::engine;
use tungstenite::Message;

use crate::board::Board;

/// The outcome of one accepted message. There always is one in the end, also if the client ends, panics or is dropped.
///
/// The thread that polls the client asks with [`poll`](Self::poll) or waits by
/// [`Client::wait`](crate::Client::wait); other threads wait here, by [`wait`](Self::wait). Dropping a receipt changes nothing for the message.
pub struct Receipt<M = Message> {
    receipt: engine::Receipt<M>,
    board: Arc<Board>,
}

impl<M> Receipt<M> {
    pub(crate) fn new(receipt: engine::Receipt<M>, board: Arc<Board>) -> Self {
        Self { receipt, board }
    }

    /// The outcome, if there is one by now: once, then `None` for ever. Never waits.
    pub fn poll(&self) -> Option<Outcome<M>> {
        self.receipt.take()
    }

    /// Waits for the outcome, for no longer than this, or with `None` for as long as it takes. `None` if there was none
    /// in time, or [`poll`](Self::poll) gave it already.
    ///
    /// Some other thread has to poll the client meanwhile. The one that polls it waits by
    /// [`Client::wait`](crate::Client::wait): here it would wait for itself.
    pub fn wait(&self, timeout: impl Into<Option<Duration>>) -> Option<Outcome<M>> {
        self.board.wait(timeout.into(), |cx| self.receipt.poll(cx)).flatten()
    }

    /// Asks for the message not to be sent. If that comes in time, or the message waits for its acknowledgement, the
    /// outcome says `Cancelled`; otherwise nothing changes.
    pub fn cancel(&self) {
        self.receipt.cancel();
    }

    /// The id of the message, as codecs and acknowledgements know it; `None` until the client was polled.
    pub fn id(&self) -> Option<MessageId> {
        self.receipt.id()
    }
}

impl<M> fmt::Debug for Receipt<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Receipt").field("id", &self.id()).finish_non_exhaustive()
    }
}
