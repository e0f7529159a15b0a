//! What the handles and the driver have in common: one short lock over the messages on their way to the driver and over
//! their outcomes. No code of the application's runs under the lock.

mod commands;
mod room;
mod settlement;
mod waiters;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use heartline::message::Reason;
use heartline::outbox::{OutboxConfig, Overflow};
use heartline::{Outcome, State, Timestamp};

use super::receipt::Receipt;
use super::slots::{SlotKey, Slots};
use crate::client::{Outgoing, Refusal, SendError, Stats};
use crate::clock::Clock;
use crate::codec::CodecError;
use commands::Commands;
pub use commands::{Command, Submission};
pub(crate) use room::{Room, lane};
pub(super) use settlement::Settlement;
use waiters::Waiters;

/// How many bytes a message counts.
pub(super) type Sizer<M> = fn(&M) -> Result<usize, CodecError>;

/// What the handles hold of a driver.
pub struct Shared<M> {
    clock: Clock,
    sizer: Sizer<M>,
    max_outbound: usize,
    evicts: bool,
    /// The driver is in its turn, and looks for commands before the turn ends: it needs no waking.
    awake: AtomicBool,
    /// There are commands, perhaps.
    pending: AtomicBool,
    inner: Mutex<Inner<M>>,
}

struct Inner<M> {
    commands: Commands<M>,
    slots: Slots<M>,
    /// What was accepted and has no outcome yet, by lane.
    held: [Room; 2],
    limits: [Room; 2],
    waiters: Waiters,
    state: State,
    closed: bool,
    ended: bool,
    stats: Stats,
    driver: Option<Waker>,
}

