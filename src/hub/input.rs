//! What a server reports to its hub.

use alloc::vec::Vec;
use core::time::Duration;

use super::rooms::Room;
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::time::Timestamp;

/// What happened on a connection, or in the server.
///
/// No input does harm at any time. One for a connection that is closing, gone or unknown changes nothing and is
/// counted in [`Stats`](super::Stats); but while it is closing `Closed` completes that, and `Queued` and `Written` count.
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
    /// The client's own heartbeat, which is owed a pong; several before that is pulled get one.
    Ping {
        /// The connection on which it arrived.
        conn: ConnId,
    },
    /// The connection has proved to be this user's. The hub checks no credentials. Again for the same user it renews the
    /// login, until when it is good included.
    Login {
        /// The connection on which the login arrived.
        conn: ConnId,
        /// The user, under whose name the connection sends and receives from now on.
        user: K,
        /// When the login expires, by the clock of the other calls; `None` for never. The connection is told before, and closed
        /// then ([`UNAUTHORIZED`](CloseCode::UNAUTHORIZED)). A moment that has passed is refused.
        until: Option<Timestamp>,
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
        /// How many bytes it will add to what waits for the recipient.
        bytes: u32,
        /// Whether it is dropped rather than queued for a slow connection.
        volatile: bool,
        /// Whatever the server wants back with the outcome, as the sender's own number of the message.
        tag: u64,
    },
    /// A message for everybody online, or in a room.
    Broadcast {
        /// The sender's connection, which is not among the recipients; `None` for the server itself.
        from: Option<ConnId>,
        /// The room, which the sender need not be in; `None` for everybody online.
        room: Option<Room>,
        /// Other users who are not among the recipients.
        except: Vec<K>,
        /// The message, which comes back as [`Action::Broadcast`](super::Action::Broadcast).
        message: M,
        /// How many bytes it will add to what waits for each recipient, and what its sender is charged for each.
        bytes: u32,
        /// Whether it is dropped rather than queued for slow connections.
        volatile: bool,
        /// Whatever the server wants back with the outcome.
        tag: u64,
    },
    /// The connection is to hear what is broadcast to a room, until it leaves or its close is decided. Answered with
    /// [`Joined`](super::Action::Joined), also if it is in the room already, or with
    /// [`JoinRefused`](super::Action::JoinRefused). A newer login of its user does not take its rooms over.
    Join {
        /// The connection.
        conn: ConnId,
        /// The room.
        room: Room,
    },
    /// The connection is to hear no more of a room. Nothing, if it is not in it.
    Leave {
        /// The connection.
        conn: ConnId,
        /// The room.
        room: Room,
    },
    /// An event that the server does not know.
    UnknownMessage {
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
    /// The server is going down: nobody is admitted, every client is asked to come back later, and every connection is
    /// closed. Repeated, it can only end sooner (U12).
    Shutdown {
        /// After how long the connections that remain are aborted, and until when what is queued may go out. With one that
        /// reaches beyond [`Timestamp::MAX`] nothing is ever aborted.
        within: Duration,
        /// The time over which the connections are closed: those that are not logged in at once, the others one after the
        /// other in the order of their ids, each of which works as before until then. One longer than `within` counts as
        /// `within`; with zero all are closed at once.
        pace: Duration,
        /// The time after the end of the pace over which the clients' returns are spread; with zero all return at once. With
        /// [`others_serve`](super::Settings::others_serve) the time after each one's close.
        spread: Duration,
    },
}
