//! Who is who: hellos, silence, lives of one name, and being cut off.

use alloc::vec::Vec;

use super::Machine;
use crate::count::count;
use crate::directory::action::{Action, Destination, Event, Outcome};
use crate::directory::config::Config;
use crate::directory::node::{Life, Node};
use crate::directory::peer::Peer;
use crate::directory::stamp::Stamp;
use crate::directory::wire::{Body, Hello, Packet};
use crate::time::{Deadline, Span, Timestamp};

/// How this node stands to the broker and to others of its name.
#[derive(Clone, Debug)]
pub(in crate::directory) struct Standing {
    state: State,
    /// Until then it is young.
    young_until: Timestamp,
    /// Whether it has taken the epoch after another's.
    renamed: bool,
    /// Of the last hello that was sent, and when that was.
    serial: u64,
    sent: Timestamp,
    next_hello: Deadline,
    /// Hellos up to this one do not count when they come back.
    distrusted: u64,
    /// When a hello came back last.
    back: Timestamp,
    /// Whether the node was told that it is cut off.
    told: bool,
    send_away: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Connected,
    CutOff,
    Left,
    Replaced { told: bool },
}

impl Standing {
    pub(super) fn new(config: &Config, now: Timestamp) -> Self {
        Self {
            state: State::Connected,
            young_until: now.saturating_add(config.lease),
            renamed: false,
            serial: 0,
            sent: now,
            next_hello: Deadline::at(now),
            distrusted: 0,
            back: now,
            told: false,
            send_away: false,
        }
    }

    pub(in crate::directory) const fn is_stopped(&self) -> bool {
        matches!(self.state, State::Left | State::Replaced { .. })
    }

    pub(in crate::directory) fn is_cut_off(&self) -> bool {
        self.state == State::CutOff
    }

    pub(super) const fn is_hello_due(&self, now: Timestamp) -> bool {
        self.next_hello.passed(now)
    }

    /// Only what is sent from now on counts when it comes back, and a hello is sent at once.
    pub(super) fn distrust(&mut self, now: Timestamp) {
        self.distrusted = self.serial;
        self.next_hello = Deadline::at(now);
    }

    fn cut_off(&mut self, now: Timestamp, send_away: bool) {
        if self.state != State::CutOff {
            self.state = State::CutOff;
            self.send_away |= send_away;
        }
        self.distrust(now);
    }

    pub(super) const fn has_said_hello(&self) -> bool {
        self.serial > 0
    }

    /// Whether one of its hellos is to come back, or it is cut off.
    fn awaits_hello(&self) -> bool {
        self.has_said_hello() && !self.is_cut_off()
    }

    fn said_hello(&mut self, now: Timestamp) {
        if self.serial == 0 {
            self.back = now;
        }
        self.serial += 1;
        self.sent = now;
    }

    fn came_back(&mut self, serial: u64, now: Timestamp) {
        if serial > self.distrusted && !self.is_stopped() {
            self.back = now;
            self.state = State::Connected;
        }
    }

    pub(super) fn deadline(&self, config: &Config) -> Deadline {
        let silence = if self.awaits_hello() { self.back.saturating_add(config.lease) } else { Timestamp::MAX };
        self.next_hello.min(Deadline::at(silence))
    }

    pub(super) fn take_send_away(&mut self) -> bool {
        core::mem::take(&mut self.send_away)
    }

    pub(super) fn owes(&self) -> bool {
        self.send_away || self.told != self.is_cut_off() || self.state == State::Replaced { told: false }
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        if let State::Replaced { told: told @ false } = &mut self.state {
            *told = true;
            return Some(Event::Replaced);
        }
        let cut_off = self.is_cut_off();
        if core::mem::replace(&mut self.told, cut_off) == cut_off {
            return None;
        }
        Some(if cut_off { Event::CutOff } else { Event::Reconnected })
    }
}

impl Machine {
    // ---- packets ---------------------------------------------------------------------------

