//! A table of the sources of connections.

use alloc::vec;
use alloc::vec::Vec;
use core::mem::take;
use core::time::Duration;

use super::limit::{Bucket, Price};
use super::source::Source;
use crate::time::Timestamp;

/// Where the table keeps a source, until it is compacted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct SourceId(u32);

impl SourceId {
    /// Of a connection whose source is not limited.
    pub(super) const NONE: Self = Self(u32::MAX);

    /// Where it is after the table was compacted.
    pub(super) fn moved(self, places: &[Self]) -> Self {
        places.get(self.0 as usize).copied().unwrap_or(Self::NONE)
    }
}

/// 2¹²⁸ divided by the golden ratio, which is odd, so that no two sources are multiplied to the same.
const GOLDEN: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;

/// So few are not worth the trouble of forgetting them.
const FEW: usize = 16;

/// Beside each source of a connection and each whose bucket is not full, some that are to be forgotten.
///
/// The entries in use are a digital search tree: one at depth `d` differs from those in its two branches from the bit `d`
/// of the key on. So it is as deep as a key has bits at most, whatever addresses an attacker chooses, and for all others
/// about as deep as a balanced one, because the keys are scattered.
#[derive(Clone, Debug)]
pub(super) struct Sources {
    entries: Vec<Entry>,
    root: u32,
    /// The first entry that is not in use; each leads to the next by `branches[0]`.
    free: u32,
    used: usize,
    /// How many of those in use have no connections.
    idle: usize,
    /// Until when no entry is worth looking for that can be forgotten.
    sweep_after: Timestamp,
}

#[derive(Clone, Debug)]
struct Entry {
    /// The source, multiplied: the more significant half first.
    key: [u64; 2],
    bucket: Bucket,
    connections: u32,
    branches: [u32; 2],
}

const NONE: u32 = u32::MAX;

/// The number of connections of an entry that is not in use.
const UNUSED: u32 = u32::MAX;

impl Sources {
    pub(super) const fn new() -> Self {
        Self { entries: Vec::new(), root: NONE, free: NONE, used: 0, idle: 0, sweep_after: Timestamp::ORIGIN }
    }

    pub(super) fn connections(&self, source: Source) -> u32 {
        self.find(source).map_or(0, |entry| entry.connections)
    }

    /// How long until the source may be admitted once more.
    pub(super) fn wait(&self, source: Source, price: &Price, now: Timestamp) -> Duration {
        self.find(source).map_or(Duration::ZERO, |entry| entry.bucket.wait(price, now))
    }

    /// One more connection.
    pub(super) fn enter(&mut self, source: Source, price: &Price, now: Timestamp) -> SourceId {
        let at = self.find_or_insert(key(source));
        if let Some(entry) = self.entries.get_mut(at as usize) {
            self.idle -= usize::from(entry.connections == 0);
            entry.connections += 1;
            entry.bucket.charge(price, now, 1);
        }
        SourceId(at)
    }

    /// One connection less.
    pub(super) fn leave(&mut self, id: SourceId, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(id.0 as usize) else { return };
        entry.connections = entry.connections.saturating_sub(1);
        if entry.connections == 0 {
            self.idle += 1;
            if entry.bucket.is_full(now) {
                self.forget(id.0);
            }
        }
    }

    /// Forgets sources without connections: those whose buckets are full, as soon as these are half of the table, and at
    /// no more than `most` in the table also the half of the others whose buckets will be full first.
    pub(super) fn sweep(&mut self, now: Timestamp, most: usize) {
        let too_many = self.used >= most.saturating_add(FEW);
        let worth_it = self.idle > FEW && 2 * self.idle >= self.used && now >= self.sweep_after;
        if !too_many && !worth_it {
            return;
        }
        let is_idle = |entry: &&Entry| entry.is_used() && entry.connections == 0;
        let mut full_at: Vec<_> = self.entries.iter().filter(is_idle).map(|entry| entry.bucket.0).collect();
        let mut until = now;
        if too_many && !full_at.is_empty() {
            let middle = (full_at.len() - 1) / 2;
            until = until.max(*full_at.select_nth_unstable(middle).1);
        }
        for at in 0..self.entries.len() {
            if self.entries.get(at).is_some_and(|entry| is_idle(&entry) && entry.bucket.is_full(until)) {
                self.forget(at as u32);
            }
        }
        self.sweep_after = full_at.into_iter().max().unwrap_or(now);
    }

