//! The accounts of messages, publications and events, and the checks of what must always hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use heartline::directory::{Event, Outcome, RemoteConn, User};
use heartline::hub::Room;
use heartline::{ConnId, Timestamp};

use super::mark::{Kind, Mark};

/// One process of a node: the number of the node, and which of its starts this is, from 1.
pub(super) type LifeId = (usize, u64);
/// A connection on one process of a node.
type Place = (LifeId, ConnId);

/// Something that the specification rules out.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{clause} at {at}: {what}")]
#[non_exhaustive]
pub struct Violation {
    /// The clause of the specification, such as `D10`.
    pub clause: &'static str,
    /// When it was found.
    pub at: Timestamp,
    /// What was found.
    pub what: String,
    /// The user whom it concerns, if it concerns one.
    pub about: Option<User>,
}

/// What has happened so far, in numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Tally {
    /// Logins that hubs took.
    pub logins: u64,
    /// Connections that were closed with 4409: a later login knew of them.
    pub superseded: u64,
    /// Connections that were closed with 4509: neither login knew of the other.
    pub concurrent: u64,
    /// Messages that clients sent to other users.
    pub relays: u64,
    /// Those of them that ended as routed.
    pub routed: u64,
    /// Those of them that ended as offline.
    pub offline: u64,
    /// Those of them that ended as unknown.
    pub unknown: u64,
    /// Those of the unknown that arrived.
    pub unknown_arrived: u64,
    /// How often a letter was received that had been received before.
    pub repeats: u64,
    /// Offline events of all nodes.
    pub departures: u64,
    /// Publications that were queued, one for each connection that heard them.
    pub published: u64,
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { logins, superseded, concurrent, relays, routed, offline, unknown, unknown_arrived, .. } = self;
        write!(formatter, "{logins} logins, {superseded} superseded, {concurrent} concurrent; {relays} relays: ")?;
        write!(formatter, "{routed} routed, {offline} offline, {unknown} unknown ({unknown_arrived} arrived); ")?;
        write!(formatter, "{} letters repeated, {} publications heard", self.repeats, self.published)
    }
}

/// A message for a user. A letter that is repeated is a new one each time.
struct Relay {
    by: Place,
    to: User,
    sent: Timestamp,
    message: Vec<u8>,
    outcome: Option<Outcome>,
    queued: u32,
}

/// A message that its sender repeats until the recipient's acknowledgement comes.
pub(super) struct Letter {
    pub(super) from: User,
    pub(super) to: User,
    pub(super) tried: Option<Timestamp>,
    pub(super) received: u32,
    pub(super) acknowledged: bool,
}

#[derive(Default)]
pub(super) struct Ledger {
    serial: u64,
    relays: BTreeMap<u64, Relay>,
    pending: BTreeSet<u64>,
    /// Whether directories keep so few counts that counting begins anew.
    pub(super) counts_are_dropped: bool,
    counts: BTreeMap<(LifeId, RemoteConn, User), u64>,
    conns: BTreeMap<RemoteConn, Place>,
    latest: BTreeMap<(Place, Place), u64>,
    online: BTreeMap<LifeId, BTreeSet<User>>,
    /// By the number of a publication: its sender and its room, and who has heard it.
    published: BTreeMap<u64, (Place, Room, BTreeSet<Place>)>,
    /// During the calm: since when every message to these users is to be routed.
    pub(super) calm_since: Option<Timestamp>,
    pub(super) reachable: BTreeSet<User>,
    pub(super) letters: Vec<Letter>,
    pub(super) violations: Vec<Violation>,
    /// Whether a node may have forgotten changes that others missed, or another process has its name.
    pub(super) churned: bool,
    /// The most changes that a node made at once.
    pub(super) rush: usize,
    /// When a user last logged in, or a connection ended.
    pub(super) last_change: Timestamp,
    pub(super) tally: Tally,
    pub(super) now: Timestamp,
}

impl Ledger {
    pub(super) fn violated(&mut self, clause: &'static str, about: Option<&User>, what: impl Into<String>) {
        let (at, what, about) = (self.now, what.into(), about.cloned());
        self.violations.push(Violation { clause, at, what, about });
    }

    fn require(&mut self, holds: bool, clause: &'static str, about: &User, what: impl FnOnce() -> String) {
        if !holds {
            self.violated(clause, Some(about), what());
        }
    }

