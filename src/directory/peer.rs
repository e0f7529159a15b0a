//! What is known of another node, what is missing of it, and what it asked for.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::book::Book;
use super::changes::KEPT;
use super::node::{Life, User};
use super::wire::{BUCKETS, Body, Claim, Hello, bucket as bucket_of};
use crate::time::{Deadline, Timestamp};

/// A set of buckets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Buckets([u8; BUCKETS / 8]);

impl Buckets {
    /// The buckets whose digests differ.
    pub(super) fn differing(one: &[u128; BUCKETS], other: &[u128; BUCKETS]) -> Self {
        let mut buckets = Self::default();
        let differ = (0..=u8::MAX).filter(|bucket| one[usize::from(*bucket)] != other[usize::from(*bucket)]);
        differ.for_each(|bucket| buckets.insert(bucket));
        buckets
    }
}

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

    /// The first bucket from this one on; if there is none, the first of all.
    pub(super) fn next(&self, from: u8) -> Option<u8> {
        (from..=u8::MAX).chain(0..from).find(|bucket| self.contains(*bucket))
    }

    pub(super) fn any(&self) -> bool {
        self.0.iter().any(|byte| *byte != 0)
    }
}

/// The parts of a bucket that have come so far.
#[derive(Clone, Debug)]
struct Assembly {
    bucket: u8,
    number: u64,
    parts: u16,
    came: BTreeMap<u16, Vec<Claim>>,
}

/// What another node asked for and has not been sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Wants {
    /// The changes after this number.
    pub(super) changes: Option<u64>,
    pub(super) digests: bool,
    pub(super) buckets: Buckets,
    /// The bucket after the one that was sent last. Buckets on their way may be asked for once more, and are not to be sent first.
    pub(super) next_bucket: u8,
}

impl Wants {
    pub(super) fn any(&self) -> bool {
        self.changes.is_some() || self.digests || self.buckets.any()
    }
}

/// Another node that is heard.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) life: Life,
    /// When its latest packet was heard.
    pub(super) heard: Timestamp,
    /// Whether its latest hello named this node.
    pub(super) hears_us: bool,
    /// Whether its wall clock was reported to be far ahead, and is not right again.
    pub(super) ahead: bool,
    /// Its claims, with the times of their stamps.
    pub(super) book: Book<u64>,
    /// All changes up to this number are in the book, but for the buckets that differ.
    pub(super) applied: u64,
    /// The highest number of a change that it has mentioned.
    said: u64,
    /// The number of the change as of which each bucket is known.
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
            ahead: false,
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

    /// The question to ask, if anything is missing.
    pub(super) fn question(&self) -> Option<Body> {
        if self.differing.any() || self.differs || self.said.saturating_sub(self.applied) > KEPT as u64 {
            Some(Body::Compare { digests: self.book.digests() })
        } else {
            self.misses_changes().then_some(Body::AskChanges { after: self.applied })
        }
    }

    /// Whether only changes are missing.
    pub(super) fn misses_changes(&self) -> bool {
        !self.differing.any() && !self.differs && self.applied < self.said
    }

    pub(super) fn said(&mut self, number: u64) {
        self.said = self.said.max(number);
    }

    /// Compares the book with a hello of the node, unless the node has more claims than may be known: then they cannot be equal.
    pub(super) fn compare(&mut self, hello: &Hello, most: u64) {
        self.said(hello.number);
        let is_later = |as_of: &u64| *as_of > hello.number;
        if self.applied == hello.number && !self.differing.any() && !self.as_of.iter().any(is_later) {
            let is_full = self.book.len() >= most && hello.claims > most;
            self.differs = !is_full && (self.book.len(), self.book.digest()) != (hello.claims, hello.digest);
        }
    }

    /// Whether a change is to be applied: false if its bucket came as of this number or a later one.
    pub(super) fn is_news(&mut self, number: u64, user: &User) -> bool {
        let as_of = &mut self.as_of[usize::from(bucket_of(user))];
        let is_news = *as_of < number;
        *as_of = number.max(*as_of);
        is_news
    }

    /// Compares the buckets with their digests as of this number; from then on only changes after it are applied. False if the digests are
    /// older than what is known.
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
            if self.as_of[at] > number {
                continue;
            }
            // One that differed may be right since, by the changes that came: it will not be sent.
            self.differing.remove(bucket);
            if digests[at] != own[at] {
                self.differing.insert(bucket);
                self.as_of[at] = number;
            }
        }
        true
    }

    /// Takes a part of a bucket. Returns all claims of the bucket if it was the last part.
    pub(super) fn assemble(
        &mut self,
        (bucket, number): (u8, u64),
        (part, parts): (u16, u16),
        claims: Vec<Claim>,
        most: usize,
    ) -> Option<Vec<Claim>> {
        let as_of = self.as_of[usize::from(bucket)];
        // The bucket may not be known to differ, if the digests were lost; but one that came already may come twice.
        if number < as_of || number == as_of && !self.differing.contains(bucket) {
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