    /// Gives memory back when three quarters of it are no longer in use: where each source is from now on. Not before there
    /// are so many entries as a part of the connections, which have to be told.
    pub(super) fn compact(&mut self, connections: usize) -> Option<Vec<SourceId>> {
        let length = self.entries.len();
        if length <= FEW || 4 * self.used > length || 8 * length < connections {
            return None;
        }
        let entries = take(&mut self.entries);
        (self.root, self.free, self.used, self.idle) = (NONE, NONE, 0, 0);
        let mut places = vec![SourceId::NONE; entries.len()];
        for (place, entry) in places.iter_mut().zip(&entries).filter(|(_, entry)| entry.is_used()) {
            let at = self.find_or_insert(entry.key);
            *place = SourceId(at);
            if let Some(moved) = self.entries.get_mut(at as usize) {
                (moved.bucket, moved.connections) = (entry.bucket, entry.connections);
                self.idle -= usize::from(entry.connections > 0);
            }
        }
        Some(places)
    }

    fn find(&self, source: Source) -> Option<&Entry> {
        self.entries.get(self.follow(self.link(key(source))) as usize)
    }

    fn find_or_insert(&mut self, key: [u64; 2]) -> u32 {
        let link = self.link(key);
        let found = self.follow(link);
        if found != NONE {
            return found;
        }
        let new = self.take_entry(Entry { key, bucket: Bucket::default(), connections: 0, branches: [NONE; 2] });
        self.set(link, new);
        self.used += 1;
        self.idle += 1;
        new
    }

    /// The link that leads to an entry with this key, or would.
    fn link(&self, key: [u64; 2]) -> Link {
        let (mut link, mut depth) = (None, 0);
        while self.entries.get(self.follow(link) as usize).is_some_and(|entry| entry.key != key) {
            let half = if depth < u64::BITS { key[0] } else { key[1] };
            let right = (half >> (63 - depth % u64::BITS)) & 1 == 1;
            link = Some((self.follow(link), right));
            depth += 1;
        }
        link
    }

    /// Where a link leads.
    fn follow(&self, link: Link) -> u32 {
        let Some((at, right)) = link else { return self.root };
        self.entries.get(at as usize).map_or(NONE, |entry| entry.branches[usize::from(right)])
    }

    fn set(&mut self, link: Link, to: u32) {
        let Some((at, right)) = link else { return self.root = to };
        if let Some(entry) = self.entries.get_mut(at as usize) {
            entry.branches[usize::from(right)] = to;
        }
    }

    /// A place for an entry, not yet linked. The table grows by a quarter.
    fn take_entry(&mut self, entry: Entry) -> u32 {
        if let Some(place) = self.entries.get_mut(self.free as usize) {
            let next = place.branches[0];
            *place = entry;
            return core::mem::replace(&mut self.free, next);
        }
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(FEW.max(self.entries.len() / 4));
        }
        self.entries.push(entry);
        (self.entries.len() - 1) as u32
    }

    /// Takes an entry without connections out of the tree. A leaf below it takes its place.
    fn forget(&mut self, at: u32) {
        let Some(key) = self.entries.get(at as usize).map(|entry| entry.key) else { return };
        let link = self.link(key);
        let (mut leaf, mut to_leaf) = (at, link);
        while let Some(entry) = self.entries.get(leaf as usize).filter(|entry| entry.branches != [NONE; 2]) {
            let right = entry.branches[0] == NONE;
            to_leaf = Some((leaf, right));
            leaf = entry.branches[usize::from(right)];
        }
        self.set(to_leaf, NONE);
        if leaf != at {
            let branches = self.entries.get(at as usize).map_or([NONE; 2], |entry| entry.branches);
            if let Some(entry) = self.entries.get_mut(leaf as usize) {
                entry.branches = branches;
            }
            self.set(link, leaf);
        }
        if let Some(entry) = self.entries.get_mut(at as usize) {
            (entry.connections, entry.branches) = (UNUSED, [self.free, NONE]);
        }
        self.free = at;
        self.used -= 1;
        self.idle -= 1;
    }
}

/// A branch of an entry, the right one or not; `None` for the root.
type Link = Option<(u32, bool)>;

impl Entry {
    const fn is_used(&self) -> bool {
        self.connections != UNUSED
    }
}

