//! Messages by id, oldest first, from which any can be taken at the cost of a search.

use super::message::{Delivery, MessageId, Outgoing, Refusal, Refused};
use super::ring::Ring;
use crate::time::{Deadline, Span};

/// What is known of a queued message beside itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) id: u64,
    pub(crate) expires: Deadline,
    /// When its acknowledgement is due, if it was transmitted on the current connection.
    pub(crate) ack_due: Deadline,
    pub(crate) size: u32,
    /// How many losses were charged to it.
    pub(crate) losses: u16,
    pub(crate) delivery: Delivery,
    /// Its wait for an acknowledgement was started anew once.
    pub(crate) grace_used: bool,
}

/// Room for a message: 32 bytes and the message.
#[derive(Clone, Debug)]
struct Slot<M> {
    header: Header,
    /// `None` where there is no message: outside the queue, or in a gap where one was taken from the middle.
    message: Option<M>,
}

impl Header {
    /// How long its acknowledgement has been waited for, given when it would be due if the wait began now.
    pub(crate) fn has_waited(&self, due_if_new: Deadline) -> Span {
        self.ack_due.lateness(due_if_new.instant())
    }
}

impl<M> Slot<M> {
    const fn empty() -> Self {
        let never = Deadline::NEVER;
        let delivery = Delivery::AtMostOnce;
        let header = Header { id: 0, expires: never, ack_due: never, size: 0, losses: 0, delivery, grace_used: false };
        Self { header, message: None }
    }
}

/// Slots in the order of their ids. The first and the last are never gaps, and at most half are.
#[derive(Clone, Debug)]
pub(crate) struct Queue<M> {
    slots: Ring<Slot<M>>,
    gaps: usize,
}

impl<M> Queue<M> {
    pub(crate) const fn new() -> Self {
        Self { slots: Ring::new(), gaps: 0 }
    }

