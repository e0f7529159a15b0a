//! What the driver has not pulled yet.

use core::hash::{Hash, Hasher};
use core::mem::replace;

use super::event::Event;
use crate::conn::ConnId;

/// Control actions that wait to be pulled; what they say is read from the state when they are pulled.
pub(crate) const CONNECT: u8 = 1;
pub(crate) const PING: u8 = 2;
pub(crate) const CLOSE: u8 = 4;
pub(crate) const SCHEDULE: u8 = 8;
/// These belong to the present state.
const OF_THE_STATE: u8 = CONNECT | PING | CLOSE | SCHEDULE;

const ABORT: u8 = 16;
/// The first abort is of a connection that had ended when it opened.
const STALE_FIRST: u8 = 32;
const EVENT: u8 = 64;

/// Actions that wait to be pulled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pending {
    /// All of them as bits, so that each message asks once and not six times.
    owed: u8,
    /// Connections to abort, oldest first: at most the one that was lost, and one that opened after it was lost.
    first_abort: Option<ConnId>,
    second_abort: Option<ConnId>,
    events: Events,
}

impl Pending {
    #[inline]
    pub(crate) fn any(&self) -> bool {
        self.owed != 0
    }

    pub(crate) fn has(&self, what: u8) -> bool {
        self.owed & what != 0
    }

    pub(crate) fn set(&mut self, what: u8, owed: bool) {
        self.owed = if owed { self.owed | what } else { self.owed & !what };
    }

    pub(crate) fn take(&mut self, what: u8) -> bool {
        let owed = self.has(what);
        self.set(what, false);
        owed
    }

    /// Forgets what belonged to the state that is left. Aborts stay: their connections exist.
    pub(crate) fn withdraw(&mut self) {
        self.set(OF_THE_STATE, false);
    }

    /// To abort: the connection that was the current one until now.
    pub(crate) fn abort(&mut self, conn: ConnId) {
        self.set(STALE_FIRST, self.first_abort.is_some());
        *if self.first_abort.is_none() { &mut self.first_abort } else { &mut self.second_abort } = Some(conn);
        self.set(ABORT, true);
    }

    /// To abort: a connection that had ended when it opened. True if an older one of that kind makes way for it.
    pub(crate) fn abort_stale(&mut self, conn: ConnId) -> bool {
        if self.first_abort == Some(conn) || self.second_abort == Some(conn) {
            return false;
        }
        if self.first_abort.is_none() {
            self.first_abort = Some(conn);
            self.set(ABORT | STALE_FIRST, true);
            return false;
        }
        if !self.has(STALE_FIRST) {
            return self.second_abort.replace(conn).is_some();
        }
        // What was lost since then is older than the newcomer.
        let lost = self.second_abort.take();
        self.set(STALE_FIRST, lost.is_none());
        self.second_abort = lost.and(Some(conn));
        self.first_abort = lost.or(Some(conn));
        true
    }

    pub(crate) fn next_abort(&mut self) -> Option<ConnId> {
        let oldest = replace(&mut self.first_abort, self.second_abort.take());
        let left = self.first_abort.is_some();
        self.set(STALE_FIRST, left && !self.has(STALE_FIRST));
        self.set(ABORT, left);
        oldest
    }

    /// True if an event got lost for want of room.
    pub(crate) fn event(&mut self, event: Event) -> bool {
        self.set(EVENT, true);
        self.events.push(event)
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        let oldest = self.events.pop();
        self.set(EVENT, self.events.0[0].is_some());
        oldest
    }

    pub(crate) fn fingerprint(&self, into: &mut impl Hasher) {
        [self.first_abort.is_some(), self.second_abort.is_some()].hash(into);
        (self.owed, &self.events.0).hash(into);
    }
}

/// How many events are kept for a caller that does not pull them.
const KEPT: usize = 4;

/// The events that were not pulled yet, oldest first.
#[derive(Clone, Debug, Default)]
struct Events([Option<Event>; KEPT]);

impl Events {
    /// Without room, a change of state merges into the newest one kept, or else takes the place of the oldest
    /// event; any other newcomer is dropped. True if something got lost that way.
    fn push(&mut self, event: Event) -> bool {
        if let Some(free) = self.0.iter_mut().find(|place| place.is_none()) {
            *free = Some(event);
            return false;
        }
        let Event::StateChanged { to, cause, .. } = event else { return true };
        let newest = self.0.iter_mut().rev().flatten().find(|kept| matches!(kept, Event::StateChanged { .. }));
        if let Some(Event::StateChanged { to: kept_to, cause: kept_cause, .. }) = newest {
            (*kept_to, *kept_cause) = (to, cause);
        } else {
            self.0.copy_within(1.., 0);
            self.0[KEPT - 1] = Some(event);
        }
        true
    }

