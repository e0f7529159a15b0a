//! Messages on their way out: bounded, in order, each with exactly one outcome.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use super::action::Action;
use super::heap::Heap;
use super::message::{Delivery, MessageId, Outcome, Outgoing, Reason, Refusal, Refused, Transmit};
use super::queue::{Header, Queue};
use super::ring::Ring;
use crate::check::{ConfigError, DAY, MILLISECOND, within};
use crate::time::{Deadline, Span, Timestamp};

/// What happens to a message for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum Overflow {
    /// It is refused.
    Refuse,
    /// The oldest messages that survive reconnects and were never transmitted make room, if they can;
    /// otherwise none of them is touched and the newcomer is refused.
    EvictOldest,
}

/// The bounds of the outbox, and how long it waits for acknowledgements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(default, deny_unknown_fields))]
pub struct OutboxConfig {
    /// How many messages may be held: 1 to 1,048,576. Default 1,024. An evicted message is held in a second set of
    /// bounds of the same size until its outcome is pulled.
    pub max_messages: u32,
    /// How many bytes they may have together, by the size given with each: 1 byte to 1 GiB. Default 1 MiB
    /// (centrifuge's queue per client).
    pub max_bytes: u32,
    /// What happens to a message beyond that. Default refuse.
    pub overflow: Overflow,
    /// How many messages of delivery `ThisConnection` may be held beside those: 1 to 1,048,576. Default 64.
    pub max_connection_messages: u32,
    /// How many bytes they may have together: 1 byte to 1 GiB. Default 64 KiB.
    pub max_connection_bytes: u32,
    /// How many at-least-once messages may be unacknowledged: 1 to 1,048,576; never more than are held. The next one
    /// waits, and what was accepted after it waits behind it. Default 64.
    pub ack_window: u32,
    /// How long the acknowledgement of a transmitted message may take before the connection is lost: 1 ms to a day,
    /// or `None` for as long as the connection lives. Default 30 s.
    pub ack_timeout: Option<Duration>,
    /// How many lost connections may be charged to an at-least-once message: 1 to 65,535. A loss is charged to the
    /// oldest message that was transmitted on that connection and not acknowledged. Default 5.
    pub max_losses: u16,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            max_messages: 1024,
            max_bytes: 1024 * 1024,
            overflow: Overflow::Refuse,
            max_connection_messages: 64,
            max_connection_bytes: 64 * 1024,
            ack_window: 64,
            ack_timeout: Some(Duration::from_secs(30)),
            max_losses: 5,
        }
    }
}

impl OutboxConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        const MOST_MESSAGES: u32 = 1 << 20;
        const MOST_BYTES: u32 = 1 << 30;
        within("outbox.max_messages", self.max_messages, 1, MOST_MESSAGES)?;
        within("outbox.max_bytes", self.max_bytes, 1, MOST_BYTES)?;
        within("outbox.max_connection_messages", self.max_connection_messages, 1, MOST_MESSAGES)?;
        within("outbox.max_connection_bytes", self.max_connection_bytes, 1, MOST_BYTES)?;
        within("outbox.ack_window", self.ack_window, 1, MOST_MESSAGES)?;
        if let Some(timeout) = self.ack_timeout {
            within("outbox.ack_timeout", timeout, MILLISECOND, DAY)?;
        }
        within("outbox.max_losses", u32::from(self.max_losses), 1, u16::MAX.into())
    }

    /// When the acknowledgement is due of what is sent now.
    fn ack_due(&self, now: Timestamp) -> Deadline {
        Deadline::after(Deadline::at(now), Span::of_option(self.ack_timeout))
    }

    fn limits(&self, lane: Lane) -> Room {
        let (messages, bytes) = match lane {
            Lane::ThisConnection => (self.max_connection_messages, self.max_connection_bytes),
            Lane::Lasting | Lane::Evicted => (self.max_messages, self.max_bytes),
        };
        Room { messages, bytes: u64::from(bytes) }
    }
}

/// The queues of a session. They take heap with the first message, and give it back when a connection ends
/// during which they held nothing.
#[derive(Clone, Debug)]
pub(crate) struct Outbox<M> {
    next_id: u64,
    queues: Option<Box<Queues<M>>>,
}

