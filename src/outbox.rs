//! Messages on their way out: bounded, in order, each with exactly one outcome.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::message::{Delivery, MessageId, Outcome, Outgoing, Refusal, Refused, Transmit, Why};
use crate::time::{Deadline, Instant};

/// What happens to a message for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Overflow {
    /// It is refused.
    Refuse,
    /// The oldest messages that survive reconnects and were never transmitted make room, if they can;
    /// otherwise none of them is touched and the newcomer is refused.
    EvictOldest,
}

/// The bounds of an [`Outbox`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct Limits {
    /// How many messages may be held. An evicted message is held in a second set of bounds of the
    /// same size until its outcome is pulled.
    pub max_messages: u32,
    /// How many bytes they may have together, as told with each message.
    pub max_bytes: u32,
    /// What happens to a message beyond that.
    pub overflow: Overflow,
    /// How many at-least-once messages may be unacknowledged. The next one waits, and what was accepted
    /// after it waits behind it.
    pub ack_window: u32,
    /// How often an at-least-once message is transmitted at most.
    pub max_deliveries: u32,
}

impl Default for Limits {
    /// 1,024 messages, 1 MiB (centrifuge's queue per client), refuse beyond, 64 unacknowledged, 5 deliveries.
    fn default() -> Self {
        Self {
            max_messages: 1024,
            max_bytes: 1024 * 1024,
            overflow: Overflow::Refuse,
            ack_window: 64,
            max_deliveries: 5,
        }
    }
}

/// The queue of a session, usable alone.
///
/// It takes no heap until the first message, then keeps what it has grown to. Every method but the
/// getters and [`next_outcome`](Self::next_outcome) first commits the message pulled before, except
/// [`put_back`](Self::put_back) and [`reject`](Self::reject), which are the other two ways for that message to go.
#[derive(Clone, Debug)]
pub struct Outbox<M> {
    queues: Option<Box<Queues<M>>>,
}

impl<M> Default for Outbox<M> {
    fn default() -> Self {
        Self { queues: None }
    }
}

#[derive(Clone, Debug)]
struct Queues<M> {
    last_id: u64,
    /// `Connection` messages, not transmitted.
    connection: VecDeque<Entry<M>>,
    /// `AtLeastOnce` messages, transmitted at least once.
    unacked: VecDeque<Entry<M>>,
    /// How many of `unacked`, from the front, were transmitted on this connection.
    sent_here: usize,
    /// `Once` and `AtLeastOnce` messages in the order of acceptance, never transmitted.
    fresh: VecDeque<Entry<M>>,
    pulled: Pulled<M>,
    resolved: VecDeque<Resolved<M>>,
    held: Room,
    evicted: Room,
    /// No message expires sooner.
    next_expiry: Deadline,
}

#[derive(Clone, Debug)]
struct Meta<M> {
    id: MessageId,
    size: u32,
    delivery: Delivery,
    expires: Deadline,
    deliveries: u32,
    keep: Option<fn(&M) -> M>,
}

#[derive(Clone, Debug)]
struct Entry<M> {
    meta: Meta<M>,
    message: M,
}

/// The message that was handed out and may still come back.
#[derive(Clone, Debug)]
enum Pulled<M> {
    Nothing,
    /// It was moved out of its queue.
    Moved(Meta<M>),
    /// A copy of the first of `fresh`.
    First,
    /// A copy of `unacked[sent_here]`.
    Again,
}

#[derive(Clone, Debug)]
struct Resolved<M> {
    id: MessageId,
    size: u32,
    evicted: bool,
    outcome: Outcome<M>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Room {
    messages: u32,
    bytes: u64,
}

impl Room {
    fn take(&mut self, size: u32) {
        self.messages += 1;
        self.bytes += u64::from(size);
    }

    fn free(&mut self, size: u32) {
        self.messages -= 1;
        self.bytes -= u64::from(size);
    }

    fn fits(self, limits: &Limits) -> bool {
        self.messages <= limits.max_messages && self.bytes <= u64::from(limits.max_bytes)
    }
}

impl<M> Outbox<M> {
    /// An empty outbox, without heap.
    pub const fn new() -> Self {
        Self { queues: None }
    }

