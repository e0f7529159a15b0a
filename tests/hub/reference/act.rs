//! Actions that a test can write down. Those of the crate may get more fields, so only a hub can make them.

use std::time::Duration;

use heartline::ConnId;
use heartline::hub::{Action, Event, LoginRefusal, Outcome};

#[derive(Clone, PartialEq, Debug)]
pub enum Act<K, M> {
    Deliver(ConnId, K, M),
    Broadcast(Vec<ConnId>, Option<K>, M),
    /// The outcome of a message, for its sender.
    Ended(ConnId, Option<K>, Outcome<M>),
    LoggedIn(ConnId, K),
    LoginRefused(ConnId, LoginRefusal),
    UnknownEvent(ConnId),
    Abort(ConnId),
    Pong(ConnId),
    Ping(ConnId),
    Close(ConnId, u16, Option<Duration>),
    Online(K),
    Offline(K),
    Drained,
}

impl<K, M> From<Action<K, M>> for Act<K, M> {
    fn from(action: Action<K, M>) -> Self {
        match action {
            Action::Deliver { conn, from, message, .. } => Self::Deliver(conn, from, message),
            Action::Broadcast { conns, from, message, .. } => Self::Broadcast(conns, from, message),
            Action::Outcome { conn, to, outcome, .. } => Self::Ended(conn, to, outcome),
            Action::LoggedIn { conn, user, .. } => Self::LoggedIn(conn, user),
            Action::LoginRefused { conn, reason, .. } => Self::LoginRefused(conn, reason),
            Action::UnknownEvent { conn, .. } => Self::UnknownEvent(conn),
            Action::Abort { conn, .. } => Self::Abort(conn),
            Action::Pong { conn, .. } => Self::Pong(conn),
            Action::Ping { conn, .. } => Self::Ping(conn),
            Action::Close { conn, code, retry_after, .. } => Self::Close(conn, code.get(), retry_after),
            Action::Event(Event::Online(user)) => Self::Online(user),
            Action::Event(Event::Offline(user)) => Self::Offline(user),
            Action::Event(Event::Drained) => Self::Drained,
            Action::Event(_) => panic!("an event that the tests do not know"),
        }
    }
}
