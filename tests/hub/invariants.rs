//! What must be true of a hub whatever its reference says.

use std::collections::{BTreeMap, BTreeSet};

use heartline::hub::{Action, Event, Hub};
use heartline::{ConnId, Instant};

use crate::arbitrary::User;
use crate::model::Message;

/// Everything that was seen of a hub from outside.
#[derive(Default)]
pub struct Watch {
    last_minted: Option<ConnId>,
    told: BTreeMap<User, bool>,
    closed: BTreeSet<ConnId>,
    aborted: BTreeSet<ConnId>,
    drained: u32,
}

impl Watch {
    pub fn minted(&mut self, conn: ConnId) {
        assert!(self.last_minted < Some(conn), "ids increase");
        self.last_minted = Some(conn);
    }

    /// Looks at one action, when `online` was so at the end of the step.
    pub fn action(&mut self, online: &[(User, ConnId)], action: &Action<User, Message>) {
        let routable = |conn: &ConnId| online.iter().any(|(_, found)| found == conn);
        match action {
            Action::Deliver { conn, from, .. } => {
                assert!(routable(conn), "delivered to {conn}, which is nobody's");
                assert!(online.iter().any(|(user, _)| user == from), "from {from}, who is not online");
            }
            Action::Broadcast { conns, from, .. } => {
                assert!(!conns.is_empty() && conns.iter().all(routable), "broadcast to {conns:?}");
                assert_eq!(conns.iter().collect::<BTreeSet<_>>().len(), conns.len(), "twice to the same");
                let sender = online.iter().find(|(user, _)| Some(*user) == *from);
                assert!(sender.is_none_or(|(_, own)| !conns.contains(own)), "back to the sender");
            }
            Action::Told { conn, .. }
            | Action::LoggedIn { conn, .. }
            | Action::LoginRefused { conn, .. }
            | Action::CannotHandle { conn }
            | Action::Pong { conn }
            | Action::Ping { conn } => {
                assert!(!self.closed.contains(conn) && !self.aborted.contains(conn), "{action:?} after the close");
            }
            Action::Close { conn, .. } => {
                assert!(!self.aborted.contains(conn) && self.closed.insert(*conn), "{conn} is closed again");
            }
            Action::Abort { conn } => assert!(self.aborted.insert(*conn), "{conn} is aborted again"),
            Action::Event(Event::Online(user)) => assert_ne!(self.told.insert(*user, true), Some(true), "{user}"),
            Action::Event(Event::Offline(user)) => assert_eq!(self.told.insert(*user, false), Some(true), "{user}"),
            Action::Event(Event::Drained) => {
                self.drained += 1;
                assert_eq!((self.drained, online.len()), (1, 0), "drained");
            }
        }
    }

    /// Looks at the hub between two steps.
    pub fn hub(&self, hub: &Hub<User, Message>) {
        let conns: BTreeSet<_> = hub.online().map(|(_, conn)| conn).collect();
        assert_eq!(conns.len(), hub.online().len(), "a connection is one user's");
        for (user, conn) in hub.online() {
            assert_eq!((hub.user_of(conn), hub.conn_of(user)), (Some(user), Some(conn)));
        }
        assert!(hub.online().len() + hub.anonymous() <= hub.connections());
        assert!(hub.connections() <= hub.config().max_connections as usize);
        assert!(hub.anonymous() <= hub.config().max_anonymous as usize);
    }

    /// Looks at a hub whose timer was just called and everything pulled: who was told to be online is, and the
    /// next deadline is in the future.
    pub fn settled(&self, hub: &Hub<User, Message>, now: Instant) {
        assert!(hub.deadline().is_none_or(|due| due > now), "{:?} is not after {now:?}", hub.deadline());
        let told = self.told.iter().filter_map(|(user, is)| is.then_some(user));
        assert!(told.eq(hub.online().map(|(user, _)| user)));
    }
}
