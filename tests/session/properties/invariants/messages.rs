//! The outbox of the model: a plain list, searched anew for every question.

use heartline::message::{Delivery, Reason, Refusal};
use heartline::outbox::{OutboxConfig, Overflow};
use heartline::{MessageId, Outcome, Outgoing, Timestamp};

use super::heart::passed;
use super::record::Message;

/// A message whose outcome was not pulled yet. `Timestamp::MAX` means never.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: MessageId,
    payload: Message,
    size: u32,
    delivery: Delivery,
    pub expires: Timestamp,
    /// It was transmitted, and on the current connection.
    sent: bool,
    here: bool,
    /// When its acknowledgement is due, and whether that wait was started anew.
    pub ack_due: Timestamp,
    graced: bool,
    losses: u16,
    evicted: bool,
    /// With the number of the call that led to it.
    outcome: Option<(u64, Outcome<Message>)>,
}

#[derive(Clone, Debug)]
pub struct Outbox {
    config: OutboxConfig,
    /// In the order of their ids.
    entries: Vec<Entry>,
    next_id: u64,
    /// The message that is lent, and whether its connection is still the current one.
    lent: Option<(MessageId, bool)>,
    /// How many calls there were.
    pub calls: u64,
}

/// Which bounds a message counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Bounds {
    Lasting,
    Evicted,
    ThisConnection,
}

impl Entry {
    fn bounds(&self) -> Bounds {
        match self.delivery {
            Delivery::ThisConnection => Bounds::ThisConnection,
            _ if self.evicted => Bounds::Evicted,
            _ => Bounds::Lasting,
        }
    }

    fn is_fresh(&self) -> bool {
        !self.sent && self.delivery != Delivery::ThisConnection
    }
}

impl Outbox {
    pub fn new(config: OutboxConfig, first_id: MessageId) -> Self {
        Self { config, entries: Vec::new(), next_id: first_id.as_raw().max(1), lent: None, calls: 0 }
    }

