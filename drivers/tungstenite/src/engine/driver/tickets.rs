//! Which receipt belongs to which message, and what room it takes up.

use std::collections::{BTreeSet, VecDeque};

use heartline::MessageId;

use super::super::shared::Room;
use super::super::slots::SlotKey;

/// So many gaps are always put up with.
const GAPS: usize = 64;

pub(super) struct Ticket {
    pub(super) slot: Option<SlotKey>,
    pub(super) lane: usize,
    pub(super) room: Room,
}

/// The messages that the session has accepted and not resolved: as many as the outbox holds.
#[derive(Default)]
pub(super) struct Tickets {
    /// In the order of their ids, which is that in which they come and nearly that in which they go. What went out of
    /// turn leaves a gap; the first one is never a gap.
    tickets: VecDeque<(u64, Option<Ticket>)>,
    gaps: usize,
    /// Those that are acknowledged one day, for acknowledgements of all up to one.
    at_least_once: BTreeSet<u64>,
}

impl Tickets {
    /// Ids only grow.
    pub(super) fn insert(&mut self, id: MessageId, at_least_once: bool, ticket: Ticket) {
        self.tickets.push_back((id.as_raw(), Some(ticket)));
        if at_least_once {
            self.at_least_once.insert(id.as_raw());
        }
    }

    pub(super) fn remove(&mut self, id: MessageId) -> Option<Ticket> {
        let id = id.as_raw();
        if !self.at_least_once.is_empty() {
            self.at_least_once.remove(&id);
        }
        if self.tickets.front()?.0 == id {
            let (_, ticket) = self.tickets.pop_front()?;
            self.trim();
            return ticket;
        }
        self.remove_inside(id)
    }

    fn remove_inside(&mut self, id: u64) -> Option<Ticket> {
        let at = self.tickets.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        let ticket = self.tickets[at].1.take()?;
        self.gaps += 1;
        // However long the first one stays, there are no more gaps than tickets.
        if self.gaps > GAPS && self.gaps > self.tickets.len() / 2 {
            self.tickets.retain(|(_, ticket)| ticket.is_some());
            self.gaps = 0;
        }
        Some(ticket)
    }

    fn trim(&mut self) {
        while self.gaps > 0 && self.tickets.front().is_some_and(|(_, ticket)| ticket.is_none()) {
            self.tickets.pop_front();
            self.gaps -= 1;
        }
    }

    /// The oldest message that an acknowledgement of all up to `id` names, after `last`.
    pub(super) fn next_up_to(&self, last: Option<MessageId>, id: MessageId) -> Option<MessageId> {
        let from = last.map_or(0, |last| last.as_raw().saturating_add(1));
        if from > id.as_raw() {
            return None;
        }
        self.at_least_once.range(from..=id.as_raw()).next().map(|raw| MessageId::from_raw(*raw))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insert(tickets: &mut Tickets, id: u64) {
        let ticket = Ticket { slot: None, lane: 0, room: Room { messages: 1, bytes: id } };
        tickets.insert(MessageId::from_raw(id), false, ticket);
    }

    /// What the ticket of this id says of it.
    fn remove(tickets: &mut Tickets, id: u64) -> Option<u64> {
        tickets.remove(MessageId::from_raw(id)).map(|ticket| ticket.room.bytes)
    }

    #[test]
    fn each_ticket_is_removed_once_in_any_order_and_by_its_own_id() {
        let mut tickets = Tickets::default();
        // Greetings take ids, too.
        let ids = [3, 4, 5, 8, 9, 12];
        ids.into_iter().for_each(|id| insert(&mut tickets, id));
        assert_eq!((remove(&mut tickets, 2), remove(&mut tickets, 7), remove(&mut tickets, 13)), (None, None, None));
        for id in [5, 3, 4, 12, 9, 8] {
            assert_eq!((remove(&mut tickets, id), remove(&mut tickets, id)), (Some(id), None));
        }
        assert_eq!((tickets.tickets.len(), tickets.gaps), (0, 0));
        insert(&mut tickets, 20);
        assert_eq!(remove(&mut tickets, 20), Some(20));
    }

    #[test]
    fn behind_one_that_stays_there_are_no_more_gaps_than_tickets() {
        let mut tickets = Tickets::default();
        insert(&mut tickets, 0);
        for id in 1..100_000 {
            insert(&mut tickets, id);
            assert_eq!(remove(&mut tickets, id), Some(id));
            assert!(tickets.tickets.len() <= 2 * GAPS);
        }
        assert_eq!(remove(&mut tickets, 0), Some(0));
        assert_eq!((tickets.tickets.len(), tickets.gaps), (0, 0));
    }
}