    /// The number of a new transmission.
    pub(super) fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }

    /// A node took a message of a client that is logged in.
    pub(super) fn relayed(&mut self, by: Place, tag: u64, to: &User, message: &[u8]) {
        self.tally.relays += 1;
        self.pending.insert(tag);
        let (to, message, sent) = (to.clone(), message.to_vec(), self.now);
        let before = self.relays.insert(tag, Relay { by, to, sent, message, outcome: None, queued: 0 });
        assert!(before.is_none(), "relay {tag} was sent twice");
    }

    /// A node queued a message for a connection.
    pub(super) fn queued(&mut self, at: Place, user: Option<&User>, count: Option<&(RemoteConn, u64)>, message: &[u8]) {
        let Some(user) = user else { return self.violated("D10", None, "a message was queued for nobody") };
        let Some(mark) = Mark::of(message) else {
            return self.violated("D10", Some(user), "an unknown message arrived");
        };
        let Some(relay) = self.relays.get_mut(&mark.serial) else {
            return self.violated("D10", Some(user), format!("relay {} arrived and was never sent", mark.serial));
        };
        relay.queued += 1;
        let (queued, by, outcome) = (relay.queued, relay.by, relay.outcome);
        let (intact, to) = (relay.message == message, relay.to.clone());
        let serial = mark.serial;
        self.require(intact && to == *user, "D10", user, || format!("relay {serial} arrived changed, or for {to}"));
        self.require(queued == 1, "D10", user, || format!("relay {serial} was queued {queued} times"));
        match outcome {
            None | Some(Outcome::Routed) => {}
            Some(Outcome::Unknown) => self.tally.unknown_arrived += 1,
            Some(outcome) => self.violated("D10", Some(user), format!("relay {serial} ended as {outcome} and arrived")),
        }
        let before = self.latest.insert((by, at), serial).unwrap_or(0);
        self.require(before < serial, "D11", user, || format!("relay {serial} arrived after {before}"));
        if let Some((conn, count)) = count {
            self.counted(at, by, user, conn, *count);
        }
    }

    fn counted(&mut self, at: Place, by: Place, user: &User, conn: &RemoteConn, count: u64) {
        let known = *self.conns.entry(conn.clone()).or_insert(by);
        self.require(known == by, "D11", user, || format!("{conn:?} names two connections, {known:?} and {by:?}"));
        let before = self.counts.insert((at.0, conn.clone(), user.clone()), count).unwrap_or(0);
        let goes_up = count > before || self.counts_are_dropped && count > 0;
        self.require(goes_up, "D11", user, || format!("the count of {conn:?} went from {before} to {count}"));
    }

    /// A node reported the outcome of a message.
    pub(super) fn ended(&mut self, by: Place, tag: u64, outcome: Outcome, message: Option<&[u8]>) {
        let Some(relay) = self.relays.get_mut(&tag) else {
            return self.violated("D10", None, format!("an outcome for {tag}, which was never sent"));
        };
        let before = relay.outcome.replace(outcome);
        let (queued, to, right, sent) = (relay.queued, relay.to.clone(), relay.by == by, relay.sent);
        let comes_back = match outcome {
            Outcome::Routed => message.is_none(),
            _ => message == Some(&relay.message[..]),
        };
        self.pending.remove(&tag);
        self.calm_outcome(tag, &to, sent, outcome);
        self.require(before.is_none(), "D10", &to, || format!("relay {tag} ended as {before:?} and as {outcome}"));
        self.require(right, "D10", &to, || format!("relay {tag} is another connection's"));
        self.require(comes_back, "D10", &to, || format!("relay {tag} ended as {outcome}, and came back or did not"));
        match outcome {
            Outcome::Routed => {
                self.tally.routed += 1;
                self.require(queued == 1, "D16", &to, || {
                    format!("relay {tag} is routed, and was queued {queued} times")
                });
            }
            Outcome::Unknown => {
                self.tally.unknown += 1;
                self.tally.unknown_arrived += u64::from(queued > 0);
            }
            _ => {
                self.tally.offline += u64::from(outcome == Outcome::Offline);
                self.require(queued == 0, "D10", &to, || format!("relay {tag} ended as {outcome} and had arrived"));
            }
        }
    }

    /// Whether nobody has come or gone since the calm began.
    pub(super) fn is_calm(&self) -> bool {
        self.calm_since.is_some_and(|since| self.last_change <= since)
    }

    fn calm_outcome(&mut self, tag: u64, to: &User, sent: Timestamp, outcome: Outcome) {
        let calm = self.is_calm() && self.calm_since.is_some_and(|since| since <= sent);
        let expected = matches!(outcome, Outcome::Routed | Outcome::Full | Outcome::Dropped);
        let online = self.reachable.contains(to);
        self.require(!calm || expected || !online, "D10", to, || format!("relay {tag} is {outcome} in the calm"));
    }

    /// No message of a node that runs waits for its outcome for longer than this. What a dead node sent needs no outcome.
    pub(super) fn overdue(&mut self, patience: Duration, awake: impl Fn(LifeId) -> Option<Timestamp>) {
        let mut late = Vec::new();
        for serial in &self.pending {
            let relay = &self.relays[serial];
            if let Some(since) = awake(relay.by.0).map(|since| since.max(relay.sent)) {
                if self.now.saturating_since(since) > patience {
                    late.push((*serial, relay.to.clone()));
                }
            }
        }
        for (serial, to) in late {
            self.pending.remove(&serial);
            self.violated("D10", Some(&to), format!("relay {serial} has no outcome"));
        }
    }

    /// No process has more messages waiting for their outcomes than it may.
    pub(super) fn bounded(&mut self, most: usize) {
        let mut waiting: BTreeMap<LifeId, usize> = BTreeMap::new();
        for serial in &self.pending {
            *waiting.entry(self.relays[serial].by.0).or_default() += 1;
        }
        if let Some((life, waiting)) = waiting.into_iter().find(|(_, waiting)| *waiting > most) {
            self.violated("D10", None, format!("{waiting} messages of node {} wait for their outcomes", life.0));
        }
    }

    /// A directory's event about a user.
    pub(super) fn told(&mut self, life: LifeId, event: &Event) {
        self.tally.departures += u64::from(matches!(event, Event::Offline(_)));
        let online = self.online.entry(life).or_default();
        match event {
            Event::Online(user) if !online.insert(user.clone()) => {
                self.violated("D15", Some(user), format!("{user} came online twice for node {}", life.0));
            }
            Event::Offline(user) if !online.remove(user) => {
                self.violated("D15", Some(user), format!("{user} went offline twice for node {}", life.0));
            }
            _ => {}
        }
    }

    /// Who is online by the events of a node's directory.
    pub(super) fn online(&self, life: LifeId) -> BTreeSet<User> {
        self.online.get(&life).cloned().unwrap_or_default()
    }

    /// A client received a message. Returns the number of the letter to be acknowledged, if it is one.
    pub(super) fn read(&mut self, user: &User, from: &User, message: &[u8]) -> Option<u64> {
        let mark = Mark::of(message)?;
        let letter = self.letters.get_mut(usize::try_from(mark.letter).ok()?)?;
        let ends = match mark.kind {
            Kind::Letter => (&letter.from, &letter.to),
            Kind::Receipt => (&letter.to, &letter.from),
            Kind::Note => return None,
        };
        let right = ends == (from, user);
        if mark.kind == Kind::Letter {
            letter.received += 1;
            self.tally.repeats += u64::from(letter.received > 1);
        } else {
            letter.acknowledged = true;
        }
        self.require(right, "D10", user, || format!("letter {} is not from {from} to {user}", mark.letter));
        (mark.kind == Kind::Letter).then_some(mark.letter)
    }

    /// A client publishes to a room.
    pub(super) fn publishes(&mut self, by: Place, room: &Room, message: &[u8]) {
        let serial = Mark::of(message).map_or(0, |mark| mark.serial);
        self.published.insert(serial, (by, room.clone(), BTreeSet::new()));
    }

    /// A node queued a publication for a connection that is in this room or not.
    pub(super) fn heard(&mut self, at: Place, room: Option<&Room>, is_in: bool, message: &[u8]) {
        self.tally.published += 1;
        let serial = Mark::of(message).map_or(0, |mark| mark.serial);
        let Some((by, sent_to, heard)) = self.published.get_mut(&serial) else {
            return self.violated("D12", None, format!("publication {serial} was never sent"));
        };
        let right = is_in && Some(&*sent_to) == room && *by != at;
        if !right || !heard.insert(at) {
            let what = format!("publication {serial} for {room:?} came to {at:?}, twice or wrongly");
            self.violated("D12", None, what);
        }
    }

    /// All members have heard a publication, but its sender.
    pub(super) fn all_heard(&mut self, room: &Room, serial: u64, members: &BTreeSet<(usize, ConnId)>) {
        let Some((by, _, heard)) = self.published.get(&serial) else { return };
        let heard: BTreeSet<_> = heard.iter().chain([by]).map(|((node, _), conn)| (*node, *conn)).collect();
        let missing: Vec<_> = members.difference(&heard).collect();
        if !missing.is_empty() {
            self.violated(
                "D13",
                None,
                format!("publication {serial} for {room:?} did not come to {missing:?} in the calm"),
            );
        }
    }
}