#[derive(Clone, Debug)]
struct Queues<M> {
    /// `ThisConnection` messages, not transmitted.
    this_connection: Queue<M>,
    /// `AtLeastOnce` messages that were transmitted.
    unacked: Queue<M>,
    /// Those of `unacked` up to this id were transmitted on the current connection, those after it were not.
    sent_up_to: u64,
    /// `AtMostOnce` and `AtLeastOnce` messages that were never transmitted.
    fresh: Queue<M>,
    lent: Option<Lent>,
    /// When which message expires, messages that were resolved since included.
    expiries: Heap<(Timestamp, u64)>,
    /// How many of `expiries` are of messages without an outcome.
    live_expiries: usize,
    /// The earliest of all times to live and acknowledgements due; may be that of a message resolved since.
    due: Deadline,
    resolved: Ring<Resolved>,
    /// The messages of those in `resolved` that hand one back, in the same order.
    handed_back: VecDeque<M>,
    held: [Room; 3],
    /// Something was held during this connection.
    used: bool,
}

/// The message that was handed out to be written.
#[derive(Clone, Copy, Debug)]
struct Lent {
    id: u64,
    from: Source,
    /// The connection that it is written to has not ended.
    current: bool,
}

/// Which queue a message is in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Source {
    ThisConnection,
    Unacked,
    Fresh,
}

/// The end of all ids: everything in `unacked` was transmitted on the current connection.
const ALL: u64 = u64::MAX;

/// Which bounds a message counts in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Lane {
    ThisConnection,
    /// `AtMostOnce` and `AtLeastOnce`.
    Lasting,
    Evicted,
}

impl Lane {
    fn of(delivery: Delivery) -> Self {
        match delivery {
            Delivery::ThisConnection => Self::ThisConnection,
            Delivery::AtMostOnce | Delivery::AtLeastOnce => Self::Lasting,
        }
    }
}

/// An outcome without its message.
#[derive(Clone, Copy, Debug)]
struct Resolved {
    id: u64,
    size: u32,
    lane: Lane,
    ending: Ending,
}

impl Resolved {
    const NONE: Self = Self { id: 0, size: 0, lane: Lane::Lasting, ending: Ending::Transmitted };
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Transmitted,
    Acked,
    Returned(Reason),
    Unconfirmed(Reason),
}

#[derive(Clone, Copy, Debug)]
struct Room {
    messages: u32,
    bytes: u64,
}

impl Room {
    const NONE: Self = Self { messages: 0, bytes: 0 };

    fn take(&mut self, size: u32) {
        self.messages += 1;
        self.bytes += u64::from(size);
    }

    fn free(&mut self, size: u32) {
        self.messages -= 1;
        self.bytes -= u64::from(size);
    }

    fn fits(self, limits: Self) -> bool {
        self.messages <= limits.messages && self.bytes <= limits.bytes
    }
}

impl<M> Outbox<M> {
    pub(crate) const fn new(first_id: MessageId) -> Self {
        // 0 stands for "none".
        let next_id = if first_id.as_raw() == 0 { 1 } else { first_id.as_raw() };
        Self { next_id, queues: None }
    }

    // ---- accepting -------------------------------------------------------------------------

    /// Whether there is room for a message without making any: the usual case.
    #[inline]
    pub(crate) fn has_room(&self, config: &OutboxConfig, outgoing: &Outgoing<M>) -> bool {
        let Some(queues) = &self.queues else { return false };
        let plain = outgoing.delivery() != Delivery::ThisConnection && outgoing.time_to_live().is_none();
        let fits = queues.fits(Lane::Lasting, config.limits(Lane::Lasting), outgoing.size());
        plain && fits && queues.fresh.has_room() && self.next_id < ALL
    }

