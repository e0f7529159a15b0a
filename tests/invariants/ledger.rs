//! What an observer knows of the messages: which are due, and how each may end.

use std::collections::BTreeMap;

use heartline::{
    Delivery, Instant, Limits, MessageId, Outcome, Outgoing, Overflow, Refusal, Refused, State, Transmit, Unsent, Why,
};

pub type Message = u32;

/// A message whose outcome was not told yet.
#[derive(Clone, Debug)]
struct Entry {
    payload: Message,
    size: u32,
    delivery: Delivery,
    /// `Instant::MAX` for never.
    expires: Instant,
    /// How often it was transmitted and committed.
    sent: u32,
    /// On the present connection.
    sent_here: bool,
    /// What the driver has said about it that ends it.
    fate: Option<Fate>,
    /// It is known to have ended.
    ended: bool,
    /// What it ended as, once the session was heard to say so.
    outcome: Option<Outcome<Message>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    Acked,
    Cancelled,
    Rejected,
}

#[derive(Clone, Debug)]
pub struct Ledger {
    limits: Limits,
    entries: BTreeMap<u64, Entry>,
    last_id: u64,
    last_told: u64,
    last_first: u64,
    pending: Option<(u64, bool)>,
    /// `Close` was said, so that this step may abandon messages.
    pub closing: bool,
}

impl Ledger {
    pub fn new(limits: Limits) -> Self {
        let entries = BTreeMap::new();
        Self { limits, entries, last_id: 0, last_told: 0, last_first: 0, pending: None, closing: false }
    }

    pub fn held(&self) -> usize {
        self.entries.len()
    }

    pub fn held_bytes(&self) -> u64 {
        self.entries.values().map(|entry| u64::from(entry.size)).sum()
    }

    pub fn unresolved(&self) -> usize {
        self.entries.values().filter(|entry| !entry.ended).count()
    }

    pub fn is_pending(&self) -> bool {
        self.pending.is_some()
    }

    pub fn is_unresolved(&self, id: MessageId) -> bool {
        self.entries.get(&id.as_raw()).is_some_and(|entry| !entry.ended)
    }

    pub fn is_unacked(&self, id: MessageId) -> bool {
        let unacked = |entry: &Entry| !entry.ended && entry.delivery == Delivery::AtLeastOnce && entry.sent > 0;
        self.entries.get(&id.as_raw()).is_some_and(unacked)
    }

    pub fn next_expiry(&self) -> Instant {
        let left = self.entries.values().filter(|entry| !entry.ended);
        left.map(|entry| entry.expires).min().unwrap_or(Instant::MAX)
    }

    /// An unresolved message by rank, one that ended, or one that never was.
    pub fn pick(&self, byte: u8) -> MessageId {
        let unresolved: Vec<u64> = self.entries.iter().filter(|(_, entry)| !entry.ended).map(|(id, _)| *id).collect();
        MessageId::from_raw(match byte % 16 {
            0..=12 if !unresolved.is_empty() => unresolved[usize::from(byte / 16) % unresolved.len()],
            13 => self.last_told,
            14 => self.last_id + 1,
            _ => u64::MAX,
        })
    }

    /// Any call but `unsent` with the pulled message means that the socket took it.
    pub fn commit(&mut self) {
        let Some((id, redelivery)) = self.pending.take() else { return };
        let entry = self.entries.get_mut(&id).expect("a pulled message has no outcome yet");
        entry.sent += 1;
        entry.sent_here = true;
        entry.ended = entry.delivery != Delivery::AtLeastOnce;
        assert!(entry.sent == 1 || entry.delivery == Delivery::AtLeastOnce, "[Q2] {id} was transmitted again");
        assert!(entry.sent <= self.limits.max_deliveries.max(1), "[Q5] {id} was transmitted too often");
        if entry.delivery != Delivery::Connection && !redelivery {
            assert!(id > self.last_first, "[Q4] {id} was transmitted first after {}", self.last_first);
            self.last_first = id;
        }
    }

