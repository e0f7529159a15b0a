//! The rooms that a node has entered.

use alloc::collections::{BTreeMap, BTreeSet};
use core::mem;

use super::action::{Action, Destination, RoomHash};
use crate::hub::Room;
use crate::time::{Deadline, Span, Timestamp};

/// How many rooms there may be: as many as a hub has at most.
const MOST: usize = 1 << 20;

#[derive(Clone, Debug)]
struct Entry {
    /// Tells its probes from those of an earlier entry into the room.
    number: u64,
    /// Whether a probe came back.
    confirmed: bool,
    /// What was reported last.
    reported: Option<bool>,
    /// When waiting for it ends; never, once it has.
    until: Deadline,
    /// When the next probe is due, or the next subscription; never, once a probe came back.
    probe: Deadline,
    /// Whether it was subscribed to again, so that a probe is next.
    renewed: bool,
}

/// What is due for a room that is not confirmed.
pub(super) enum Due {
    /// To subscribe to it again.
    Subscription(RoomHash),
    /// A probe, with the number of the entry.
    Probe(Room, u64),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Rooms {
    entered: BTreeMap<Room, Entry>,
    /// How many were entered.
    entries: u64,
    /// The rooms that are waited for, in the order in which that ends, and those that are not confirmed, in that of their next probes.
    ends: BTreeSet<(Deadline, Room)>,
    probes: BTreeSet<(Deadline, Room)>,
    /// The rooms of which there is something to report.
    answered: BTreeSet<Room>,
    /// How many of the entered rooms have this hash.
    hashes: BTreeMap<RoomHash, u32>,
    /// The hashes that are subscribed to.
    subscribed: BTreeSet<RoomHash>,
    /// Where the two differ: what is to be subscribed to or no longer.
    owed: BTreeSet<RoomHash>,
    /// What is to be subscribed to again.
    renewed: BTreeSet<RoomHash>,
}

impl Rooms {
    pub(super) fn contains(&self, room: &Room) -> bool {
        self.entered.contains_key(room)
    }

    /// What to report at once: about a room that was entered before, or for which there is no place.
    pub(super) fn enter(&mut self, room: Room, now: Timestamp, timeout: Span) -> Option<Action> {
        match self.entered.get(&room) {
            Some(entry) => {
                let reported = entry.reported.filter(|_| !self.answered.contains(&room));
                return reported.map(|confirmed| Action::Entered { room, confirmed });
            }
            None if self.entered.len() >= MOST => return Some(Action::Entered { room, confirmed: false }),
            None => {}
        }
        let hash = RoomHash::of(&room);
        *self.hashes.entry(hash).or_default() += 1;
        self.owe(hash);
        let (until, probe) = (Deadline::at(now.plus(timeout)), Deadline::at(now));
        self.ends.insert((until, room.clone()));
        self.probes.insert((probe, room.clone()));
        self.entries += 1;
        let number = self.entries;
        self.entered.insert(room, Entry { number, confirmed: false, reported: None, until, probe, renewed: false });
        None
    }

    /// Whether it was entered.
    pub(super) fn leave(&mut self, room: &Room) -> bool {
        let Some(entry) = self.entered.remove(room) else { return false };
        self.ends.remove(&(entry.until, room.clone()));
        self.probes.remove(&(entry.probe, room.clone()));
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

    /// All rooms are entered anew.
    pub(super) fn enter_again(&mut self, now: Timestamp, timeout: Span) {
        self.renewed.extend(self.hashes.keys());
        self.ends.clear();
        self.probes.clear();
        self.answered.clear();
        let (until, probe) = (Deadline::at(now.plus(timeout)), Deadline::at(now));
        for (room, entry) in &mut self.entered {
            self.entries += 1;
            *entry = Entry { number: self.entries, confirmed: false, until, probe, renewed: false, ..*entry };
            self.ends.insert((until, room.clone()));
            self.probes.insert((probe, room.clone()));
        }
    }

    /// A probe came back, with the number that it had.
    pub(super) fn confirm(&mut self, room: &Room, number: u64) {
        let entry = self.entered.get_mut(room).filter(|entry| entry.number == number && !entry.confirmed);
        let Some(entry) = entry else { return };
        entry.confirmed = true;
        let (until, probe) =
            (mem::replace(&mut entry.until, Deadline::NEVER), mem::replace(&mut entry.probe, Deadline::NEVER));
        self.ends.remove(&(until, room.clone()));
        self.probes.remove(&(probe, room.clone()));
        if entry.reported == Some(true) {
            self.answered.remove(room);
        } else {
            self.answered.insert(room.clone());
        }
    }

    /// Ends the waiting for rooms whose probes did not come back in time; they are reported to be unconfirmed. Their probes go on.
    pub(super) fn expire(&mut self, now: Timestamp) {
        while self.ends.first().is_some_and(|(until, _)| until.passed(now)) {
            let Some((_, room)) = self.ends.pop_first() else { return };
            let Some(entry) = self.entered.get_mut(&room) else { continue };
            entry.until = Deadline::NEVER;
            if entry.reported != Some(false) {
                self.answered.insert(room);
            }
        }
    }

    /// Nothing more is subscribed to, and the waiting for all rooms ends.
    pub(super) fn stop(&mut self) {
        self.owed.clear();
        self.renewed.clear();
        self.expire(Timestamp::MAX);
        self.probes.clear();
    }

    /// Whether something is to be pulled.
    pub(super) fn owes(&self) -> bool {
        !self.owed.is_empty() || !self.renewed.is_empty() || !self.answered.is_empty()
    }

    /// When the next probe is due, or the waiting for a room ends.
    pub(super) fn deadline(&self) -> Deadline {
        let firsts = self.ends.first().into_iter().chain(self.probes.first());
        firsts.map(|(due, _)| *due).min().unwrap_or(Deadline::NEVER)
    }

    /// The next change of a subscription, or the report that a room was entered.
    pub(super) fn pop(&mut self) -> Option<Action> {
        if let Some(room) = self.owed.pop_first() {
            if self.subscribed.remove(&room) {
                return Some(Action::Unsubscribe { to: Destination::Room(room) });
            }
            self.subscribed.insert(room);
            self.renewed.remove(&room);
            return Some(Action::Subscribe { to: Destination::Room(room) });
        }
        while let Some(room) = self.renewed.pop_first() {
            if self.subscribed.contains(&room) {
                return Some(Action::Subscribe { to: Destination::Room(room) });
            }
        }
        let room = self.answered.pop_first()?;
        let entry = self.entered.get_mut(&room)?;
        entry.reported = Some(entry.confirmed);
        Some(Action::Entered { room, confirmed: entry.confirmed })
    }

    /// What is due next. While a room is waited for, there is a probe every first span. From then on the broker may have refused the
    /// subscription: a second span after the last probe it is made again. The next probe follows a first span later, to give the broker time.
    pub(super) fn next_due(&mut self, now: Timestamp, [again, later]: [Span; 2]) -> Option<Due> {
        let (_, room) = self.probes.first().filter(|(due, _)| due.passed(now)).cloned()?;
        let entry = self.entered.get_mut(&room)?;
        let waits = !entry.until.is_never();
        entry.renewed = !waits && !entry.renewed;
        let next = Deadline::at(now.plus(if waits || entry.renewed { again } else { later }));
        self.probes.remove(&(mem::replace(&mut entry.probe, next), room.clone()));
        self.probes.insert((next, room.clone()));
        let (renewed, number) = (entry.renewed, entry.number);
        Some(if renewed { Due::Subscription(RoomHash::of(&room)) } else { Due::Probe(room, number) })
    }
}
