//! The latest changes of this node's claims, to be published and to be sent again to nodes that missed some.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::wire::{Change, Encode};
use crate::time::{Deadline, Span, Timestamp};

/// How many changes are kept for nodes that missed some.
pub(super) const KEPT: usize = 4096;

/// The latest changes, by their numbers.
#[derive(Clone, Debug)]
pub(super) struct Changes {
    /// The last one has the number `made`.
    kept: VecDeque<Change>,
    made: u64,
    published: u64,
    /// How many bytes the changes that are not published have.
    waiting: usize,
    /// When these are to be published.
    due: Deadline,
}

impl Changes {
    pub(super) const fn new() -> Self {
        Self { kept: VecDeque::new(), made: 0, published: 0, waiting: 0, due: Deadline::NEVER }
    }

    /// The number of the last one.
    pub(super) const fn made(&self) -> u64 {
        self.made
    }

    pub(super) const fn due(&self) -> Deadline {
        self.due
    }

    pub(super) const fn all_published(&self) -> bool {
        self.published == self.made
    }

    /// One more, to be published at most `delay` from now, or at once when there are `bytes` of them.
    pub(super) fn push(&mut self, change: Change, now: Timestamp, delay: Span, bytes: usize) {
        self.waiting += change.encoded_len();
        self.kept.push_back(change);
        self.made += 1;
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            // If that one was not published, those that miss it find out by its number.
            self.published = self.published.max(self.made - KEPT as u64);
        }
        let due = if self.waiting >= bytes { now } else { now.plus(delay) };
        self.due = self.due.min(Deadline::at(due));
    }

    /// The next to be published, up to so many bytes but at least one, with the number of the first.
    pub(super) fn publish(&mut self, bytes: usize) -> Option<(u64, Vec<Change>)> {
        let batch = self.after(self.published, bytes)?;
        let (first, changes) = &batch;
        self.published = first + changes.len() as u64 - 1;
        if self.all_published() {
            self.waiting = 0;
            self.due = Deadline::NEVER;
        }
        Some(batch)
    }

    /// Those after this number, up to so many bytes but at least one, with the number of the first; `None` if there is none, or the
    /// first is not kept any more.
    pub(super) fn after(&self, number: u64, bytes: usize) -> Option<(u64, Vec<Change>)> {
        let missing = usize::try_from(self.made.checked_sub(number)?).ok()?;
        let skipped = self.kept.len().checked_sub(missing)?;
        let mut room = bytes;
        let fits = |change: &&Change| {
            let length = change.encoded_len();
            let fits = room == bytes || length <= room;
            room = room.saturating_sub(length);
            fits
        };
        let changes: Vec<_> = self.kept.iter().skip(skipped).take_while(fits).cloned().collect();
        (!changes.is_empty()).then_some((number + 1, changes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::node::{Departure, User};

    fn changes(count: u64) -> Changes {
        let mut changes = Changes::new();
        for nth in 0..count {
            push(&mut changes, nth);
        }
        changes
    }

    fn push(changes: &mut Changes, nth: u64) {
        let change = Change::Released { user: User::from(alloc::format!("{nth:08}")), departure: Departure::Lost };
        changes.push(change, Timestamp::from_nanos(nth), Span::from_nanos(10), 1000);
    }

    #[test]
    fn changes_are_published_in_order_and_once() {
        let mut changes = changes(3);
        let (first, batch) = changes.publish(usize::MAX).unwrap();
        assert_eq!((first, batch.len(), changes.all_published()), (1, 3, true));
        assert!(changes.publish(usize::MAX).is_none());
        push(&mut changes, 3);
        assert_eq!(changes.publish(1).map(|(first, batch)| (first, batch.len())), Some((4, 1)));
    }

    #[test]
    fn changes_are_due_after_the_delay_of_the_first_or_when_they_fill_a_packet() {
        let mut changes = changes(3);
        assert_eq!(changes.due().get(), Some(Timestamp::from_nanos(10)));
        for nth in 3..200 {
            push(&mut changes, nth.min(5));
        }
        assert_eq!(changes.due().get(), Some(Timestamp::from_nanos(5)));
    }

    #[test]
    fn after_a_number_from_which_a_change_is_missing_there_is_nothing() {
        let changes = changes(KEPT as u64 + 10);
        assert!(changes.after(9, usize::MAX).is_none());
        assert_eq!(changes.after(10, usize::MAX).map(|(first, batch)| (first, batch.len())), Some((11, KEPT)));
        assert!(changes.after(KEPT as u64 + 10, usize::MAX).is_none());
        assert!(changes.after(u64::MAX, usize::MAX).is_none());
    }

    #[test]
    fn however_many_wait_to_be_published_the_latest_are_kept() {
        let mut changes = changes(KEPT as u64 + 10);
        assert_eq!(changes.publish(usize::MAX).map(|(first, batch)| (first, batch.len())), Some((11, KEPT)));
    }
}