    /// Accepts a message, whole, or gives it back. Also says how many were evicted for it.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] if the message alone is over the limit, [`Refusal::Full`] if there is no room.
    pub fn accept(
        &mut self,
        limits: &Limits,
        now: Instant,
        outgoing: Outgoing<M>,
    ) -> Result<(MessageId, u32), Refused<M>> {
        self.commit();
        if outgoing.size() > limits.max_bytes {
            return Err(Refused { reason: Refusal::TooLarge, outgoing });
        }
        let queues = self.queues.get_or_insert_with(|| Box::new(Queues::new()));
        let Some(evicted) = queues.make_room(limits, outgoing.size()) else {
            return Err(Refused { reason: Refusal::Full, outgoing });
        };
        Ok((queues.push(now, outgoing), evicted))
    }

    /// The next message to transmit. Unless it comes back by the very next call, it is committed.
    ///
    /// `ready` says whether the greeting is over; before that only `Connection` messages pass.
    pub fn transmit(&mut self, limits: &Limits, now: Instant, ready: bool) -> Option<Transmit<M>> {
        let queues = self.queues.as_mut()?;
        queues.commit();
        queues.pull_connection(now).or_else(|| {
            if !ready {
                return None;
            }
            queues.pull_again(now).or_else(|| queues.pull_first(limits, now))
        })
    }

    /// The pulled message stays what it was before it was pulled, at the front. False if it is not the
    /// one that was pulled last, or was committed since.
    pub fn put_back(&mut self, transmit: Transmit<M>) -> bool {
        self.pulled(transmit.id).is_some_and(|queues| {
            if let Pulled::Moved(meta) = core::mem::replace(&mut queues.pulled, Pulled::Nothing) {
                let entry = Entry { meta, message: transmit.message };
                match entry.meta.delivery {
                    Delivery::Connection => queues.connection.push_front(entry),
                    Delivery::Once | Delivery::AtLeastOnce => queues.fresh.push_front(entry),
                }
            }
            true
        })
    }

    /// The pulled message can never be sent: it is resolved. False as for [`put_back`](Self::put_back).
    pub fn reject(&mut self, transmit: Transmit<M>) -> bool {
        self.pulled(transmit.id).is_some_and(|queues| {
            let entry = match core::mem::replace(&mut queues.pulled, Pulled::Nothing) {
                Pulled::Nothing => None,
                Pulled::Moved(meta) => Some(Entry { meta, message: transmit.message }),
                Pulled::First => queues.fresh.pop_front(),
                Pulled::Again => queues.unacked.remove(queues.sent_here),
            };
            if let Some(entry) = entry {
                queues.give_up(entry, Why::Rejected);
            }
            true
        })
    }

    fn pulled(&mut self, id: MessageId) -> Option<&mut Queues<M>> {
        let queues = self.queues.as_mut()?;
        (queues.pulled_id() == Some(id)).then_some(queues)
    }

    /// The peer acknowledged `id`. False unless it is an unresolved at-least-once message that was transmitted.
    pub fn acked(&mut self, id: MessageId) -> bool {
        self.committed().is_some_and(|queues| queues.acked(id))
    }

    /// The caller wants `id` back. False if it is not unresolved.
    pub fn cancel(&mut self, id: MessageId) -> bool {
        self.committed().is_some_and(|queues| queues.cancel(id))
    }

    /// Resolves what has outlived its time to live.
    pub fn expire(&mut self, now: Instant) {
        if let Some(queues) = self.committed().filter(|queues| queues.next_expiry.passed(now)) {
            queues.expire(now);
        }
    }

    /// The connection is over: its own messages are returned, the unacknowledged will be sent again.
    pub fn connection_over(&mut self, limits: &Limits) {
        if let Some(queues) = self.committed() {
            queues.connection_over(limits);
        }
    }

    /// Resolves everything, because there will be no connection for it.
    pub fn abandon(&mut self) {
        if let Some(queues) = self.committed() {
            queues.sift(|_| Some(Why::Abandoned));
        }
    }