    /// Makes room for a message, or says why there is none. The number is how many were evicted.
    pub(crate) fn make_room(&mut self, config: &OutboxConfig, outgoing: &Outgoing<M>) -> Result<u32, Refusal> {
        let lane = Lane::of(outgoing.delivery());
        let limits = config.limits(lane);
        if u64::from(outgoing.size()) > limits.bytes {
            return Err(Refusal::TooLarge);
        }
        if self.next_id == ALL {
            return Err(Refusal::Full);
        }
        let queues = self.queues.get_or_insert_with(Queues::boxed);
        let fits = queues.fits(lane, limits, outgoing.size());
        let evicted = if fits { 0 } else { queues.evict(config, lane, outgoing.size()).ok_or(Refusal::Full)? };
        queues.queue(lane).make_room();
        Ok(evicted)
    }

    /// The message with the newest id expires at that moment.
    pub(crate) fn expires(&mut self, at: Timestamp) {
        if let Some(queues) = &mut self.queues {
            queues.note_expiry(at, self.next_id - 1);
        }
    }

    /// Accepts a message for which there is room.
    #[inline]
    pub(crate) fn accept(&mut self, expires: Deadline, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        let Some(queues) = &mut self.queues else { return Err(Refused { reason: Refusal::Full, outgoing }) };
        let lane = Lane::of(outgoing.delivery());
        let id = MessageId::from_raw(self.next_id);
        self.next_id += 1;
        queues.used = true;
        queues.held[lane as usize].take(outgoing.size());
        queues.queue(lane).push(id, expires, outgoing)
    }

    // ---- lending ---------------------------------------------------------------------------

    /// Lends the oldest new message, if none goes before it and it can be sent: the usual case of [`lend`](Self::lend).
    #[inline]
    pub(crate) fn lend_fast(&mut self, config: &OutboxConfig, now: Timestamp) -> bool {
        self.queues.as_mut().is_some_and(|queues| queues.lend_fast(config, now))
    }

