//! What a driver says to a session.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

use crate::loss::{CloseCode, Closed};
use crate::message::{MessageId, Outgoing, Transmit, Unsent};
use crate::time::Instant;

/// The name of a connection. Minted by the session with each dial, strictly increasing, never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ConnId(NonZeroU64);

impl ConnId {
    /// The id with this number; whether a session minted it is the session's to judge. The first is 1,
    /// so `None` for 0.
    pub const fn from_raw(raw: u64) -> Option<Self> {
        match NonZeroU64::new(raw) {
            Some(raw) => Some(Self(raw)),
            None => None,
        }
    }

    /// The number, for logs.
    pub const fn as_raw(self) -> u64 {
        self.0.get()
    }
}

impl fmt::Display for ConnId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "conn {}", self.0)
    }
}

/// What happened, in the world or in the application.
///
/// Every input is legal in every state. One that makes no sense there changes nothing and is counted
/// in [`Stats`](crate::Stats).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input<M> {
    /// The application wants to be connected: from `Idle` and `Closed` it begins anew, from `Waiting` it
    /// dials at once, during a drain it withdraws the close, and after the close frame it aborts and dials.
    Connect,
    /// The WebSocket handshake of this connection succeeded.
    Opened {
        /// Which one.
        conn: ConnId,
    },
    /// The greeting is over: logged in, subscribed, whatever the protocol asks for.
    Ready {
        /// Which one.
        conn: ConnId,
    },
    /// A data message arrived that is not an answer to the heartbeat.
    Message {
        /// On which connection.
        conn: ConnId,
        /// The message.
        message: M,
    },
    /// Whatever answers a ping arrived: a protocol pong, or the application's own text.
    Pong {
        /// On which connection.
        conn: ConnId,
    },
    /// Any other sign of life that is not to be delivered: the peer's own ping, a comment in an event stream.
    Alive {
        /// On which connection.
        conn: ConnId,
    },
    /// A connection or dial ended, or a close frame arrived. Reported as often as the driver likes.
    Closed {
        /// Which one.
        conn: ConnId,
        /// How; a [`Loss`](crate::Loss) converts.
        closed: Closed,
    },
    /// The peer acknowledged an at-least-once message.
    Acked {
        /// Which one.
        id: MessageId,
    },
    /// The application does not want this message sent any more.
    Cancel {
        /// Which one.
        id: MessageId,
    },
    /// The deadline came. Legal at any time; an early timer only lets the driver pull what is owed.
    Timer,
    /// The operating system says that the network changed or came back.
    NetworkChanged,
    /// The application wants to end: refuse new messages, send the rest, close.
    Close {
        /// The code of the close frame.
        code: CloseCode,
        /// How long sending the rest may take.
        within: Duration,
    },
}

impl<M> Input<M> {
    /// A close with code 1000.
    pub const fn close_within(within: Duration) -> Self {
        Self::Close { code: CloseCode::NORMAL, within }
    }
}

/// Every call that can change a session, as data: for a recorder, a fuzzer, a model.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(bound(deserialize = "M: serde::Deserialize<'de> + Clone")))]
pub enum Call<M> {
    /// [`Session::handle`](crate::Session::handle).
    Handle {
        /// When.
        now: Instant,
        /// What.
        input: Input<M>,
    },
    /// [`Session::send`](crate::Session::send).
    Send {
        /// When.
        now: Instant,
        /// What.
        outgoing: Outgoing<M>,
    },
    /// [`Session::transmit`](crate::Session::transmit).
    Transmit {
        /// When.
        now: Instant,
    },
    /// [`Session::unsent`](crate::Session::unsent).
    Unsent {
        /// When.
        now: Instant,
        /// What was pulled.
        transmit: Transmit<M>,
        /// Why it was not taken.
        why: Unsent,
    },
}
