//! A table of values by connection id, with access in constant time.

use alloc::vec;
use alloc::vec::Vec;

use crate::conn::ConnId;

/// The highest number of connections.
pub(super) const MOST: u32 = 1 << 20;

/// 2⁶⁴ divided by the golden ratio: multiplied by it, ids that count up fall far from each other (Knuth, volume 3, 6.4).
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The least length of an index that is in use.
const LEAST: usize = 16;

/// Ids count up from 1, so each that was ever minted is known without being kept.
#[derive(Clone, Debug)]
pub(super) struct Slots<T> {
    /// Without gaps: the last one takes the place of one that goes.
    places: Vec<(ConnId, T)>,
    /// Where a value is: its place plus 1, or 0. At most half of it is in use, its length is a power of two, and an entry
    /// that is taken already is looked for in the next.
    index: Vec<u32>,
    /// 64 less the number of bits of a position in the index.
    shift: u32,
    minted: u64,
}

/// Where a value is.
#[derive(Clone, Copy)]
pub(super) struct Place(usize);

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), index: Vec::new(), shift: u64::BITS - 1, minted: 0 }
    }

    /// Mints an id and keeps `value` under it. `None` if there are [`MOST`] already, or if all ids are used up.
    pub(super) fn insert(&mut self, value: T) -> Option<ConnId> {
        let id = ConnId::from_raw(self.minted.checked_add(1)?)?;
        if self.places.len() >= MOST as usize {
            return None;
        }
        self.minted = id.as_raw();
        if self.places.len() == self.places.capacity() {
            // To double would waste a third on average.
            self.places.reserve_exact(self.places.len() / 8 + LEAST);
        }
        self.places.push((id, value));
        if 2 * self.places.len() > self.index.len() {
            self.rebuild();
        } else {
            self.link(id, self.places.len() - 1);
        }
        Some(id)
    }

    /// Where the value of an id is, until another is inserted or removed.
    #[inline(always)]
    pub(super) fn place(&self, id: ConnId) -> Option<Place> {
        self.find(id).map(|(_, place)| Place(place))
    }

    #[inline(always)]
    pub(super) fn at(&self, place: Place) -> Option<&T> {
        self.places.get(place.0).map(|(_, value)| value)
    }

    #[inline(always)]
    pub(super) fn at_mut(&mut self, place: Place) -> Option<&mut T> {
        self.places.get_mut(place.0).map(|(_, value)| value)
    }

    #[inline]
    pub(super) fn get(&self, id: ConnId) -> Option<&T> {
        let (_, place) = self.find(id)?;
        Some(&self.places.get(place)?.1)
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        let (_, place) = self.find(id)?;
        Some(&mut self.places.get_mut(place)?.1)
    }

    /// Gives memory back when three quarters of it are no longer in use.
    pub(super) fn remove(&mut self, id: ConnId) -> Option<T> {
        let (at, place) = self.find(id)?;
        self.unlink(at);
        let (_, value) = self.places.swap_remove(place);
        if let Some((moved, _)) = self.places.get(place) {
            let from = self.places.len() as u32 + 1;
            let mut at = self.home(*moved);
            while self.index[at] != from {
                at = self.next(at);
            }
            self.index[at] = place as u32 + 1;
        }
        if self.index.len() > LEAST && 8 * self.places.len() < self.index.len() {
            self.places.shrink_to(2 * self.places.len());
            self.rebuild();
        }
        Some(value)
    }

    /// Each once, in any order.
    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.places.iter_mut().map(|(_, value)| value)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether `id` was minted, however long ago.
    pub(super) fn minted(&self, id: ConnId) -> bool {
        id.as_raw() <= self.minted
    }

    /// All of them, in no particular order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (ConnId, &T)> {
        self.places.iter().map(|(id, value)| (*id, value))
    }

    /// All of them, in the order in which they were minted.
    pub(super) fn ids(&self) -> Vec<ConnId> {
        let mut ids: Vec<_> = self.places.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// The position in the index and the place of a value.
    #[inline(always)]
    fn find(&self, id: ConnId) -> Option<(usize, usize)> {
        let mut at = self.home(id);
        loop {
            let place = (*self.index.get(at)? as usize).checked_sub(1)?;
            if self.places.get(place)?.0 == id {
                return Some((at, place));
            }
            at = self.next(at);
        }
    }

    /// The position at which the search for a value begins.
    #[inline(always)]
    fn home(&self, id: ConnId) -> usize {
        (id.as_raw().wrapping_mul(GOLDEN) >> self.shift) as usize
    }

    #[inline(always)]
    fn next(&self, at: usize) -> usize {
        (at + 1) & (self.index.len() - 1)
    }

    fn link(&mut self, id: ConnId, place: usize) {
        let mut at = self.home(id);
        while self.index[at] != 0 {
            at = self.next(at);
        }
        self.index[at] = place as u32 + 1;
    }

    /// Empties a position. What lies behind it moves up, so that no search ends too early.
    fn unlink(&mut self, mut hole: usize) {
        let mask = self.index.len() - 1;
        let mut at = self.next(hole);
        while let Some(place) = (self.index[at] as usize).checked_sub(1) {
            let home = self.home(self.places[place].0);
            if at.wrapping_sub(home) & mask >= at.wrapping_sub(hole) & mask {
                self.index[hole] = self.index[at];
                hole = at;
            }
            at = self.next(at);
        }
        self.index[hole] = 0;
    }

    /// A new index, a quarter to half of which is in use.
    fn rebuild(&mut self) {
        let length = (4 * self.places.len()).next_power_of_two().max(2 * LEAST) / 2;
        self.shift = u64::BITS - length.trailing_zeros();
        self.index = vec![0; length];
        for place in 0..self.places.len() {
            self.link(self.places[place].0, place);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use alloc::collections::BTreeMap;

    #[test]
    fn a_place_is_used_again_but_its_id_is_not() {
        let mut slots = Slots::new();
        let first = slots.insert('a').expect("room");
        let second = slots.insert('b').expect("room");
        assert_eq!(slots.remove(first), Some('a'));
        let third = slots.insert('c').expect("room");
        assert!(first < second && second < third);
        assert_eq!((slots.get(first), slots.get(second), slots.get(third)), (None, Some(&'b'), Some(&'c')));
        assert_eq!(slots.remove(first), None);
        assert_eq!((slots.len(), slots.ids()), (2, vec![second, third]));
    }

    #[test]
    fn exactly_the_ids_that_were_handed_out_were_minted() {
        let mut slots = Slots::new();
        let id = |raw| ConnId::from_raw(raw).expect("not zero");
        assert!(!slots.minted(id(1)) && slots.get(id(1)).is_none());
        let all: Vec<_> = (0..1000).map(|nth| slots.insert(nth).expect("room")).collect();
        all.iter().for_each(|id| _ = slots.remove(*id));
        let last = all[999].as_raw();
        assert!((1..=last).all(|raw| slots.minted(id(raw)) && all.contains(&id(raw))));
        assert!([last + 1, (1 << 20) | last, u64::MAX].into_iter().all(|raw| !slots.minted(id(raw))));
    }

    #[test]
    fn any_order_of_comings_and_goings_is_that_of_a_map() {
        let (mut slots, mut map, mut random) = (Slots::new(), BTreeMap::new(), Random::new(7));
        // A crowd comes, stays a while, and goes.
        for (round, stay) in [(500, 1), (1000, 2), (1000, 3)]
            .into_iter()
            .flat_map(|(times, stay)| (0..times).map(move |round| (round, stay)))
        {
            let leave = random.next() % 4 < stay;
            let nth = (random.next() as usize).checked_rem(map.len()).unwrap_or_default();
            match map.keys().nth(nth).copied().filter(|_| leave) {
                Some(id) => assert_eq!(slots.remove(id), map.remove(&id)),
                None => _ = map.insert(slots.insert(round).expect("room"), round),
            }
            assert_eq!(slots.len(), map.len());
            if round % 97 == 0 {
                assert!(slots.ids().iter().eq(map.keys()));
                assert!(map.iter().all(|(id, value)| slots.get(*id) == Some(value) && slots.get_mut(*id).is_some()));
            }
        }
    }

    /// [U1]
    #[test]
    fn memory_is_given_back_after_a_crowd_has_gone() {
        let mut slots = Slots::new();
        let all: Vec<_> = (0..10_000).map(|nth| slots.insert(nth).expect("room")).collect();
        all[..9_990].iter().for_each(|id| _ = slots.remove(*id));
        assert!(slots.places.capacity() <= 64 && slots.index.len() <= 128, "{}", slots.index.len());
        assert!(all[9_990..].iter().all(|id| slots.get(*id).is_some()));
    }
}