    /// What was lent that way.
    #[inline]
    pub(crate) fn fresh(&self) -> Option<Transmit<'_, M>> {
        let (header, message) = self.queues.as_ref()?.fresh.first()?;
        let delivery = header.delivery;
        Some(Transmit { id: MessageId::from_raw(header.id), message, delivery, redelivery: false })
    }

    /// Lends the message to write next, if there is one: none without a connection (`None`), and only
    /// `ThisConnection` messages before it is ready (`false`). Whatever was lent before no longer is.
    pub(crate) fn lend(&mut self, config: &OutboxConfig, now: Timestamp, ready: Option<bool>) -> bool {
        self.queues.as_mut().is_some_and(|queues| {
            queues.lent = ready.and_then(|ready| queues.choose(config, now, ready));
            queues.lent.is_some()
        })
    }

    /// What was lent just now.
    pub(crate) fn lent(&self) -> Option<Transmit<'_, M>> {
        let queues = self.queues.as_ref()?;
        let Lent { id, from, .. } = queues.lent?;
        let (message, delivery) = match from {
            Source::Fresh => queues.fresh.first().map(|(header, message)| (message, header.delivery))?,
            Source::ThisConnection => (queues.this_connection.first()?.1, Delivery::ThisConnection),
            Source::Unacked => (queues.unacked.get(id)?, Delivery::AtLeastOnce),
        };
        let redelivery = from == Source::Unacked;
        Some(Transmit { id: MessageId::from_raw(id), message, delivery, redelivery })
    }

    /// The usual case of [`sent`](Self::sent): a new message, and nothing is to be made for it. False if this is another.
    #[inline]
    pub(crate) fn sent_fast(&mut self, config: &OutboxConfig, now: Timestamp, id: MessageId) -> bool {
        self.queues.as_mut().is_some_and(|queues| queues.sent_fast(config, now, id.as_raw()))
    }

    /// The lent message was written. Says whether that was a redelivery; `None` if `id` is not lent.
    pub(crate) fn sent(&mut self, config: &OutboxConfig, now: Timestamp, id: MessageId) -> Option<bool> {
        self.queues.as_mut()?.sent(config, now, id.as_raw())
    }

    /// The lent message can never be sent. False if `id` is not lent.
    pub(crate) fn rejected(&mut self, id: MessageId) -> bool {
        self.queues.as_mut().is_some_and(|queues| {
            let lent = queues.lent.take_if(|lent| lent.id == id.as_raw());
            lent.is_some() && queues.give_up(id.as_raw(), Reason::Rejected)
        })
    }

    // ---- resolving -------------------------------------------------------------------------

    /// The peer acknowledged `id`. False unless it is an at-least-once message without an outcome that was
    /// transmitted, or is lent for it.
    pub(crate) fn acked(&mut self, id: MessageId) -> bool {
        self.queues.as_mut().is_some_and(|queues| queues.acked(id.as_raw()))
    }

    /// The usual case of [`acked`](Self::acked): the oldest message. False if this is another.
    #[inline]
    pub(crate) fn acked_fast(&mut self, id: MessageId) -> bool {
        self.queues.as_mut().is_some_and(|queues| {
            Queues::end_first(&mut queues.unacked, &mut queues.resolved, id.as_raw(), Ending::Acked)
        })
    }

    /// The application wants `id` back. False if it has its outcome, or never was.
    pub(crate) fn cancel(&mut self, id: MessageId) -> bool {
        self.queues.as_mut().is_some_and(|queues| queues.give_up(id.as_raw(), Reason::Cancelled))
    }

    /// Resolves what has outlived its time to live. From then on [`deadline`](Self::deadline) is exact.
    pub(crate) fn expire(&mut self, now: Timestamp) {
        if let Some(queues) = &mut self.queues {
            queues.expire(now);
        }
    }

    /// Whether an acknowledgement is overdue.
    pub(crate) fn ack_overdue(&self, now: Timestamp) -> bool {
        self.queues.as_ref().is_some_and(|queues| queues.ack_due().passed(now))
    }

    /// Starts the waits for acknowledgements anew that were not started anew before. True if one of them is longer than
    /// `tolerance`.
    pub(crate) fn restart_ack_waits(&mut self, config: &OutboxConfig, now: Timestamp, tolerance: Span) -> bool {
        let ack_due = config.ack_due(now);
        self.queues.as_mut().is_some_and(|queues| queues.restart_ack_waits(tolerance, ack_due))
    }

    /// Starts every running wait for an acknowledgement anew, as if its message had been sent now.
    pub(crate) fn begin_ack_waits(&mut self, config: &OutboxConfig, now: Timestamp) {
        let ack_due = config.ack_due(now);
        if let Some(queues) = self.queues.as_mut() {
            queues.begin_ack_waits(ack_due);
        }
    }

    /// The connection is over: its own messages are returned, the unacknowledged will be transmitted again.
    pub(crate) fn connection_ended(&mut self, config: &OutboxConfig, charge: bool) {
        let Some(queues) = self.queues.as_mut() else { return };
        queues.connection_ended(charge.then_some(config.max_losses));
        // What is held now is held during the next connection too.
        let holds = queues.held.iter().any(|room| room.messages > 0);
        if !core::mem::replace(&mut queues.used, holds) {
            self.give_back();
        }
    }

    /// Resolves everything, because there will be no connection for it.
    pub(crate) fn abandon(&mut self) {
        if let Some(queues) = self.queues.as_mut() {
            queues.abandon();
        }
    }

    /// The next outcome that was not pulled. Its message leaves the bounds.
    #[inline]
    pub(crate) fn next_outcome(&mut self) -> Option<Action<M>> {
        let queues = self.queues.as_mut()?;
        let Resolved { id, size, lane, ending } = *queues.resolved.get(0)?;
        queues.resolved.drop_first();
        queues.held[lane as usize].free(size);
        let id = MessageId::from_raw(id);
        match ending {
            Ending::Transmitted => Some(Action::Outcome { id, outcome: Outcome::Transmitted }),
            Ending::Acked => Some(Action::Outcome { id, outcome: Outcome::Acked }),
            Ending::Returned(_) | Ending::Unconfirmed(_) => queues.outcome_with_message(id, ending),
        }
    }

    /// Gives the heap back, if nothing is in it.
    pub(crate) fn give_back(&mut self) {
        if self.held() == 0 {
            self.queues = None;
        }
    }

    // ---- looking in ------------------------------------------------------------------------

    /// Whether outcomes wait to be pulled.
    #[inline]
    pub(crate) fn has_outcomes(&self) -> bool {
        self.queues.as_ref().is_some_and(|queues| queues.resolved.len() > 0)
    }

    /// Messages without an outcome.
    pub(crate) fn unresolved(&self) -> usize {
        self.queues
            .as_ref()
            .map_or(0, |queues| queues.this_connection.len() + queues.unacked.len() + queues.fresh.len())
    }

    /// Messages that take room, those whose outcome was not pulled yet included.
    pub(crate) fn held(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.held.iter().map(|room| room.messages as usize).sum())
    }

    /// The bytes of the messages in [`held`](Self::held), by the size given with each.
    pub(crate) fn held_bytes(&self) -> u64 {
        self.queues.as_ref().map_or(0, |queues| queues.held.iter().map(|room| room.bytes).sum())
    }

    /// No message expires and no acknowledgement is overdue before.
    #[inline]
    pub(crate) fn deadline(&self) -> Deadline {
        self.queues.as_ref().map_or(Deadline::NEVER, |queues| queues.due)
    }

    /// What decides its future, with ids by rank and times relative to `now`. Past a lateness of `late` nothing more is
    /// told apart.
    pub(crate) fn fingerprint(&self, config: &OutboxConfig, now: Timestamp, late: Duration, into: &mut Vec<u64>) {
        let Some(queues) = &self.queues else { return };
        queues.fingerprint(config, now, late, into);
    }
}