    pub fn acked(&mut self, id: MessageId) {
        self.seal(id, Fate::Acked);
    }

    pub fn cancelled(&mut self, id: MessageId) {
        self.seal(id, Fate::Cancelled);
    }

    fn seal(&mut self, id: MessageId, fate: Fate) {
        let entry = self.entries.get_mut(&id.as_raw()).expect("judged unresolved");
        entry.fate = Some(fate);
        entry.ended = true;
    }

    pub fn connection_over(&mut self) {
        self.entries.values_mut().for_each(|entry| entry.sent_here = false);
    }

    pub fn sent(
        &mut self,
        now: Instant,
        outgoing: &Outgoing<Message>,
        time_to_live: Option<std::time::Duration>,
        result: &Result<MessageId, Refused<Message>>,
        refusal: Option<Refusal>,
    ) {
        let refusal = refusal.or((outgoing.size() > self.limits.max_bytes).then_some(Refusal::TooLarge));
        let count = self.held() + 1 > self.limits.max_messages as usize;
        let bytes = self.held_bytes() + u64::from(outgoing.size()) > u64::from(self.limits.max_bytes);
        match result {
            Ok(id) => {
                assert_eq!(refusal, None, "accepted");
                let over = (count || bytes) && self.limits.overflow == Overflow::Refuse;
                assert!(!over, "[Q1] accepted over the bound");
                self.accept(now, id.as_raw(), outgoing, time_to_live);
            }
            Err(refused) => {
                assert_eq!(&refused.outgoing, outgoing, "[Q3] not what was offered came back");
                let full = refusal.is_none() && (count || bytes);
                assert_eq!(refusal.or(full.then_some(Refusal::Full)), Some(refused.reason), "refused");
            }
        }
    }

    fn accept(&mut self, now: Instant, id: u64, outgoing: &Outgoing<Message>, life: Option<std::time::Duration>) {
        assert!(id > self.last_id, "message ids do not increase");
        self.last_id = id;
        let entry = Entry {
            payload: *outgoing.message(),
            size: outgoing.size(),
            delivery: outgoing.delivery(),
            expires: life.map_or(Instant::MAX, |life| now.saturating_add(life)),
            sent: 0,
            sent_here: false,
            fate: None,
            ended: false,
            outcome: None,
        };
        self.entries.insert(id, entry);
    }

    /// The message that must come next, and whether it was transmitted before.
    fn expected(&self, now: Instant, state: State) -> Option<(u64, bool)> {
        let alive = |entry: &Entry| !entry.ended && (entry.expires > now || entry.expires == Instant::MAX);
        let first = |wanted: &dyn Fn(&Entry) -> bool| {
            self.entries.iter().find(|(_, entry)| alive(entry) && wanted(entry)).map(|(id, _)| *id)
        };
        if !matches!(state, State::Greeting | State::Open) {
            return None;
        }
        if let Some(id) = first(&|entry| entry.delivery == Delivery::Connection) {
            return Some((id, false));
        }
        if state == State::Greeting {
            return None;
        }
        if let Some(id) = first(&|entry| entry.sent > 0 && !entry.sent_here) {
            return Some((id, true));
        }
        // What expired before its turn came again has just left the window.
        let unacked = |entry: &&Entry| !entry.ended && entry.sent > 0 && (entry.sent_here || alive(entry));
        let window = self.entries.values().filter(unacked).count();
        let id = first(&|entry| entry.sent == 0)?;
        let waits = self.entries[&id].delivery == Delivery::AtLeastOnce && window >= self.limits.ack_window as usize;
        (!waits).then_some((id, false))
    }

