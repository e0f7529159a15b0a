//! Messages for users on other nodes, until their outcomes are pulled; and how many each connection sent.

use alloc::collections::{BTreeMap, VecDeque};

use super::action::{Action, Outcome, RemoteConn};
use super::node::{Node, User};
use super::wire::Relay;
use crate::conn::ConnId;
use crate::time::{Deadline, Timestamp};

/// A message that was sent to another node, or is about to be.
#[derive(Clone, Debug)]
pub(super) struct Pending {
    pub(super) relay: Relay,
    pub(super) tag: u64,
    /// Where it is sent to.
    pub(super) node: Node,
    /// Whether that is the second node.
    pub(super) resent: bool,
    /// When it ends as unknown.
    pub(super) until: Deadline,
}

impl Pending {
    /// The outcome for the sender. The message comes back unless it was routed.
    pub(super) fn end(self, outcome: Outcome) -> Action {
        let message = (outcome != Outcome::Routed).then_some(self.relay.message);
        Action::Outcome { conn: self.relay.conn, tag: self.tag, outcome, message }
    }
}

#[derive(Clone, Debug)]
pub(super) struct Relays {
    /// By their ids, which go up with time, and so do their deadlines.
    pending: BTreeMap<u64, Pending>,
    /// The ids of the pending messages that are to be sent.
    unsent: VecDeque<u64>,
    /// The id of the latest message to each user, and how many are pending.
    latest: BTreeMap<User, (u64, u32)>,
    /// The messages that have an outcome, until it is pulled.
    ended: VecDeque<(Pending, Outcome)>,
    /// The length of all messages that are pending or ended.
    bytes: u64,
    next: u64,
}