impl<M> Queues<M> {
    #[cold]
    #[inline(never)]
    fn boxed() -> Box<Self> {
        Box::new(Self {
            this_connection: Queue::new(),
            unacked: Queue::new(),
            sent_up_to: 0,
            fresh: Queue::new(),
            lent: None,
            expiries: Heap::new(),
            live_expiries: 0,
            due: Deadline::NEVER,
            resolved: Ring::new(),
            handed_back: VecDeque::new(),
            held: [Room::NONE; 3],
            used: false,
        })
    }

    #[inline]
    fn fits(&self, lane: Lane, limits: Room, size: u32) -> bool {
        let mut held = self.held[lane as usize];
        held.take(size);
        held.fits(limits)
    }

    /// Room for one more of `size` bytes by eviction: all that is needed or none.
    #[inline(never)]
    fn evict(&mut self, config: &OutboxConfig, lane: Lane, size: u32) -> Option<u32> {
        if lane == Lane::ThisConnection || config.overflow == Overflow::Refuse {
            return None;
        }
        let limits = config.limits(lane);
        let (mut held, mut evicted) = (self.held[lane as usize], self.held[Lane::Evicted as usize]);
        held.take(size);
        let mut victims = 0;
        let mut oldest = self.fresh.iter();
        while !held.fits(limits) {
            let victim = oldest.next()?;
            held.free(victim.size);
            evicted.take(victim.size);
            victims += 1;
            if !evicted.fits(limits) {
                return None;
            }
        }
        drop(oldest);
        for _ in 0..victims {
            self.evict_first();
        }
        Some(victims)
    }

    fn evict_first(&mut self) {
        if let Some((header, message)) = self.fresh.take_first() {
            self.held[Lane::Lasting as usize].free(header.size);
            self.held[Lane::Evicted as usize].take(header.size);
            self.end(&header, Lane::Evicted, Ending::Returned(Reason::Evicted));
            self.handed_back.push_back(message);
        }
    }

    /// Where a new message belongs.
    #[inline]
    fn queue(&mut self, lane: Lane) -> &mut Queue<M> {
        if lane == Lane::ThisConnection { &mut self.this_connection } else { &mut self.fresh }
    }

    #[cold]
    fn note_expiry(&mut self, at: Timestamp, id: u64) {
        self.due = self.due.min(Deadline::at(at));
        self.live_expiries += 1;
        self.expiries.push((at, id));
        if self.expiries.len() > 2 * self.live_expiries + 16 {
            let mut expiries = core::mem::replace(&mut self.expiries, Heap::new());
            expiries.retain(|(_, id)| self.waits(id));
            self.expiries = expiries;
        }
    }

