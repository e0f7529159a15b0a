//! What the application receives: messages, and what happens to the connection between them.

use std::fmt;

use heartline::State;
use heartline::event::Cause;
use tungstenite::Message;

use super::status::AtClosed;

/// What a client receives.
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
    StateChanged {
        /// The state before.
        from: State,
        /// The state since.
        to: State,
        /// What led to it; the client's [`Status`](super::Status), which is never older than the event, has more. At the
        /// end by the retry policy it is `Stopped` or `Exhausted` with the loss.
        cause: Cause,
        /// How many changes between `from` and `to` were skipped because they were not read in time.
        skipped: u32,
    },
    /// A ping has been unanswered for `slow_after`: the link is slow, and what is sent may be late.
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
            heartline::Event::StateChanged { from, to, cause } => {
                Some(Self::StateChanged { from, to, cause, skipped: 0 })
            }
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
                Self::StateChanged { to, cause, skipped, .. },
                Self::StateChanged { to: new_to, cause: new_cause, skipped: more, .. },
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
            Self::StateChanged { from, to: State::Closed, cause, .. } => {
                write!(formatter, "{from} -> {}: {}", State::Closed, AtClosed(*cause))
            }
            Self::StateChanged { from, to, cause, .. } => write!(formatter, "{from} -> {to}: {cause}"),
            Self::Degraded => formatter.write_str("the link is slow"),
            Self::Recovered => formatter.write_str("the link has recovered"),
            Self::Slept { late_ms } => write!(formatter, "suspended for {late_ms} ms"),
        }
    }
}
