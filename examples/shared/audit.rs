//! The audit: what was reported to the client, compared with what the server saw.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use heartline::Outcome;
use heartline::message::Delivery;

use crate::faults::Log;
use crate::recorder::{Entry, Record};

#[derive(Debug)]
pub struct Audit {
    accepted: usize,
    refused: usize,
    outcomes: BTreeMap<String, usize>,
    /// At-least-once messages that the server saw more than once: that is what the name allows.
    repeated: usize,
    /// Transmitted into a dead link: at most once promises no more.
    vanished: Vec<String>,
    /// What must not be: with its name, and how often it was.
    faults: [(&'static str, usize); 10],
}

impl Audit {
    pub fn new(record: &Record, log: &Log, connects: usize) -> Self {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        for key in log.connections.iter().flatten() {
            *seen.entry(key).or_default() += 1;
        }
        let seen = |entry: &Entry| seen.get(entry.key.as_str()).copied().unwrap_or_default();
        let count = |of: &dyn Fn(&Entry) -> bool| record.accepted.values().filter(|entry| of(entry)).count();
        let alo = |entry: &Entry| entry.delivery == Delivery::AtLeastOnce;
        let amo = |entry: &Entry| entry.delivery == Delivery::AtMostOnce;
        let returned = |entry: &Entry| matches!(entry.outcomes[..], [Outcome::Returned(..)]);
        let came_back = |entry: &Entry| returned(entry) || matches!(entry.outcomes[..], [Outcome::Unconfirmed(..)]);
        let vanished = |entry: &&Entry| amo(entry) && entry.outcomes == [Outcome::Transmitted] && seen(entry) == 0;
        let greeted = |keys: &Vec<String>| keys.iter().zip(["hello", "subscribe"]).all(|(key, first)| key == first);
        let tokens: BTreeSet<&String> = log.tokens.iter().collect();
        let mut outcomes = BTreeMap::new();
        for outcome in record.accepted.values().flat_map(|entry| &entry.outcomes) {
            *outcomes.entry(outcome.to_string()).or_default() += 1;
        }
        Self {
            accepted: record.accepted.len(),
            refused: record.refused.len(),
            outcomes,
            repeated: count(&|entry| alo(entry) && seen(entry) > 1),
            vanished: record.accepted.values().filter(vanished).map(|entry| entry.key.clone()).collect(),
            faults: [
                ("accepted ids without an outcome", count(&|entry| entry.outcomes.is_empty())),
                ("accepted ids with more than one outcome", count(&|entry| entry.outcomes.len() > 1)),
                ("outcomes of ids that were never accepted", record.strays),
                (
                    "at least once, neither seen by the server nor returned",
                    count(&|entry| alo(entry) && seen(entry) == 0 && !came_back(entry)),
                ),
                (
                    "at least once, reported as acknowledged but not seen",
                    count(&|entry| alo(entry) && seen(entry) == 0 && entry.outcomes == [Outcome::Acked]),
                ),
                ("at most once, seen twice", count(&|entry| amo(entry) && seen(entry) > 1)),
                (
                    "reported as never transmitted, but seen",
                    count(&|entry| (alo(entry) || amo(entry)) && returned(entry) && seen(entry) > 0),
                ),
                (
                    "dials neither scheduled nor asked for",
                    (record.stats.dials as usize).saturating_sub(record.retries.len() + connects),
                ),
                ("dials with a token that was used before", log.tokens.len() - tokens.len()),
                (
                    "connections on which something preceded the greeting",
                    log.connections.iter().filter(|keys| !greeted(keys)).count(),
                ),
            ],
        }
    }

    /// Whether nothing was found that must not be.
    pub fn is_clean(&self) -> bool {
        self.faults.iter().all(|(_, count)| *count == 0)
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut row = |what: &str, count: usize, note: &str| writeln!(formatter, "  {what:<80}{count:>6}{note}");
        row("accepted", self.accepted, "")?;
        for (outcome, count) in &self.outcomes {
            row(&format!("  of these {outcome}"), *count, "")?;
        }
        row("refused", self.refused, "")?;
        row("at least once, seen more than once (redelivered)", self.repeated, "")?;
        row("at most once, transmitted into a dead link and not seen", self.vanished.len(), "")?;
        for (what, count) in self.faults {
            row(what, count, if count == 0 { "" } else { "   must be 0" })?;
        }
        if let (Some(first), Some(last)) = (self.vanished.first(), self.vanished.last()) {
            writeln!(formatter, "  the {} not seen: {first} … {last}", self.vanished.len())?;
        }
        Ok(())
    }
}
