//! What a client shows of itself.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use heartline::event::Cause;
use heartline::stats::RoundTrip;
use heartline::{Loss, State, Timestamp};

use crate::ended::Ended;
use crate::request::Response;

/// A client at one moment.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Status {
    /// Where in its life the session is.
    pub state: State,
    /// Why the state is what it is. After a panic, or when what runs the client was dropped, only `end` says so.
    pub cause: Cause,
    /// The dial that is scheduled, in state `Waiting`.
    pub retry: Option<Retry>,
    /// The round trips of the heartbeat on the current connection, once one was measured.
    pub round_trip: Option<RoundTrip>,
    /// A ping has been unanswered for `slow_after`: the link is slow.
    pub degraded: bool,
    /// A close was requested, and what was accepted before is still being sent.
    pub draining: bool,
    /// `pause` was called, and not yet `resume`.
    pub paused: bool,
    /// Nothing is read from the connection, because what was received before was not taken and there is no room for more.
    pub stalled: bool,
    /// What the server answered to the handshake of the current connection: headers and subprotocol.
    pub response: Option<Arc<Response>>,
    /// How the last connection or dial ended: the loss, the close frame with its reason, the error. Of the session's own
    /// timeouts there is nothing but the loss.
    pub last_ended: Option<Arc<Ended>>,
    /// The client has ended, and this is how.
    pub end: Option<Arc<End>>,
}

impl Default for Status {
    fn default() -> Self {
        Self {
            state: State::Idle,
            cause: Cause::Requested,
            retry: None,
            round_trip: None,
            degraded: false,
            draining: false,
            paused: false,
            stalled: false,
            response: None,
            last_ended: None,
            end: None,
        }
    }
}

/// A dial that is scheduled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Retry {
    /// Which retry it will be; 0 if it is not a retry.
    pub attempt: u32,
    /// How long it was to the dial when it was scheduled.
    pub delay: Duration,
    /// When it is due, on the clock of the client, whose `retry_in` counts down to it.
    pub at: Timestamp,
}

/// How a client ended, and what it left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct End {
    /// Why it ended.
    pub reason: EndReason,
    /// Messages that were accepted and never handed to a connection, since the close was requested or at the end.
    pub returned: u64,
    /// At-least-once messages that were handed to a connection and not acknowledged: the peer may have them.
    pub unconfirmed: u64,
    /// The connection or dial after which the retry policy stopped, if that is the reason: with the error, a hook's
    /// included.
    pub ended: Option<Arc<Ended>>,
}

impl End {
    /// Whether it ended as it was asked to, with everything sent.
    pub fn is_clean(&self) -> bool {
        matches!(self.reason, EndReason::Closed(_)) && self.returned == 0 && self.unconfirmed == 0
    }
}

impl fmt::Display for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reason.fmt(formatter)?;
        if let Some(detail) = self.ended.as_ref().and_then(|ended| ended.detail()) {
            write!(formatter, ": {detail}")?;
        }
        let messages = |count: u64| if count == 1 { "1 message".to_owned() } else { format!("{count} messages") };
        match (self.returned, self.unconfirmed) {
            (0, 0) => Ok(()),
            (returned, 0) => write!(formatter, "; {} not sent", messages(returned)),
            (0, unconfirmed) => write!(formatter, "; {} not acknowledged", messages(unconfirmed)),
            (returned, unconfirmed) => {
                write!(formatter, "; {} not sent, {unconfirmed} not acknowledged", messages(returned))
            }
        }
    }
}

/// For `?`; [`End::is_clean`] says whether it is one. The whole chain of sources is in its text already.
impl std::error::Error for End {}

/// Why a client ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum EndReason {
    /// As it was asked to: by a close, by the shutdown signal, or because the last handle was dropped. The cause of the
    /// state `Closed` says how the close handshake went.
    Closed(Cause),
    /// The retry policy does not dial again after this loss, or the attempts are used up.
    Stopped(Cause),
    /// A hook, the codec or the handler panicked, with this message.
    Panicked(String),
    /// What ran the client was dropped: the client itself, its future, or its runtime.
    Dropped,
}

impl fmt::Display for EndReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(cause) => write!(formatter, "closed: {}", AtClosed(*cause)),
            Self::Stopped(cause) => write!(formatter, "stopped: {cause}"),
            Self::Panicked(message) => write!(formatter, "panicked: {message}"),
            Self::Dropped => formatter.write_str("dropped: what ran the client is gone"),
        }
    }
}

/// A cause of [`State::Closed`]. A close frame that led there answers ours: it was not the peer who closed.
pub(super) struct AtClosed(pub(super) Cause);

impl fmt::Display for AtClosed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Lost(Loss::Close(1005)) => formatter.write_str("the peer answered"),
            Cause::Lost(Loss::Close(code)) => write!(formatter, "the peer answered with {code}"),
            cause => cause.fmt(formatter),
        }
    }
}

/// What a client has counted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Stats {
    /// What the session has counted. Every counter stops at `u32::MAX`.
    pub session: heartline::stats::Stats,
    /// Messages accepted that have no outcome yet.
    pub queued: usize,
    /// Their bytes.
    pub queued_bytes: u64,
    /// Messages received and handed over.
    pub received: u64,
    /// Messages received and discarded: by `DropOldest`, because their receiver was dropped, or after the close frame
    /// when there was no room.
    pub discarded: u64,
    /// How often reading had to wait because what was received was not taken.
    pub stalls: u64,
    /// Bytes read from sockets, TLS and framing included.
    pub bytes_in: u64,
    /// Bytes written to sockets, TLS and framing included.
    pub bytes_out: u64,
}
