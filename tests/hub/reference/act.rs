//! Actions that a test can write down. Those of the crate may get more fields, so only a hub can make them.

use std::time::Duration;

use heartline::ConnId;
use heartline::hub::{Action, Event, JoinRefusal, LoginRefusal, Outcome, Room};

#[derive(Clone, PartialEq, Debug)]
pub enum Act<K, M> {
    Deliver(ConnId, K, M),
    Broadcast(Vec<ConnId>, Option<K>, M),
    /// The outcome of a message, for its sender.
    Ended(ConnId, Option<K>, Outcome<M>),
    /// The same of a message with a tag other than 0.
    Tagged(u64, Box<Self>),
    LoggedIn(ConnId, K),
    LoginRefused(ConnId, LoginRefusal),
    Expiring(ConnId, Duration),
    Joined(ConnId, Room, u32),
    JoinRefused(ConnId, Room, JoinRefusal),
    Missed(ConnId, u64),
    UnknownMessage(ConnId),
    Abort(ConnId),
    Pong(ConnId),
    Ping(ConnId),
    Close(ConnId, u16, Option<Duration>),
    Online(K),
    Offline(K),
    Contested(K),
    Drained,
}

impl<K, M> Act<K, M> {
    pub fn ended(conn: ConnId, to: Option<K>, tag: u64, outcome: Outcome<M>) -> Self {
        let ended = Self::Ended(conn, to, outcome);
        if tag == 0 { ended } else { Self::Tagged(tag, Box::new(ended)) }
    }
}

impl<K, M> From<Action<K, M>> for Act<K, M> {
    fn from(action: Action<K, M>) -> Self {
        match action {
            Action::Deliver { conn, from, message, .. } => Self::Deliver(conn, from, message),
            Action::Broadcast { conns, from, message, .. } => Self::Broadcast(conns, from, message),
            Action::Outcome { conn, to, tag, outcome, .. } => Self::ended(conn, to, tag, outcome),
            Action::LoggedIn { conn, user, .. } => Self::LoggedIn(conn, user),
            Action::LoginRefused { conn, reason, .. } => Self::LoginRefused(conn, reason),
            Action::Expiring { conn, expires_in, .. } => Self::Expiring(conn, expires_in),
            Action::Joined { conn, room, members, .. } => Self::Joined(conn, room, members),
            Action::JoinRefused { conn, room, reason, .. } => Self::JoinRefused(conn, room, reason),
            Action::Missed { conn, messages, .. } => Self::Missed(conn, messages),
            Action::UnknownMessage { conn, .. } => Self::UnknownMessage(conn),
            Action::Abort { conn, .. } => Self::Abort(conn),
            Action::Pong { conn, .. } => Self::Pong(conn),
            Action::Ping { conn, .. } => Self::Ping(conn),
            Action::Close { conn, code, retry_after, .. } => Self::Close(conn, code.get(), retry_after),
            Action::Event(Event::Online { user, .. }) => Self::Online(user),
            Action::Event(Event::Offline { user, .. }) => Self::Offline(user),
            Action::Event(Event::Contested(user)) => Self::Contested(user),
            Action::Event(Event::Drained) => Self::Drained,
            Action::Event(_) => panic!("an event that the tests do not know"),
        }
    }
}
