//! What a hub asks its server to do.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::close_code::CloseCode;
use crate::conn::ConnId;

/// One thing to do. Actions are carried out whole and in order.
///
/// Exhaustive on purpose, so that no server misses one; its variants with fields may get more fields.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
pub enum Action<K, M> {
    /// Queue this message for one connection.
    #[non_exhaustive]
    Deliver {
        /// The recipient's connection.
        conn: ConnId,
        /// The name under which the sender is logged in.
        from: K,
        /// The message of the [`Relay`](super::Input::Relay).
        message: M,
    },
    /// Queue this message for each of these connections.
    #[non_exhaustive]
    Broadcast {
        /// The connections of the users online at this step, in the order of the users.
        conns: Vec<ConnId>,
        /// The name under which the sender is logged in; `None` for the server itself.
        from: Option<K>,
        /// The message of the [`Broadcast`](super::Input::Broadcast).
        message: M,
    },
    /// Report to the sender how its message ended.
    #[non_exhaustive]
    Outcome {
        /// The sender's connection.
        conn: ConnId,
        /// The user the message was for; `None` for a broadcast.
        to: Option<K>,
        /// How it ended.
        outcome: Outcome<M>,
    },
    /// Report to the connection that it is logged in.
    #[non_exhaustive]
    LoggedIn {
        /// The connection that asked.
        conn: ConnId,
        /// The user whose connection it is now.
        user: K,
    },
    /// Report to the connection that its login was refused.
    #[non_exhaustive]
    LoginRefused {
        /// The connection that asked.
        conn: ConnId,
        /// What prevents the login.
        reason: LoginRefusal,
    },
    /// Report to the connection that the server does not know its event.
    #[non_exhaustive]
    UnknownEvent {
        /// The connection that sent the event.
        conn: ConnId,
    },
    /// Drop the connection, without a close handshake. Nothing needs to be reported back.
    #[non_exhaustive]
    Abort {
        /// The connection to drop.
        conn: ConnId,
    },
    /// Answer the client's own heartbeat.
    #[non_exhaustive]
    Pong {
        /// The connection that sent the ping.
        conn: ConnId,
    },
    /// Send a ping: a protocol ping, or whatever the application's protocol uses for one.
    #[non_exhaustive]
    Ping {
        /// The connection to ping.
        conn: ConnId,
    },
    /// Send a close frame behind what is queued, then report the end of the connection as
    /// [`Closed`](super::Input::Closed).
    #[non_exhaustive]
    Close {
        /// The connection to close.
        conn: ConnId,
        /// The code for the frame.
        code: CloseCode,
        /// How long the client should stay away, to be put into the frame's reason or another message.
        retry_after: Option<Duration>,
    },
    /// Something to show a person or to write to a log.
    Event(Event<K>),
}

/// Where a message for another user goes. Exhaustive on purpose: each case is to be handled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route<'a, K> {
    /// To be queued for this connection; the sender may be told that it was routed.
    To {
        /// The recipient's connection.
        conn: ConnId,
        /// The name under which the sender is logged in.
        from: &'a K,
    },
    /// The user is not online.
    Offline,
    /// The message is volatile and the user's connection is slow.
    Dropped,
    /// The sender is not logged in.
    NotLoggedIn,
    /// The sender's connection is closing, gone or unknown: nobody is to be told.
    Stale,
}

/// How a message ended. Exhaustive on purpose: a sender has to handle every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome<M> {
    /// It was handed to this number of connections.
    Routed(u32),
    /// The user is not online; here it is.
    Offline(M),
    /// It is volatile and the user's connection is slow; here it is.
    Dropped(M),
    /// The sender is not logged in; here it is.
    NotLoggedIn(M),
}

impl<M> fmt::Display for Outcome<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Routed(1) => formatter.write_str("routed to 1 connection"),
            Self::Routed(connections) => write!(formatter, "routed to {connections} connections"),
            Self::Offline(_) => formatter.write_str("not routed: the user is not online"),
            Self::Dropped(_) => formatter.write_str("dropped: the user's connection is slow"),
            Self::NotLoggedIn(_) => formatter.write_str("not routed: the sender is not logged in"),
        }
    }
}

/// Why a login was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum LoginRefusal {
    /// The user is connected already, and the config says [`Refuse`](super::SecondLogin::Refuse).
    UserOnline,
    /// The connection is another user's already.
    OtherUser,
}

impl fmt::Display for LoginRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UserOnline => "the user is connected already",
            Self::OtherUser => "the connection is another user's",
        })
    }
}

/// Something to show a person or to write to a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Event<K> {
    /// A user who was offline is online. A change of connection within one step is no event.
    Online(K),
    /// A user who was online is offline.
    Offline(K),
    /// After a shutdown, the last connection is gone.
    Drained,
}

impl<K: fmt::Display> fmt::Display for Event<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Online(user) => write!(formatter, "{user} is online"),
            Self::Offline(user) => write!(formatter, "{user} is offline"),
            Self::Drained => formatter.write_str("the last connection is gone"),
        }
    }
}
