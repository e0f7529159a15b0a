//! What others did, in order and whole: changes, digests, buckets; what is missing is asked for, and what others miss is sent.

use alloc::vec::Vec;
use core::time::Duration;

use super::Machine;
use crate::count::count;
use crate::directory::action::{Action, Destination};
use crate::directory::config::{Config, PART};
use crate::directory::node::{Departure, Node};
use crate::directory::peer::{Buckets, Wants};
use crate::directory::wire::{
    BUCKETS, Body, CHANGES_OVERHEAD, Change, Claim, Encode, PART_OVERHEAD, bucket as bucket_of,
};
use crate::time::Deadline;

/// A part fits, however small `max_payload` is.
const _: () = assert!(PART_OVERHEAD <= 1024);

impl Machine {
    // ---- what others did -------------------------------------------------------------------

    pub(super) fn heard_changes(&mut self, config: &Config, node: &Node, first: u64, changes: Vec<Change>) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        let last = first.saturating_add(changes.len() as u64).saturating_sub(1);
        let is_answer = peer.misses_changes();
        peer.said(last);
        if first > peer.applied.saturating_add(1) {
            count(&mut self.stats.gaps);
            return self.plan_question(config, node);
        }
        // The last number that there is has none behind it.
        for (number, change) in (first..=u64::MAX).zip(changes) {
            self.heard_change(config, node, number, change);
        }
        // A busy node's changes never end: they put no question about its buckets off.
        if is_answer {
            self.progress(config, node);
        }
    }

    fn heard_change(&mut self, config: &Config, node: &Node, number: u64, change: Change) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        if number <= peer.applied {
            return;
        }
        peer.applied = number;
        let (Change::Claimed(Claim { user, .. }) | Change::Released { user, .. }) = &change;
        if !peer.is_news(number, user) {
            return;
        }
        match change {
            Change::Claimed(claim) => self.claimed_elsewhere(config, node, claim),
            Change::Released { user, departure } => self.released_elsewhere(config, node, user, departure),
        }
    }

    pub(super) fn heard_digests(&mut self, config: &Config, node: &Node, number: u64, digests: &[u128; BUCKETS]) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        if peer.compare_buckets(number, digests) {
            self.progress(config, node);
        }
    }

    pub(super) fn heard_part(
        &mut self,
        config: &Config,
        node: &Node,
        bucket: (u8, u64),
        part: (u16, u16),
        claims: Vec<Claim>,
    ) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        if let Some(claims) = peer.assemble(bucket, part, claims, config.max_claims as usize) {
            self.replace_bucket(config, node, bucket.0, claims);
        }
        self.progress(config, node);
    }

    fn replace_bucket(&mut self, config: &Config, node: &Node, bucket: u8, claims: Vec<Claim>) {
        count(&mut self.stats.repaired);
        let Some(peer) = self.peers.get(node) else { return };
        let claims: Vec<_> = claims.into_iter().filter(|claim| bucket_of(&claim.user) == bucket).collect();
        let claimed: alloc::collections::BTreeSet<_> = claims.iter().map(|claim| &claim.user).collect();
        let gone = peer.book.bucket(bucket).keys().filter(|user| !claimed.contains(user));
        let gone: Vec<_> = gone.cloned().collect();
        for user in gone {
            self.released_elsewhere(config, node, user, Departure::Lost);
        }
        for claim in claims {
            let known = self.peers.get(node).and_then(|peer| peer.book.get(&claim.user));
            if known != Some(&claim.time) {
                self.claimed_elsewhere(config, node, claim);
            }
        }
    }

    // ---- what is missing -------------------------------------------------------------------

    /// Something that was asked for has come: more may, or the rest is asked for again.
    fn progress(&mut self, config: &Config, node: &Node) {
        let Some(peer) = self.peers.get_mut(node) else { return };
        let again = self.now.saturating_add(config.hello);
        peer.ask = if peer.question().is_some() { Deadline::at(again) } else { Deadline::NEVER };
    }

    /// Asks soon for what is missing, unless that is planned.
    pub(super) fn plan_question(&mut self, config: &Config, node: &Node) {
        let soon = self.soon(config);
        let Some(peer) = self.peers.get_mut(node) else { return };
        if peer.question().is_none() {
            peer.ask = Deadline::NEVER;
        } else if peer.ask.is_never() {
            peer.ask = Deadline::at(soon);
        }
    }

    pub(super) fn next_question(&mut self, config: &Config) -> Option<Action> {
        let (node, peer) = self.peers.iter_mut().find(|(_, peer)| peer.ask.passed(self.now))?;
        peer.ask = Deadline::at(self.now.saturating_add(config.hello));
        let (node, question) = (node.clone(), peer.question()?);
        count(&mut self.stats.asked);
        Some(self.tell(&node, question))
    }

    // ---- what others miss ------------------------------------------------------------------

    pub(super) fn wanted(&mut self, node: &Node, want: impl FnOnce(&mut Wants)) {
        if let Some(peer) = self.peers.get_mut(node) {
            want(&mut peer.wants);
        }
    }

    pub(super) fn wanted_buckets(&mut self, node: &Node, digests: &[u128; BUCKETS]) {
        let buckets = Buckets::differing(digests, &self.own.digests());
        // Of several questions the latest says what is still missing. While there is something on its way, the digests are too.
        self.wanted(node, |wants| (wants.digests, wants.buckets) = (wants.digests || !wants.buckets.any(), buckets));
    }

    pub(super) fn is_answer_wanted(&self) -> bool {
        !self.parts.is_empty() || self.peers.values().any(|peer| peer.wants.any())
    }

    pub(super) fn is_answer_due(&self) -> bool {
        self.answer_at <= self.now && self.is_answer_wanted()
    }

    /// The next answer, to each in turn, so slowly that `answer_rate` is kept.
    pub(super) fn next_answer(&mut self, config: &Config) -> Option<Action> {
        // Who misses nothing gets no answer, and keeps nobody waiting.
        while self.parts.is_empty() && self.is_answer_wanted() {
            self.prepare_answer(config);
        }
        let (node, payload) = self.parts.pop_front()?;
        let cost = payload.len() as u64 * 1_000_000_000 / u64::from(config.answer_rate);
        self.answer_at = self.now.saturating_add(Duration::from_nanos(cost));
        self.stats.answered_bytes += payload.len() as u64;
        Some(Action::Publish { to: Destination::Node(node), payload })
    }

    fn prepare_answer(&mut self, config: &Config) {
        let Some(node) = self.next_asker() else { return };
        let Some(peer) = self.peers.get_mut(&node) else { return };
        self.answered = Some(node.clone());
        if let Some(after) = peer.wants.changes.take() {
            if after == self.changes.made() {
                return;
            }
            // Who misses more than is kept compares.
            let bytes = config.batch_bytes as usize - CHANGES_OVERHEAD;
            let Some((first, changes)) = self.changes.after(after, bytes) else { return };
            let last = first + changes.len() as u64 - 1;
            peer.wants.changes = (last < self.changes.made()).then_some(last);
            self.queue(&node, Body::Changes { first, changes });
        } else if peer.wants.digests {
            self.prepare_digests(&node);
        } else if let Some(bucket) = peer.wants.buckets.next(peer.wants.next_bucket) {
            peer.wants.buckets.remove(bucket);
            peer.wants.next_bucket = bucket.wrapping_add(1);
            self.prepare_bucket(&node, bucket);
        }
    }

    /// The first behind the one that was answered last, or the first of all.
    fn next_asker(&self) -> Option<Node> {
        let asks = |(node, peer): (&Node, &crate::directory::peer::Peer)| peer.wants.any().then(|| node.clone());
        let behind = self.answered.as_ref().and_then(|last| {
            let behind = (core::ops::Bound::Excluded(last), core::ops::Bound::Unbounded);
            self.peers.range::<Node, _>(behind).find_map(asks)
        });
        behind.or_else(|| self.peers.iter().find_map(asks))
    }

    fn prepare_digests(&mut self, node: &Node) {
        self.wanted(node, |wants| wants.digests = false);
        self.queue(node, Body::Digests { number: self.changes.made(), digests: self.own.digests() });
    }

    /// All parts of a bucket, as it is now.
    fn prepare_bucket(&mut self, node: &Node, bucket: u8) {
        let mut all: Vec<Vec<Claim>> = alloc::vec![Vec::new()];
        let mut room = PART as usize;
        for (user, own) in self.own.bucket(bucket) {
            let claim = own.claim(user.clone());
            let length = claim.encoded_len();
            if length > room {
                all.push(Vec::new());
                room = PART as usize;
            }
            room -= length;
            all.last_mut().expect("there is a first").push(claim);
        }
        let number = self.changes.made();
        let parts = u16::try_from(all.len()).unwrap_or(u16::MAX);
        for (part, claims) in (0..parts).zip(all) {
            self.queue(node, Body::Part { bucket, number, part, parts, claims });
        }
    }

    fn queue(&mut self, node: &Node, body: Body) {
        if let Action::Publish { payload, .. } = self.tell(node, body) {
            self.parts.push_back((node.clone(), payload));
        }
    }
}