    fn pop(&mut self) -> Option<Event> {
        let oldest = self.0[0];
        self.0.copy_within(1.., 0);
        self.0[KEPT - 1] = None;
        oldest
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::session::event::{Cause, State};

    fn conn(raw: u64) -> ConnId {
        ConnId::from_raw(raw).expect("not zero")
    }

    fn aborts(pending: &mut Pending) -> Vec<u64> {
        core::iter::from_fn(|| pending.next_abort()).map(ConnId::as_raw).collect()
    }

    fn events(pending: &mut Pending) -> Vec<Event> {
        core::iter::from_fn(|| pending.next_event()).collect()
    }

    fn change(from: State, to: State) -> Event {
        Event::StateChanged { from, to, cause: Cause::Requested }
    }

    #[test]
    fn aborts_come_in_their_order() {
        let mut pending = Pending::default();
        pending.abort(conn(2));
        assert!(!pending.abort_stale(conn(1)));
        assert_eq!(aborts(&mut pending), [2, 1]);
        assert!(!pending.abort_stale(conn(1)));
        pending.abort(conn(2));
        assert_eq!((aborts(&mut pending), pending.any()), ([1, 2].into(), false));
    }

    #[test]
    fn of_the_stale_ones_the_last_is_kept_and_comes_after_what_was_there() {
        let mut pending = Pending::default();
        assert!(!pending.abort_stale(conn(1)) && !pending.abort_stale(conn(1)));
        assert!(pending.abort_stale(conn(2)));
        pending.abort(conn(4));
        assert!(pending.abort_stale(conn(3)));
        assert!(!pending.abort_stale(conn(4)), "it is to be aborted anyway");
        assert_eq!(aborts(&mut pending), [4, 3]);
        pending.abort(conn(4));
        assert!(!pending.abort_stale(conn(1)));
        assert!(pending.abort_stale(conn(2)));
        assert_eq!(pending.next_abort(), Some(conn(4)));
        assert!(pending.abort_stale(conn(3)), "the one that is left is stale");
        assert_eq!((aborts(&mut pending), pending.any()), ([3].into(), false));
    }

    #[test]
    fn without_room_a_change_of_state_merges_into_the_newest() {
        let mut pending = Pending::default();
        let kept = [change(State::Idle, State::Connecting), change(State::Connecting, State::Open), Event::Degraded];
        for event in kept.into_iter().chain([Event::Recovered]) {
            assert!(!pending.event(event));
        }
        assert!(pending.event(change(State::Open, State::Waiting)));
        assert!(pending.event(Event::Degraded), "dropped");
        let merged = change(State::Connecting, State::Waiting);
        assert_eq!(events(&mut pending), [kept[0], merged, Event::Degraded, Event::Recovered]);
    }

    #[test]
    fn without_room_and_without_a_change_of_state_the_oldest_event_goes() {
        let mut pending = Pending::default();
        let four = [Event::Degraded, Event::Recovered, Event::Slept { late_ms: 1 }, Event::Slept { late_ms: 2 }];
        assert!(!four.into_iter().any(|event| pending.event(event)));
        assert!(pending.event(change(State::Open, State::Waiting)));
        assert_eq!(events(&mut pending), [four[1], four[2], four[3], change(State::Open, State::Waiting)]);
    }

    #[test]
    fn leaving_a_state_withdraws_what_belongs_to_it_and_nothing_else() {
        let mut pending = Pending::default();
        for action in [CONNECT, PING, CLOSE, SCHEDULE] {
            pending.set(action, true);
            assert!(pending.any() && pending.take(action) && !pending.take(action));
            pending.set(action, true);
        }
        pending.withdraw();
        assert!(!pending.any());
        pending.abort(conn(1));
        pending.event(Event::Degraded);
        pending.withdraw();
        assert!(pending.any());
        assert_eq!((aborts(&mut pending), events(&mut pending)), ([1].into(), [Event::Degraded].into()));
        assert!(!pending.any());
    }
}
