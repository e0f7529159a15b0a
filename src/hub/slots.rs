//! A table of values by connection id, with access in constant time.

use alloc::vec::Vec;

use crate::conn::ConnId;

/// The number of low bits of an id that give the place of its connection. The bits above count up, so that ids
/// strictly increase although places are used again.
const PLACE_BITS: u32 = 20;

/// The highest number of connections.
pub(super) const MOST: u32 = 1 << PLACE_BITS;

#[derive(Clone, Debug)]
pub(super) struct Slots<T> {
    places: Vec<Option<(ConnId, T)>>,
    free: Vec<u32>,
    minted: u64,
}

impl<T> Slots<T> {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), free: Vec::new(), minted: 0 }
    }

    /// Mints an id and keeps `value` under it. `None` if no place is free, or if all 2⁴⁴ ids are used up.
    pub(super) fn insert(&mut self, value: T) -> Option<ConnId> {
        let place = self.free.last().copied().map_or(self.places.len(), |place| place as usize);
        let minted = self.minted.checked_add(1).filter(|minted| minted.leading_zeros() >= PLACE_BITS)?;
        if place >= MOST as usize {
            return None;
        }
        let id = ConnId::from_raw((minted << PLACE_BITS) | place as u64)?;
        if self.free.pop().is_none() {
            self.places.push(None);
        }
        self.minted = minted;
        self.places[place] = Some((id, value));
        Some(id)
    }

    #[inline]
    pub(super) fn get(&self, id: ConnId) -> Option<&T> {
        let (kept, value) = self.places.get(place(id))?.as_ref()?;
        (*kept == id).then_some(value)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: ConnId) -> Option<&mut T> {
        let (kept, value) = self.places.get_mut(place(id))?.as_mut()?;
        (*kept == id).then_some(value)
    }

    pub(super) fn remove(&mut self, id: ConnId) -> Option<T> {
        self.get(id)?;
        let (_, value) = self.places.get_mut(place(id))?.take()?;
        self.free.push(place(id) as u32);
        Some(value)
    }

    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Whether `id` was minted, however long ago.
    pub(super) fn minted(&self, id: ConnId) -> bool {
        (1..=self.minted).contains(&(id.as_raw() >> PLACE_BITS))
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = ConnId> + '_ {
        self.places.iter().flatten().map(|(id, _)| *id)
    }
}

fn place(id: ConnId) -> usize {
    (id.as_raw() % u64::from(MOST)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_used_again_but_its_id_is_not() {
        let mut slots = Slots::new();
        let first = slots.insert('a').expect("room");
        let second = slots.insert('b').expect("room");
        assert_eq!(slots.remove(first), Some('a'));
        let third = slots.insert('c').expect("room");
        assert!(first < second && second < third);
        assert_eq!((slots.get(first), slots.get(third)), (None, Some(&'c')));
        assert_eq!(slots.remove(first), None);
        assert_eq!(slots.len(), 2);
        assert!(slots.minted(first) && slots.minted(third));
        assert!(!slots.minted(ConnId::from_raw(u64::MAX).expect("not zero")));
    }
}
