//! The account: what the client was told against what the server saw.

use std::collections::BTreeMap;
use std::fmt;

use heartline::Delivery;

use crate::faults::Log;
use crate::witness::{Book, Entry, Fate};

#[derive(Debug)]
pub struct Tally {
    accepted: usize,
    refused: usize,
    fates: BTreeMap<String, usize>,
    /// At-least-once messages that the server saw more than once: that is what the name allows.
    repeated: usize,
    /// Transmitted into a dead link: `Once` promises no more.
    vanished: Vec<String>,
    without_outcome: usize,
    with_two_outcomes: usize,
    strays: usize,
    /// At-least-once messages that the server did not see and the client did not get back.
    lost: usize,
    /// At-least-once messages said to be acknowledged that the server did not see.
    falsely_acked: usize,
    seen_twice: usize,
    /// Messages said to be never transmitted that the server saw.
    falsely_returned: usize,
}

impl Tally {
    pub fn new(book: &Book, log: &Log) -> Self {
        let seen: BTreeMap<&str, usize> = log.connections.iter().flatten().fold(BTreeMap::new(), |mut seen, key| {
            *seen.entry(key.as_str()).or_default() += 1;
            seen
        });
        let seen = |entry: &Entry| seen.get(entry.key.as_str()).copied().unwrap_or_default();
        let entries = |delivery| book.accepted.values().filter(move |entry| entry.delivery == delivery);
        let came_back = |entry: &&Entry| matches!(entry.fates[..], [Fate::Returned(_) | Fate::Unconfirmed(_)]);
        let mut fates = BTreeMap::new();
        for fate in book.accepted.values().flat_map(|entry| &entry.fates) {
            *fates.entry(format!("{fate:?}")).or_default() += 1;
        }
        let alo = || entries(Delivery::AtLeastOnce);
        let once = || entries(Delivery::Once);
        let returned = |entry: &&Entry| matches!(entry.fates[..], [Fate::Returned(_)]);
        Self {
            accepted: book.accepted.len(),
            refused: book.refused.len(),
            fates,
            repeated: alo().filter(|entry| seen(entry) > 1).count(),
            vanished: once()
                .filter(|entry| entry.fates == [Fate::Committed] && seen(entry) == 0)
                .map(|entry| entry.key.clone())
                .collect(),
            without_outcome: book.accepted.values().filter(|entry| entry.fates.is_empty()).count(),
            with_two_outcomes: book.accepted.values().filter(|entry| entry.fates.len() > 1).count(),
            strays: book.strays,
            lost: alo().filter(|entry| seen(entry) == 0).filter(|entry| !came_back(entry)).count(),
            falsely_acked: alo().filter(|entry| seen(entry) == 0 && entry.fates == [Fate::Acked]).count(),
            seen_twice: once().filter(|entry| seen(entry) > 1).count(),
            falsely_returned: alo().chain(once()).filter(returned).filter(|entry| seen(entry) > 0).count(),
        }
    }

    fn zeros(&self) -> [(&'static str, usize); 7] {
        [
            ("accepted ids without an outcome", self.without_outcome),
            ("accepted ids with more than one outcome", self.with_two_outcomes),
            ("outcomes of ids that were never accepted", self.strays),
            ("at-least-once, neither seen by the server nor returned", self.lost),
            ("at-least-once, said to be acknowledged but not seen", self.falsely_acked),
            ("once, seen twice", self.seen_twice),
            ("said to be never transmitted, but seen", self.falsely_returned),
        ]
    }

    /// Whether every zero is zero.
    pub fn is_clean(&self) -> bool {
        self.zeros().iter().all(|(_, count)| *count == 0)
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, count: usize, note: &str| writeln!(formatter, "  {what:<58}{count:>6}{note}");
        row("accepted", self.accepted, "")?;
        for (fate, count) in &self.fates {
            row(&format!("  of these {fate}"), *count, "")?;
        }
        row("refused", self.refused, "")?;
        row("at-least-once, seen more than once (redelivered)", self.repeated, "")?;
        row("once, transmitted into a dead link and not seen", self.vanished.len(), "")?;
        for (what, count) in self.zeros() {
            row(what, count, if count == 0 { "" } else { "   must be 0" })?;
        }
        if let (Some(first), Some(last)) = (self.vanished.first(), self.vanished.last()) {
            writeln!(formatter, "  the {} not seen: {first} … {last}", self.vanished.len())?;
        }
        Ok(())
    }
}
