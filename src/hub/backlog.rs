//! What waits to be written to all connections, and who missed what because of it.

use alloc::collections::{BTreeMap, BTreeSet};

use super::slots::MOST;
use crate::conn::ConnId;
use crate::time::Deadline;

/// How many bytes are counted for one connection at most, so that the sum over all of them fits: 16 TiB.
pub(super) const MOST_UNWRITTEN: u64 = u64::MAX / MOST as u64;

#[derive(Clone, Debug)]
pub(super) struct Backlog {
    /// The unwritten bytes of all connections.
    total: u64,
    /// `total_budget`.
    budget: u64,
    /// When the hub has been over its budget for too long; never while it is not.
    pub(super) until: Deadline,
    /// How many connections are slow.
    slow: u32,
    /// Of how many messages each connection was left out that is to be told of it. Most connections have no entry.
    missed: BTreeMap<ConnId, u64>,
    /// Those of them that wait only for the hub to be within its budget.
    held: BTreeSet<ConnId>,
}

impl Backlog {
    pub(super) const fn new(budget: u64) -> Self {
        Self { total: 0, budget, until: Deadline::NEVER, slow: 0, missed: BTreeMap::new(), held: BTreeSet::new() }
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    /// Whether more waits than may.
    #[inline(always)]
    pub(super) const fn is_over(&self) -> bool {
        self.total > self.budget
    }

    /// Whether `bytes` are no more than may wait.
    pub(super) const fn fits(&self, bytes: u64) -> bool {
        bytes <= self.budget
    }

    /// Whether something is waited for that clients would have to do: to read.
    pub(super) const fn waits(&self) -> bool {
        self.slow > 0 || self.is_over()
    }

    /// More waits. True if that is now more than may.
    pub(super) fn grow(&mut self, bytes: u64) -> bool {
        let before = self.is_over();
        self.total = self.total.saturating_add(bytes);
        !before && self.is_over()
    }

    /// Less waits. Who is to be told now of what it missed.
    pub(super) fn shrink(&mut self, bytes: u64) -> BTreeSet<ConnId> {
        self.total = self.total.saturating_sub(bytes);
        if self.is_over() {
            return BTreeSet::new();
        }
        self.until = Deadline::NEVER;
        core::mem::take(&mut self.held)
    }

    pub(super) fn slower(&mut self) {
        self.slow = self.slow.saturating_add(1);
    }

    pub(super) fn faster(&mut self) {
        self.slow = self.slow.saturating_sub(1);
    }

    pub(super) fn miss(&mut self, conn: ConnId) {
        let missed = self.missed.entry(conn).or_default();
        *missed = missed.saturating_add(1);
    }

    /// Whether a connection that is not slow is to be told of what it missed; otherwise later, if it missed anything.
    pub(super) fn tells(&mut self, conn: ConnId) -> bool {
        if !self.missed.contains_key(&conn) {
            return false;
        }
        let over = self.is_over();
        if over {
            self.held.insert(conn);
        }
        !over
    }

    /// How many messages a connection has missed, which is then told.
    pub(super) fn told(&mut self, conn: ConnId) -> Option<u64> {
        self.missed.remove(&conn)
    }

    /// Nothing is to be told to this connection any more.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.missed.remove(&conn);
        self.held.remove(&conn);
    }
}
