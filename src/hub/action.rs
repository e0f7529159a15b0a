//! What a hub asks its server to do.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::rooms::Room;
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
        /// The connections of the users online at this step in the order of the users, or those in the room in the order of
        /// their ids.
        conns: Vec<ConnId>,
        /// The name under which the sender is logged in; `None` for the server itself.
        from: Option<K>,
        /// The room it is for; `None` for everybody.
        room: Option<Room>,
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
        /// The tag of the message.
        tag: u64,
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
        /// After how long another attempt may succeed, where one will: for [`Contested`](LoginRefusal::Contested).
        retry_after: Option<Duration>,
    },
    /// Report to the connection that its login expires: the client is to log in again before that.
    #[non_exhaustive]
    Expiring {
        /// The connection whose login expires.
        conn: ConnId,
        /// How long the login is still good.
        expires_in: Duration,
    },
    /// Report to the connection that it has joined a room, or was in it already.
    #[non_exhaustive]
    Joined {
        /// The connection that asked.
        conn: ConnId,
        /// The room.
        room: Room,
        /// How many connections are in it, this one included.
        members: u32,
    },
    /// Report to the connection that it was not let into a room.
    #[non_exhaustive]
    JoinRefused {
        /// The connection that asked.
        conn: ConnId,
        /// The room.
        room: Room,
        /// What prevents it.
        reason: JoinRefusal,
    },
    /// Report to the connection that it was left out of broadcasts that are not volatile, because too much waited to be
    /// written to it or to all.
    #[non_exhaustive]
    Missed {
        /// The connection that was left out.
        conn: ConnId,
        /// Of how many messages, since the last such report.
        messages: u64,
    },
    /// Report to the connection that the server does not know its event.
    #[non_exhaustive]
    UnknownMessage {
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
        /// How long the client should stay away, in whole milliseconds and at most 49 days, to be put into the frame's reason or
        /// another message.
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
    /// So much waits to be written to the user's connection that the message would exceed its budget; or to all, that the
    /// hub's is exceeded.
    Full,
    /// The user is not online.
    Offline,
    /// The message is volatile and the user's connection is slow.
    Dropped,
    /// The sender is not logged in.
    NotLoggedIn,
    /// The sender's connection is closing, gone or unknown: nobody is to be told.
    Stale,
}

/// Why a message goes to nobody.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Undelivered {
    /// So much waits to be written to the user's connection that the message would exceed its budget; or to all, that the
    /// hub's is exceeded.
    Full,
    /// The user is not online.
    Offline,
    /// The message is volatile and the user's connection is slow.
    Dropped,
}

/// How a message ended. Exhaustive on purpose: a sender has to handle every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome<M> {
    /// It was handed to the user's connection.
    Routed,
    /// A broadcast was handed to those who were to hear it, but for the slow and the full.
    Broadcast {
        /// To how many connections it was handed.
        reached: u32,
        /// How many were left out: slow for a volatile message, or full.
        missed: u32,
    },
    /// So much waits to be written to the user's connection that it would exceed the budget; or to all, that the hub's is
    /// exceeded. Here it is.
    Full(M),
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
            Self::Routed => formatter.write_str("routed"),
            Self::Broadcast { reached, missed } => write!(formatter, "broadcast: reached {reached}, missed {missed}"),
            Self::Full(_) => formatter.write_str("not routed: too much waits to be written"),
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
    /// The login had expired before it was reported.
    Expired,
    /// Too many connections of this user have replaced each other lately; see
    /// [`Settings::supersede_limit`](super::Settings::supersede_limit).
    Contested,
}

impl fmt::Display for LoginRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::UserOnline => "the user is connected already",
            Self::OtherUser => "the connection is another user's",
            Self::Expired => "the login has expired",
            Self::Contested => "the user's connections replace each other too often",
        })
    }
}

/// Why a connection was not let into a room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum JoinRefusal {
    /// The connection is not logged in.
    NotLoggedIn,
    /// The name is empty or longer than [`Settings::max_room_name`](super::Settings::max_room_name).
    InvalidName,
    /// The connection is in [`Settings::max_rooms_per_connection`](super::Settings::max_rooms_per_connection) rooms.
    ConnectionLimit,
    /// There are [`Settings::max_rooms`](super::Settings::max_rooms) rooms.
    HubLimit,
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotLoggedIn => "the connection is not logged in",
            Self::InvalidName => "the name is empty or too long",
            Self::ConnectionLimit => "the connection is in too many rooms",
            Self::HubLimit => "there are too many rooms",
        })
    }
}

/// What ended a user's connection.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Cause {
    /// The client closed it, or the network did.
    Ended,
    /// The hub closed it, with this code.
    Closed(CloseCode),
    /// The shutdown ran out of time, and dropped it.
    Aborted,
}

impl fmt::Display for Cause {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => formatter.write_str("the connection ended"),
            Self::Closed(code) => write!(formatter, "closed with {code}"),
            Self::Aborted => formatter.write_str("aborted"),
        }
    }
}

/// Something to show a person or to write to a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields))]
#[non_exhaustive]
pub enum Event<K> {
    /// A user who was offline is online. A change of connection within one step is no event.
    Online {
        /// The user.
        user: K,
        /// The user's connection when this was pulled.
        conn: ConnId,
    },
    /// A user who was online is offline, and has been for [`Settings::offline_grace`](super::Settings::offline_grace).
    Offline {
        /// The user.
        user: K,
        /// The last connection.
        conn: ConnId,
        /// What ended it.
        cause: Cause,
    },
    /// A login was refused as [`Contested`](LoginRefusal::Contested). Several before this was pulled are one event.
    Contested(K),
    /// After a shutdown, the last connection is gone.
    Drained,
}

impl<K: fmt::Display> fmt::Display for Event<K> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Online { user, .. } => write!(formatter, "{user} is online"),
            Self::Offline { user, cause, .. } => write!(formatter, "{user} is offline: {cause}"),
            Self::Contested(user) => write!(formatter, "connections of {user} replace each other too often"),
            Self::Drained => formatter.write_str("the last connection is gone"),
        }
    }
}