    #[inline]
    fn lend_fast(&mut self, config: &OutboxConfig, now: Timestamp) -> bool {
        let Some((first, _)) = self.fresh.first() else { return false };
        let comes_first = self.this_connection.is_empty() && self.sent_up_to == ALL;
        let can_be_sent = !first.expires.passed(now) && self.has_window(config, first);
        if comes_first && can_be_sent {
            self.lent = Some(Lent { id: first.id, from: Source::Fresh, current: true });
        }
        comes_first && can_be_sent
    }

    /// The message to write next. One whose time to live is over is resolved instead.
    fn choose(&mut self, config: &OutboxConfig, now: Timestamp, ready: bool) -> Option<Lent> {
        loop {
            let (from, id, expires) = self.next(config, ready)?;
            if !expires.passed(now) {
                return Some(Lent { id, from, current: true });
            }
            self.give_up(id, Reason::Expired);
        }
    }

    /// First those for this connection, then those to transmit again, then new ones.
    fn next(&mut self, config: &OutboxConfig, ready: bool) -> Option<(Source, u64, Deadline)> {
        if let Some((first, _)) = self.this_connection.first() {
            return Some((Source::ThisConnection, first.id, first.expires));
        }
        if !ready {
            return None;
        }
        if let Some(again) = self.next_redelivery() {
            return Some((Source::Unacked, again.id, again.expires));
        }
        let (first, _) = self.fresh.first()?;
        self.has_window(config, first).then_some((Source::Fresh, first.id, first.expires))
    }

    #[inline]
    fn has_window(&self, config: &OutboxConfig, fresh: &Header) -> bool {
        fresh.delivery != Delivery::AtLeastOnce || self.unacked.len() < config.ack_window as usize
    }

    fn next_redelivery(&mut self) -> Option<Header> {
        if self.sent_up_to == ALL {
            return None;
        }
        let next = self.unacked.first_after(self.sent_up_to);
        // What lies before it was transmitted or is gone: not to be searched again.
        self.sent_up_to = next.map_or(ALL, |next| next.id - 1);
        next
    }

    #[inline]
    fn sent_fast(&mut self, config: &OutboxConfig, now: Timestamp, id: u64) -> bool {
        let is_lent = self.lent.is_some_and(|lent| lent.from == Source::Fresh && lent.id == id && lent.current);
        let delivery = match self.fresh.first() {
            Some((first, _)) if is_lent && first.id == id => first.delivery,
            _ => return false,
        };
        if delivery == Delivery::AtMostOnce {
            // The lend ends with the message.
            return Self::end_first(&mut self.fresh, &mut self.resolved, id, Ending::Transmitted);
        }
        let has_room = self.unacked.has_room();
        if has_room {
            self.lent = None;
            self.wait_for_ack(config, now, true);
        }
        has_room
    }

    /// Ends the first message of a queue, if it is this one and nothing else is to be done for it.
    #[inline]
    fn end_first(queue: &mut Queue<M>, resolved: &mut Ring<Resolved>, id: u64, ending: Ending) -> bool {
        let size = match queue.first() {
            Some((first, _)) if first.id == id && first.expires.is_never() => first.size,
            _ => return false,
        };
        let Some(place) = resolved.add() else { return false };
        *place = Resolved { id, size, lane: Lane::Lasting, ending };
        queue.drop_first();
        true
    }

    fn sent(&mut self, config: &OutboxConfig, now: Timestamp, id: u64) -> Option<bool> {
        let Lent { from, current, .. } = self.lent.take_if(|lent| lent.id == id)?;
        match from {
            Source::Unacked => return self.sent_again(config, now, id, current),
            Source::Fresh => {
                let (first, _) = self.fresh.first().filter(|(first, _)| first.id == id)?;
                match first.delivery {
                    Delivery::AtLeastOnce => {
                        self.unacked.make_room();
                        self.wait_for_ack(config, now, current);
                    }
                    Delivery::AtMostOnce | Delivery::ThisConnection => self.transmitted(Source::Fresh),
                }
            }
            Source::ThisConnection => {
                self.this_connection.first().filter(|(first, _)| first.id == id)?;
                self.transmitted(Source::ThisConnection);
            }
        }
        Some(false)
    }

