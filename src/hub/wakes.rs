//! When connections want the timer.

use alloc::collections::BinaryHeap;
use core::cmp::Reverse;
use core::mem::take;

use crate::conn::ConnId;
use crate::time::Timestamp;

/// A heap, which is half as large as a tree. What no longer holds stays in it until it comes first, or until there is
/// too much of it.
#[derive(Clone, Debug)]
pub(super) struct Wakes(BinaryHeap<Reverse<(Timestamp, ConnId)>>);

/// How many entries more than connections there may be, but for an eighth of these.
const SPARE: usize = 16;

impl Wakes {
    pub(super) const fn new() -> Self {
        Self(BinaryHeap::new())
    }

    /// The next moment. It holds, if [`tidy`](Self::tidy) was called since the latest change.
    pub(super) fn first(&self) -> Option<Timestamp> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(super) fn pop_first(&mut self) -> Option<ConnId> {
        self.0.pop().map(|Reverse((_, conn))| conn)
    }

    pub(super) fn insert(&mut self, at: Timestamp, conn: ConnId) {
        if self.0.len() == self.0.capacity() {
            self.0.reserve_exact(self.0.len() / 8 + SPARE);
        }
        self.0.push(Reverse((at, conn)));
    }

    /// Drops what no longer holds from the front, and everywhere if there is more than the connections explain.
    pub(super) fn tidy(&mut self, conns: usize, holds: impl Fn(Timestamp, ConnId) -> bool) {
        while self.0.peek().is_some_and(|Reverse((at, conn))| !holds(*at, *conn)) {
            self.0.pop();
        }
        if self.0.len() > conns + conns / 8 + SPARE {
            let mut all = take(&mut self.0).into_vec();
            all.retain(|Reverse((at, conn))| holds(*at, *conn));
            all.sort_unstable();
            all.dedup();
            self.0 = all.into();
        }
        if self.0.capacity() > 4 * (self.0.len() + SPARE) {
            self.0.shrink_to(2 * self.0.len());
        }
    }
}