impl<M> Shared<M> {
    pub(super) fn new(clock: Clock, outbox: &OutboxConfig, max_outbound: usize, sizer: Sizer<M>) -> Arc<Self> {
        let limits = [
            Room::of(outbox.max_messages, outbox.max_bytes),
            Room::of(outbox.max_connection_messages, outbox.max_connection_bytes),
        ];
        Arc::new(Self {
            clock,
            sizer,
            max_outbound,
            evicts: outbox.overflow == Overflow::EvictOldest,
            awake: AtomicBool::new(false),
            pending: AtomicBool::new(false),
            inner: Mutex::new(Inner {
                commands: Commands::new(limits[0].messages),
                slots: Slots::default(),
                held: [Room::default(); 2],
                limits,
                waiters: Waiters::default(),
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

    /// What the client's time is measured with.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Does nothing if the client has ended.
    pub fn command(&self, command: Command<M>) {
        let woken = {
            let mut inner = self.lock();
            if inner.ended {
                drop(inner);
                return drop(command);
            }
            inner.closed |= matches!(command, Command::Close { .. });
            inner.commands.push(command);
            let wakers = if inner.closed { inner.waiters.wake_all() } else { Vec::new() };
            (self.notify(&mut inner), wakers)
        };
        wake(woken);
    }

    /// There is a command: whom to wake for it. To be called under the lock.
    fn notify(&self, inner: &mut Inner<M>) -> Option<Waker> {
        self.pending.store(true, Ordering::Release);
        if self.awake.load(Ordering::Relaxed) { None } else { inner.driver.take() }
    }

    /// Asks for the message of a receipt not to be sent. Once for each: another call changes nothing.
    pub(super) fn cancel(&self, slot: SlotKey) {
        if self.slots(|slots| slots.cancel(slot)) {
            self.command(Command::Cancel(slot));
        }
    }

    /// How many bytes a message counts.
    ///
    /// # Errors
    /// The codec can never encode it.
    pub(super) fn size(&self, outgoing: &Outgoing<M>) -> Result<u32, Refusal> {
        let size = (self.sizer)(&outgoing.message).map_err(Refusal::Codec)?;
        Ok(u32::try_from(size).unwrap_or(u32::MAX))
    }

    /// Accepts a message if there is room for it now, and no send waits for room.
    ///
    /// # Errors
    /// The message comes back, with the reason.
    pub fn try_send(self: &Arc<Self>, outgoing: Outgoing<M>) -> Result<Receipt<M>, SendError<M>> {
        let size = match self.size(&outgoing) {
            Ok(size) => size,
            Err(reason) => return Err(SendError::new(reason, outgoing)),
        };
        let called = self.called(&outgoing);
        let slot = self.submit(outgoing, size, called, &mut None, None)?;
        Ok(Receipt::new(self.clone(), slot))
    }

    /// When `send` was called, if that matters to the message.
    pub(super) fn called(&self, outgoing: &Outgoing<M>) -> Option<Timestamp> {
        outgoing.time_to_live().map(|_| self.clock.now())
    }

    /// Accepts a message if there is room and no other send waits. Without room it comes back; with a waker the caller
    /// gets, or keeps, a `place` among the sends that wait.
    #[inline]
    pub(super) fn submit(
        &self,
        outgoing: Outgoing<M>,
        size: u32,
        called: Option<Timestamp>,
        place: &mut Option<u64>,
        waker: Option<&Waker>,
    ) -> Result<SlotKey, SendError<M>> {
        let lane = lane(outgoing.delivery);
        let mut inner = self.lock();
        if let Some(reason) = inner.refusal(lane, size, *place, self.max_outbound) {
            let mut old = None; // Dropped outside of the lock.
            if let (Refusal::Full, Some(waker)) = (&reason, waker) {
                old = inner.waiters.wait(place, lane, size, waker);
            }
            drop(inner);
            drop(old);
            return Err(SendError::new(reason, outgoing));
        }
        let old = place.take().and_then(|place| inner.waiters.leave(place)).and_then(|(_, waker)| waker);
        inner.held[lane].add(Room::one(size));
        let slot = inner.slots.take();
        inner.commands.send(Submission { outgoing, size, slot: Some(slot), called });
        let next = inner.first_that_fits(lane);
        let driver = self.notify(&mut inner);
        drop(inner);
        wake((driver, next));
        drop(old);
        Ok(slot)
    }

    /// Gives up a place; the next one may fit.
    pub(super) fn leave(&self, place: u64) {
        let (next, _old) = {
            let mut inner = self.lock();
            match inner.waiters.leave(place) {
                Some((lane, waker)) => (inner.first_that_fits(lane), waker),
                None => (None, None),
            }
        };
        wake((None, next));
    }

    pub(super) fn slots<T>(&self, access: impl FnOnce(&mut Slots<M>) -> T) -> T {
        access(&mut self.lock().slots)
    }

    /// What was counted, as of the driver's last turn.
    pub fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    // ---- the driver ------------------------------------------------------------------------

    /// The driver begins a turn.
    pub(super) fn begin_turn(&self) {
        self.awake.store(true, Ordering::Relaxed);
    }

    /// Takes what the handles asked for.
    pub(super) fn take_commands(&self, into: &mut VecDeque<Command<M>>) {
        if self.pending.swap(false, Ordering::Acquire) {
            let inner = &mut *self.lock();
            inner.commands.take(into, &mut inner.slots);
        }
    }

    /// The client is closing: nothing is accepted from here on, so that what is returned meanwhile makes room for
    /// nothing new.
    pub(super) fn refuse(&self) {
        let wakers = {
            let mut inner = self.lock();
            inner.closed = true;
            inner.waiters.wake_all()
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn evicts(&self) -> bool {
        self.evicts
    }

    /// The driver is going: nothing is accepted from here on, and what it has not taken is returned. So many were that;
    /// those that nobody wants are for the caller to drop.
    pub(super) fn finish(&self) -> (u64, Vec<Outcome<M>>) {
        let (messages, mut wakers) = {
            let inner = &mut *self.lock();
            (inner.closed, inner.ended) = (true, true);
            (inner.commands.take_messages(), inner.waiters.wake_all())
        };
        let (returned, mut unwanted) = (messages.len() as u64, Vec::new());
        for submission in messages {
            let outcome = Outcome::Returned(Reason::Abandoned, submission.outgoing.message);
            let resolved = match submission.slot {
                Some(slot) => self.slots(|slots| slots.resolve(slot, outcome)),
                None => Err(outcome),
            };
            match resolved {
                Ok(waker) => wakers.extend(waker),
                Err(outcome) => unwanted.push(outcome),
            }
        }
        wakers.into_iter().for_each(Waker::wake);
        (returned, unwanted)
    }
}

impl<M> Inner<M> {
    fn refusal(&self, lane: usize, size: u32, place: Option<u64>, max_outbound: usize) -> Option<Refusal> {
        let limit = self.limits[lane];
        let open = matches!(self.state, State::Greeting | State::Open);
        if self.closed {
            Some(Refusal::Closed)
        } else if lane == 1 && !open {
            Some(Refusal::NotConnected)
        } else if u64::from(size) > limit.bytes || size as usize > max_outbound {
            Some(Refusal::TooLarge)
        } else if !self.held[lane].fits(size, limit) || !self.waiters.is_first(lane, place) {
            Some(Refusal::Full)
        } else {
            None
        }
    }

    /// The send that has waited longest, if there is room for its message now.
    fn first_that_fits(&mut self, lane: usize) -> Option<Waker> {
        self.waiters.first_that_fits(lane, self.held[lane], self.limits[lane])
    }
}

fn wake((driver, others): (Option<Waker>, impl IntoIterator<Item = Waker>)) {
    driver.into_iter().for_each(Waker::wake);
    others.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests;
