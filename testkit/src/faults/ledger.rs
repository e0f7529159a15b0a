//! The accounts: what a client was told of its messages, compared with what the server saw.

use std::collections::BTreeMap;
use std::fmt;

use heartline::Outcome;
use heartline::message::Delivery;

use super::server::Log;

/// An accepted message.
#[derive(Clone, Debug)]
struct Entry {
    delivery: Delivery,
    /// One, in the end.
    outcomes: Vec<Outcome<()>>,
}

/// What a client was told of its messages, each under a key of its own: its text up to the first space, as in
/// [`Log::connections`].
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accepted: BTreeMap<String, Entry>,
    refused: usize,
    /// Outcomes of messages that were never accepted.
    strays: usize,
}

impl Ledger {
    /// The message of this key was accepted.
    pub fn accept(&mut self, key: impl Into<String>, delivery: Delivery) {
        self.accepted.insert(key.into(), Entry { delivery, outcomes: Vec::new() });
    }

    /// A message was refused, and came back.
    pub fn refuse(&mut self) {
        self.refused += 1;
    }

    /// The message of this key has its outcome.
    pub fn resolve<M>(&mut self, key: &str, outcome: &Outcome<M>) {
        let outcome = match outcome {
            Outcome::Transmitted => Outcome::Transmitted,
            Outcome::Acked => Outcome::Acked,
            Outcome::Returned(reason, _) => Outcome::Returned(*reason, ()),
            Outcome::Unconfirmed(reason, _) => Outcome::Unconfirmed(*reason, ()),
        };
        match self.accepted.get_mut(key) {
            Some(entry) => entry.outcomes.push(outcome),
            None => self.strays += 1,
        }
    }

    /// How many were accepted or refused.
    pub fn len(&self) -> usize {
        self.accepted.len() + self.refused
    }

    /// Whether there was none yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether every accepted message has an outcome.
    pub fn is_settled(&self) -> bool {
        self.accepted.values().all(|entry| !entry.outcomes.is_empty())
    }

    /// The outcome of the message of this key; `None` while it has none.
    pub fn outcome(&self, key: &str) -> Option<&Outcome<()>> {
        self.accepted.get(key)?.outcomes.first()
    }

    /// Compares this with what the server saw, once nothing more can come: after [`Server::finish`](super::Server::finish).
    pub fn audit(&self, log: &Log) -> Audit {
        let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
        log.connections.iter().flatten().for_each(|key| *seen.entry(key).or_default() += 1);
        let seen = |key: &String| seen.get(key.as_str()).copied().unwrap_or_default();
        let count = |is: &Check| self.accepted.iter().filter(|(key, entry)| is(entry, seen(key))).count();
        let mut audit = Audit::default();
        audit.tally("accepted", self.accepted.len());
        self.outcomes().into_iter().for_each(|(outcome, count)| audit.tally(format!("  of these {outcome}"), count));
        audit.tally("refused", self.refused);
        TALLIES.iter().for_each(|(what, is)| audit.tally(*what, count(is)));
        CHECKS.iter().for_each(|(what, is)| audit.must_be_zero(*what, count(is)));
        audit.must_be_zero("outcomes of messages that were never accepted", self.strays);
        audit
    }

    fn outcomes(&self) -> BTreeMap<String, usize> {
        let mut outcomes = BTreeMap::new();
        for outcome in self.accepted.values().flat_map(|entry| &entry.outcomes) {
            *outcomes.entry(outcome.to_string()).or_default() += 1;
        }
        outcomes
    }
}

/// Whether a row counts this entry, which the server saw so many times.
type Check = fn(&Entry, usize) -> bool;

/// What the promises allow.
const TALLIES: [(&str, Check); 2] = [
    ("at least once, seen more than once (redelivered)", |entry, seen| entry.is_at_least_once() && seen > 1),
    ("at most once, transmitted into a dead link and not seen", |entry, seen| {
        entry.is_at_most_once() && entry.was(&Outcome::Transmitted) && seen == 0
    }),
];

/// What they do not.
const CHECKS: [(&str, Check); 6] = [
    ("accepted messages without an outcome", |entry, _| entry.outcomes.is_empty()),
    ("accepted messages with more than one outcome", |entry, _| entry.outcomes.len() > 1),
    ("at least once, neither seen by the server nor returned", |entry, seen| {
        entry.is_at_least_once() && seen == 0 && !entry.came_back()
    }),
    ("at least once, reported as acknowledged but not seen", |entry, seen| {
        entry.is_at_least_once() && seen == 0 && entry.was(&Outcome::Acked)
    }),
    ("at most once, seen twice", |entry, seen| entry.is_at_most_once() && seen > 1),
    ("reported as never transmitted, but seen", |entry, seen| entry.was_returned() && seen > 0),
];

impl Entry {
    fn is_at_least_once(&self) -> bool {
        self.delivery == Delivery::AtLeastOnce
    }

    fn is_at_most_once(&self) -> bool {
        self.delivery == Delivery::AtMostOnce
    }

    fn was(&self, outcome: &Outcome<()>) -> bool {
        self.outcomes[..] == [outcome.clone()]
    }

    fn was_returned(&self) -> bool {
        matches!(self.outcomes[..], [Outcome::Returned(..)])
    }

    fn came_back(&self) -> bool {
        matches!(self.outcomes[..], [Outcome::Returned(..) | Outcome::Unconfirmed(..)])
    }
}

/// The result: what was counted, and what must not be. It prints as a table.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audit {
    /// Each with its count, and whether that must be zero.
    rows: Vec<(String, usize, bool)>,
}

impl Audit {
    /// Adds a row that may have any count.
    pub fn tally(&mut self, what: impl Into<String>, count: usize) {
        self.rows.push((what.into(), count, false));
    }

    /// Adds a row of what must not be.
    pub fn must_be_zero(&mut self, what: impl Into<String>, count: usize) {
        self.rows.push((what.into(), count, true));
    }

    /// The count of the row of this name.
    pub fn count(&self, what: &str) -> Option<usize> {
        self.rows.iter().find(|(name, ..)| name.trim_start() == what).map(|(_, count, _)| *count)
    }

    /// Whether nothing was found that must not be.
    pub fn is_clean(&self) -> bool {
        self.rows.iter().all(|(_, count, must_be_zero)| !must_be_zero || *count == 0)
    }
}

impl fmt::Display for Audit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, count, must_be_zero) in &self.rows {
            let note = if *must_be_zero && *count > 0 { "   must be 0" } else { "" };
            writeln!(formatter, "{what:<80}{count:>6}{note}")?;
        }
        Ok(())
    }
}
