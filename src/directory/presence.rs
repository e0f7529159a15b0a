//! Who is to be reported as online and offline.

use alloc::collections::{BTreeMap, BTreeSet};

use crate::merge::{Counted, Merge};
use crate::time::{Deadline, Timestamp};

/// The difference between who is there and who was reported to be. What was reported changes only when it is pulled, so that for each name it
/// alternates.
#[derive(Clone, Debug)]
pub(super) struct Presence<K> {
    /// There, but not reported.
    arrived: BTreeSet<K>,
    /// Reported to be there, but not, and the grace is running until then.
    leaving: BTreeMap<K, Timestamp>,
    /// The same, in the order in which the graces end.
    graces: BTreeSet<(Timestamp, K)>,
    /// Reported to be there, but not, and the grace is over.
    departed: BTreeSet<K>,
}

impl<K: Ord + Clone> Presence<K> {
    pub(super) const fn new() -> Self {
        Self { arrived: BTreeSet::new(), leaving: BTreeMap::new(), graces: BTreeSet::new(), departed: BTreeSet::new() }
    }

    /// Somebody who was not there is.
    pub(super) fn arrives(&mut self, name: &K) {
        if !self.stop_grace(name) && !self.departed.remove(name) {
            self.arrived.insert(name.clone());
        }
    }

    /// Somebody who was there is not.
    pub(super) fn departs(&mut self, name: K) {
        if !self.arrived.remove(&name) {
            self.departed.insert(name);
        }
    }

    /// The same, but nobody is told until then. There are no more than `most` of them: beyond, the first grace ends.
    pub(super) fn departs_at(&mut self, name: K, until: Timestamp, most: usize) {
        if self.arrived.remove(&name) {
            return;
        }
        self.graces.insert((until, name.clone()));
        self.leaving.insert(name, until);
        if self.leaving.len() > most {
            self.end_first_grace();
        }
    }

    fn stop_grace(&mut self, name: &K) -> bool {
        let Some(until) = self.leaving.remove(name) else { return false };
        self.graces.remove(&(until, name.clone()))
    }

    /// When the next grace ends.
    pub(super) fn deadline(&self) -> Deadline {
        self.graces.first().map_or(Deadline::NEVER, |(until, _)| Deadline::at(*until))
    }

    /// Ends graces that are over, at most so many.
    pub(super) fn end_graces(&mut self, now: Timestamp, most: usize) {
        for _ in 0..most {
            if !self.deadline().passed(now) {
                return;
            }
            self.end_first_grace();
        }
    }

    fn end_first_grace(&mut self) {
        let Some((_, name)) = self.graces.pop_first() else { return };
        self.leaving.remove(&name);
        self.departed.insert(name);
    }

    pub(super) fn any(&self) -> bool {
        !self.arrived.is_empty() || !self.departed.is_empty()
    }

    /// Those who were reported to be there, in order; `there` is who is.
    pub(super) fn told<'a>(
        &'a self,
        there: impl ExactSizeIterator<Item = &'a K>,
    ) -> impl ExactSizeIterator<Item = &'a K> {
        let length = there.len() + self.leaving.len() + self.departed.len() - self.arrived.len();
        let here = there.filter(|name| !self.arrived.contains(*name));
        Counted(Merge::new(Merge::new(here, self.leaving.keys()), &self.departed), length)
    }

    /// Who is to be told next, and whether they are there. Departures come first, so that they do not pile up.
    pub(super) fn pop(&mut self) -> Option<(K, bool)> {
        let departed = self.departed.pop_first().map(|name| (name, false));
        departed.or_else(|| self.arrived.pop_first().map(|name| (name, true)))
    }
}
