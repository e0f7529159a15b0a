//! Who is who: hellos, silence, lives of one name.

use alloc::vec::Vec;
use core::mem;

use super::Machine;
use crate::count::count;
use crate::directory::action::{Action, Destination, Outcome};
use crate::directory::config::Config;
use crate::directory::node::{Departure, Life, Node};
use crate::directory::peer::Peer;
use crate::directory::stamp::{FAR_AHEAD, RIGHT_AGAIN};
use crate::directory::standing::State;
use crate::directory::wire::{Body, Hello};
use crate::time::{Deadline, Span, Timestamp};

impl Machine {
    /// Whether a packet counts: of a known node if it is of the latest life; of a new one if it is a hello, which makes it known, or needs no
    /// known sender.
    pub(super) fn is_current(&mut self, config: &Config, node: &Node, life: Life, body: &Body) -> bool {
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
            Some((core::cmp::Ordering::Greater, _)) => self.forget(node, Departure::Lost),
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
            self.excess = Some(node.clone());
            return false;
        }
        self.peers.insert(node.clone(), Peer::new(life, self.now));
        self.nodes_heard.arrives(node);
        // It is to hear of this node soon; but many may come at once.
        let soon = self.soon(config).max(self.standing.sent.saturating_add(config.ask_spread));
        self.standing.next_hello = self.standing.next_hello.min(Deadline::at(soon));
        true
    }

    pub(super) fn heard_hello(&mut self, config: &Config, node: &Node, hello: &Hello) {
        let hears_us = hello.hears.contains(&self.node);
        let Some(peer) = self.peers.get_mut(node) else { return };
        peer.hears_us = hears_us;
        let ahead = hello.wall.as_millis().saturating_sub(self.wall.as_millis());
        if ahead > FAR_AHEAD {
            count(&mut self.stats.skewed);
            if !mem::replace(&mut peer.ahead, true) {
                self.skewed = Some(node.clone());
            }
        }
        peer.ahead &= ahead > RIGHT_AGAIN;
        peer.compare(hello, config.max_claims.into());
        self.plan_question(config, node);
    }

    /// Another process of this name has a later life.
    pub(super) fn heard_of_namesake(&mut self, life: Life) {
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
        let (serial, wall, number) = (self.standing.serial, self.wall, self.changes.made());
        let hello = Hello { serial, wall, number, claims, digest, hears };
        self.publish(Destination::All, Body::Hello(hello))
    }

    /// Tells an earlier process of another node's name which one is known.
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
            self.standing.cut_off(config, self.now);
        }
        self.standing.renew_subscriptions(config, self.now, &self.node);
        let silent = self.peers.iter().filter(|(_, peer)| self.now.since(peer.heard) >= lease);
        let silent: Vec<_> = silent.map(|(node, _)| node.clone()).collect();
        for node in silent {
            self.forget(&node, Departure::Lost);
        }
    }

    /// Nothing happened for longer than a lease: others took this node for gone, and what it knows is old.
    pub(super) fn overslept(&mut self, config: &Config) {
        count(&mut self.stats.suspensions);
        self.standing.cut_off(config, self.now);
        let grace = config.lease.saturating_sub(config.hello.saturating_mul(2));
        let since = Timestamp::from_nanos(self.now.as_nanos().saturating_sub(Span::of(grace).as_nanos()));
        for peer in self.peers.values_mut() {
            peer.heard = peer.heard.max(since);
        }
    }

    /// A node is gone, and its claims with it; but as it may have very many, not all in this step.
    pub(super) fn forget(&mut self, node: &Node, departure: Departure) {
        let Some(peer) = self.peers.remove(node) else { return };
        self.latest.forget(node);
        self.nodes_heard.departs(node.clone());
        self.parts.retain(|(to, _)| to != node);
        if peer.book.len() > 0 {
            self.gone.push_back((node.clone(), departure, peer.book.into_claims()));
        }
    }

    // ---- the end ---------------------------------------------------------------------------

    fn stop(&mut self, state: State) {
        self.standing.stop(state);
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
