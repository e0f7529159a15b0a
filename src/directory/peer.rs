//! What is known of another node, and what it wants to know.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::book::Book;
use super::node::{Life, User};
use super::wire::{BUCKETS, Body, Claim, Hello, bucket as bucket_of};
use crate::time::{Deadline, Timestamp};

/// A set of buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Buckets(pub(super) [u8; BUCKETS / 8]);

impl Buckets {
    pub(super) fn contains(&self, bucket: u8) -> bool {
        self.0[usize::from(bucket / 8)] & (1 << (bucket % 8)) != 0
    }

    pub(super) fn insert(&mut self, bucket: u8) {
        self.0[usize::from(bucket / 8)] |= 1 << (bucket % 8);
    }

    pub(super) fn remove(&mut self, bucket: u8) {
        self.0[usize::from(bucket / 8)] &= !(1 << (bucket % 8));
    }

    /// The first from this one on, or else of all.
    pub(super) fn next(&self, from: u8) -> Option<u8> {
        (from..=u8::MAX).chain(0..from).find(|bucket| self.contains(*bucket))
    }

    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|byte| *byte != 0)
    }
}

/// Parts of a bucket that have come.
#[derive(Clone, Debug)]
struct Assembly {
    bucket: u8,
    number: u64,
    parts: u16,
    came: BTreeMap<u16, Vec<Claim>>,
}

/// What another node wants to know.
#[derive(Clone, Debug, Default)]
pub(super) struct Wants {
    /// The changes after this number.
    pub(super) changes: Option<u64>,
    pub(super) digests: bool,
    pub(super) buckets: Buckets,
    /// Behind the bucket that was sent last: what is on its way is asked for once more, and is not to be sent first.
    pub(super) next_bucket: u8,
}

impl Wants {
    pub(super) fn any(&self) -> bool {
        self.changes.is_some() || self.digests || self.buckets.any()
    }
}

#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) life: Life,
    pub(super) heard: Timestamp,
    pub(super) hears_us: bool,
    /// Its claims, with the times of their stamps.
    pub(super) book: Book<u64>,
    /// All changes up to this number are in the book, but for the buckets that differ.
    pub(super) applied: u64,
    /// The number of its last change, as far as it said.
    said: u64,
    /// As of which number each bucket is, if that is later than when it last changed.
    as_of: Box<[u64; BUCKETS]>,
    /// The buckets that were found to differ.
    pub(super) differing: Buckets,
    /// The book was found to differ, and it is not known where.
    differs: bool,
    assembly: Option<Assembly>,
    /// When to ask for what is missing.
    pub(super) ask: Deadline,
    pub(super) wants: Wants,
    /// An earlier life of it said hello, and is to be told of this one.
    pub(super) haunted: bool,
}

impl Peer {
    pub(super) fn new(life: Life, now: Timestamp) -> Self {
        Self {
            life,
            heard: now,
            hears_us: false,
            book: Book::new(),
            applied: 0,
            said: 0,
            as_of: Box::new([0; BUCKETS]),
            differing: Buckets::default(),
            differs: false,
            assembly: None,
            ask: Deadline::NEVER,
            wants: Wants::default(),
            haunted: false,
        }
    }

    /// What is to be asked for, if anything is missing.
    pub(super) fn question(&self) -> Option<Body> {
        if self.differing.any() {
            Some(Body::AskBuckets { buckets: self.differing.0 })
        } else if self.differs {
            Some(Body::AskDigests)
        } else {
            self.misses_changes().then_some(Body::AskChanges { after: self.applied })
        }
    }

    /// Whether changes are what is missing, and nothing else is.
    pub(super) fn misses_changes(&self) -> bool {
        !self.differing.any() && !self.differs && self.applied < self.said
    }

    pub(super) fn said(&mut self, number: u64) {
        self.said = self.said.max(number);
    }

    /// Compares the book with what the node said. Of a node with more claims than may be known the book cannot be equal.
    pub(super) fn compare(&mut self, hello: &Hello, most: u64) {
        self.said(hello.number);
        let is_later = |as_of: &u64| *as_of > hello.number;
        if self.applied == hello.number && !self.differing.any() && !self.as_of.iter().any(is_later) {
            let is_full = self.book.len() >= most && hello.claims > most;
            self.differs = !is_full && (self.book.len(), self.book.digest()) != (hello.claims, hello.digest);
        }
    }

    /// Whether a change is news, and not in a bucket that came as of a later number.
    pub(super) fn is_news(&mut self, number: u64, user: &User) -> bool {
        let as_of = &mut self.as_of[usize::from(bucket_of(user))];
        let is_news = *as_of < number;
        *as_of = number.max(*as_of);
        is_news
    }

    /// The buckets as of this number are compared. Changes after it may be applied from then on. Whether they were news.
    pub(super) fn compare_buckets(&mut self, number: u64, digests: &[u128; BUCKETS]) -> bool {
        if number < self.applied {
            return false;
        }
        self.said(number);
        self.applied = number;
        self.differs = false;
        let own = self.book.digests();
        for bucket in 0..=u8::MAX {
            let at = usize::from(bucket);
            if self.as_of[at] <= number && digests[at] != own[at] {
                self.differing.insert(bucket);
                self.as_of[at] = number;
            }
        }
        true
    }

    /// A part of a bucket came. All of its claims, if that was the last one.
    pub(super) fn assemble(
        &mut self,
        (bucket, number): (u8, u64),
        (part, parts): (u16, u16),
        claims: Vec<Claim>,
        most: usize,
    ) -> Option<Vec<Claim>> {
        if !self.differing.contains(bucket) || number < self.as_of[usize::from(bucket)] {
            return None;
        }
        let is_same = |known: &Assembly| (known.bucket, known.number, known.parts) == (bucket, number, parts);
        let mut assembly = self.assembly.take().filter(is_same).unwrap_or_else(|| Assembly {
            bucket,
            number,
            parts,
            came: BTreeMap::new(),
        });
        assembly.came.insert(part, claims);
        if assembly.came.len() < usize::from(parts) {
            let held: usize = assembly.came.values().map(Vec::len).sum();
            self.assembly = (held <= most).then_some(assembly);
            return None;
        }
        self.as_of[usize::from(bucket)] = number;
        self.differing.remove(bucket);
        Some(assembly.came.into_values().flatten().collect())
    }
}
