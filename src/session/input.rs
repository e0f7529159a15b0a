//! What a driver reports to a session.

use core::time::Duration;

use super::loss::Loss;
use super::message::{MessageId, Outgoing};
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::heartbeat::HeartbeatMode;
use crate::time::Timestamp;

/// What happened, in the world or in the application.
///
/// Every input is legal in every state. One that makes no sense there changes nothing and is counted
/// in [`Stats`](super::stats::Stats).
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
// With a tag of its own: hidden among the values of the message, it would cost every message a dozen instructions.
#[repr(u8)]
pub enum Input<M> {
    /// The application wants to be connected: from `Idle` and `Closed` the session starts anew, from `Waiting` it
    /// dials as soon as `min_dial_gap` allows, during a drain the close is withdrawn, and after the close frame the
    /// session aborts and dials.
    Connect,
    /// The application wants a new connection, because it has new credentials, say, or was asked to go elsewhere: as
    /// `Connect`, but a living connection or dial is aborted and replaced. What lies in its buffers is lost.
    Reconnect,
    /// The WebSocket handshake of this connection succeeded.
    Opened {
        /// The connection, as named by [`Action::Connect`](super::action::Action::Connect).
        conn: ConnId,
    },
    /// The greeting is over: logged in, subscribed, whatever the protocol asks for.
    Ready {
        /// The connection that is ready.
        conn: ConnId,
    },
    /// A data message arrived that is not an answer to the heartbeat. [`Session::received`](super::Session::received)
    /// does the same without moving the message.
    Message {
        /// The connection on which it arrived.
        conn: ConnId,
        /// The message, which comes back as [`Action::Deliver`](super::action::Action::Deliver).
        message: M,
    },
    /// An answer to a ping arrived: a protocol pong, or the application's own text. A protocol pong whose payload is
    /// not one of ours is [`Alive`](Self::Alive).
    Pong {
        /// The connection on which it arrived.
        conn: ConnId,
        /// The token of the ping that it answers, if the answer carries it.
        token: Option<u32>,
    },
    /// Any other proof of life: bytes of an unfinished message, the peer's own ping, a comment in an event stream.
    Alive {
        /// The connection on which it arrived.
        conn: ConnId,
    },
    /// Nothing was read from this connection until now, because the application took nothing, say, so silence means
    /// nothing: every wait for the peer starts anew, without a ping. While nothing is read, report it before each
    /// [`Timer`](Self::Timer), and once more when reading goes on; times to live and drains then end in time, and no
    /// verdict is passed.
    Unread {
        /// The connection that was not read.
        conn: ConnId,
    },
    /// The server says in its own protocol how this connection is to be watched (the handshake of engine.io, STOMP,
    /// centrifuge; Server Keep Alive of MQTT 5). The mode replaces that of the config until the connection ends; in
    /// `Open` the heartbeat starts anew. One outside the ranges of the config is ignored.
    Heartbeat {
        /// The connection to watch that way.
        conn: ConnId,
        /// The mode. `late_tolerance` and `slow_after` stay those of the config.
        mode: HeartbeatMode,
    },
    /// A connection or dial ended, or a close frame arrived: answer the frame and drop the socket, no
    /// [`Abort`](super::action::Action::Abort) follows. Duplicates are harmless.
    Closed {
        /// The connection that ended.
        conn: ConnId,
        /// How it ended. [`Loss::Application`] is for the application, and is answered with
        /// [`Action::Abort`](super::action::Action::Abort).
        loss: Loss,
        /// How long the server asked to stay away: `Retry-After` of a refused dial (RFC 9110 §10.2.3), `retry:` of an
        /// event stream. Capped by `max_retry_after`.
        retry_after: Option<Duration>,
    },
    /// The peer acknowledged an at-least-once message. It names no connection and is no proof of life: report the frame
    /// that carried it as [`Alive`](Self::Alive) too.
    Acked {
        /// The message.
        id: MessageId,
    },
    /// The application no longer wants this message sent.
    Cancel {
        /// The message.
        id: MessageId,
    },
    /// The deadline is due. Early calls are harmless.
    Timer,
    /// The operating system reports that the network changed or came back: a session that waits dials at once, an open
    /// link is pinged.
    NetworkChanged,
    /// The operating system reports that no network is left: until [`NetworkChanged`](Self::NetworkChanged), or until a
    /// dial opens all the same, each retry waits longer by `max_retry_after`. Report it in any state; an open link stays
    /// as long as it lives, and `Connect` and `Reconnect` dial as ever.
    NetworkLost,
    /// The application wants to end the session: refuse new messages, send the rest, close.
    Close {
        /// The code of the close frame.
        code: CloseCode,
        /// How long sending the rest may take.
        within: Duration,
    },
}

impl<M> Input<M> {
    /// An end without a wish of the server's to stay away.
    pub const fn closed(conn: ConnId, loss: Loss) -> Self {
        Self::Closed { conn, loss, retry_after: None }
    }

    /// A close with code 1000.
    pub const fn close_within(within: Duration) -> Self {
        Self::Close { code: CloseCode::NORMAL, within }
    }
}

/// Every call that can change a session, as data: for a recorder, a fuzzer, a model.
///
/// How many actions the driver pulled decides what is owed afterwards, so a log has to keep that too.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Call<M> {
    /// [`Session::handle`](super::Session::handle).
    Handle {
        /// The time of the call.
        now: Timestamp,
        /// The input.
        input: Input<M>,
        /// How many actions were pulled; `None` for all.
        #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
        pulled: Option<u32>,
    },
    /// [`Session::received`](super::Session::received).
    Received {
        /// The time of the call.
        now: Timestamp,
        /// The connection on which the message arrived.
        conn: ConnId,
    },
    /// [`Session::send`](super::Session::send).
    Send {
        /// The time of the call.
        now: Timestamp,
        /// The message.
        outgoing: Outgoing<M>,
    },
    /// [`Session::transmit`](super::Session::transmit).
    Transmit {
        /// The time of the call.
        now: Timestamp,
    },
    /// [`Session::sent`](super::Session::sent).
    Sent {
        /// The time of the call.
        now: Timestamp,
        /// The message that was written.
        id: MessageId,
    },
    /// [`Session::rejected`](super::Session::rejected).
    Rejected {
        /// The time of the call.
        now: Timestamp,
        /// The message that can never be sent.
        id: MessageId,
    },
    /// [`Session::next_action`](super::Session::next_action).
    NextAction,
}