    pub(super) fn received(&mut self, config: &Config, packet: Packet) -> Option<Action> {
        let Packet { node, life, body } = packet;
        if node == self.node {
            self.received_own(life, &body);
            return None;
        }
        if !self.is_current(config, &node, life, &body) {
            return None;
        }
        match body {
            Body::Hello(hello) => self.heard_hello(config, &node, &hello),
            Body::Changes { first, changes } => self.heard_changes(config, &node, first, changes),
            Body::Known(known) => self.heard_of_namesake(known),
            Body::AskChanges { after } => self.wanted(&node, |wants| wants.changes = Some(after)),
            Body::AskDigests => self.wanted(&node, |wants| wants.digests = true),
            Body::AskBuckets { buckets } => self.wanted_buckets(&node, buckets),
            Body::Digests { number, digests } => self.heard_digests(config, &node, number, &digests),
            Body::Part { bucket, number, part, parts, claims } => {
                self.heard_part(config, &node, (bucket, number), (part, parts), claims);
            }
            Body::Relay(relay) if relay.incarnation == self.life.incarnation => {
                return Some(Self::deliver(node, life, relay));
            }
            // For another process of this name.
            Body::Relay(_) => count(&mut self.stats.ignored),
            Body::Delivered { id, outcome } => self.heard_delivered(id, &node, outcome),
            Body::Broadcast { from, room, except, message, volatile } => {
                let is_for_us = room.as_ref().is_none_or(|room| self.rooms.contains(room));
                return is_for_us.then_some(Action::Broadcast { from, room, except, message, volatile });
            }
            // Somebody else's, as is right.
            Body::Probe { .. } => {}
            Body::AskMembers { id, room, limit } => return Some(Self::list_members(node, id, room, limit)),
            Body::Members { id, total, users } => self.heard_members(id, &node, total, users),
            Body::Goodbye => self.forget(&node),
        }
        None
    }

    /// A packet under this node's name.
    fn received_own(&mut self, life: Life, body: &Body) {
        if life > self.life {
            return self.heard_of_namesake(life);
        }
        if life < self.life {
            return count(&mut self.stats.ignored);
        }
        match body {
            Body::Hello(hello) => self.standing.came_back(hello.serial, self.now),
            Body::Probe { room } => self.rooms.confirm(room),
            _ => {}
        }
    }

    /// Whether a packet is of the latest life of a node that is known, or from a new node, and says hello. All others are counted,
    /// but those that need no acquaintance count.
    fn is_current(&mut self, config: &Config, node: &Node, life: Life, body: &Body) -> bool {
        match self.peers.get_mut(node).map(|peer| (life.cmp(&peer.life), peer)) {
            Some((core::cmp::Ordering::Equal, peer)) => {
                peer.heard = self.now;
                return true;
            }
            Some((core::cmp::Ordering::Less, peer)) => {
                peer.haunted |= matches!(body, Body::Hello(_));
                count(&mut self.stats.ignored);
                return false;
            }
            Some((core::cmp::Ordering::Greater, _)) => self.forget(node),
            None => {}
        }
        match body {
            Body::Hello(_) => self.meet(config, node, life),
            Body::Known(_)
            | Body::Relay(_)
            | Body::Delivered { .. }
            | Body::Broadcast { .. }
            | Body::AskMembers { .. } => true,
            _ => {
                count(&mut self.stats.ignored);
                false
            }
        }
    }

    /// Whether there is a place for one more node.
    fn meet(&mut self, config: &Config, node: &Node, life: Life) -> bool {
        if self.peers.len() >= config.max_nodes as usize {
            count(&mut self.stats.excess);
            self.too_many = Some(node.clone());
            return false;
        }
        self.peers.insert(node.clone(), Peer::new(life, self.now));
        self.nodes_heard.arrives(node);
        // It is to hear of this node soon; but many may come at once.
        let soon = self.soon(config).max(self.standing.sent.saturating_add(config.ask_spread));
        self.standing.next_hello = self.standing.next_hello.min(Deadline::at(soon));
        true
    }

