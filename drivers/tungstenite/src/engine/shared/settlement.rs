//! What the driver has to report of a turn.

use std::mem::{replace, take};
use std::sync::atomic::Ordering;
use std::task::Waker;

use heartline::{MessageId, Outcome, State};

use super::super::slots::{SlotKey, set_waker};
use super::{Inner, Room, Shared};
use crate::client::Stats;

/// What the driver has to report of a turn.
pub(crate) struct Settlement<M> {
    pub(crate) named: Vec<(SlotKey, MessageId)>,
    pub(crate) outcomes: Vec<(SlotKey, Outcome<M>)>,
    released: [Room; 2],
    wakers: Vec<Waker>,
    unwanted: Vec<Outcome<M>>,
}

impl<M> Default for Settlement<M> {
    fn default() -> Self {
        let released = [Room::default(); 2];
        Self { named: Vec::new(), outcomes: Vec::new(), released, wakers: Vec::new(), unwanted: Vec::new() }
    }
}

impl<M> Settlement<M> {
    /// An outcome for its receipt, or for nobody. A message in it is dropped later, as that may panic.
    pub(crate) fn give(&mut self, slot: Option<SlotKey>, outcome: Outcome<M>) {
        match slot {
            Some(slot) => self.outcomes.push((slot, outcome)),
            None if matches!(outcome, Outcome::Returned(..) | Outcome::Unconfirmed(..)) => self.unwanted.push(outcome),
            None => {}
        }
    }

    /// This room is free now.
    pub(crate) fn release(&mut self, lane: usize, room: Room) {
        self.released[lane].add(room);
    }
}

impl<M> Shared<M> {
    /// Outcomes to their receipts, room to those who wait for it, the state for `ThisConnection`. True if there was
    /// anything of that to learn.
    ///
    /// At the end of a turn with the waker for the next one.
    pub(crate) fn settle(
        &self,
        settlement: &mut Settlement<M>,
        state: State,
        stats: &Stats,
        end_of_turn: Option<&Waker>,
    ) -> bool {
        let mut _old = None; // Dropped outside of the lock.
        let resolved = {
            let inner = &mut *self.lock();
            let resolved = inner.settle(settlement, state, stats);
            if let Some(waker) = end_of_turn {
                // Under the lock: what is asked for from here on wakes the driver, and what came before it sees.
                self.awake.store(false, Ordering::Relaxed);
                _old = set_waker(&mut inner.driver, waker);
            }
            resolved
        };
        let news = resolved || !settlement.wakers.is_empty();
        settlement.wakers.drain(..).for_each(Waker::wake);
        // Outside of the lock, and last: to drop a message may panic.
        settlement.unwanted.clear();
        news
    }

    /// Whether a command has come that was not taken.
    pub(crate) fn has_commands(&self) -> bool {
        self.pending.load(Ordering::Acquire)
    }
}

impl<M> Inner<M> {
    fn settle(&mut self, settlement: &mut Settlement<M>, state: State, stats: &Stats) -> bool {
        if replace(&mut self.state, state) != state && !matches!(state, State::Greeting | State::Open) {
            // What was for that connection is no longer to be sent.
            self.waiters.wake_lane(1, &mut settlement.wakers);
        }
        self.stats.clone_from(stats);
        for (slot, id) in settlement.named.drain(..) {
            self.slots.name(slot, id);
        }
        let mut resolved = false;
        for (slot, outcome) in settlement.outcomes.drain(..) {
            match self.slots.resolve(slot, outcome) {
                Ok(waker) => {
                    resolved = true;
                    settlement.wakers.extend(waker);
                }
                Err(outcome) => settlement.unwanted.push(outcome),
            }
        }
        for (lane, released) in take(&mut settlement.released).into_iter().enumerate() {
            self.held[lane].remove(released);
            if released.messages > 0 {
                settlement.wakers.extend(self.first_that_fits(lane));
            }
        }
        resolved
    }
}
