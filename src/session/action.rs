//! What a session asks its driver to do.

use super::event::{Cause, Event};
use super::loss::Loss;
use super::message::{MessageId, Outcome};
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::time::Timestamp;

/// One thing to do. Actions are carried out whole and in order, whatever the socket does: none of
/// them waits for room in a send buffer.
///
/// Exhaustive on purpose, so that no driver misses one; its variants with fields may get more fields.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
// With a tag of its own: hidden among the values of the message, it would cost every message a dozen instructions.
#[repr(u8)]
pub enum Action<M> {
    /// Hand this message to the application.
    Deliver(M),
    /// Drop the connection or dial now, without a close handshake. Nothing needs to be reported back.
    #[non_exhaustive]
    Abort {
        /// The connection or dial to drop.
        conn: ConnId,
    },
    /// Dial, and report `Opened` or `Closed`.
    #[non_exhaustive]
    Connect {
        /// The name of the connection from now on.
        conn: ConnId,
        /// Which retry this is since a connection was last stable; 0 if this dial is not a retry.
        attempt: u32,
        /// How the connection or dial before this one was lost; `None` for the first, and after an end that the
        /// application asked for.
        last_loss: Option<Loss>,
        /// The server refused the credentials ([`Verdict::Renew`](super::retry::Verdict::Renew)), and no connection
        /// has been stable since: fetch new ones.
        renew: bool,
    },
    /// Send a ping: a protocol ping, or whatever the application's protocol uses for one.
    #[non_exhaustive]
    Ping {
        /// The connection to ping.
        conn: ConnId,
        /// The number of this ping on its connection, from 1; for the payload, so that the pong can be told from others.
        token: u32,
    },
    /// Send a close frame, then report the peer's answer or the end of the stream as `Closed`.
    #[non_exhaustive]
    Close {
        /// The connection to close.
        conn: ConnId,
        /// The code for the frame.
        code: CloseCode,
    },
    /// Something to show a person or to write to a log.
    Event(Event),
    /// For a user interface: the next dial was scheduled, or moved. A driver need not do anything,
    /// because the deadline follows.
    #[non_exhaustive]
    ScheduleReconnect {
        /// Which retry it will be; 0 if it is not a retry.
        attempt: u32,
        /// When the dial is due.
        at: Timestamp,
        /// Why the session waits.
        cause: Cause,
    },
    /// How a message that was accepted before has ended. Reported exactly once for each.
    #[non_exhaustive]
    Outcome {
        /// The message, as named by [`Session::send`](super::Session::send).
        id: MessageId,
        /// How it ended.
        outcome: Outcome<M>,
    },
}