    fn transmitted(&mut self, from: Source) {
        let queue = if from == Source::Fresh { &mut self.fresh } else { &mut self.this_connection };
        if let Some((header, _)) = queue.take_first() {
            self.end(&header, Lane::of(header.delivery), Ending::Transmitted);
        }
    }

    /// The first of `fresh` was transmitted, and there is room in `unacked`.
    #[inline(never)]
    fn wait_for_ack(&mut self, config: &OutboxConfig, now: Timestamp, current: bool) {
        let ack_due = if current { config.ack_due(now) } else { Deadline::NEVER };
        self.due = self.due.min(ack_due);
        self.unacked.push_first_of(&mut self.fresh, ack_due);
    }

    fn sent_again(&mut self, config: &OutboxConfig, now: Timestamp, id: u64, current: bool) -> Option<bool> {
        let header = self.unacked.get_mut(id)?;
        if current {
            (header.ack_due, header.grace_used) = (config.ack_due(now), false);
            self.due = self.due.min(header.ack_due);
            self.sent_up_to = id;
        }
        Some(true)
    }

    fn acked(&mut self, id: u64) -> bool {
        let lent = self.lent.is_some_and(|lent| lent.id == id);
        let is_lent = |(first, _): &(&Header, &M)| lent && first.id == id && first.delivery == Delivery::AtLeastOnce;
        let taken = match self.unacked.take(id) {
            None if self.fresh.first().is_some_and(|first| is_lent(&first)) => self.fresh.take_first(),
            taken => taken,
        };
        let Some((header, message)) = taken else { return false };
        self.end(&header, Lane::Lasting, Ending::Acked);
        drop(message);
        true
    }

    /// Ends a message that did not certainly arrive. False if it has its outcome, or never was.
    fn give_up(&mut self, id: u64, reason: Reason) -> bool {
        if let Some(taken) = self.unacked.take(id) {
            self.hand_back(taken, Ending::Unconfirmed(reason));
            return true;
        }
        let Some(taken) = self.fresh.take(id).or_else(|| self.this_connection.take(id)) else { return false };
        self.hand_back(taken, Ending::Returned(reason));
        true
    }

    fn expire(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.expiries.peek() {
            if !Deadline::at(at).passed(now) {
                break;
            }
            self.give_up(id, Reason::Expired);
            self.expiries.pop();
        }
        self.arm();
    }

    fn waits(&self, id: u64) -> bool {
        self.this_connection.contains(id) || self.unacked.contains(id) || self.fresh.contains(id)
    }

    fn ack_due(&self) -> Deadline {
        // They are transmitted in this order, so the first is due first.
        self.unacked.first().map_or(Deadline::NEVER, |(first, _)| first.ack_due)
    }

    /// Makes the deadline exact: messages that were resolved no longer count.
    fn arm(&mut self) {
        while self.expiries.peek().is_some_and(|(_, id)| !self.waits(id)) {
            self.expiries.pop();
        }
        let expiry = self.expiries.peek().map_or(Deadline::NEVER, |(at, _)| Deadline::at(at));
        self.due = self.ack_due().min(expiry);
    }

    /// `ack_due` is that of a wait that begins now.
    fn restart_ack_waits(&mut self, tolerance: Span, ack_due: Deadline) -> bool {
        let mut restarted = false;
        self.unacked.for_each(|header| {
            if !header.ack_due.is_never() && !header.grace_used {
                // A shorter one keeps its grace, but moves along: the first in the queue stays the first that is due.
                header.grace_used = header.has_waited(ack_due) > tolerance;
                header.ack_due = ack_due;
                restarted |= header.grace_used;
            }
        });
        self.arm();
        restarted
    }

    fn begin_ack_waits(&mut self, ack_due: Deadline) {
        self.unacked.for_each(|header| {
            if !header.ack_due.is_never() {
                (header.ack_due, header.grace_used) = (ack_due, false);
            }
        });
        self.arm();
    }

