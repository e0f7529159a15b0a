//! The rooms that a node has entered.

use alloc::collections::{BTreeMap, BTreeSet};

use super::action::{Action, RoomHash};
use crate::hub::Room;
use crate::time::{Deadline, Span, Timestamp};

/// How many rooms there may be: as many as a hub has at most.
const MOST: usize = 1 << 20;

#[derive(Clone, Debug)]
enum State {
    /// A message to oneself is to come back.
    Entering { until: Deadline, probe: Deadline },
    /// It came back, or did not in time, which is to be told.
    Answered { confirmed: bool },
    /// It was told.
    Entered { confirmed: bool },
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rooms {
    entered: BTreeMap<Room, State>,
    /// Those that are being entered, in the order in which their waiting ends, and in that of the next messages to oneself.
    ends: BTreeSet<(Deadline, Room)>,
    probes: BTreeSet<(Deadline, Room)>,
    /// Those that were answered.
    answered: BTreeSet<Room>,
    /// How many rooms have a hash.
    hashes: BTreeMap<RoomHash, u32>,
    /// What is subscribed to.
    subscribed: BTreeSet<RoomHash>,
    /// Where the two differ.
    owed: BTreeSet<RoomHash>,
}

impl Rooms {
    pub(super) fn contains(&self, room: &Room) -> bool {
        self.entered.contains_key(room)
    }

    /// What to tell at once, about a room that was entered before, or for which there is no place.
    pub(super) fn enter(&mut self, room: Room, now: Timestamp, timeout: Span) -> Option<Action> {
        match self.entered.get(&room) {
            Some(State::Entered { confirmed }) => return Some(Action::Entered { room, confirmed: *confirmed }),
            Some(_) => return None,
            None if self.entered.len() >= MOST => return Some(Action::Entered { room, confirmed: false }),
            None => {}
        }
        let hash = RoomHash::of(&room);
        *self.hashes.entry(hash).or_default() += 1;
        self.owe(hash);
        let (until, probe) = (Deadline::at(now.plus(timeout)), Deadline::at(now));
        self.ends.insert((until, room.clone()));
        self.probes.insert((probe, room.clone()));
        self.entered.insert(room, State::Entering { until, probe });
        None
    }

    /// Whether it was entered.
    pub(super) fn leave(&mut self, room: &Room) -> bool {
        let Some(state) = self.entered.remove(room) else { return false };
        self.stop_waiting(room, &state);
        self.answered.remove(room);
        let hash = RoomHash::of(room);
        if let Some(rooms) = self.hashes.get_mut(&hash) {
            *rooms -= 1;
            if *rooms == 0 {
                self.hashes.remove(&hash);
            }
        }
        self.owe(hash);
        true
    }

    fn owe(&mut self, hash: RoomHash) {
        if self.hashes.contains_key(&hash) == self.subscribed.contains(&hash) {
            self.owed.remove(&hash);
        } else {
            self.owed.insert(hash);
        }
    }

    fn stop_waiting(&mut self, room: &Room, state: &State) {
        if let State::Entering { until, probe } = *state {
            self.ends.remove(&(until, room.clone()));
            self.probes.remove(&(probe, room.clone()));
        }
    }

    fn answer(&mut self, room: &Room, confirmed: bool) {
        let Some(state) = self.entered.insert(room.clone(), State::Answered { confirmed }) else { return };
        self.stop_waiting(room, &state);
        self.answered.insert(room.clone());
    }

    /// The message to oneself came back.
    pub(super) fn confirm(&mut self, room: &Room) {
        match self.entered.get_mut(room) {
            Some(State::Entering { .. }) => self.answer(room, true),
            Some(State::Entered { confirmed }) => *confirmed = true,
            _ => {}
        }
    }

    /// What waited for so long that it is over.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while let Some((_, room)) = self.ends.first().filter(|(until, _)| until.passed(now)).cloned() {
            self.answer(&room, false);
        }
    }

    /// Nothing is subscribed to any more, and nobody waits.
    pub(super) fn stop(&mut self) {
        self.owed.clear();
        self.expire(Timestamp::MAX);
        self.probes.clear();
    }

    /// Whether something is to be pulled.
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty() || !self.answered.is_empty()
    }

    /// When a message to oneself is due, or the end of waiting.
    pub(super) fn deadline(&self) -> Deadline {
        let firsts = self.ends.first().into_iter().chain(self.probes.first());
        firsts.map(|(due, _)| *due).min().unwrap_or(Deadline::NEVER)
    }

    /// The next change of what is subscribed to, or the news that a room was entered.
    pub(super) fn pop(&mut self) -> Option<Action> {
        if let Some(room) = self.owed.pop_first() {
            if self.subscribed.remove(&room) {
                return Some(Action::Unsubscribe { room });
            }
            self.subscribed.insert(room);
            return Some(Action::Subscribe { room });
        }
        let room = self.answered.pop_first()?;
        let state = self.entered.get_mut(&room)?;
        let State::Answered { confirmed } = *state else { return None };
        *state = State::Entered { confirmed };
        Some(Action::Entered { room, confirmed })
    }

    /// The next room that is asked for again, and when after this once more.
    pub(super) fn probe(&mut self, now: Timestamp, again: Span) -> Option<Room> {
        let (_, room) = self.probes.first().filter(|(due, _)| due.passed(now)).cloned()?;
        if let Some(State::Entering { probe, .. }) = self.entered.get_mut(&room) {
            let next = Deadline::at(now.plus(again));
            self.probes.remove(&(core::mem::replace(probe, next), room.clone()));
            self.probes.insert((next, room.clone()));
        }
        Some(room)
    }
}
