//! What the handles and the driver have in common: one short lock over the messages on their way to the driver, and the
//! status. No code of the application's runs under the lock.

use std::collections::{BTreeSet, VecDeque};
use std::mem::{replace, swap, take};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use heartline::message::{Delivery, Reason};
use heartline::outbox::{OutboxConfig, Overflow};
use heartline::{CloseCode, MessageId, Outcome, State, Timestamp};
use heartline_tungstenite::codec::CodecError;
use tokio::sync::watch;

use crate::clock::Clock;
use crate::outgoing::{Outgoing, Refusal, SendError};
use crate::slots::{SlotKey, Slots};
use crate::status::{Stats, Status};

/// How much of the outbox is taken up.
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

    pub(crate) fn remove(&mut self, other: Self) {
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
    LastHandleDropped,
}

pub(crate) struct Submission<M> {
    pub(crate) outgoing: Outgoing<M>,
    pub(crate) size: u32,
    /// Where the outcome goes; nowhere if the receipt was dropped.
    pub(crate) slot: Option<SlotKey>,
    /// When `send` was called.
    pub(crate) called: Timestamp,
}

/// So many acknowledgements of ids that no message of the outbox has may wait for the driver.
const SPARE_ACKS: u64 = 1024;

/// How many bytes a message counts.
pub(crate) type Sizer<M> = fn(&M) -> Result<usize, CodecError>;

pub(crate) struct Shared<M> {
    pub(crate) clock: Clock,
    pub(crate) status: watch::Sender<Status>,
    sizer: Sizer<M>,
    max_outbound: usize,
    handles: AtomicUsize,
    inner: Mutex<Inner<M>>,
}

struct Inner<M> {
    /// Bounded: so many sends as the outbox has room for, one cancel for each receipt, and of the others one of a kind.
    commands: Vec<Command<M>>,
    /// What `Client::acked` has named, each id once.
    acked: BTreeSet<u64>,
    slots: Slots<M>,
    /// What was accepted and has no outcome yet, by lane.
    held: [Room; 2],
    limits: [Room; 2],
    evicts: bool,
    waiters: VecDeque<Waiter>,
    next_waiter: u64,
    state: State,
    closed: bool,
    ended: bool,
    stats: Stats,
    driver: Option<Waker>,
}

/// A `send` that waits for room.
struct Waiter {
    id: u64,
    lane: usize,
    size: u32,
    waker: Option<Waker>,
}

/// What the driver has to report after a turn.
pub(crate) struct Settlement<M> {
    pub(crate) named: Vec<(SlotKey, MessageId)>,
    pub(crate) outcomes: Vec<(SlotKey, Outcome<M>)>,
    released: [Room; 2],
    wakers: Vec<Waker>,
}

impl<M> Default for Settlement<M> {
    fn default() -> Self {
        Self { named: Vec::new(), outcomes: Vec::new(), released: [Room::default(); 2], wakers: Vec::new() }
    }
}

impl<M> Settlement<M> {
    /// This room is free now.
    pub(crate) fn release(&mut self, lane: usize, room: Room) {
        self.released[lane].add(room);
    }
}

