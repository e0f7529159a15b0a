//! A queue in one piece of heap.

use alloc::vec::Vec;

/// Slots in a circle, of which a run is in use.
// `VecDeque` moves whole values in and out, and looks for room only when it has the value in hand. Here a value can
// be written and taken in place, which saves each message that is sent about a hundred instructions.
#[derive(Clone, Debug)]
pub(crate) struct Ring<T> {
    /// As many as a power of two, or none.
    slots: Vec<T>,
    head: usize,
    used: usize,
}

impl<T> Ring<T> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), head: 0, used: 0 }
    }

    /// How many slots are in use.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.used
    }

    #[inline]
    pub(crate) fn has_room(&self) -> bool {
        self.used < self.slots.len()
    }

    /// Makes room for one more.
    #[inline]
    pub(crate) fn make_room(&mut self, empty: impl FnMut() -> T) {
        if !self.has_room() {
            self.grow(empty);
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, empty: impl FnMut() -> T) {
        // What has gone round to the front follows what is at the end: it is full, so there is room for all of that.
        let full = self.slots.len();
        self.slots.resize_with((2 * full).max(4), empty);
        for place in 0..self.head {
            self.slots.swap(place, full + place);
        }
    }

    /// Takes one more slot into use, if there is room: it holds whatever was left in it.
    #[inline]
    pub(crate) fn add(&mut self) -> Option<&mut T> {
        if !self.has_room() {
            return None;
        }
        let place = self.place(self.used);
        self.used += 1;
        self.slots.get_mut(place)
    }

    /// The first slot, whether it is in use or not: for values that tell by themselves.
    #[inline]
    pub(crate) fn first(&self) -> Option<&T> {
        self.slots.get(self.head)
    }

    #[inline]
    pub(crate) fn first_mut(&mut self) -> Option<&mut T> {
        self.slots.get_mut(self.head)
    }

    /// The slot with this many before it, if it is in use.
    #[inline]
    pub(crate) fn get(&self, rank: usize) -> Option<&T> {
        self.slots.get(self.place(rank)).filter(|_| rank < self.used)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, rank: usize) -> Option<&mut T> {
        let place = self.place(rank);
        self.slots.get_mut(place).filter(|_| rank < self.used)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        (0..self.used).filter_map(|rank| self.get(rank))
    }

    pub(crate) fn swap(&mut self, one: usize, other: usize) {
        let (one, other) = (self.place(one), self.place(other));
        self.slots.swap(one, other);
    }

    /// Takes the first slot out of use.
    #[inline]
    pub(crate) fn drop_first(&mut self) {
        if self.used > 0 {
            self.head = self.place(1);
            self.used -= 1;
        }
    }

    /// Takes all but the first so many slots out of use.
    pub(crate) fn truncate(&mut self, used: usize) {
        self.used = self.used.min(used);
    }

    #[inline]
    fn place(&self, rank: usize) -> usize {
        self.head.wrapping_add(rank) & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_that_is_not_in_use_is_not_handed_out() {
        let mut ring = Ring::new();
        ring.make_room(|| 0);
        *ring.add().expect("room was made") = 7;
        assert!(ring.has_room(), "there are slots beyond the one in use");
        assert_eq!((ring.get(0), ring.get(1)), (Some(&7), None));
        assert_eq!((ring.get_mut(0).copied(), ring.get_mut(1)), (Some(7), None));
    }

    #[test]
    fn what_had_gone_round_is_in_its_place_after_growth() {
        let mut ring = Ring::new();
        for n in 0..40 {
            ring.make_room(|| 0);
            *ring.add().expect("room was made") = n;
            if n % 3 == 0 {
                ring.drop_first();
            }
        }
        assert!(ring.iter().copied().eq(14..40));
    }
}
