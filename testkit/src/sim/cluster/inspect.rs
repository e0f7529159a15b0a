//! The checks of each node that are made every 250 ms.

use std::time::Duration;

use heartline::directory::User;

use super::node::Node;
use super::simulation::Cluster;

/// How late a simulated node may find a deadline that has come.
pub(super) const LATE: Duration = Duration::from_millis(500);

impl Cluster {
    /// What must hold for each node at any time.
    pub(super) fn inspect(&mut self) {
        let now = self.now();
        let mut found = Vec::new();
        for site in &self.sites {
            let site = site.borrow();
            if let Some(node) = site.running().filter(|_| !site.suspended) {
                found.extend(self.misplaced(node).map(|(user, what)| ("D3", Some(user), what)));
                let due = node.directory().deadline().map(|at| at.saturating_since(now));
                if due.is_none_or(|due| due > node.directory().config().hello) {
                    found.push(("P4", None, format!("node {} has no deadline for its next hello", site.port)));
                }
                let patience = node.directory().config().relay_timeout + LATE;
                let late = |asked: &&(_, _)| now.saturating_since(site.awake.max(asked.0)) > patience;
                if site.asked.values().any(|asked| late(&asked)) {
                    found.push(("D13", None, format!("node {} does not answer who is in a room", site.port)));
                }
            }
        }
        let mut shared = self.common.borrow_mut();
        for (clause, about, what) in found {
            shared.ledger.violated(clause, about.as_ref(), what);
        }
        shared.ledger.bounded(self.settings.directory.max_relays as usize);
        // It may be sent once more.
        let patience = 2 * self.settings.directory.relay_timeout + LATE;
        shared.ledger.overdue(patience, |life| {
            let site = self.sites[life.0].borrow();
            let runs = site.life == life && !site.suspended && site.running().is_some();
            runs.then_some(site.awake)
        });
    }

    /// A user is connected to a hub if and only if its directory knows the user to be there.
    fn misplaced(&self, node: &Node) -> Option<(User, String)> {
        let directory = node.directory();
        let known = |user: &User| directory.node_of(user) == Some(directory.node());
        let mut users = self.seats.iter().map(|seat| &seat.user);
        let user = users.find(|user| known(user) != node.hub().conn_of(user).is_some())?;
        let what =
            format!("{}: the hub serves {user}: {}, the directory {}", directory.node(), !known(user), known(user));
        Some((user.clone(), what))
    }
}