impl<M> Shared<M> {
    pub(crate) fn new(clock: Clock, outbox: &OutboxConfig, max_outbound: usize, sizer: Sizer<M>) -> Arc<Self> {
        let room = |messages: u32, bytes: u32| Room { messages: messages.into(), bytes: bytes.into() };
        Arc::new(Self {
            clock,
            status: watch::Sender::new(Status::default()),
            sizer,
            max_outbound,
            handles: AtomicUsize::new(1),
            inner: Mutex::new(Inner {
                commands: Vec::new(),
                acked: BTreeSet::new(),
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
                ended: false,
                stats: Stats::default(),
                driver: None,
            }),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Inner<M>> {
        // Nothing under the lock can panic half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // ---- the handles -----------------------------------------------------------------------

    pub(crate) fn add_handle(&self) {
        self.handles.fetch_add(1, Ordering::Relaxed);
    }

    /// A handle more, unless the last one is gone.
    pub(crate) fn upgrade(&self) -> bool {
        let more = |handles: usize| (handles > 0).then(|| handles + 1);
        self.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, more).is_ok()
    }

    pub(crate) fn drop_handle(&self) {
        if self.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.command(Command::LastHandleDropped);
        }
    }

    /// False if the client has ended.
    pub(crate) fn command(&self, command: Command<M>) -> bool {
        let (accepted, woken) = {
            let mut inner = self.lock();
            let accepted = !inner.ended;
            if accepted {
                inner.closed |= matches!(command, Command::Close { .. });
                inner.push(command);
            }
            let wakers = if inner.closed { inner.wake_waiters() } else { Vec::new() };
            (accepted, (inner.driver.take(), wakers))
        };
        wake(woken);
        accepted
    }

    /// As `Receipt::cancel`. Once for each receipt: another call changes nothing.
    pub(crate) fn cancel(&self, slot: SlotKey) {
        if self.slots(|slots| slots.cancel(slot)) {
            self.command(Command::Cancel(slot));
        }
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

    /// Accepts a message if there is room and no other send waits. Without room it comes back; with a waker the caller
    /// gets, or keeps, a `place` among the sends that wait.
    pub(crate) fn submit(
        &self,
        outgoing: Outgoing<M>,
        size: u32,
        called: Timestamp,
        place: &mut Option<u64>,
        waker: Option<&Waker>,
    ) -> Result<SlotKey, SendError<M>> {
        let lane = lane(outgoing.delivery);
        let (result, woken) = {
            let mut inner = self.lock();
            match inner.refusal(lane, size, *place, self.max_outbound) {
                Some(reason) => {
                    if let (Refusal::Full, Some(waker)) = (&reason, waker) {
                        inner.wait(place, lane, size, waker);
                    }
                    (Err(SendError::new(reason, outgoing)), (None, None))
                }
                None => {
                    if let Some(place) = place.take() {
                        inner.waiters.retain(|waiter| waiter.id != place);
                    }
                    inner.held[lane].add(Room::one(size));
                    let slot = inner.slots.take();
                    inner.commands.push(Command::Send(Submission { outgoing, size, slot: Some(slot), called }));
                    let next = inner.first_that_fits(lane);
                    (Ok(slot), (inner.driver.take(), next))
                }
            }
        };
        wake(woken);
        result
    }

    /// Gives up a place; the next one may fit.
    pub(crate) fn leave(&self, waiter: u64) {
        let next = self.lock().leave(waiter);
        wake((None, next));
    }

    pub(crate) fn slots<T>(&self, access: impl FnOnce(&mut Slots<M>) -> T) -> T {
        access(&mut self.lock().slots)
    }

    pub(crate) fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    // ---- the driver ------------------------------------------------------------------------

    /// Takes what the handles asked for since the last turn, and asks to be woken for more.
    pub(crate) fn take_commands(&self, into: &mut Vec<Command<M>>, waker: &Waker) {
        let inner = &mut *self.lock();
        swap(into, &mut inner.commands);
        let acked = take(&mut inner.acked).into_iter();
        into.extend(acked.map(|id| Command::Acked(MessageId::from_raw(id))));
        for command in &mut *into {
            if let Command::Send(submission) = command {
                submission.slot = submission.slot.filter(|slot| inner.slots.is_held(*slot));
            }
        }
        match &mut inner.driver {
            Some(driver) => driver.clone_from(waker),
            None => inner.driver = Some(waker.clone()),
        }
    }

    /// After a turn: outcomes to their receipts, room to those who wait for it, the state for `ThisConnection`.
    pub(crate) fn settle(&self, settlement: &mut Settlement<M>, state: State, stats: Stats) {
        let mut unwanted = Vec::new();
        {
            let inner = &mut *self.lock();
            if replace(&mut inner.state, state) != state && !matches!(state, State::Greeting | State::Open) {
                // What was for that connection is no longer to be sent.
                let lost = inner.waiters.iter_mut().filter(|waiter| waiter.lane == 1);
                settlement.wakers.extend(lost.filter_map(|waiter| waiter.waker.take()));
            }
            inner.stats = stats;
            for (slot, id) in settlement.named.drain(..) {
                inner.slots.name(slot, id);
            }
            for (slot, outcome) in settlement.outcomes.drain(..) {
                match inner.slots.resolve(slot, outcome) {
                    Ok(waker) => settlement.wakers.extend(waker),
                    Err(outcome) => unwanted.push(outcome),
                }
            }
            for (lane, released) in take(&mut settlement.released).into_iter().enumerate() {
                inner.held[lane].remove(released);
                if released.messages > 0 {
                    settlement.wakers.extend(inner.first_that_fits(lane));
                }
            }
        }
        settlement.wakers.drain(..).for_each(Waker::wake);
    }

    /// The client is closing: nothing is accepted from here on, so that what is returned meanwhile makes room for
    /// nothing new.
    pub(crate) fn refuse(&self) {
        let wakers = {
            let mut inner = self.lock();
            inner.closed = true;
            inner.wake_waiters()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(crate) fn evicts(&self) -> bool {
        self.lock().evicts
    }

    /// The driver is going: nothing is accepted from here on, and what it has not taken is returned. So many were that.
    pub(crate) fn finish(&self) -> u64 {
        let (commands, mut wakers) = {
            let inner = &mut *self.lock();
            (inner.closed, inner.ended) = (true, true);
            (take(&mut inner.commands), inner.wake_waiters())
        };
        let mut returned = 0;
        for command in commands {
            let Command::Send(submission) = command else { continue };
            returned += 1;
            let Some(slot) = submission.slot else { continue };
            let outcome = Outcome::Returned(Reason::Abandoned, submission.outgoing.message);
            let resolved = self.slots(|slots| slots.resolve(slot, outcome));
            wakers.extend(resolved.ok().flatten());
        }
        wakers.into_iter().for_each(Waker::wake);
        returned
    }
}

impl<M> Inner<M> {
    /// Queues a command. What repeats one that the driver has not taken yet is merged with it, so that however often
    /// they are called, the queue does not grow.
    fn push(&mut self, command: Command<M>) {
        match command {
            Command::Acked(id) => {
                // More than these cannot be messages of the outbox.
                if (self.acked.len() as u64) < self.limits[0].messages + SPARE_ACKS {
                    self.acked.insert(id.as_raw());
                }
                return;
            }
            Command::NetworkChanged if self.has(|queued| matches!(queued, Command::NetworkChanged)) => return,
            // The last one counts; a reconnect ends a pause.
            Command::Pause | Command::Resume | Command::Reconnect => {
                self.commands.retain(|queued| !matches!(queued, Command::Pause | Command::Resume));
                if matches!(command, Command::Reconnect) && self.has(|queued| matches!(queued, Command::Reconnect)) {
                    return;
                }
            }
            Command::Close { within, .. } => {
                let earlier = self.commands.iter_mut().find_map(|queued| match queued {
                    Command::Close { within, .. } => Some(within),
                    _ => None,
                });
                if let Some(earlier) = earlier {
                    *earlier = within.min(*earlier);
                    return;
                }
            }
            _ => {}
        }
        self.commands.push(command);
    }

    fn has(&self, is_meant: impl Fn(&Command<M>) -> bool) -> bool {
        self.commands.iter().any(is_meant)
    }

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

    /// Whether no other send has waited for longer.
    fn is_first(&self, lane: usize, waiter: Option<u64>) -> bool {
        self.waiters.iter().find(|waiter| waiter.lane == lane).is_none_or(|first| Some(first.id) == waiter)
    }

    fn wait(&mut self, place: &mut Option<u64>, lane: usize, size: u32, waker: &Waker) {
        if let Some(waiter) = self.waiters.iter_mut().find(|waiter| Some(waiter.id) == *place) {
            waiter.waker = Some(waker.clone());
            return;
        }
        let id = self.next_waiter;
        self.next_waiter += 1;
        *place = Some(id);
        self.waiters.push_back(Waiter { id, lane, size, waker: Some(waker.clone()) });
    }

    fn leave(&mut self, id: u64) -> Option<Waker> {
        let at = self.waiters.iter().position(|waiter| waiter.id == id)?;
        let left = self.waiters.remove(at)?;
        self.first_that_fits(left.lane)
    }

    /// The send that has waited longest, if there is room for its message now.
    fn first_that_fits(&mut self, lane: usize) -> Option<Waker> {
        let (held, limit) = (self.held[lane], self.limits[lane]);
        let first = self.waiters.iter_mut().find(|waiter| waiter.lane == lane)?;
        if held.fits(first.size, limit) { first.waker.take() } else { None }
    }

    fn wake_waiters(&mut self) -> Vec<Waker> {
        self.waiters.iter_mut().filter_map(|waiter| waiter.waker.take()).collect()
    }
}

fn wake((driver, others): (Option<Waker>, impl IntoIterator<Item = Waker>)) {
    driver.into_iter().chain(others).for_each(Waker::wake);
}

#[cfg(test)]
mod tests;