impl Relays {
    /// `first` is to be drawn at random, so that an answer meant for an earlier process of this node's name matches no message.
    pub(super) const fn new(first: u64) -> Self {
        Self {
            pending: BTreeMap::new(),
            unsent: VecDeque::new(),
            latest: BTreeMap::new(),
            ended: VecDeque::new(),
            bytes: 0,
            // Half of the range is left, which no process uses up.
            next: first >> 1,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.pending.len() + self.ended.len()
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a message, and gives it its id.
    pub(super) fn push(&mut self, mut pending: Pending) {
        let id = self.next;
        self.next += 1;
        pending.relay.id = id;
        self.bytes += pending.relay.message.len() as u64;
        let latest = self.latest.entry(pending.relay.to.clone()).or_default();
        *latest = (id, latest.1 + 1);
        self.pending.insert(id, pending);
        self.unsent.push_back(id);
    }

    pub(super) fn any_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// The next message to be sent.
    pub(super) fn send(&mut self) -> Option<&Pending> {
        while let Some(id) = self.unsent.pop_front() {
            // A borrow that is returned from a loop lasts for all of it; hence the second look.
            if self.pending.contains_key(&id) {
                return self.pending.get(&id);
            }
        }
        None
    }

    pub(super) fn get(&self, id: u64) -> Option<&Pending> {
        self.pending.get(&id)
    }

    /// Whether no other message was sent to its recipient after it.
    pub(super) fn is_latest(&self, id: u64) -> bool {
        let pending = self.pending.get(&id);
        pending.and_then(|pending| self.latest.get(&pending.relay.to)).is_some_and(|(latest, _)| *latest == id)
    }

    pub(super) fn resend(&mut self, id: u64, node: Node, incarnation: u64) {
        let Some(pending) = self.pending.get_mut(&id) else { return };
        pending.node = node;
        pending.relay.incarnation = incarnation;
        pending.resent = true;
        self.unsent.push_back(id);
    }

    pub(super) fn end(&mut self, id: u64, outcome: Outcome) {
        let Some(pending) = self.pending.remove(&id) else { return };
        if let Some(latest) = self.latest.get_mut(&pending.relay.to) {
            latest.1 -= 1;
            if latest.1 == 0 {
                self.latest.remove(&pending.relay.to);
            }
        }
        self.ended.push_back((pending, outcome));
    }

    /// The next outcome to be reported.
    pub(super) fn pop_ended(&mut self) -> Option<Action> {
        let (pending, outcome) = self.ended.pop_front()?;
        self.bytes -= pending.relay.message.len() as u64;
        Some(pending.end(outcome))
    }

    pub(super) fn any_ended(&self) -> bool {
        !self.ended.is_empty()
    }

    pub(super) fn deadline(&self) -> Deadline {
        self.pending.first_key_value().map_or(Deadline::NEVER, |(_, pending)| pending.until)
    }

    /// The next message whose time is over.
    pub(super) fn expired(&self, now: Timestamp) -> Option<u64> {
        let (id, pending) = self.pending.first_key_value()?;
        pending.until.passed(now).then_some(*id)
    }

    /// The first message that is pending.
    pub(super) fn first(&self) -> Option<u64> {
        self.pending.keys().next().copied()
    }
}

/// How many messages each connection sent to each user on other nodes.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(BTreeMap<(ConnId, User), u64>);

impl Counts {
    /// Counts one more message. No more than `most` counts are kept.
    pub(super) fn next(&mut self, conn: ConnId, user: &User, most: usize) -> u64 {
        let key = (conn, user.clone());
        if self.0.len() >= most && !self.0.contains_key(&key) {
            self.0.pop_first();
        }
        let count = self.0.entry(key).or_default();
        *count += 1;
        *count
    }

    /// Drops the counts of a connection that has ended.
    pub(super) fn forget(&mut self, conn: ConnId) {
        // The empty name comes before all others, and no user has it.
        let first = (conn, User::from(&[][..]));
        while let Some((key, _)) = self.0.range(&first..).next().filter(|(key, _)| key.0 == conn) {
            let key = key.clone();
            self.0.remove(&key);
        }
    }
}

/// The id of the latest message that came from each connection on another node for each user here. A node's ids go up.
#[derive(Clone, Debug, Default)]
pub(super) struct Latest {
    nodes: BTreeMap<Node, BTreeMap<(u64, ConnId, User), u64>>,
    len: usize,
}

impl Latest {
    /// Whether a message was sent after all that came. No more than `most` ids are kept.
    pub(super) fn follows(&mut self, from: &RemoteConn, to: &User, id: u64, most: usize) -> bool {
        let key = (from.incarnation, from.conn, to.clone());
        let known = self.nodes.get_mut(&from.node).and_then(|ids| ids.get_mut(&key));
        if let Some(latest) = known {
            let follows = id > *latest;
            *latest = id.max(*latest);
            return follows;
        }
        if self.len >= most {
            self.pop_first();
        }
        self.nodes.entry(from.node.clone()).or_default().insert(key, id);
        self.len += 1;
        true
    }

    fn pop_first(&mut self) {
        let Some(mut ids) = self.nodes.first_entry() else { return };
        ids.get_mut().pop_first();
        self.len -= 1;
        if ids.get().is_empty() {
            ids.remove();
        }
    }

    /// Drops the ids of a node that is gone.
    pub(super) fn forget(&mut self, node: &Node) {
        self.len -= self.nodes.remove(node).map_or(0, |ids| ids.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_end_with_their_connection_and_begin_anew_when_dropped() {
        let (mut counts, ann, bob) = (Counts::default(), User::from("ann"), User::from("bob"));
        let [one, two] = [1, 2].map(|raw| ConnId::from_raw(raw).unwrap());
        assert_eq!([1, 2].map(|_| counts.next(one, &ann, 2)), [1, 2]);
        assert_eq!(counts.next(two, &ann, 2), 1);
        counts.forget(one);
        assert_eq!(counts.0.len(), 1);
        assert_eq!(counts.next(two, &bob, 2), 1);
        assert_eq!(counts.next(one, &ann, 2), 1);
        assert_eq!(counts.0.len(), 2, "the first in order made room");
    }

    #[test]
    fn an_id_follows_lower_ones_of_the_same_connection_for_the_same_user() {
        let (mut latest, user) = (Latest::default(), User::from("ann"));
        let [one, other] = ["a", "b"].map(|node| RemoteConn {
            node: Node::new(node).unwrap(),
            incarnation: 1,
            conn: ConnId::from_raw(1).unwrap(),
        });
        let mut follows = |from, id| latest.follows(from, &user, id, 2);
        assert_eq!([5, 5, 4, 7, 1].map(|id| follows(&one, id)), [true, false, false, true, false]);
        let again = RemoteConn { incarnation: 2, ..one.clone() };
        assert!(follows(&again, 1) && follows(&other, 9), "of other connections");
        assert_eq!((latest.len, latest.nodes.len()), (2, 2), "the first in order made room");
        latest.forget(&one.node);
        latest.forget(&one.node);
        assert_eq!((latest.len, latest.nodes.len()), (1, 1));
        assert!(!latest.follows(&other, &user, 9, 2));
    }
}
