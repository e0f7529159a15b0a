//! The claims of one node, and their digests.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::node::User;
use super::wire::{BUCKETS, bucket as bucket_of, digest as digest_of};

/// What is kept of a claim: of another node's claim the time of its stamp, of this node's claims more.
pub(super) trait Timed {
    /// The time of the claim's stamp.
    fn time(&self) -> u64;
}

impl Timed for u64 {
    fn time(&self) -> u64 {
        *self
    }
}

/// The claims of one node, in buckets that have a digest each.
#[derive(Clone, Debug)]
pub(super) struct Book<V> {
    /// In the order of their numbers.
    buckets: Vec<Bucket<V>>,
    len: u64,
}

#[derive(Clone, Debug)]
struct Bucket<V> {
    claims: BTreeMap<User, V>,
    digest: u128,
}

impl<V: Timed> Book<V> {
    pub(super) fn new() -> Self {
        let empty = || Bucket { claims: BTreeMap::new(), digest: 0 };
        Self { buckets: (0..BUCKETS).map(|_| empty()).collect(), len: 0 }
    }

    /// The earlier claim of the user, which this one replaces, is returned.
    pub(super) fn insert(&mut self, user: User, claim: V) -> Option<V> {
        let bucket = &mut self.buckets[usize::from(bucket_of(&user))];
        bucket.digest = bucket.digest.wrapping_add(digest_of(&user, claim.time()));
        match bucket.claims.entry(user) {
            alloc::collections::btree_map::Entry::Vacant(place) => {
                place.insert(claim);
                self.len += 1;
                None
            }
            alloc::collections::btree_map::Entry::Occupied(mut place) => {
                let earlier = place.insert(claim);
                bucket.digest = bucket.digest.wrapping_sub(digest_of(place.key(), earlier.time()));
                Some(earlier)
            }
        }
    }

    pub(super) fn remove(&mut self, user: &User) -> Option<V> {
        let bucket = &mut self.buckets[usize::from(bucket_of(user))];
        let claim = bucket.claims.remove(user)?;
        bucket.digest = bucket.digest.wrapping_sub(digest_of(user, claim.time()));
        self.len -= 1;
        Some(claim)
    }

    pub(super) fn get(&self, user: &User) -> Option<&V> {
        self.buckets[usize::from(bucket_of(user))].claims.get(user)
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// The digest of all claims.
    pub(super) fn digest(&self) -> u128 {
        self.buckets.iter().fold(0, |sum, bucket| sum.wrapping_add(bucket.digest))
    }

    pub(super) fn digests(&self) -> Box<[u128; BUCKETS]> {
        let mut digests = Box::new([0; BUCKETS]);
        for (into, bucket) in digests.iter_mut().zip(&self.buckets) {
            *into = bucket.digest;
        }
        digests
    }

    /// What is in a bucket, in the order of the users.
    pub(super) fn bucket(&self, bucket: u8) -> &BTreeMap<User, V> {
        &self.buckets[usize::from(bucket)].claims
    }

    /// All claims. This takes no time, however many there are.
    pub(super) fn into_claims(self) -> Claims<V> {
        Claims(self.buckets)
    }
}

/// The claims of a book, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Claims<V>(Vec<Bucket<V>>);

impl<V> Iterator for Claims<V> {
    type Item = (User, V);

    fn next(&mut self) -> Option<(User, V)> {
        loop {
            let claim = self.0.last_mut()?.claims.pop_first();
            if claim.is_some() {
                return claim;
            }
            self.0.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(claims: &[(&str, u64)]) -> Book<u64> {
        let mut book = Book::new();
        for (user, time) in claims {
            book.insert((*user).into(), *time);
        }
        book
    }

    #[test]
    fn digests_do_not_depend_on_the_order_of_claims_or_on_claims_that_are_gone() {
        let mut one = book(&[("ann", 1), ("bob", 2), ("ann", 3), ("cem", 4)]);
        one.remove(&"cem".into());
        let other = book(&[("bob", 2), ("ann", 3)]);
        assert_eq!((one.len(), one.digest(), one.digests()), (2, other.digest(), other.digests()));
    }

    #[test]
    fn digests_tell_users_and_times_apart() {
        let digests = [&[("ann", 1)][..], &[("ann", 2)], &[("bob", 1)], &[]].map(|claims| book(claims).digest());
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest));
        }
    }
}