    fn heard_hello(&mut self, config: &Config, node: &Node, hello: &Hello) {
        let hears_us = hello.hears.contains(&self.node);
        let Some(peer) = self.peers.get_mut(node) else { return };
        peer.hears_us = hears_us;
        peer.compare(hello, config.max_claims.into());
        self.plan_question(config, node);
    }

    /// Another process of this name has a later life.
    fn heard_of_namesake(&mut self, life: Life) {
        if life <= self.life {
            return;
        }
        let next = Life { epoch: life.epoch.saturating_add(1), ..self.life };
        if self.standing.renamed || self.now >= self.standing.young_until || next <= life {
            return self.stop(State::Replaced { told: false });
        }
        self.standing.renamed = true;
        self.life = next;
        self.standing.distrust(self.now);
    }

    pub(super) fn hello(&mut self, config: &Config) -> Action {
        self.standing.said_hello(self.now);
        self.standing.next_hello = Deadline::at(self.now.saturating_add(config.hello));
        let hears: Vec<_> = self.peers.keys().cloned().collect();
        let (claims, digest) = (self.own.len(), self.own.digest());
        let hello = Hello { serial: self.standing.serial, number: self.changes.made(), claims, digest, hears };
        self.publish(Destination::All, Body::Hello(hello))
    }

    /// To an earlier life of another node: that it is.
    pub(super) fn next_correction(&mut self) -> Option<Action> {
        let (node, peer) = self.peers.iter_mut().find(|(_, peer)| peer.haunted)?;
        peer.haunted = false;
        let (node, life) = (node.clone(), peer.life);
        Some(self.tell(&node, Body::Known(life)))
    }

    // ---- silence ---------------------------------------------------------------------------

    pub(super) fn judge_silence(&mut self, config: &Config) {
        let lease = Span::of(config.lease);
        if self.standing.awaits_hello() && self.now.since(self.standing.back) >= lease {
            self.standing.cut_off(self.now, config.send_away_when_cut_off);
        }
        let silent = self.peers.iter().filter(|(_, peer)| self.now.since(peer.heard) >= lease);
        let silent: Vec<_> = silent.map(|(node, _)| node.clone()).collect();
        for node in silent {
            self.forget(&node);
        }
    }

    /// Nothing happened for longer than a lease: others took this node for gone, and what it knows is old.
    pub(super) fn overslept(&mut self, config: &Config) {
        count(&mut self.stats.suspensions);
        self.standing.cut_off(self.now, config.send_away_when_cut_off);
        let grace = config.lease.saturating_sub(config.hello.saturating_mul(2));
        let since = Timestamp::from_nanos(self.now.as_nanos().saturating_sub(Span::of(grace).as_nanos()));
        for peer in self.peers.values_mut() {
            peer.heard = peer.heard.max(since);
        }
    }

    /// A node is gone, and its claims with it; but as it may have very many, not all in this step.
    pub(super) fn forget(&mut self, node: &Node) {
        let Some(peer) = self.peers.remove(node) else { return };
        self.nodes_heard.departs(node.clone());
        self.parts.retain(|(to, _)| to != node);
        let stamp = |time| Stamp { time, node: node.clone() };
        self.gone.extend(peer.book.into_claims().map(|(user, time)| (user, stamp(time))));
    }

    // ---- the end ---------------------------------------------------------------------------

    fn stop(&mut self, state: State) {
        if matches!(state, State::Replaced { .. }) {
            self.standing.send_away = true;
        }
        self.standing.state = state;
        while let Some(id) = self.relays.first() {
            self.end_relay(id, Outcome::Unknown);
        }
        self.questions.expire(Timestamp::MAX);
        self.rooms.stop();
    }

    pub(super) fn leave(&mut self) -> Action {
        self.stop(State::Left);
        self.publish(Destination::All, Body::Goodbye)
    }
}
