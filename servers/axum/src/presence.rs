//! Who came and who went, in windows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use heartline::{ConnId, Timestamp};

/// What watchers are told at the end of a window, and who they are.
pub(crate) struct Presence<U> {
    window: Duration,
    /// How many users a newcomer is told of.
    cap: usize,
    /// Users whose state is not what it was at the end of the last window.
    changes: BTreeMap<U, bool>,
    pub(crate) watchers: BTreeSet<ConnId>,
    /// Those that are to learn who is online.
    newcomers: BTreeSet<ConnId>,
    number: u64,
    /// When the next window may end.
    next: Timestamp,
}

/// What there is to tell at the end of a window.
pub(crate) struct Window<U> {
    pub(crate) number: u64,
    pub(crate) came: Vec<U>,
    pub(crate) went: Vec<U>,
    pub(crate) users: Vec<U>,
    pub(crate) count: usize,
    pub(crate) watchers: Vec<ConnId>,
    pub(crate) newcomers: Vec<ConnId>,
}

impl<U> Window<U> {
    /// The same under other names; who has none is left out, and counted.
    pub(crate) fn renamed<V>(self, name: impl Fn(&U) -> Option<V>) -> Window<V> {
        let Self { number, came, went, users, count, watchers, newcomers } = self;
        let [came, went, users] = [came, went, users].map(|users| users.iter().filter_map(&name).collect());
        Window { number, came, went, users, count, watchers, newcomers }
    }
}

impl<U: Ord + Clone> Presence<U> {
    pub(crate) fn new(window: Duration, cap: usize) -> Self {
        Self {
            window,
            cap,
            changes: BTreeMap::new(),
            watchers: BTreeSet::new(),
            newcomers: BTreeSet::new(),
            number: 0,
            next: Timestamp::ORIGIN,
        }
    }

    /// Somebody came or went; within one window both is nothing. Without watchers nothing is kept.
    pub(crate) fn changed(&mut self, user: U, online: bool) {
        if self.watchers.is_empty() {
            return;
        }
        if self.changes.get(&user).is_some_and(|before| *before != online) {
            self.changes.remove(&user);
        } else {
            self.changes.insert(user, online);
        }
    }

    pub(crate) fn watch(&mut self, conn: ConnId) {
        self.watchers.remove(&conn);
        self.newcomers.insert(conn);
    }

    pub(crate) fn unwatch(&mut self, conn: ConnId) {
        self.newcomers.remove(&conn);
        if self.watchers.remove(&conn) && self.watchers.is_empty() {
            self.changes.clear();
        }
    }

    /// When the window ends: as soon as there is something to tell, but no sooner than a window's length after the last.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        (!self.changes.is_empty() || !self.newcomers.is_empty()).then_some(self.next)
    }

    /// Ends the window. Its newcomers are watchers from now on.
    pub(crate) fn end<'a>(&mut self, now: Timestamp, present: impl ExactSizeIterator<Item = &'a U>) -> Option<Window<U>>
    where
        U: 'a,
    {
        self.due().filter(|due| *due <= now)?;
        self.next = now.saturating_add(self.window);
        let changes = std::mem::take(&mut self.changes);
        self.number += u64::from(!changes.is_empty());
        let (came, went): (Vec<_>, Vec<_>) = changes.into_iter().partition(|(_, online)| *online);
        let [came, went] = [came, went].map(|users| users.into_iter().map(|(user, _)| user).collect());
        let count = present.len();
        let watchers = self.watchers.iter().copied().collect();
        let newcomers: Vec<_> = std::mem::take(&mut self.newcomers).into_iter().collect();
        let users = if newcomers.is_empty() { Vec::new() } else { present.take(self.cap).cloned().collect() };
        self.watchers.extend(&newcomers);
        Some(Window { number: self.number, came, went, users, count, watchers, newcomers })
    }
}
