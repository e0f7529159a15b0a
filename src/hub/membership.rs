//! Who is in which room.

use alloc::collections::{BTreeMap, BTreeSet};

use super::rooms::Room;
use crate::conn::ConnId;

/// The number of a room and the two halves of a connection's id, or those and the number: so 12 bytes are enough.
type Key = [u32; 3];

/// Two keys for each membership; each name once.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    numbers: BTreeMap<Room, u32>,
    rooms: BTreeMap<u32, Entry>,
    /// In the order of the rooms' numbers, then of the connections.
    members: BTreeSet<Key>,
    /// In the order of the connections.
    joined: BTreeSet<Key>,
    /// The number for the next room, unless it is in use.
    next: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    name: Room,
    members: u32,
}

impl Membership {
    pub(super) const fn new() -> Self {
        Self {
            numbers: BTreeMap::new(),
            rooms: BTreeMap::new(),
            members: BTreeSet::new(),
            joined: BTreeSet::new(),
            next: 0,
        }
    }

    /// The number of rooms.
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// How many are in a room.
    pub(super) fn size(&self, room: &[u8]) -> u32 {
        self.entry(room).map_or(0, |(_, entry)| entry.members)
    }

    pub(super) fn contains(&self, room: &[u8], conn: ConnId) -> bool {
        self.entry(room).is_some_and(|(number, _)| self.members.contains(&member(number, conn)))
    }

    /// Who is in a room, in order, from an id on.
    pub(super) fn members(&self, room: &[u8], from: Option<ConnId>) -> impl Iterator<Item = ConnId> {
        let keys = self.entry(room).into_iter().flat_map(move |(number, _)| {
            let first = from.map_or([number, 0, 0], |conn| member(number, conn));
            self.members.range(first..=[number, u32::MAX, u32::MAX])
        });
        keys.filter_map(|[_, high, low]| ConnId::from_raw(u64::from(*high) << 32 | u64::from(*low)))
    }

    /// The rooms of a connection, the one that has existed longest first.
    pub(super) fn joined(&self, conn: ConnId) -> impl Iterator<Item = &Room> {
        let [_, high, low] = member(0, conn);
        let keys = self.joined.range([high, low, 0]..=[high, low, u32::MAX]);
        keys.filter_map(|[.., number]| Some(&self.rooms.get(number)?.name))
    }

    /// How many are in the room with one that was not in it.
    pub(super) fn join(&mut self, room: &Room, conn: ConnId) -> u32 {
        let number = self.numbers.get(room).copied().unwrap_or_else(|| self.found(room));
        let Some(entry) = self.rooms.get_mut(&number) else { return 0 };
        entry.members = entry.members.saturating_add(1);
        let [_, high, low] = member(number, conn);
        self.members.insert([number, high, low]);
        self.joined.insert([high, low, number]);
        entry.members
    }

    /// Whether the connection was in the room.
    pub(super) fn leave(&mut self, room: &[u8], conn: ConnId) -> bool {
        let number = self.numbers.get(room).copied();
        number.is_some_and(|number| self.part(number, conn))
    }

    /// The connection is in no room any more.
    pub(super) fn leave_all(&mut self, conn: ConnId) {
        let [_, high, low] = member(0, conn);
        let next = |joined: &BTreeSet<Key>| joined.range([high, low, 0]..=[high, low, u32::MAX]).next().copied();
        while let Some([.., number]) = next(&self.joined) {
            self.part(number, conn);
        }
    }

    fn entry(&self, room: &[u8]) -> Option<(u32, &Entry)> {
        let number = *self.numbers.get(room)?;
        Some((number, self.rooms.get(&number)?))
    }

    /// The number of a new room.
    fn found(&mut self, room: &Room) -> u32 {
        while self.rooms.contains_key(&self.next) {
            self.next = self.next.wrapping_add(1);
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        self.numbers.insert(room.clone(), number);
        self.rooms.insert(number, Entry { name: room.clone(), members: 0 });
        number
    }

    fn part(&mut self, number: u32, conn: ConnId) -> bool {
        let [_, high, low] = member(number, conn);
        self.joined.remove(&[high, low, number]);
        if !self.members.remove(&[number, high, low]) {
            return false;
        }
        let Some(entry) = self.rooms.get_mut(&number) else { return true };
        entry.members = entry.members.saturating_sub(1);
        if entry.members == 0 {
            self.numbers.remove(&entry.name);
            self.rooms.remove(&number);
        }
        true
    }
}

fn member(number: u32, conn: ConnId) -> Key {
    let raw = conn.as_raw();
    [number, (raw >> 32) as u32, raw as u32]
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;

    /// Beyond 2³², where the two halves of an id would show if they were swapped.
    ///
    /// [U19]
    #[test]
    fn members_come_in_the_order_of_their_ids() {
        let ids =
            [1_u64 << 33, 3, (1 << 32) + 1, u64::MAX, 1 << 32].map(|raw| ConnId::from_raw(raw).expect("not zero"));
        let mut rooms = Membership::new();
        for (nth, conn) in (1..).zip(ids) {
            assert_eq!(rooms.join(&"btc".into(), conn), nth);
        }
        let mut sorted = ids;
        sorted.sort_unstable();
        assert_eq!(rooms.members(b"btc", None).collect::<Vec<_>>(), sorted);
        assert_eq!(rooms.members(b"btc", Some(sorted[3])).collect::<Vec<_>>(), sorted[3..]);
        assert!(sorted.iter().all(|conn| rooms.joined(*conn).eq(&vec![Room::from("btc")])));
    }

    /// [U19]
    #[test]
    fn numbers_begin_anew_at_the_end_of_their_type_and_none_is_given_twice() {
        let conn = ConnId::from_raw(1).expect("not zero");
        let mut rooms = Membership { next: u32::MAX - 1, ..Membership::new() };
        let names = ["a", "b", "c"].map(Room::from);
        names.iter().for_each(|name| _ = rooms.join(name, conn));
        rooms.next = u32::MAX;
        rooms.join(&"d".into(), conn);
        assert_eq!(rooms.rooms.keys().copied().collect::<Vec<_>>(), [0, 1, u32::MAX - 1, u32::MAX]);
        rooms.leave_all(conn);
        assert!(rooms.len() == 0 && rooms.numbers.is_empty() && rooms.members.is_empty() && rooms.joined.is_empty());
    }
}