fn key(source: Source) -> [u64; 2] {
    let scattered = source.0.wrapping_mul(GOLDEN);
    [(scattered >> 64) as u64, scattered as u64]
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeMap;

    use super::*;
    use crate::hub::RateLimit;
    use crate::random::Random;

    fn price() -> Price {
        Price::new(Some(&RateLimit { burst: 3, every: Duration::from_secs(1) }))
    }

    fn at(seconds: u64) -> Timestamp {
        Timestamp::after(Duration::from_secs(seconds))
    }

    impl Sources {
        /// How many steps lead to the deepest entry.
        fn depth(&self) -> usize {
            let below = |at: u32| self.entries.get(at as usize).map(|entry| entry.branches);
            let mut level: Vec<_> = below(self.root).into_iter().collect();
            let mut depth = 0;
            while !level.is_empty() {
                depth += 1;
                level = level.into_iter().flatten().filter_map(below).collect();
            }
            depth
        }
    }

    #[test]
    fn an_entry_takes_40_bytes() {
        assert_eq!(size_of::<Entry>(), 40);
    }

    /// Each connection with its source, beside the table: with comings and goings of all kinds, sweeps and compactions.
    ///
    /// [U15]
    #[test]
    fn any_order_of_comings_and_goings_leaves_each_source_the_connections_it_has() {
        let (mut sources, mut random) = (Sources::new(), Random::new(7));
        let (mut conns, mut count) = (Vec::<(SourceId, u128)>::new(), BTreeMap::<u128, u32>::new());
        let (mut compacted, mut most) = (0, 0);
        for round in 0..20_000_u64 {
            // A crowd comes, stays a while, and goes.
            let stay = if round / 4_000 % 2 == 0 { 3 } else { 1 };
            if random.next() % 4 < stay {
                let source = u128::from(random.next() % 500) << 64;
                conns.push((sources.enter(Source(source), &price(), at(round / 50)), source));
                *count.entry(source).or_default() += 1;
            } else if let Some(nth) = (random.next() as usize).checked_rem(conns.len()) {
                let (id, source) = conns.swap_remove(nth);
                sources.leave(id, at(round / 50));
                count.entry(source).and_modify(|count| *count -= 1);
            }
            sources.sweep(at(round / 50), 1_000);
            if let Some(places) = sources.compact(conns.len()) {
                compacted += 1;
                conns.iter_mut().for_each(|(id, _)| *id = id.moved(&places));
            }
            most = most.max(sources.entries.len());
            if round % 97 == 0 {
                assert!(count.iter().all(|(source, count)| sources.connections(Source(*source)) == *count));
            }
        }
        assert!(compacted > 1 && most > 200, "{compacted} compactions of up to {most}");
    }

    /// [U15]
    #[test]
    fn a_source_without_connections_is_forgotten_when_no_token_is_missing() {
        let mut sources = Sources::new();
        let ids: Vec<_> = (0..100).map(|nth| sources.enter(Source(nth), &price(), at(0))).collect();
        ids[..50].iter().for_each(|id| sources.leave(*id, at(1)));
        assert_eq!((sources.used, sources.idle), (50, 0), "at once");
        ids[50..].iter().for_each(|id| sources.leave(*id, at(0)));
        assert_eq!((sources.used, sources.idle), (50, 50));
        sources.sweep(at(0), 1_000);
        assert_eq!(sources.used, 50, "a token is missing");
        sources.sweep(at(1), 1_000);
        assert_eq!((sources.used, sources.idle), (0, 0));
    }

    /// [U15]
    #[test]
    fn with_too_many_sources_those_that_owe_least_are_forgotten() {
        let mut sources = Sources::new();
        for nth in 0..100_u64 {
            let ids = [(); 2].map(|()| sources.enter(Source(nth.into()), &price(), at(nth)));
            ids.iter().for_each(|id| sources.leave(*id, at(nth)));
        }
        let known = |sources: &Sources| (0..100).filter(|nth| sources.find(Source(*nth)).is_some()).collect::<Vec<_>>();
        assert_eq!(known(&sources).len(), 100);
        sources.sweep(at(0), 100 - FEW);
        assert_eq!(known(&sources), (50..100).collect::<Vec<_>>());
    }

    /// [U15]
    #[test]
    fn no_choice_of_addresses_makes_the_tree_deeper_than_they_have_bits() {
        let mut ordinary = Sources::new();
        for nth in 0..(1 << 14) {
            ordinary.enter(Source(0x2001_0db8 << 96 | nth << 64), &price(), at(0));
        }
        assert!(ordinary.depth() <= 14 + 6, "{}", ordinary.depth());
        // The inverse of the factor, by Newton: each step doubles the bits that are right.
        let inverse =
            (0..7).fold(GOLDEN, |inverse, _| inverse.wrapping_mul(2_u128.wrapping_sub(GOLDEN.wrapping_mul(inverse))));
        assert_eq!(GOLDEN.wrapping_mul(inverse), 1);
        let mut hostile = Sources::new();
        // Scattered, the n-th has the highest n bits and no others.
        for bits in 0..=127 {
            let scattered = !(u128::MAX >> bits);
            hostile.enter(Source(scattered.wrapping_mul(inverse)), &price(), at(0));
        }
        assert_eq!(hostile.depth(), 128);
    }
}