    /// Commits the pulled message, if there is one.
    #[inline]
    pub fn commit(&mut self) {
        self.committed();
    }

    #[inline]
    fn committed(&mut self) -> Option<&mut Queues<M>> {
        let queues = self.queues.as_mut()?;
        if !matches!(queues.pulled, Pulled::Nothing) {
            queues.commit();
        }
        Some(queues)
    }

    /// The next outcome nobody has been told. Its message leaves the bounds.
    pub fn next_outcome(&mut self) -> Option<(MessageId, Outcome<M>)> {
        let queues = self.queues.as_mut()?;
        let Resolved { id, size, evicted, outcome } = queues.resolved.pop_front()?;
        if evicted { &mut queues.evicted } else { &mut queues.held }.free(size);
        Some((id, outcome))
    }

    /// Whether outcomes wait to be pulled.
    #[inline]
    pub fn has_outcomes(&self) -> bool {
        self.queues.as_ref().is_some_and(|queues| !queues.resolved.is_empty())
    }

    /// Whether a message was pulled and is not committed yet.
    #[inline]
    pub fn has_pulled(&self) -> bool {
        self.queues.as_ref().is_some_and(|queues| !matches!(queues.pulled, Pulled::Nothing))
    }

    /// Messages without an outcome.
    pub fn unresolved(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| {
            let moved = usize::from(matches!(queues.pulled, Pulled::Moved(_)));
            queues.connection.len() + queues.unacked.len() + queues.fresh.len() + moved
        })
    }

    /// Messages that take room, those whose outcome was not pulled yet included.
    pub fn held(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| (queues.held.messages + queues.evicted.messages) as usize)
    }

    /// The bytes of the messages in [`held`](Self::held), as told with each.
    pub fn held_bytes(&self) -> u64 {
        self.queues.as_ref().map_or(0, |queues| queues.held.bytes + queues.evicted.bytes)
    }

    /// When [`expire`](Self::expire) wants to be called: never later than the first message expires.
    pub fn deadline(&self) -> Option<Instant> {
        let queues = self.queues.as_ref().filter(|_| self.unresolved() > 0)?;
        queues.next_expiry.get()
    }

    /// What decides its future, with ids by rank and times relative to `now`.
    pub(crate) fn fingerprint(&self, now: Instant, into: &mut Vec<u64>) {
        let Some(queues) = &self.queues else { return };
        let left = |at: Deadline| at.get().map_or(u64::MAX, |at| at.as_nanos().saturating_sub(now.as_nanos()));
        into.push(left(queues.next_expiry));
        for queue in [&queues.connection, &queues.unacked, &queues.fresh] {
            into.push(queue.len() as u64);
            for Entry { meta, .. } in queue {
                let (left, deliveries) = (left(meta.expires), u64::from(meta.deliveries));
                into.extend([meta.delivery as u64, u64::from(meta.size), left, deliveries]);
            }
        }
        let pulled = match &queues.pulled {
            Pulled::Nothing => 0,
            Pulled::Moved(meta) => 1 + meta.delivery as u64,
            Pulled::First => 4,
            Pulled::Again => 5,
        };
        into.extend([pulled, queues.sent_here as u64, queues.resolved.len() as u64]);
        into.extend(queues.resolved.iter().map(|told| u64::from(told.size) << 1 | u64::from(told.evicted)));
        into.extend([u64::from(queues.held.messages), queues.held.bytes]);
        into.extend([u64::from(queues.evicted.messages), queues.evicted.bytes]);
    }
}

impl<M> Queues<M> {
    fn new() -> Self {
        Self {
            last_id: 0,
            connection: VecDeque::new(),
            unacked: VecDeque::new(),
            sent_here: 0,
            fresh: VecDeque::new(),
            pulled: Pulled::Nothing,
            resolved: VecDeque::new(),
            held: Room::default(),
            evicted: Room::default(),
            next_expiry: Deadline::NEVER,
        }
    }

