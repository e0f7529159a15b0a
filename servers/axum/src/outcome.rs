//! What becomes of messages.

use heartline::hub::JoinRefusal;

/// Why a message was not handed to a connection. Exhaustive on purpose: each case may want another answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum SendError {
    /// So much waits to be written to the recipient, or to all connections, that there is no room for it.
    #[error("too much waits to be written")]
    Full,
    /// The user is not online: it was certainly delivered to nobody.
    #[error("the user is not online")]
    Offline,
    /// The user is on another node, which did not report the outcome within
    /// [`relay_timeout`](heartline::directory::Settings::relay_timeout). The message may have arrived, and may still arrive, once; if it is sent
    /// again, the recipient may get it twice.
    #[error("it is not known whether the message was delivered")]
    Unknown,
    /// It is volatile, and the recipient is slow.
    #[error("the recipient is slow")]
    Dropped,
    /// The sender is not logged in.
    #[error("the sender is not logged in")]
    NotLoggedIn,
    /// The connection is closing or gone: the sender's, or that of a reply.
    #[error("the connection is closed")]
    Closed,
    /// The codec made a frame of it that may not be sent: it is neither text nor binary, or over
    /// [`max_outbound_message`](crate::FrameLimits::max_outbound_message).
    #[error("the message cannot be sent as a frame")]
    Unsendable,
}

/// To whom a broadcast was handed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub struct Reach {
    /// To how many connections.
    pub reached: u32,
    /// How many were left out: slow for a volatile message, or full. Only of messages that are not volatile they learn, by
    /// [`Notice::Missed`](crate::Notice::Missed).
    pub missed: u32,
}

/// Why a connection is not in a room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum NotJoined {
    /// The hub refused it.
    #[error("{0}")]
    Refused(JoinRefusal),
    /// The hub refused it as another one shortly before, and does not repeat why: see
    /// [`reply_gap`](heartline::hub::Settings::reply_gap).
    #[error("refused again")]
    Repeated,
    /// The connection is closing or gone.
    #[error("the connection is closed")]
    Closed,
}
