//! Broadcasts, and rooms that are on several nodes.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::Machine;
use crate::count::count;
use crate::directory::action::{Action, Destination, Query, RoomHash};
use crate::directory::config::Config;
use crate::directory::node::{Node, User, is_name};
use crate::directory::rooms::Due;
use crate::directory::wire::{Body, MEMBERS_OVERHEAD, broadcast_overhead};
use crate::hub::Room;
use crate::time::Span;

/// How many names one node tells of a room.
const MOST_NAMES: u32 = 1000;

/// Whether other nodes can be told of it.
fn is_room(room: &Room) -> bool {
    is_name(room.as_bytes())
}

impl Machine {
    pub(super) fn broadcast(&mut self, config: &Config, body: Body) -> Option<Action> {
        let Body::Broadcast { room, .. } = &body else { return None };
        let to = room.as_ref().map_or(Destination::All, |room| Destination::Room(RoomHash::of(room)));
        if let Body::Broadcast { from, room, except, message, .. } = &body {
            let are_names = room.iter().all(is_room) && except.iter().chain(from).all(User::is_valid);
            let length = broadcast_overhead(from.as_ref(), room.as_ref(), except) + message.len();
            if !are_names || length > config.max_payload as usize {
                count(&mut self.stats.full);
                return Self::refuse_broadcast(body);
            }
        }
        Some(self.publish(to, body))
    }

    fn refuse_broadcast(body: Body) -> Option<Action> {
        let Body::Broadcast { message, .. } = body else { return None };
        Some(Action::BroadcastRefused { message })
    }

    pub(super) fn enter_room(&mut self, config: &Config, room: Room) -> Option<Action> {
        if !is_room(&room) {
            return Some(Action::Entered { room, confirmed: false });
        }
        self.rooms.enter(room, self.now, Span::of(config.relay_timeout))
    }

    pub(super) fn leave_room(&mut self, room: &Room) {
        if !self.rooms.leave(room) {
            count(&mut self.stats.ignored);
        }
    }

    pub(super) fn next_probe(&mut self, config: &Config) -> Option<Action> {
        Some(match self.rooms.next_due(self.now, [config.hello, config.lease].map(Span::of))? {
            Due::Subscription(room) => Action::Subscribe { to: Destination::Room(room) },
            Due::Probe(room, number) => {
                self.publish(Destination::Room(RoomHash::of(&room)), Body::Probe { number, room })
            }
        })
    }

    // ---- who is in a room ------------------------------------------------------------------

    pub(super) fn ask_members(&mut self, config: &Config, room: Room, limit: u32, tag: u64) -> Option<Action> {
        let limit = limit.min(MOST_NAMES);
        let until = self.now.saturating_add(config.relay_timeout);
        let nodes = if is_room(&room) { self.peers_heard() } else { BTreeSet::new() };
        Some(match self.questions.ask(nodes, limit as usize, tag, until) {
            Ok(id) => self.publish(Destination::All, Body::AskMembers { id, room, limit }),
            Err(answer) => answer,
        })
    }

    pub(super) fn list_members(node: Node, id: u64, room: Room, limit: u32) -> Action {
        Action::ListMembers { query: Query { node, id }, room, limit: limit.min(MOST_NAMES) }
    }

    pub(super) fn members_here(
        &mut self,
        config: &Config,
        query: Query,
        mut users: Vec<User>,
        total: u32,
    ) -> Option<Action> {
        users.retain(User::is_valid);
        users.truncate(MOST_NAMES as usize);
        let mut room = (config.max_payload as usize).saturating_sub(MEMBERS_OVERHEAD);
        let fits = |user: &User| {
            let length = user.as_bytes().len() + 2;
            let fits = length <= room;
            room = room.saturating_sub(length);
            fits
        };
        let users = users.into_iter().take_while(fits).collect();
        Some(self.tell(&query.node, Body::Members { id: query.id, total, users }))
    }

    pub(super) fn heard_members(&mut self, id: u64, node: &Node, total: u32, users: Vec<User>) {
        if !self.questions.answer(id, node, total, users) {
            count(&mut self.stats.stale);
        }
    }
}