    /// Room for one more of `size` bytes, by eviction if need be: all that is needed or none.
    fn make_room(&mut self, limits: &Limits, size: u32) -> Option<u32> {
        let (mut held, mut evicted) = (self.held, self.evicted);
        held.take(size);
        let mut victims = 0;
        while !held.fits(limits) {
            let victim = match limits.overflow {
                Overflow::Refuse => None,
                Overflow::EvictOldest => self.fresh.get(victims),
            }?;
            held.free(victim.meta.size);
            evicted.take(victim.meta.size);
            victims += 1;
        }
        if victims > 0 && !evicted.fits(limits) {
            return None;
        }
        for victim in self.fresh.drain(..victims) {
            let Meta { id, size, .. } = victim.meta;
            let outcome = Outcome::Returned(Why::Evicted, victim.message);
            self.resolved.push_back(Resolved { id, size, evicted: true, outcome });
        }
        self.held = held;
        self.evicted = evicted;
        u32::try_from(victims).ok()
    }

    fn push(&mut self, now: Instant, outgoing: Outgoing<M>) -> MessageId {
        self.last_id += 1;
        let id = MessageId::from_raw(self.last_id);
        let expires = outgoing.lifetime().map_or(Deadline::NEVER, |time| Deadline::at(now.saturating_add(time)));
        self.next_expiry = self.next_expiry.min(expires);
        let (size, delivery, keep) = (outgoing.size(), outgoing.delivery(), outgoing.keep());
        let meta = Meta { id, size, delivery, expires, deliveries: 0, keep };
        let entry = Entry { meta, message: outgoing.into_message() };
        match delivery {
            Delivery::Connection => self.connection.push_back(entry),
            Delivery::Once | Delivery::AtLeastOnce => self.fresh.push_back(entry),
        }
        id
    }

    fn pull_connection(&mut self, now: Instant) -> Option<Transmit<M>> {
        while let Some(entry) = self.connection.pop_front() {
            if entry.meta.expires.passed(now) {
                self.give_up(entry, Why::Expired);
            } else {
                return Some(self.hand_over(entry));
            }
        }
        None
    }

    fn pull_again(&mut self, now: Instant) -> Option<Transmit<M>> {
        while let Some(entry) = self.unacked.get(self.sent_here) {
            if entry.meta.expires.passed(now) {
                let entry = self.unacked.remove(self.sent_here)?;
                self.give_up(entry, Why::Expired);
            } else {
                let message = entry.meta.keep?(&entry.message);
                self.pulled = Pulled::Again;
                return Some(Transmit { id: entry.meta.id, message, redelivery: true });
            }
        }
        None
    }

    fn pull_first(&mut self, limits: &Limits, now: Instant) -> Option<Transmit<M>> {
        while let Some(entry) = self.fresh.front() {
            if entry.meta.expires.passed(now) {
                let entry = self.fresh.pop_front()?;
                self.give_up(entry, Why::Expired);
            } else if let Some(keep) = entry.meta.keep {
                if self.unacked.len() >= limits.ack_window as usize {
                    return None;
                }
                let message = keep(&entry.message);
                self.pulled = Pulled::First;
                return Some(Transmit { id: entry.meta.id, message, redelivery: false });
            } else {
                let entry = self.fresh.pop_front()?;
                return Some(self.hand_over(entry));
            }
        }
        None
    }

    fn hand_over(&mut self, entry: Entry<M>) -> Transmit<M> {
        let transmit = Transmit { id: entry.meta.id, message: entry.message, redelivery: false };
        self.pulled = Pulled::Moved(entry.meta);
        transmit
    }

    fn pulled_id(&self) -> Option<MessageId> {
        match &self.pulled {
            Pulled::Nothing => None,
            Pulled::Moved(meta) => Some(meta.id),
            Pulled::First => self.fresh.front().map(|entry| entry.meta.id),
            Pulled::Again => self.unacked.get(self.sent_here).map(|entry| entry.meta.id),
        }
    }

