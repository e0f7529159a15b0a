//! What must be true of a hub whatever the model says.

use std::collections::BTreeSet;

use heartline::ConnId;
use heartline::hub::Hub;

use super::act::Act;
use super::plan::{Message, User};

/// What was seen of a hub from outside.
#[derive(Default)]
pub struct Watch {
    /// Who was reported to be online.
    pub online: BTreeSet<User>,
    last_minted: Option<ConnId>,
    closed: BTreeSet<ConnId>,
    aborted: BTreeSet<ConnId>,
    drained: bool,
}

impl Watch {
    pub fn minted(&mut self, conn: ConnId) {
        assert!(self.last_minted.replace(conn) < Some(conn), "ids increase");
    }

    pub fn action(&mut self, hub: &Hub<User, Message>, act: &Act<User, Message>) {
        if let Act::Tagged(_, act) = act {
            return self.action(hub, act);
        }
        let live = |conn: &ConnId| !self.closed.contains(conn) && !self.aborted.contains(conn);
        let is_current = |conn: &ConnId| hub.user_of(*conn).and_then(|user| hub.conn_of(user)) == Some(*conn);
        assert!(
            match act {
                Act::Deliver(conn, from, _) => is_current(conn) && hub.conn_of(from).is_some(),
                Act::Broadcast(conns, from, _) => {
                    let sender = from.and_then(|from| hub.conn_of(&from));
                    let routable = |conn: &ConnId| Some(*conn) != sender && is_current(conn);
                    !conns.is_empty()
                        && conns.iter().all(routable)
                        && conns.iter().collect::<BTreeSet<_>>().len() == conns.len()
                }
                Act::Ended(conn, ..) | Act::LoggedIn(conn, _) | Act::LoginRefused(conn, _) => live(conn),
                Act::Expiring(conn, _) | Act::Missed(conn, _) => live(conn),
                Act::Joined(conn, ..) | Act::JoinRefused(conn, ..) => live(conn),
                Act::UnknownMessage(conn) | Act::Pong(conn) | Act::Ping(conn) => live(conn),
                Act::Close(conn, ..) => live(conn) && self.closed.insert(*conn),
                Act::Tagged(..) => false,
                Act::Abort(conn) => self.aborted.insert(*conn),
                Act::Online(user) => self.online.insert(*user),
                Act::Offline(user) => self.online.remove(user),
                Act::Contested(_) => true,
                Act::Drained => !std::mem::replace(&mut self.drained, true) && hub.connections() == 0,
            },
            "{act:?}"
        );
    }

    /// Checks the hub between two steps.
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
}
