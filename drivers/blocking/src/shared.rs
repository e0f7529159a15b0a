//! What the handles and the driver have in common: one short lock over the messages on their way to the driver, and the
//! status. No code of the application's runs under the lock.

use std::collections::VecDeque;
use std::mem::{swap, take};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use heartline::message::{Delivery, Reason};
use heartline::outbox::{OutboxConfig, Overflow};
use heartline::{CloseCode, MessageId, Outcome, State, Timestamp};
use heartline_tungstenite::clock::Clock;
use heartline_tungstenite::codec::CodecError;

use crate::outgoing::{Outgoing, Refusal, SendError};
use crate::poller::Bell;
use crate::slots::{SlotKey, Slots};
use crate::status::{End, Stats, Status};

/// How much of the outbox somebody takes up.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Room {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Room {
    pub(crate) fn one(size: u32) -> Self {
        Self { messages: 1, bytes: u64::from(size) }
    }

    pub(crate) fn add(&mut self, other: Self) {
        self.messages += other.messages;
        self.bytes += other.bytes;
    }

    fn remove(&mut self, other: Self) {
        self.messages = self.messages.saturating_sub(other.messages);
        self.bytes = self.bytes.saturating_sub(other.bytes);
    }

    fn fits(self, size: u32, limit: Self) -> bool {
        self.messages < limit.messages && self.bytes + u64::from(size) <= limit.bytes
    }
}

/// The outbox has bounds for messages of the present connection, and others for all that last longer.
pub(crate) fn lane(delivery: Delivery) -> usize {
    usize::from(delivery == Delivery::ThisConnection)
}

/// What the handles ask of the driver, in their order.
pub(crate) enum Command<M> {
    Send(Submission<M>),
    Cancel(SlotKey),
    Acked(MessageId),
    Reconnect,
    NetworkChanged,
    Pause,
    Resume,
    Close { code: CloseCode, reason: String, within: Duration },
}

pub(crate) struct Submission<M> {
    pub(crate) outgoing: Outgoing<M>,
    pub(crate) size: u32,
    /// Where the outcome goes; nowhere if nobody holds the receipt any more.
    pub(crate) slot: Option<SlotKey>,
    /// When `send` was called.
    pub(crate) called: Timestamp,
}

/// How many bytes a message counts.
pub(crate) type Sizer<M> = fn(&M) -> Result<usize, CodecError>;

pub(crate) struct Shared<M> {
    pub(crate) clock: Clock,
    bell: Arc<Bell>,
    sizer: Sizer<M>,
    max_outbound: usize,
    inner: Mutex<Inner<M>>,
    /// Outcomes, room and the end, for threads that wait for them.
    changed: Condvar,
}

struct Inner<M> {
    commands: Vec<Command<M>>,
    slots: Slots<M>,
    /// What was accepted and has no outcome yet, by lane.
    held: [Room; 2],
    limits: [Room; 2],
    evicts: bool,
    waiters: VecDeque<Waiter>,
    next_waiter: u64,
    state: State,
    closed: bool,
    status: Status,
    stats: Stats,
    /// The driver waits in its poller.
    driver_waits: bool,
    woken: bool,
    /// How many threads wait on `changed`.
    threads: usize,
}

/// A `send` that waits for room.
struct Waiter {
    id: u64,
    lane: usize,
}

/// What the driver has to report after a turn.
pub(crate) struct Settlement<M> {
    pub(crate) named: Vec<(SlotKey, MessageId)>,
    pub(crate) outcomes: Vec<(SlotKey, Outcome<M>)>,
    released: [Room; 2],
}

impl<M> Default for Settlement<M> {
    fn default() -> Self {
        Self { named: Vec::new(), outcomes: Vec::new(), released: [Room::default(); 2] }
    }
}

impl<M> Settlement<M> {
    /// Somebody may take this room now.
    pub(crate) fn release(&mut self, lane: usize, room: Room) {
        self.released[lane].add(room);
    }
}

