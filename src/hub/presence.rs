//! Who is to be reported as online and as offline.

use alloc::collections::{BTreeMap, BTreeSet};

use super::action::{Cause, Event};
use crate::conn::ConnId;
use crate::merge::{Counted, Merge};
use crate::time::{Deadline, Timestamp};

/// The difference between who is online and who was reported to be. What was reported changes only when an event is
/// pulled, so that the events of one user alternate: whoever is online was reported unless arrived, whoever is not was
/// reported if leaving or departed.
#[derive(Clone, Debug)]
pub(super) struct Presence<K> {
    /// Online, but not reported to be.
    arrived: BTreeSet<K>,
    /// Reported to be online, but not, and the grace is running.
    leaving: BTreeMap<K, Leaving>,
    /// The same, in the order in which the graces end.
    graces: BTreeMap<(Timestamp, ConnId), K>,
    /// Reported to be online, but not, and the grace is over.
    departed: BTreeMap<K, (ConnId, Cause)>,
}

#[derive(Clone, Copy, Debug)]
struct Leaving {
    conn: ConnId,
    cause: Cause,
    /// The end of the grace.
    until: Deadline,
}

impl<K: Ord + Clone> Presence<K> {
    pub(super) const fn new() -> Self {
        Self { arrived: BTreeSet::new(), leaving: BTreeMap::new(), graces: BTreeMap::new(), departed: BTreeMap::new() }
    }

    /// Somebody who was not online is.
    pub(super) fn arrives(&mut self, user: &K) {
        let left = self.leaving.remove(user);
        if let Some(left) = left {
            self.graces.remove(&(left.until.instant(), left.conn));
        }
        if left.is_none() && self.departed.remove(user).is_none() {
            self.arrived.insert(user.clone());
        }
    }

    /// Somebody who was online is not. `until` is the end of the grace, if there is one.
    pub(super) fn departs(&mut self, user: K, conn: ConnId, cause: Cause, until: Option<Deadline>) {
        if self.arrived.remove(&user) {
            return;
        }
        match until {
            None => _ = self.departed.insert(user, (conn, cause)),
            Some(until) => {
                self.graces.insert((until.instant(), conn), user.clone());
                self.leaving.insert(user, Leaving { conn, cause, until });
            }
        }
    }

    /// How many users are in their grace.
    pub(super) fn leaving(&self) -> usize {
        self.leaving.len()
    }

    /// When the next grace ends.
    pub(super) fn deadline(&self) -> Deadline {
        self.graces.first_key_value().map_or(Deadline::NEVER, |((until, _), _)| Deadline::at(*until))
    }

    /// Ends the grace that ends next.
    pub(super) fn end_grace(&mut self) {
        let Some((_, user)) = self.graces.pop_first() else { return };
        if let Some(left) = self.leaving.remove(&user) {
            self.departed.insert(user, (left.conn, left.cause));
        }
    }

    /// Every grace ends at this moment instead.
    pub(super) fn restart_graces(&mut self, until: Deadline) {
        self.graces.clear();
        for (user, left) in &mut self.leaving {
            left.until = until;
            self.graces.insert((until.instant(), left.conn), user.clone());
        }
    }

    /// Whether there is something to report.
    pub(super) fn any(&self) -> bool {
        !self.arrived.is_empty() || !self.departed.is_empty()
    }

    /// Those who were reported to be online, in order; `online` is who is.
    pub(super) fn reported<'a>(&'a self, online: &'a BTreeMap<K, ConnId>) -> impl ExactSizeIterator<Item = &'a K> {
        let here = online.keys().filter(|user| !self.arrived.contains(*user));
        let length = online.len() + self.leaving.len() + self.departed.len() - self.arrived.len();
        Counted(Merge::new(Merge::new(here, self.leaving.keys()), self.departed.keys()), length)
    }

    /// Departures come first. Otherwise a caller who pulls one event at a time would let them pile up without end.
    pub(super) fn pop(&mut self, online: &BTreeMap<K, ConnId>) -> Option<Event<K>> {
        if let Some((user, (conn, cause))) = self.departed.pop_first() {
            return Some(Event::Offline { user, conn, cause });
        }
        let user = self.arrived.pop_first()?;
        let conn = *online.get(&user)?;
        Some(Event::Online { user, conn })
    }
}
