//! What each kind of packet leads to.

use super::Machine;
use crate::count::count;
use crate::directory::action::Action;
use crate::directory::config::Config;
use crate::directory::node::{Departure, Life};
use crate::directory::wire::{Body, Packet};
use crate::time::Span;

impl Machine {
    pub(super) fn received(&mut self, config: &Config, packet: Packet) -> Option<Action> {
        let Packet { node, life, body } = packet;
        if node == self.node {
            self.received_own(config, life, &body);
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
            Body::Compare { digests } => self.wanted_buckets(&node, &digests),
            Body::Digests { number, digests } => self.heard_digests(config, &node, number, &digests),
            Body::Part { bucket, number, part, parts, claims } => {
                self.heard_part(config, &node, (bucket, number), (part, parts), claims);
            }
            Body::Relay(relay) if relay.incarnation == self.life.incarnation => {
                return Some(self.deliver(config, node, life, relay));
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
            Body::Goodbye => self.forget(&node, Departure::SentAway),
        }
        None
    }

    /// A packet under this node's name.
    fn received_own(&mut self, config: &Config, life: Life, body: &Body) {
        if life > self.life {
            return self.heard_of_namesake(life);
        }
        if life < self.life {
            return count(&mut self.stats.ignored);
        }
        match body {
            Body::Hello(hello) => {
                let in_doubt = self.standing.came_back(hello.serial, self.now);
                if in_doubt {
                    self.rooms.enter_again(self.now, Span::of(config.relay_timeout));
                }
            }
            Body::Probe { number, room } => self.rooms.confirm(room, *number),
            _ => {}
        }
    }
}