    fn connection_ended(&mut self, max_losses: Option<u16>) {
        while let Some(taken) = self.this_connection.take_first() {
            self.hand_back(taken, Ending::Returned(Reason::ConnectionEnded));
        }
        let sent_up_to = core::mem::replace(&mut self.sent_up_to, 0);
        let oldest = self.unacked.first().map(|(first, _)| first.id).filter(|id| *id <= sent_up_to);
        if let (Some(id), Some(max_losses)) = (oldest, max_losses) {
            self.charge(id, max_losses);
        }
        self.unacked.for_each(|header| header.ack_due = Deadline::NEVER);
        if let Some(lent) = &mut self.lent {
            lent.current = false;
        }
        self.arm();
    }

    fn charge(&mut self, id: u64, max_losses: u16) {
        let Some(entry) = self.unacked.get_mut(id) else { return };
        entry.losses = entry.losses.saturating_add(1);
        if entry.losses >= max_losses {
            self.give_up(id, Reason::MaxLosses);
        }
    }

    fn abandon(&mut self) {
        while let Some(taken) = self.this_connection.take_first() {
            self.hand_back(taken, Ending::Returned(Reason::Abandoned));
        }
        while let Some(taken) = self.unacked.take_first() {
            self.hand_back(taken, Ending::Unconfirmed(Reason::Abandoned));
        }
        while let Some(taken) = self.fresh.take_first() {
            self.hand_back(taken, Ending::Returned(Reason::Abandoned));
        }
        self.expiries = Heap::new();
        self.arm();
    }

    fn hand_back(&mut self, (header, message): (Header, M), ending: Ending) {
        self.end(&header, Lane::of(header.delivery), ending);
        self.handed_back.push_back(message);
    }

    #[inline(never)]
    fn outcome_with_message(&mut self, id: MessageId, ending: Ending) -> Option<Action<M>> {
        let message = self.handed_back.pop_front()?;
        let outcome = match ending {
            Ending::Returned(reason) => Outcome::Returned(reason, message),
            Ending::Unconfirmed(reason) => Outcome::Unconfirmed(reason, message),
            Ending::Transmitted => Outcome::Transmitted,
            Ending::Acked => Outcome::Acked,
        };
        Some(Action::Outcome { id, outcome })
    }

    #[inline]
    fn end(&mut self, header: &Header, lane: Lane, ending: Ending) {
        if !header.expires.is_never() {
            self.live_expiries -= 1;
        }
        self.resolved.make_room(|| Resolved::NONE);
        if let Some(resolved) = self.resolved.add() {
            *resolved = Resolved { id: header.id, size: header.size, lane, ending };
        }
    }

    /// `late` is the most that is told apart of how long an acknowledgement has been waited for.
    fn fingerprint(&self, config: &OutboxConfig, now: Timestamp, late: Duration, into: &mut Vec<u64>) {
        let ack_due = config.ack_due(now);
        into.extend(self.due.distance(now, late));
        for (queue, unacked) in [(&self.this_connection, false), (&self.unacked, true), (&self.fresh, false)] {
            into.push(queue.len() as u64);
            for entry in queue.iter() {
                into.extend(entry.expires.distance(now, Duration::ZERO));
                into.extend(entry.ack_due.distance(now, Duration::ZERO));
                let sent = unacked && entry.id <= self.sent_up_to;
                let lent = self.lent.map_or(0, |lent| u64::from(lent.id == entry.id) << u64::from(lent.current));
                into.extend([u64::from(entry.size), u64::from(entry.losses), entry.delivery as u64, lent]);
                into.extend([entry.grace_used, sent].map(u64::from));
                into.push(entry.has_waited(ack_due).min(Span::of(late)).as_nanos());
            }
        }
        into.extend([self.resolved.len() as u64, u64::from(self.used)]);
        for resolved in self.resolved.iter() {
            let (kind, reason) = match resolved.ending {
                Ending::Transmitted => (0, 0),
                Ending::Acked => (1, 0),
                Ending::Returned(reason) => (2, reason as u64),
                Ending::Unconfirmed(reason) => (3, reason as u64),
            };
            into.extend([u64::from(resolved.size), resolved.lane as u64, kind, reason]);
        }
        into.extend(self.held.iter().flat_map(|room| [u64::from(room.messages), room.bytes]));
    }
}

#[cfg(test)]
mod tests;
