//! The sends that wait for room, each in its place.

use std::collections::VecDeque;
use std::task::Waker;

use super::super::slots::set_waker;
use super::room::Room;

#[derive(Default)]
pub(super) struct Waiters {
    waiters: VecDeque<Waiter>,
    next: u64,
}

struct Waiter {
    id: u64,
    lane: usize,
    size: u32,
    waker: Option<Waker>,
}

impl Waiters {
    /// Whether no other send has waited for longer.
    #[inline]
    pub(super) fn is_first(&self, lane: usize, place: Option<u64>) -> bool {
        self.waiters.is_empty() || self.is_first_in_lane(lane, place)
    }

    fn is_first_in_lane(&self, lane: usize, place: Option<u64>) -> bool {
        self.waiters.iter().find(|waiter| waiter.lane == lane).is_none_or(|first| Some(first.id) == place)
    }

    /// Takes a place, or keeps it. The waker that was there, to be dropped outside of the lock.
    pub(super) fn wait(&mut self, place: &mut Option<u64>, lane: usize, size: u32, waker: &Waker) -> Option<Waker> {
        if let Some(waiter) = self.waiters.iter_mut().find(|waiter| Some(waiter.id) == *place) {
            return set_waker(&mut waiter.waker, waker);
        }
        *place = Some(self.next);
        self.waiters.push_back(Waiter { id: self.next, lane, size, waker: Some(waker.clone()) });
        self.next += 1;
        None
    }

    /// Gives up a place. The lane in which it was, and the waker, to be dropped outside of the lock.
    pub(super) fn leave(&mut self, id: u64) -> Option<(usize, Option<Waker>)> {
        let at = self.waiters.iter().position(|waiter| waiter.id == id)?;
        let Waiter { lane, waker, .. } = self.waiters.remove(at)?;
        Some((lane, waker))
    }

    /// The send that has waited longest, if there is room for its message now.
    #[inline]
    pub(super) fn first_that_fits(&mut self, lane: usize, held: Room, limit: Room) -> Option<Waker> {
        if self.waiters.is_empty() {
            return None;
        }
        let first = self.waiters.iter_mut().find(|waiter| waiter.lane == lane)?;
        if held.fits(first.size, limit) { first.waker.take() } else { None }
    }

    pub(super) fn wake_lane(&mut self, lane: usize, wakers: &mut Vec<Waker>) {
        let waiters = self.waiters.iter_mut().filter(|waiter| waiter.lane == lane);
        wakers.extend(waiters.filter_map(|waiter| waiter.waker.take()));
    }

    pub(super) fn wake_all(&mut self) -> Vec<Waker> {
        self.waiters.iter_mut().filter_map(|waiter| waiter.waker.take()).collect()
    }
}