impl<M> Shared<M> {
    pub(crate) fn new(
        clock: Clock,
        bell: Arc<Bell>,
        outbox: &OutboxConfig,
        max_outbound: usize,
        sizer: Sizer<M>,
    ) -> Arc<Self> {
        let room = |messages: u32, bytes: u32| Room { messages: messages.into(), bytes: bytes.into() };
        let inner = Inner {
            commands: Vec::new(),
            slots: Slots::default(),
            held: [Room::default(); 2],
            limits: [
                room(outbox.max_messages, outbox.max_bytes),
                room(outbox.max_connection_messages, outbox.max_connection_bytes),
            ],
            evicts: outbox.overflow == Overflow::EvictOldest,
            waiters: VecDeque::new(),
            next_waiter: 0,
            state: State::Idle,
            closed: false,
            status: Status::default(),
            stats: Stats::default(),
            driver_waits: false,
            woken: false,
            threads: 0,
        };
        let (inner, changed) = (Mutex::new(inner), Condvar::new());
        Arc::new(Self { clock, bell, sizer, max_outbound, inner, changed })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<M>> {
        // Nothing under the lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the handles -----------------------------------------------------------------------

    /// Does nothing if nobody is left to carry it out.
    pub(crate) fn command(&self, command: Command<M>) {
        let mut inner = self.lock();
        if inner.status.end.is_some() {
            drop(inner);
            return drop(command);
        }
        inner.closed |= matches!(command, Command::Close { .. });
        inner.commands.push(command);
        self.changed(&mut inner);
        self.ring(inner);
    }

    /// Ends the wait of the driver, or its next one.
    pub(crate) fn wake(&self) {
        let mut inner = self.lock();
        inner.woken = true;
        self.ring(inner);
    }

    fn ring(&self, mut inner: MutexGuard<'_, Inner<M>>) {
        let rings = take(&mut inner.driver_waits);
        drop(inner);
        if rings {
            self.bell.ring();
        }
    }

    /// Threads that wait look again.
    fn changed(&self, inner: &mut Inner<M>) {
        if inner.threads > 0 {
            self.changed.notify_all();
        }
    }

    /// Waits until there is something, for no longer than this. For threads other than the driver's.
    pub(crate) fn wait_for<T>(
        &self,
        timeout: Option<Duration>,
        mut look: impl FnMut(&mut Look<'_, M>) -> Option<T>,
    ) -> Option<T> {
        let until = timeout.and_then(|timeout| std::time::Instant::now().checked_add(timeout));
        let mut inner = self.lock();
        inner.threads += 1;
        let found = loop {
            if let Some(found) = look(&mut Look { shared: self, inner: &mut inner }) {
                break Some(found);
            }
            let left = until.map(|until| until.saturating_duration_since(std::time::Instant::now()));
            inner = match left {
                Some(Duration::ZERO) => break None,
                Some(left) => self.changed.wait_timeout(inner, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(inner).unwrap_or_else(PoisonError::into_inner),
            };
        };
        inner.threads -= 1;
        self.ring_if_asked(inner);
        found
    }

    fn ring_if_asked(&self, inner: MutexGuard<'_, Inner<M>>) {
        if inner.commands.is_empty() { drop(inner) } else { self.ring(inner) }
    }

    /// What the codec says of a message.
    ///
    /// # Errors
    /// It comes back, as it can never be encoded.
    pub(crate) fn size(&self, outgoing: Outgoing<M>) -> Result<(Outgoing<M>, u32), SendError<M>> {
        match (self.sizer)(&outgoing.message) {
            Ok(size) => Ok((outgoing, u32::try_from(size).unwrap_or(u32::MAX))),
            Err(error) => Err(SendError::new(Refusal::Codec(error), outgoing)),
        }
    }

    /// Accepts a message if there is room and nobody was here before.
    pub(crate) fn submit(&self, sending: &mut Sending<M>) -> Option<Result<SlotKey, SendError<M>>> {
        let mut inner = self.lock();
        let result = Look { shared: self, inner: &mut inner }.submit(sending);
        self.ring_if_asked(inner);
        result
    }

    /// Gives up a place; whoever is next may fit.
    pub(crate) fn leave(&self, sending: &mut Sending<M>) {
        let Some(place) = sending.place.take() else { return };
        let mut inner = self.lock();
        inner.waiters.retain(|waiter| waiter.id != place);
        self.changed(&mut inner);
    }

    pub(crate) fn slots<T>(&self, access: impl FnOnce(&mut Slots<M>) -> T) -> T {
        access(&mut self.lock().slots)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    pub(crate) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    pub(crate) fn end(&self) -> Option<Arc<End>> {
        self.lock().status.end.clone()
    }

    // ---- the driver ------------------------------------------------------------------------

    /// Takes what the handles asked for since the last time. True if one of them wants the driver to return.
    pub(crate) fn take_commands(&self, into: &mut Vec<Command<M>>) -> bool {
        let inner = &mut *self.lock();
        inner.driver_waits = false;
        swap(into, &mut inner.commands);
        for command in &mut *into {
            if let Command::Send(submission) = command {
                submission.slot = submission.slot.filter(|slot| inner.slots.is_held(*slot));
            }
        }
        take(&mut inner.woken)
    }

    /// Asks to be rung for what comes from now on. False if something has come already.
    pub(crate) fn begin_wait(&self) -> bool {
        let mut inner = self.lock();
        inner.driver_waits = inner.commands.is_empty() && !inner.woken;
        inner.driver_waits
    }

    /// After a turn: outcomes to their receipts, room to those who wait for it, the state for `ThisConnection`. True if
    /// somebody may have waited for any of that.
    pub(crate) fn settle(&self, settlement: &mut Settlement<M>, state: State, stats: Stats) -> bool {
        let mut unwanted = Vec::new();
        let news = {
            let inner = &mut *self.lock();
            let released = settlement.released.iter().any(|room| room.messages > 0) && !inner.waiters.is_empty();
            let news = inner.state != state || !settlement.outcomes.is_empty() || released;
            (inner.state, inner.stats) = (state, stats);
            for (slot, id) in settlement.named.drain(..) {
                inner.slots.name(slot, id);
            }
            for (slot, outcome) in settlement.outcomes.drain(..) {
                unwanted.extend(inner.slots.resolve(slot, outcome).err());
            }
            for (lane, released) in take(&mut settlement.released).into_iter().enumerate() {
                inner.held[lane].remove(released);
            }
            if news {
                self.changed(inner);
            }
            news
        };
        drop(unwanted); // outside of the lock
        news
    }

    pub(crate) fn show(&self, status: Status) {
        let mut inner = self.lock();
        let old = std::mem::replace(&mut inner.status, status);
        self.changed(&mut inner);
        drop(inner);
        drop(old);
    }

    pub(crate) fn evicts(&self) -> bool {
        self.lock().evicts
    }

    /// The driver is going: nothing is accepted from here on, and what it has not taken is returned. So many were that.
    pub(crate) fn finish(&self) -> u64 {
        let commands = {
            let inner = &mut *self.lock();
            inner.closed = true;
            self.changed(inner);
            take(&mut inner.commands)
        };
        let mut returned = 0;
        for command in commands {
            let Command::Send(submission) = command else { continue };
            returned += 1;
            let Some(slot) = submission.slot else { continue };
            let outcome = Outcome::Returned(Reason::Abandoned, submission.outgoing.message);
            drop(self.slots(|slots| slots.resolve(slot, outcome)));
        }
        returned
    }
}

/// What a thread that waits looks at, under the lock.
pub(crate) struct Look<'a, M> {
    shared: &'a Shared<M>,
    inner: &'a mut Inner<M>,
}

impl<M> Look<'_, M> {
    pub(crate) fn outcome(&mut self, slot: SlotKey) -> Option<Outcome<M>> {
        self.inner.slots.take_outcome(slot)
    }

    pub(crate) fn end(&self) -> Option<Arc<End>> {
        self.inner.status.end.clone()
    }

    /// `None` while there is no room, and a place is taken among those who wait.
    pub(crate) fn submit(&mut self, sending: &mut Sending<M>) -> Option<Result<SlotKey, SendError<M>>> {
        let outgoing = sending.outgoing.take()?;
        let (inner, size, called) = (&mut *self.inner, sending.size, sending.called);
        let lane = lane(outgoing.delivery);
        let late = outgoing.expires_in.is_some_and(|time| called.saturating_add(time) <= self.shared.clock.now());
        let reason = match inner.refusal(lane, size, sending.place, self.shared.max_outbound) {
            Some(Refusal::Full) if late => Some(Refusal::Expired),
            reason => reason,
        };
        match reason {
            Some(Refusal::Full) => {
                sending.outgoing = Some(outgoing);
                if sending.waits && sending.place.is_none() {
                    sending.place = Some(inner.next_waiter);
                    inner.waiters.push_back(Waiter { id: inner.next_waiter, lane });
                    inner.next_waiter += 1;
                }
                None
            }
            Some(reason) => Some(Err(SendError::new(reason, outgoing))),
            None => {
                if let Some(place) = sending.place.take() {
                    inner.waiters.retain(|waiter| waiter.id != place);
                }
                inner.held[lane].add(Room::one(size));
                let slot = inner.slots.take();
                inner.commands.push(Command::Send(Submission { outgoing, size, slot: Some(slot), called }));
                self.shared.changed(inner); // The next one may fit as well.
                Some(Ok(slot))
            }
        }
    }
}

/// A `send` under way.
pub(crate) struct Sending<M> {
    pub(crate) outgoing: Option<Outgoing<M>>,
    size: u32,
    called: Timestamp,
    place: Option<u64>,
    waits: bool,
}

impl<M> Sending<M> {
    pub(crate) fn new(outgoing: Outgoing<M>, size: u32, called: Timestamp, waits: bool) -> Self {
        Self { outgoing: Some(outgoing), size, called, place: None, waits }
    }

    /// How long it may wait at most: a message that expires is not waited for.
    pub(crate) fn patience(&self, timeout: Option<Duration>) -> Option<Duration> {
        let time_to_live = self.outgoing.as_ref().and_then(|outgoing| outgoing.expires_in);
        [timeout, time_to_live].into_iter().flatten().min()
    }

    /// The wait is over.
    pub(crate) fn give_up(&mut self, now: Timestamp) -> Option<SendError<M>> {
        let outgoing = self.outgoing.take()?;
        let late = outgoing.expires_in.is_some_and(|time| self.called.saturating_add(time) <= now);
        Some(SendError::new(if late { Refusal::Expired } else { Refusal::Full }, outgoing))
    }
}

impl<M> Inner<M> {
    fn refusal(&self, lane: usize, size: u32, waiter: Option<u64>, max_outbound: usize) -> Option<Refusal> {
        let limit = self.limits[lane];
        let open = matches!(self.state, State::Greeting | State::Open);
        if self.closed {
            Some(Refusal::Closed)
        } else if lane == 1 && !open {
            Some(Refusal::NotConnected)
        } else if u64::from(size) > limit.bytes || size as usize > max_outbound {
            Some(Refusal::TooLarge)
        } else if !self.held[lane].fits(size, limit) || !self.is_first(lane, waiter) {
            Some(Refusal::Full)
        } else {
            None
        }
    }

    /// Whether nobody else has waited for longer.
    fn is_first(&self, lane: usize, waiter: Option<u64>) -> bool {
        self.waiters.iter().find(|waiter| waiter.lane == lane).is_none_or(|first| Some(first.id) == waiter)
    }
}
