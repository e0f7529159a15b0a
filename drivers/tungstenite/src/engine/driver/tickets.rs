//! Which receipt belongs to which message, and what room it takes up.

use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

use heartline::MessageId;

use super::super::shared::Room;
use super::super::slots::SlotKey;

pub(super) struct Ticket {
    pub(super) slot: Option<SlotKey>,
    pub(super) lane: usize,
    pub(super) room: Room,
}

/// The messages that the session has accepted and not resolved: as many as the outbox holds.
#[derive(Default)]
pub(super) struct Tickets {
    tickets: HashMap<u64, Ticket, BuildHasherDefault<Spread>>,
    /// Those that are acknowledged one day, for acknowledgements of all up to one.
    at_least_once: BTreeSet<u64>,
}

impl Tickets {
    pub(super) fn insert(&mut self, id: MessageId, at_least_once: bool, ticket: Ticket) {
        self.tickets.insert(id.as_raw(), ticket);
        if at_least_once {
            self.at_least_once.insert(id.as_raw());
        }
    }

    pub(super) fn remove(&mut self, id: MessageId) -> Option<Ticket> {
        if !self.at_least_once.is_empty() {
            self.at_least_once.remove(&id.as_raw());
        }
        self.tickets.remove(&id.as_raw())
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

/// Ids are consecutive numbers, which no peer chooses, so one multiplication spreads them well enough.
#[derive(Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