    /// C5, Q4, Q5 and Q6 in one: there is exactly one message that may come.
    pub fn transmitted(&mut self, now: Instant, state: State, found: Option<&Transmit<Message>>) {
        let expected = self.expected(now, state);
        let pulled = found.map(|transmit| (transmit.id.as_raw(), transmit.redelivery));
        assert_eq!(pulled, expected, "[Q4, Q5, Q6] transmit in {state} at {now:?}, of {:#?}", self.entries);
        if let Some(transmit) = found {
            assert_eq!(transmit.message, self.entries[&transmit.id.as_raw()].payload, "not what was sent");
        }
        self.pending = pulled;
    }

    pub fn unsent(&mut self, transmit: &Transmit<Message>, why: Unsent) -> bool {
        let known = self.pending.is_some_and(|(id, _)| id == transmit.id.as_raw());
        if !known {
            self.commit();
            return false;
        }
        self.pending = None;
        if why == Unsent::Rejected {
            self.seal(transmit.id, Fate::Rejected);
        }
        true
    }

    /// The outcome is owed, though not told yet.
    pub fn ended(&mut self, now: Instant, id: MessageId, outcome: &Outcome<Message>) {
        let entry = self.entries.get(&id.as_raw());
        let entry = entry.unwrap_or_else(|| panic!("[Q3] {id} ends twice, or never was: {outcome:?}"));
        match &entry.outcome {
            Some(known) => assert_eq!(known, outcome, "[Q3] the outcome of {id} changed"),
            None => assert!(self.may_end(entry, now, outcome), "[Q3] {entry:#?} ends as {outcome:?} at {now:?}"),
        }
        let entry = self.entries.get_mut(&id.as_raw()).expect("just seen");
        (entry.ended, entry.outcome) = (true, Some(outcome.clone()));
    }

    pub fn told(&mut self, now: Instant, id: MessageId, outcome: &Outcome<Message>) {
        self.ended(now, id, outcome);
        self.entries.remove(&id.as_raw());
        self.last_told = id.as_raw();
    }

    fn may_end(&self, entry: &Entry, now: Instant, outcome: &Outcome<Message>) -> bool {
        let (why, message) = match outcome {
            Outcome::Committed => {
                return entry.delivery != Delivery::AtLeastOnce && entry.sent == 1 && entry.fate.is_none();
            }
            Outcome::Acked => return entry.sent > 0 && entry.fate == Some(Fate::Acked),
            Outcome::Returned(why, message) if entry.sent == 0 => (*why, *message),
            Outcome::Unconfirmed(why, message) if entry.sent > 0 => (*why, *message),
            Outcome::Returned(..) | Outcome::Unconfirmed(..) => return false,
        };
        let because = match why {
            Why::Cancelled => entry.fate == Some(Fate::Cancelled),
            Why::Rejected => entry.fate == Some(Fate::Rejected),
            _ if entry.fate.is_some() => false,
            Why::Expired => entry.expires <= now && entry.expires < Instant::MAX,
            Why::Evicted => {
                let fresh = entry.delivery != Delivery::Connection && entry.sent == 0;
                fresh && self.limits.overflow == Overflow::EvictOldest
            }
            Why::Abandoned => self.closing,
            Why::ConnectionOver => entry.delivery == Delivery::Connection,
            Why::MaxDeliveries => entry.sent == self.limits.max_deliveries,
        };
        let at_least_once = entry.delivery == Delivery::AtLeastOnce;
        because && message == entry.payload && (entry.sent == 0 || at_least_once)
    }

    /// What a moment after which nothing is owed must have resolved.
    pub fn check_settled(&self, conn: bool, timer_at: Option<Instant>) {
        for (id, entry) in self.entries.iter().filter(|(_, entry)| !entry.ended) {
            assert!(conn || entry.delivery != Delivery::Connection, "[Q2] {id} survives its connection");
            assert!(conn || entry.sent < self.limits.max_deliveries, "[Q5] {id} waits for one delivery more");
            let over = timer_at.is_some_and(|now| entry.expires <= now && entry.expires < Instant::MAX);
            assert!(!over, "[Q6] {id} outlives its time");
        }
    }
}
