//! What a server says to its hub, and what it hears.

use alloc::vec::Vec;
use core::time::Duration;

use crate::input::ConnId;
use crate::loss::CloseCode;

/// What happened. Every input is legal at any time; one that speaks of a connection that is closing or
/// gone changes nothing and is counted.
///
/// Every input that stands for a frame is a proof of life: all that name a connection but `Queued`, `Written`,
/// `Close` and `Closed`.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input<K, M> {
    /// A frame that means nothing more: a protocol pong, an answer to the application's ping.
    Alive {
        /// From which connection.
        conn: ConnId,
    },
    /// The client's own heartbeat, which wants an answer.
    Ping {
        /// From which connection.
        conn: ConnId,
    },
    /// The connection proved to be this user's.
    Login {
        /// Which connection.
        conn: ConnId,
        /// Whose it is.
        user: K,
    },
    /// A message for another user.
    Relay {
        /// From which connection.
        conn: ConnId,
        /// For whom.
        to: K,
        /// What.
        message: M,
        /// Whether it may be dropped rather than pile up at a slow consumer.
        volatile: bool,
    },
    /// A message for everybody online.
    Broadcast {
        /// From which connection, which is not among the recipients; `None` for the server itself.
        from: Option<ConnId>,
        /// Who else is not.
        except: Vec<K>,
        /// What.
        message: M,
        /// Whether it may be dropped rather than pile up at slow consumers.
        volatile: bool,
    },
    /// An event that the server does not know.
    Unknown {
        /// From which connection.
        conn: ConnId,
    },
    /// So many bytes were queued for writing to the connection.
    Queued {
        /// Which connection.
        conn: ConnId,
        /// How many.
        bytes: u32,
    },
    /// So many of them were written.
    Written {
        /// Which connection.
        conn: ConnId,
        /// How many.
        bytes: u32,
    },
    /// The application wants a connection closed.
    Close {
        /// Which one.
        conn: ConnId,
        /// With what code.
        code: CloseCode,
    },
    /// A connection ended, or a close frame arrived. Reported as often as the driver likes.
    Closed {
        /// Which one.
        conn: ConnId,
    },
    /// The deadline came.
    Timer,
    /// The server is going down: tell everybody to come back, spread over `spread`, and close.
    Shutdown {
        /// How long the close handshakes may take before the rest is aborted.
        within: Duration,
        /// Over which time the clients are asked to come back.
        spread: Duration,
    },
}

/// One thing to do, whole and in order.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Action<K, M> {
    /// Queue this message for one connection.
    Deliver {
        /// For which one.
        conn: ConnId,
        /// The registered name of the sender.
        from: K,
        /// What.
        message: M,
    },
    /// Queue this message for each of these connections.
    Broadcast {
        /// For which ones: those of the users online at this step, by user.
        conns: Vec<ConnId>,
        /// The registered name of the sender; `None` for the server itself.
        from: Option<K>,
        /// What.
        message: M,
    },
    /// Tell the sender what became of its message.
    Told {
        /// The sender.
        conn: ConnId,
        /// Whom the message was for; `None` for a broadcast.
        to: Option<K>,
        /// What became of it.
        fate: Fate<M>,
    },
    /// Tell the connection that it is logged in.
    LoggedIn {
        /// Which one.
        conn: ConnId,
        /// As whom.
        user: K,
    },
    /// Tell the connection that it is not.
    LoginRefused {
        /// Which one.
        conn: ConnId,
        /// Why.
        reason: LoginRefusal,
    },
    /// Tell the connection that its event cannot be handled.
    CannotHandle {
        /// Which one.
        conn: ConnId,
    },
    /// Drop the connection, without a close handshake. Nothing needs to be reported back.
    Abort {
        /// Which one.
        conn: ConnId,
    },
    /// Answer the client's heartbeat.
    Pong {
        /// Which one.
        conn: ConnId,
    },
    /// Ping the client.
    Ping {
        /// Which one.
        conn: ConnId,
    },
    /// Send a close frame behind what is queued, then report `Closed`.
    Close {
        /// Which one.
        conn: ConnId,
        /// With what code.
        code: CloseCode,
        /// When the client is to come back, if it is told; in the frame's reason, say.
        retry_after: Option<Duration>,
    },
    /// Something to tell a person or a log.
    Event(Event<K>),
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Fate<M> {
    /// Handed to so many connections.
    Routed(u32),
    /// The user is not online; here it is.
    Offline(M),
    /// It was volatile and the user's connection is slow; here it is.
    Dropped(M),
    /// The sender is anonymous; here it is.
    NotLoggedIn(M),
}

/// Why a login was refused.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum LoginRefusal {
    /// The user is connected already, and the config says [`Reject`](super::SecondLogin::Reject).
    UserOnline,
    /// The connection is another user's already.
    OtherUser,
}

/// Something worth telling a person or a log.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Event<K> {
    /// A user who was offline is online. A change of connection in one step is no event.
    Online(K),
    /// A user who was online is offline.
    Offline(K),
    /// After a shutdown, the last connection is gone.
    Drained,
}

/// What a hub has counted. Every counter stops at `u32::MAX`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stats {
    /// Connections admitted.
    pub admitted: u32,
    /// Connections denied.
    pub denied: u32,
    /// Logins that registered a user.
    pub logins: u32,
    /// Logins refused.
    pub logins_refused: u32,
    /// Connections replaced by a newer login.
    pub superseded: u32,
    /// Messages routed, one for each recipient.
    pub routed: u32,
    /// Messages for users who were not online.
    pub offline: u32,
    /// Volatile messages that were not routed to a slow consumer.
    pub dropped: u32,
    /// Connections closed because they never logged in.
    pub closed_anonymous: u32,
    /// Connections closed because they showed no life.
    pub closed_silent: u32,
    /// Connections closed because they did not read.
    pub closed_slow: u32,
    /// Pings sent.
    pub pings: u32,
    /// Verdicts of silence that came too late to be believed.
    pub slept: u32,
    /// Replies that were not given because of `reply_gap`.
    pub unanswered: u32,
    /// Inputs for connections that were closing or gone: nothing changed.
    pub stale: u32,
    /// Inputs that name what never was, or make no sense: nothing changed.
    pub ignored: u32,
    /// Answers and messages that nobody pulled.
    pub undelivered: u32,
}
