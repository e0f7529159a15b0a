//! What the server has not pulled yet.

use alloc::collections::BTreeSet;

use super::presence::Presence;
use crate::conn::ConnId;

/// Everything that is owed, except for what each connection is owed.
#[derive(Clone, Debug)]
pub(super) struct Pending<K> {
    /// Connections that are owed something.
    pub(super) conns: BTreeSet<ConnId>,
    pub(super) presence: Presence<K>,
    /// Users who are online and whose newest login was refused as contested.
    pub(super) contested: BTreeSet<K>,
    pub(super) drained: bool,
}

impl<K: Ord + Clone> Pending<K> {
    pub(super) const fn new() -> Self {
        Self { conns: BTreeSet::new(), presence: Presence::new(), contested: BTreeSet::new(), drained: false }
    }

    pub(super) fn any(&self) -> bool {
        !self.conns.is_empty() || self.presence.any() || !self.contested.is_empty() || self.drained
    }
}

/// What one connection is owed: a set, a bit for each action.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Owed(u8);

impl Owed {
    pub(super) const ABORT: Self = Self(1);
    pub(super) const CLOSE: Self = Self(1 << 1);
    pub(super) const PONG: Self = Self(1 << 2);
    pub(super) const PING: Self = Self(1 << 3);
    pub(super) const EXPIRING: Self = Self(1 << 4);
    pub(super) const MISSED: Self = Self(1 << 5);

    pub(super) const fn any(self) -> bool {
        self.0 != 0
    }

    pub(super) const fn insert(&mut self, one: Self) {
        self.0 |= one.0;
    }

    /// Removes it. Whether it was there.
    pub(super) const fn take(&mut self, one: Self) -> bool {
        let was = self.0 & one.0 != 0;
        self.0 &= !one.0;
        was
    }
}
