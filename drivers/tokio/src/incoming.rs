//! What the application receives: messages, and what happens to the connection between them.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use heartline::State;
use heartline::event::Cause;
use tungstenite::Message;

use crate::inbound::{Entry, Inbound, Taken};

/// What comes out of [`Incoming`].
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub enum Received<R = Message> {
    /// A message of the server's.
    Message(R),
    /// Something happened to the session, after the messages before it and before those behind it.
    Event(Event),
}

impl<R> Received<R> {
    /// The message, if it is one.
    pub fn into_message(self) -> Option<R> {
        match self {
            Self::Message(message) => Some(message),
            Self::Event(_) => None,
        }
    }
}

/// Something that happened to the session.
///
/// Events take no room among the messages. Between two messages only the newest of each kind is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Event {
    /// The state changed.
    Changed {
        /// The state before.
        from: State,
        /// The state since.
        to: State,
        /// What led to it; [`Client::status`](crate::Client::status), which is never older than the event, has more. At
        /// the end by the retry policy it is `Stopped` or `Exhausted` with the loss.
        cause: Cause,
        /// How many changes between `from` and `to` were skipped because they were not read in time.
        skipped: u32,
    },
    /// A ping has been unanswered for `slow_after`: the network is bad, and what is sent may be late.
    Degraded,
    /// A sign of life after `Degraded`.
    Recovered,
    /// The process or the computer must have been suspended; the waits for answers start anew.
    Slept {
        /// How much later than its deadline the timer was, in milliseconds.
        late_ms: u32,
    },
}

impl Event {
    pub(crate) fn from_session(event: heartline::Event) -> Option<Self> {
        match event {
            heartline::Event::StateChanged { from, to, cause } => Some(Self::Changed { from, to, cause, skipped: 0 }),
            heartline::Event::Degraded => Some(Self::Degraded),
            heartline::Event::Recovered => Some(Self::Recovered),
            heartline::Event::Slept { late_ms } => Some(Self::Slept { late_ms }),
            _ => None,
        }
    }

    /// Takes a newer event of the same kind in. False if it is of another kind.
    pub(crate) fn absorb(&mut self, newer: Self) -> bool {
        match (&mut *self, newer) {
            (
                Self::Changed { to, cause, skipped, .. },
                Self::Changed { to: new_to, cause: new_cause, skipped: more, .. },
            ) => {
                (*to, *cause) = (new_to, new_cause);
                *skipped = skipped.saturating_add(more).saturating_add(1);
            }
            (Self::Degraded | Self::Recovered, Self::Degraded | Self::Recovered)
            | (Self::Slept { .. }, Self::Slept { .. }) => {
                *self = newer;
            }
            _ => return false,
        }
        true
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed { from, to, cause, .. } => write!(formatter, "{from} -> {to}: {cause}"),
            Self::Degraded => formatter.write_str("the network is bad"),
            Self::Recovered => formatter.write_str("the network is good again"),
            Self::Slept { late_ms } => write!(formatter, "suspended for {late_ms} ms"),
        }
    }
}

/// What is received, as a stream that outlives disconnects. It ends when the client has ended and everything was read.
///
/// It is bounded in messages and in bytes; what happens when it is full is up to
/// [`Options::when_full`](crate::Options::when_full). Dropping it discards what comes from then on; the session lives on.
pub struct Incoming<R = Message> {
    inbound: Arc<Inbound<R>>,
    /// Taken from the driver at once, still counted by it.
    batch: VecDeque<Entry<R>>,
    taken: Taken,
}

impl<R> Incoming<R> {
    pub(crate) fn new(inbound: Arc<Inbound<R>>) -> Self {
        Self { inbound, batch: VecDeque::new(), taken: Taken::default() }
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
        if self.batch.is_empty() {
            match self.inbound.take(&mut self.batch, &mut self.taken, cx) {
                Poll::Ready(true) => {}
                Poll::Ready(false) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
        let entry = self.batch.pop_front();
        if let Some(entry) = &entry {
            self.taken.add(entry);
            if self.taken.messages >= self.inbound.report_every() {
                self.inbound.report(&mut self.taken);
            }
        }
        Poll::Ready(entry.map(Entry::into_received))
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

impl<R> Drop for Incoming<R> {
    fn drop(&mut self) {
        let unread = self.batch.iter().filter(|entry| entry.is_message()).count();
        self.inbound.drop_receiver(unread as u64);
    }
}

impl<R> fmt::Debug for Incoming<R> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Incoming").finish_non_exhaustive()
    }
}
