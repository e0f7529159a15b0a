//! Messages to users on other nodes, and from there.

use alloc::vec::Vec;

use super::Machine;
use crate::conn::ConnId;
use crate::count::count;
use crate::directory::action::{Action, Destination, Outcome, RelayRef, RemoteConn};
use crate::directory::config::Config;
use crate::directory::node::{Life, Node, User};
use crate::directory::relays::Pending;
use crate::directory::wire::{Body, RELAY_OVERHEAD, Relay};
use crate::time::Deadline;

/// A message as the node hands it in.
pub(super) struct Letter {
    pub(super) conn: ConnId,
    pub(super) from: User,
    pub(super) to: User,
    pub(super) message: Vec<u8>,
    pub(super) volatile: bool,
    pub(super) tag: u64,
}

impl Machine {
    pub(super) fn relay(&mut self, config: &Config, letter: Letter) -> Option<Action> {
        let Letter { conn, from, to, message, volatile, tag } = letter;
        // Whoever is here as well was not found by the hub, and will have ended in a moment.
        let Some(node) = self.users.elsewhere(&to, &self.node).map(|stamp| stamp.node.clone()) else {
            return Some(self.refuse_relay(conn, tag, Outcome::Offline, message));
        };
        let fits = from.is_valid() && message.len() + RELAY_OVERHEAD <= config.max_payload as usize;
        let bytes = self.relays.bytes() + message.len() as u64;
        if !fits || self.relays.len() >= config.max_relays as usize || bytes > config.relay_bytes.into() {
            return Some(self.refuse_relay(conn, tag, Outcome::Full, message));
        }
        let sequence = self.counts.next(conn, &to, config.max_relays as usize);
        let until = Deadline::at(self.now.saturating_add(config.relay_timeout));
        let incarnation = self.incarnation_of(&node);
        let relay = Relay { id: 0, incarnation, to, from, conn, sequence, message, volatile };
        self.relays.push(Pending { relay, tag, node, resent: false, until });
        None
    }

    /// Of the process that holds a claim; there is one.
    fn incarnation_of(&self, node: &Node) -> u64 {
        self.peers.get(node).map_or(0, |peer| peer.life.incarnation)
    }

    pub(super) fn refuse_relay(&mut self, conn: ConnId, tag: u64, outcome: Outcome, message: Vec<u8>) -> Action {
        self.count_outcome(outcome);
        Action::Outcome { conn, tag, outcome, message: Some(message) }
    }

    pub(super) fn end_relay(&mut self, id: u64, outcome: Outcome) {
        self.count_outcome(outcome);
        self.relays.end(id, outcome);
    }

    fn count_outcome(&mut self, outcome: Outcome) {
        count(match outcome {
            Outcome::Routed => &mut self.stats.routed,
            Outcome::Offline => &mut self.stats.offline,
            Outcome::Full => &mut self.stats.full,
            Outcome::Dropped => &mut self.stats.dropped,
            Outcome::Unknown => &mut self.stats.unknown,
        });
    }

    pub(super) fn next_relay(&mut self) -> Option<Action> {
        let pending = self.relays.send()?;
        count(&mut self.stats.relayed);
        let payload = pending.relay.encode(&self.node, self.life);
        Some(Action::Publish { to: Destination::Node(pending.node.clone()), payload })
    }

    /// What became of a message, says the node it was sent to.
    pub(super) fn heard_delivered(&mut self, id: u64, node: &Node, outcome: Outcome) {
        let pending = self.relays.get(id).filter(|pending| pending.node == *node && outcome != Outcome::Unknown);
        let Some(pending) = pending else {
            return count(&mut self.stats.stale);
        };
        if outcome == Outcome::Offline && !pending.resent && self.relays.is_latest(id) {
            let elsewhere = self.users.owner(&pending.relay.to).map(|stamp| &stamp.node);
            let elsewhere = elsewhere.filter(|owner| **owner != *node && **owner != self.node).cloned();
            if let Some(owner) = elsewhere {
                let incarnation = self.incarnation_of(&owner);
                return self.relays.resend(id, owner, incarnation);
            }
        }
        self.end_relay(id, outcome);
    }

    // ---- from other nodes ------------------------------------------------------------------

    pub(super) fn deliver(&mut self, config: &Config, node: Node, life: Life, relay: Relay) -> Action {
        let Relay { id, to, from, conn, sequence, message, volatile, .. } = relay;
        let conn = RemoteConn { node: node.clone(), incarnation: life.incarnation, conn };
        if !self.latest.follows(&conn, &to, id, config.max_relays as usize) {
            count(&mut self.stats.overtaken);
            return self.tell(&node, Body::Delivered { id, outcome: Outcome::Offline });
        }
        Action::Deliver { relay: RelayRef { node, id }, to, from, conn, sequence, message, volatile }
    }

    pub(super) fn delivered(&mut self, relay: RelayRef, outcome: Outcome) -> Option<Action> {
        if outcome == Outcome::Unknown {
            count(&mut self.stats.ignored);
            return None;
        }
        Some(self.tell(&relay.node, Body::Delivered { id: relay.id, outcome }))
    }
}
