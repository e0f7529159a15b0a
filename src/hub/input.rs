//! What a server reports to its hub.

use alloc::vec::Vec;
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::conn::ConnId;

/// What happened on a connection, or in the server.
///
/// No input does harm at any time. One for a connection that is closing, gone or unknown changes nothing and is
/// counted in [`Stats`](super::Stats), but for `Closed`, which completes a close.
///
/// The inputs that report a frame are proof of life: all that name a connection but `Queued`, `Written`, `Close`
/// and `Closed`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Input<K, M> {
    /// A frame, before what it means is reported; a protocol pong or an answer to the application's ping means nothing
    /// else. It alone is charged to the connection.
    Alive {
        /// The connection on which it arrived.
        conn: ConnId,
        /// The length of its payload.
        bytes: u32,
    },
    /// The client's own heartbeat, which wants an answer.
    Ping {
        /// The connection on which it arrived.
        conn: ConnId,
    },
    /// The connection has proved to be this user's. The hub checks no credentials.
    Login {
        /// The connection on which the login arrived.
        conn: ConnId,
        /// The user, under whose name the connection sends and receives from now on.
        user: K,
    },
    /// A message for another user.
    Relay {
        /// The sender's connection.
        conn: ConnId,
        /// The recipient.
        to: K,
        /// The message, which comes back as [`Action::Deliver`](super::Action::Deliver) or in its
        /// [outcome](super::Action::Outcome).
        message: M,
        /// Whether it is dropped rather than queued for a slow connection.
        volatile: bool,
    },
    /// A message for everybody online.
    Broadcast {
        /// The sender's connection, which is not among the recipients; `None` for the server itself.
        from: Option<ConnId>,
        /// Other users who are not among the recipients.
        except: Vec<K>,
        /// The message, which comes back as [`Action::Broadcast`](super::Action::Broadcast).
        message: M,
        /// What it is charged with for each recipient.
        bytes: u32,
        /// Whether it is dropped rather than queued for slow connections.
        volatile: bool,
    },
    /// An event that the server does not know.
    UnknownEvent {
        /// The connection on which it arrived.
        conn: ConnId,
    },
    /// Bytes were queued for writing to a connection.
    Queued {
        /// The connection they are for.
        conn: ConnId,
        /// The number of bytes.
        bytes: u32,
    },
    /// Bytes that had been queued were written.
    Written {
        /// The connection they are for.
        conn: ConnId,
        /// The number of bytes.
        bytes: u32,
    },
    /// The application wants a connection closed.
    Close {
        /// The connection to close.
        conn: ConnId,
        /// The code for the close frame.
        code: CloseCode,
    },
    /// A connection ended, or a close frame arrived. Duplicates are harmless.
    Closed {
        /// The connection that ended.
        conn: ConnId,
    },
    /// The deadline has come. Early calls are harmless.
    Timer,
    /// The server is going down: every client is asked to come back later, and every connection is closed.
    Shutdown {
        /// How long the close handshakes may take before the remaining connections are aborted.
        within: Duration,
        /// The time over which the clients' returns are spread.
        spread: Duration,
    },
}