    /// How many messages there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.slots.len() - self.gaps
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.slots.has_room()
    }

    /// Makes room for one more.
    #[inline]
    pub(crate) fn make_room(&mut self) {
        self.slots.make_room(Slot::empty);
    }

    /// Adds the newest, if room was made for it.
    // Not inlined, so that the message moves once: from where the caller has it into its slot.
    #[inline(never)]
    pub(crate) fn push(
        &mut self,
        id: MessageId,
        expires: Deadline,
        outgoing: Outgoing<M>,
    ) -> Result<MessageId, Refused<M>> {
        let (size, delivery) = (outgoing.size(), outgoing.delivery());
        let Some(slot @ Slot { message: None, .. }) = self.slots.add() else {
            return Err(Refused { reason: Refusal::Full, outgoing });
        };
        slot.message = Some(outgoing.into_message());
        let (id, ack_due) = (id.as_raw(), Deadline::NEVER);
        slot.header = Header { id, expires, ack_due, size, losses: 0, delivery, grace_used: false };
        Ok(MessageId::from_raw(id))
    }

    /// Moves the first message of another queue here, if room was made for it, and sets when its acknowledgement is due.
    #[inline(never)]
    pub(crate) fn push_first_of(&mut self, other: &mut Self, ack_due: Deadline) {
        if let (Some(slot), Some(first)) = (self.slots.add(), other.slots.first_mut()) {
            slot.header = Header { ack_due, ..first.header };
            // An empty slot has nothing to drop; the compiler would look.
            core::mem::forget(core::mem::replace(&mut slot.message, first.message.take()));
            other.pass_first();
        }
    }

    #[inline]
    pub(crate) fn first(&self) -> Option<(&Header, &M)> {
        let Slot { header, message } = self.slots.first()?;
        message.as_ref().map(|message| (header, message))
    }

    pub(crate) fn get(&self, id: u64) -> Option<&M> {
        self.live(self.find(id)?)?.message.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Header> {
        let rank = self.find(id)?;
        self.slots.get_mut(rank).map(|slot| &mut slot.header)
    }

    pub(crate) fn contains(&self, id: u64) -> bool {
        self.find(id).is_some()
    }

    /// The first message whose id is greater. Gaps before it are passed one by one.
    pub(crate) fn first_after(&self, id: u64) -> Option<Header> {
        let after = self.rank(id + 1)..self.slots.len();
        after.filter_map(|rank| self.live(rank)).map(|slot| slot.header).next()
    }

    #[inline]
    pub(crate) fn take_first(&mut self) -> Option<(Header, M)> {
        let slot = self.slots.first_mut()?;
        let taken = (slot.header, slot.message.take()?);
        self.pass_first();
        Some(taken)
    }

    #[inline]
    pub(crate) fn drop_first(&mut self) {
        if self.gaps > 0 {
            self.drop_first_and_gaps();
        } else if let Some(slot) = self.slots.first_mut() {
            let message = slot.message.take();
            self.slots.drop_first();
            drop(message);
        }
    }

    #[inline(never)]
    fn drop_first_and_gaps(&mut self) {
        self.take_first();
    }

    pub(crate) fn take(&mut self, id: u64) -> Option<(Header, M)> {
        let rank = self.find(id)?;
        if rank == 0 {
            return self.take_first();
        }
        let slot = self.slots.get_mut(rank)?;
        let taken = (slot.header, slot.message.take()?);
        self.gaps += 1;
        self.tidy();
        Some(taken)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Header> {
        self.slots.iter().inspect(|_| look()).filter(|slot| slot.message.is_some()).map(|slot| &slot.header)
    }

    pub(crate) fn for_each(&mut self, mut change: impl FnMut(&mut Header)) {
        for rank in 0..self.slots.len() {
            look();
            if let Some(Slot { header, message: Some(_) }) = self.slots.get_mut(rank) {
                change(header);
            }
        }
    }

    fn live(&self, rank: usize) -> Option<&Slot<M>> {
        look();
        self.slots.get(rank).filter(|slot| slot.message.is_some())
    }

    /// How many slots have smaller ids, gaps included.
    fn rank(&self, id: u64) -> usize {
        let (mut low, mut high) = (0, self.slots.len());
        while low < high {
            let middle = low.midpoint(high);
            look();
            let smaller = self.slots.get(middle).is_some_and(|slot| slot.header.id < id);
            (low, high) = if smaller { (middle + 1, high) } else { (low, middle) };
        }
        low
    }

    /// The rank of the message with this id.
    fn find(&self, id: u64) -> Option<usize> {
        let is_it = |rank: &usize| self.live(*rank).is_some_and(|slot| slot.header.id == id);
        Some(0).filter(is_it).or_else(|| Some(self.rank(id)).filter(is_it))
    }

    /// After the message of the first slot was taken.
    #[inline]
    fn pass_first(&mut self) {
        self.slots.drop_first();
        if self.gaps > 0 {
            self.tidy();
        }
    }

    /// Takes the gaps off both ends, and out of the middle if they are more than half.
    #[inline(never)]
    fn tidy(&mut self) {
        while self.gaps > 0 && self.live(0).is_none() {
            self.slots.drop_first();
            self.gaps -= 1;
        }
        while self.gaps > 0 && self.live(self.slots.len() - 1).is_none() {
            self.slots.truncate(self.slots.len() - 1);
            self.gaps -= 1;
        }
        if 2 * self.gaps > self.slots.len() {
            self.close_gaps();
        }
    }

    fn close_gaps(&mut self) {
        let mut kept = 0;
        for rank in 0..self.slots.len() {
            if self.live(rank).is_some() {
                self.slots.swap(rank, kept);
                kept += 1;
            }
        }
        self.slots.truncate(kept);
        self.gaps = 0;
    }
}

/// One more slot was looked at: what a call costs, for the tests that bound it.
#[inline]
fn look() {
    #[cfg(test)]
    LOOKS.with(|looks| looks.set(looks.get() + 1));
}

#[cfg(test)]
std::thread_local! {
    pub(crate) static LOOKS: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn queue(ids: impl IntoIterator<Item = u64>) -> Queue<u64> {
        let mut queue = Queue::new();
        for id in ids {
            queue.make_room();
            queue.push(MessageId::from_raw(id), Deadline::NEVER, Outgoing::at_most_once(id, 0)).expect("room was made");
        }
        queue
    }

    fn ids(queue: &Queue<u64>) -> Vec<u64> {
        queue.iter().map(|header| header.id).collect()
    }

    #[test]
    fn a_message_is_found_by_its_id_and_taken_once() {
        let mut queue = queue([3, 5, 8, 9]);
        assert_eq!(queue.take(5).map(|(header, message)| (header.id, message)), Some((5, 5)));
        assert!(queue.take(5).is_none() && queue.take(4).is_none());
        assert!(!queue.contains(5) && queue.get(5).is_none() && queue.get_mut(5).is_none());
        assert!(queue.contains(8) && queue.get(8) == Some(&8) && queue.get_mut(8).is_some());
        assert_eq!((ids(&queue), queue.len(), queue.is_empty()), ([3, 8, 9].into(), 3, false));
    }

    #[test]
    fn neither_end_is_ever_a_gap() {
        let mut queue = queue(1..=8);
        for id in [2, 3, 7] {
            queue.take(id);
        }
        assert_eq!(queue.take_first().map(|(header, _)| header.id), Some(1));
        assert_eq!(queue.first().map(|(header, _)| header.id), Some(4));
        queue.take(8);
        assert_eq!((ids(&queue), queue.slots.len(), queue.gaps), ([4, 5, 6].into(), 3, 0));
        queue.take(5);
        queue.drop_first();
        assert_eq!((ids(&queue), queue.slots.len()), ([6].into(), 1));
    }

    /// With so many slots that no gap is closed: the count itself has to be right.
    #[test]
    fn gaps_that_reach_an_end_no_longer_count() {
        let mut queue = queue(1..=40);
        for id in [2, 3, 38, 39] {
            queue.take(id).expect("it is there");
        }
        queue.drop_first();
        assert_eq!((queue.slots.len(), queue.gaps, queue.len()), (37, 2, 35));
        queue.take(40);
        assert_eq!((queue.slots.len(), queue.gaps, queue.len()), (34, 0, 34));
    }

    #[test]
    fn at_most_half_of_the_slots_in_use_are_gaps() {
        let mut queue = queue(0..1_000);
        for id in (1..999).rev() {
            queue.take(id);
            assert!(2 * queue.gaps <= queue.slots.len());
            assert_eq!(queue.len(), id as usize + 1);
        }
        assert_eq!(ids(&queue), [0, 999]);
    }

    #[test]
    fn the_next_message_after_an_id_is_found_across_gaps() {
        let mut queue = queue(1..=6);
        queue.take(3);
        queue.take(4);
        let after = |id| queue.first_after(id).map(|header| header.id);
        assert_eq!([0, 1, 2, 3, 5, 6].map(after), [Some(1), Some(2), Some(5), Some(5), Some(6), None]);
        queue.for_each(|header| header.losses += 1);
        assert!(queue.iter().all(|header| header.losses == 1));
    }

    #[test]
    fn the_ring_goes_round_and_grows_in_order() {
        let mut queue = queue(0..5);
        let mut expected: Vec<_> = (0..5).collect();
        for id in 5..200 {
            queue.make_room();
            queue.push(MessageId::from_raw(id), Deadline::NEVER, Outgoing::at_most_once(id, 0)).expect("room was made");
            expected.push(id);
            if id % 3 != 0 {
                assert_eq!(queue.take_first().map(|(_, message)| message), Some(expected.remove(0)));
            }
            if id % 7 == 0 {
                let middle = expected.remove(expected.len() / 2);
                assert_eq!(queue.take(middle).map(|(_, message)| message), Some(middle));
            }
            assert_eq!(ids(&queue), expected);
        }
        assert!(queue.slots.len() <= 128);
    }

    #[test]
    fn an_empty_queue_has_nothing() {
        let mut queue = queue([1]);
        assert!(queue.take(1).is_some() && queue.is_empty());
        queue.drop_first();
        assert!(queue.take_first().is_none() && queue.first().is_none() && queue.get(1).is_none());
        assert!(queue.first_after(0).is_none() && queue.take(1).is_none());
        let unused = Queue::<u64>::new();
        assert!(unused.first().is_none() && !unused.contains(0) && unused.is_empty());
    }
}