    fn commit(&mut self) {
        match core::mem::replace(&mut self.pulled, Pulled::Nothing) {
            Pulled::Nothing => {}
            Pulled::Moved(meta) => self.resolve(&meta, Outcome::Committed),
            Pulled::First => {
                if let Some(mut entry) = self.fresh.pop_front() {
                    entry.meta.deliveries = 1;
                    self.unacked.push_back(entry);
                    self.sent_here += 1;
                }
            }
            Pulled::Again => {
                if let Some(entry) = self.unacked.get_mut(self.sent_here) {
                    entry.meta.deliveries += 1;
                    self.sent_here += 1;
                }
            }
        }
    }

    fn acked(&mut self, id: MessageId) -> bool {
        let Some(entry) = self.remove_unacked(id) else { return false };
        self.resolve(&entry.meta, Outcome::Acked);
        true
    }

    fn cancel(&mut self, id: MessageId) -> bool {
        let entry = remove(&mut self.connection, id)
            .or_else(|| remove(&mut self.fresh, id))
            .or_else(|| self.remove_unacked(id));
        let Some(entry) = entry else { return false };
        self.give_up(entry, Why::Cancelled);
        true
    }

    fn remove_unacked(&mut self, id: MessageId) -> Option<Entry<M>> {
        let place = place(&self.unacked, id)?;
        if place < self.sent_here {
            self.sent_here -= 1;
        }
        self.unacked.remove(place)
    }

    fn expire(&mut self, now: Instant) {
        self.sift(|meta| meta.expires.passed(now).then_some(Why::Expired));
        let left = self.connection.iter().chain(&self.unacked).chain(&self.fresh);
        self.next_expiry = left.map(|entry| entry.meta.expires).min().unwrap_or(Deadline::NEVER);
    }

    fn connection_over(&mut self, limits: &Limits) {
        self.sift(|meta| match meta.delivery {
            Delivery::Connection => Some(Why::ConnectionOver),
            Delivery::AtLeastOnce if meta.deliveries >= limits.max_deliveries => Some(Why::MaxDeliveries),
            Delivery::Once | Delivery::AtLeastOnce => None,
        });
        self.sent_here = 0;
    }

    /// Resolves every message for which `verdict` names a reason; the others keep their order.
    fn sift(&mut self, verdict: impl Fn(&Meta<M>) -> Option<Why>) {
        for _ in 0..self.connection.len() {
            let Some(entry) = self.connection.pop_front() else { break };
            match verdict(&entry.meta) {
                Some(why) => self.give_up(entry, why),
                None => self.connection.push_back(entry),
            }
        }
        let sent_here = self.sent_here;
        for place in 0..self.unacked.len() {
            let Some(entry) = self.unacked.pop_front() else { break };
            match verdict(&entry.meta) {
                Some(why) => {
                    self.sent_here -= usize::from(place < sent_here);
                    self.give_up(entry, why);
                }
                None => self.unacked.push_back(entry),
            }
        }
        for _ in 0..self.fresh.len() {
            let Some(entry) = self.fresh.pop_front() else { break };
            match verdict(&entry.meta) {
                Some(why) => self.give_up(entry, why),
                None => self.fresh.push_back(entry),
            }
        }
    }

    /// Resolves a message that ends without having arrived for certain.
    fn give_up(&mut self, entry: Entry<M>, why: Why) {
        let outcome = match entry.meta.deliveries {
            0 => Outcome::Returned(why, entry.message),
            _ => Outcome::Unconfirmed(why, entry.message),
        };
        self.resolve(&entry.meta, outcome);
    }

    fn resolve(&mut self, meta: &Meta<M>, outcome: Outcome<M>) {
        self.resolved.push_back(Resolved { id: meta.id, size: meta.size, evicted: false, outcome });
    }
}

fn place<M>(queue: &VecDeque<Entry<M>>, id: MessageId) -> Option<usize> {
    queue.binary_search_by_key(&id, |entry| entry.meta.id).ok()
}

fn remove<M>(queue: &mut VecDeque<Entry<M>>, id: MessageId) -> Option<Entry<M>> {
    queue.remove(place(queue, id)?)
}