    pub fn unresolved(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.outcome.is_none())
    }

    /// Transmitted, and not acknowledged.
    pub fn unacked(&self) -> Vec<MessageId> {
        self.ids(|entry| entry.sent)
    }

    pub fn is_lent(&self, id: MessageId) -> bool {
        self.lent.is_some_and(|(lent, _)| lent == id)
    }

    /// The last id is never given.
    pub fn is_exhausted(&self) -> bool {
        self.next_id == u64::MAX
    }

    pub fn has_outcomes(&self) -> bool {
        self.entries.iter().any(|entry| entry.outcome.is_some())
    }

    pub fn held(&self) -> (usize, u64) {
        (self.entries.len(), self.entries.iter().map(|entry| u64::from(entry.size)).sum())
    }

    fn unresolved_mut(&mut self, id: MessageId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id && entry.outcome.is_none())
    }

    fn first(&self, wanted: impl Fn(&Entry) -> bool) -> Option<&Entry> {
        self.unresolved().find(|entry| wanted(entry))
    }

    fn ids(&self, wanted: impl Fn(&Entry) -> bool) -> Vec<MessageId> {
        self.unresolved().filter(|entry| wanted(entry)).map(|entry| entry.id).collect()
    }

    // ---- accepting: Q1 -----------------------------------------------------------------------

    fn limits(&self, bounds: Bounds) -> (usize, u64) {
        let (messages, bytes) = match bounds {
            Bounds::ThisConnection => (self.config.max_connection_messages, self.config.max_connection_bytes),
            Bounds::Lasting | Bounds::Evicted => (self.config.max_messages, self.config.max_bytes),
        };
        (messages as usize, u64::from(bytes))
    }

    /// Whether messages of these sizes stay within bounds.
    fn fit(&self, bounds: Bounds, sizes: impl Iterator<Item = u32>) -> bool {
        let (count, sum) = sizes.fold((0, 0), |(count, sum), size| (count + 1, sum + u64::from(size)));
        let (messages, bytes) = self.limits(bounds);
        count <= messages && sum <= bytes
    }

    /// The messages to evict for this one, or why it is refused.
    fn room(&self, outgoing: &Outgoing<Message>) -> Result<Vec<MessageId>, Refusal> {
        let this_connection = outgoing.delivery() == Delivery::ThisConnection;
        let bounds = if this_connection { Bounds::ThisConnection } else { Bounds::Lasting };
        if u64::from(outgoing.size()) > self.limits(bounds).1 {
            return Err(Refusal::TooLarge);
        }
        let evicts = !this_connection && self.config.overflow == Overflow::EvictOldest;
        let fresh = self.ids(|entry| evicts && entry.is_fresh());
        let most = if self.is_exhausted() { 0 } else { fresh.len() + 1 };
        for victims in (0..most).map(|victims| &fresh[..victims]) {
            let leaves = |entry: &&Entry| victims.contains(&entry.id);
            let stay = self.entries.iter().filter(|entry| entry.bounds() == bounds && !leaves(entry));
            if self.fit(bounds, stay.map(|entry| entry.size).chain([outgoing.size()])) {
                let evicted = self.entries.iter().filter(|entry| entry.bounds() == Bounds::Evicted || leaves(entry));
                let room = victims.is_empty() || self.fit(Bounds::Evicted, evicted.map(|entry| entry.size));
                return if room { Ok(victims.to_vec()) } else { Err(Refusal::Full) };
            }
        }
        Err(Refusal::Full)
    }

    /// The id, or why it is refused; and how many were evicted.
    pub fn send(&mut self, now: Timestamp, outgoing: &Outgoing<Message>) -> Result<(MessageId, u32), Refusal> {
        let victims = self.room(outgoing)?;
        for id in &victims {
            self.give_up(*id, Reason::Evicted);
            self.entries.iter_mut().filter(|entry| entry.id == *id).for_each(|entry| entry.evicted = true);
        }
        let id = MessageId::from_raw(self.next_id);
        self.next_id += 1;
        self.entries.push(Entry {
            id,
            payload: *outgoing.message(),
            size: outgoing.size(),
            delivery: outgoing.delivery(),
            expires: outgoing.time_to_live().map_or(Timestamp::MAX, |time| now.saturating_add(time)),
            sent: false,
            here: false,
            ack_due: Timestamp::MAX,
            graced: false,
            losses: 0,
            evicted: false,
            outcome: None,
        });
        Ok((id, victims.len() as u32))
    }

    // ---- lending: Q4 to Q8 -------------------------------------------------------------------

    /// C5, Q4, Q5: there is at most one message that may be transmitted next.
    fn next(&self, ready: bool) -> Option<&Entry> {
        let this_connection = self.first(|entry| entry.delivery == Delivery::ThisConnection);
        if this_connection.is_some() || !ready {
            return this_connection;
        }
        let again = self.first(|entry| entry.sent && !entry.here);
        if again.is_some() {
            return again;
        }
        let fresh = self.first(Entry::is_fresh)?;
        let unacked = self.unacked().len();
        let waits = fresh.delivery == Delivery::AtLeastOnce && unacked >= self.config.ack_window as usize;
        (!waits).then_some(fresh)
    }

    /// Q6: what has expired is passed over. `ready` is `None` where nothing may be transmitted.
    pub fn lend(&mut self, now: Timestamp, ready: Option<bool>) -> Option<(MessageId, Message, Delivery, bool)> {
        self.lent = None;
        while let Some(next) = self.next(ready?) {
            let (id, found) = (next.id, (next.id, next.payload, next.delivery, next.sent));
            if !passed(next.expires, now) {
                self.lent = Some((id, true));
                return Some(found);
            }
            self.give_up(id, Reason::Expired);
        }
        None
    }

    /// Whether it was lent, and if so whether that was a redelivery.
    pub fn sent(&mut self, now: Timestamp, id: MessageId) -> Option<bool> {
        let (_, current) = self.lent.take_if(|(lent, _)| *lent == id)?;
        let timeout = self.config.ack_timeout;
        let entry = self.unresolved_mut(id).expect("a lend ends with the outcome");
        let redelivery = std::mem::replace(&mut entry.sent, true);
        if entry.delivery != Delivery::AtLeastOnce {
            self.resolve(id, Outcome::Transmitted);
        } else if current {
            (entry.here, entry.graced) = (true, false);
            entry.ack_due = timeout.map_or(Timestamp::MAX, |timeout| now.saturating_add(timeout));
        }
        Some(redelivery)
    }

    pub fn rejected(&mut self, id: MessageId) -> bool {
        self.is_lent(id) && self.give_up(id, Reason::Rejected)
    }

    // ---- resolving: Q2, Q3, Q9, Q10 ----------------------------------------------------------

    fn resolve(&mut self, id: MessageId, outcome: Outcome<Message>) {
        let calls = self.calls;
        let entry = self.unresolved_mut(id).expect("an unresolved message");
        entry.outcome = Some((calls, outcome));
        self.lent.take_if(|(lent, _)| *lent == id);
    }

    /// False if there is no such message without an outcome.
    fn give_up(&mut self, id: MessageId, reason: Reason) -> bool {
        let Some(entry) = self.unresolved_mut(id) else { return false };
        let payload = entry.payload;
        let sent = entry.sent;
        self.resolve(id, if sent { Outcome::Unconfirmed(reason, payload) } else { Outcome::Returned(reason, payload) });
        true
    }

    pub fn acked(&mut self, id: MessageId) -> bool {
        let lent = self.is_lent(id);
        let Some(entry) = self.unresolved_mut(id) else { return false };
        let counts = entry.delivery == Delivery::AtLeastOnce && (entry.sent || lent);
        if counts {
            self.resolve(id, Outcome::Acked);
        }
        counts
    }

    pub fn cancel(&mut self, id: MessageId) -> bool {
        self.give_up(id, Reason::Cancelled)
    }

    pub fn expire(&mut self, now: Timestamp) {
        self.give_up_all(Reason::Expired, |entry| passed(entry.expires, now));
    }

    pub fn abandon(&mut self) {
        self.give_up_all(Reason::Abandoned, |_| true);
    }

    fn give_up_all(&mut self, reason: Reason, wanted: impl Fn(&Entry) -> bool) {
        for id in self.ids(wanted) {
            self.give_up(id, reason);
        }
    }

    pub fn connection_ended(&mut self, charge: bool) {
        self.give_up_all(Reason::ConnectionEnded, |entry| entry.delivery == Delivery::ThisConnection);
        let oldest = self.first(|entry| entry.here).map(|entry| entry.id).filter(|_| charge);
        for entry in &mut self.entries {
            (entry.here, entry.ack_due) = (false, Timestamp::MAX);
        }
        self.lent = self.lent.map(|(id, _)| (id, false));
        let max_losses = self.config.max_losses;
        let Some(oldest) = oldest.and_then(|id| self.unresolved_mut(id)) else { return };
        oldest.losses += 1;
        if oldest.losses >= max_losses {
            let id = oldest.id;
            self.give_up(id, Reason::MaxLosses);
        }
    }

    /// Q9: true if a wait that was not started anew before was longer than the tolerance.
    pub fn restart_ack_waits(&mut self, now: Timestamp, tolerance: std::time::Duration) -> bool {
        let due = self.config.ack_timeout.map_or(Timestamp::MAX, |timeout| now.saturating_add(timeout));
        let running = |entry: &&mut Entry| entry.outcome.is_none() && entry.ack_due < Timestamp::MAX && !entry.graced;
        let mut long = false;
        for entry in self.entries.iter_mut().filter(running) {
            entry.graced = due.saturating_since(entry.ack_due) > tolerance;
            entry.ack_due = due;
            long |= entry.graced;
        }
        long
    }

    /// H11.
    pub fn begin_ack_waits(&mut self, now: Timestamp) {
        let due = self.config.ack_timeout.map_or(Timestamp::MAX, |timeout| now.saturating_add(timeout));
        let running = |entry: &&mut Entry| entry.outcome.is_none() && entry.ack_due < Timestamp::MAX;
        for entry in self.entries.iter_mut().filter(running) {
            (entry.ack_due, entry.graced) = (due, false);
        }
    }

    /// Q3, P6: this outcome, after those of earlier calls.
    pub fn pulled(&mut self, id: MessageId, outcome: &Outcome<Message>) {
        let resolved = |entry: &Entry| entry.outcome.as_ref().map(|(call, _)| *call);
        let first = self.entries.iter().filter_map(resolved).min();
        let place = self.entries.iter().position(|entry| entry.id == id);
        let entry = self.entries.remove(place.unwrap_or_else(|| panic!("[Q3] {id} ends twice, or never was")));
        let expected = entry.outcome.as_ref().map(|(_, outcome)| outcome);
        assert_eq!(Some(outcome), expected, "[Q3] the outcome of {entry:#?}");
        assert_eq!(resolved(&entry), first, "[P6] {outcome:?} of {id} before those of earlier calls");
    }

    /// By rank among the unresolved, one that ended, or one that never was: for a driver's arbitrary choice.
    pub fn pick(&self, byte: u8) -> MessageId {
        let unresolved = self.ids(|_| true);
        match byte % 16 {
            0..=12 if !unresolved.is_empty() => unresolved[usize::from(byte / 16) % unresolved.len()],
            13 => self.entries.iter().find(|entry| entry.outcome.is_some()).map_or(MessageId::from_raw(0), |e| e.id),
            14 => MessageId::from_raw(self.next_id),
            _ => MessageId::from_raw(u64::MAX),
        }
    }
}
