//! What the server has not pulled yet.

use alloc::collections::BTreeSet;

use super::action::Event;
use crate::conn::ConnId;

/// Everything that is owed, except for what each connection is owed.
#[derive(Clone, Debug)]
pub(super) struct Pending<K> {
    /// Connections that are owed something.
    pub(super) conns: BTreeSet<ConnId>,
    pub(super) presence: Presence<K>,
    pub(super) drained: bool,
}

impl<K: Ord + Clone> Pending<K> {
    pub(super) const fn new() -> Self {
        let presence = Presence { reported: BTreeSet::new(), arrived: BTreeSet::new(), departed: BTreeSet::new() };
        Self { conns: BTreeSet::new(), presence, drained: false }
    }

    pub(super) fn any(&self) -> bool {
        !self.conns.is_empty() || self.presence.any() || self.drained
    }
}

/// What one connection is owed.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Owed {
    pub(super) abort: bool,
    pub(super) close: bool,
    pub(super) pong: bool,
    pub(super) ping: bool,
}

impl Owed {
    pub(super) fn any(self) -> bool {
        self.abort | self.close | self.pong | self.ping
    }
}

/// Who was reported to be online, and what is still to be reported.
#[derive(Clone, Debug)]
pub(super) struct Presence<K> {
    /// Changes only when an event is pulled, so that the events of one user alternate.
    reported: BTreeSet<K>,
    /// Online, but not reported to be.
    arrived: BTreeSet<K>,
    /// Reported to be online, but not.
    departed: BTreeSet<K>,
}

impl<K: Ord + Clone> Presence<K> {
    pub(super) fn set(&mut self, user: &K, online: bool) {
        self.arrived.remove(user);
        self.departed.remove(user);
        match (online, self.reported.contains(user)) {
            (true, false) => _ = self.arrived.insert(user.clone()),
            (false, true) => _ = self.departed.insert(user.clone()),
            (true, true) | (false, false) => {}
        }
    }

    fn any(&self) -> bool {
        !self.arrived.is_empty() || !self.departed.is_empty()
    }

    /// Departures come first. Otherwise a caller who pulls one event at a time would let them pile up without end.
    pub(super) fn pop(&mut self) -> Option<Event<K>> {
        if let Some(user) = self.departed.pop_first() {
            self.reported.remove(&user);
            return Some(Event::Offline(user));
        }
        let user = self.arrived.pop_first()?;
        self.reported.insert(user.clone());
        Some(Event::Online(user))
    }
}
