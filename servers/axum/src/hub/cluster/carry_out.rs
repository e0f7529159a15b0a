//! Carries out the directory's actions in the hub, and reports what happens in the hub to the directory.

use std::time::Duration;

use heartline::directory::{Action, Departure, Event, Input, Outcome, User};
use heartline::hub::{self, Room};
use heartline::{CloseCode, ConnId, Timestamp};

use super::{RemoteMembers, Response};
use crate::cluster::frame;
use crate::hub::{Core, peer};
use crate::outcome::SendError;
use crate::random::draw;
use crate::server::Shutdown;

impl<U: Ord + Clone> Core<U> {
    /// Carries out one action of the directory. False if there is none.
    #[inline(never)]
    pub(in crate::hub) fn settle_cluster(&mut self, now: Timestamp) -> bool {
        let Some(cluster) = &mut self.cluster else { return false };
        let Some(action) = cluster.next_action(now) else { return false };
        match action {
            Action::Publish { to, payload } => cluster.broker.publish(&to, payload),
            Action::Subscribe { to } => cluster.broker.subscribe(&to),
            Action::Unsubscribe { to } => cluster.broker.unsubscribe(&to),
            Action::Close { conn, code } => self.supersede(conn, code),
            Action::Deliver { relay, to, message, volatile, .. } => {
                let outcome = self.deliver(&to, message, volatile);
                self.feed_cluster(Input::Delivered { relay, outcome });
            }
            Action::Broadcast { room, except, message, volatile, .. } => {
                self.hand_out(room, &except, message, volatile)
            }
            Action::Outcome { tag, outcome, .. } => {
                let response = cluster.relays.remove(&tag).map(|to| Response::Outcome(to, outcome));
                cluster.responses.extend(response);
            }
            Action::Entered { room, confirmed } => cluster.entered(&room, confirmed),
            Action::ListMembers { query, room, limit } => {
                let members = self.hub.members(room.as_bytes(), None).take(limit as usize);
                let users = members.filter_map(|(conn, _)| Some(cluster.logins.get(&conn)?.user.clone())).collect();
                let total = self.hub.room_size(room.as_bytes());
                cluster.feed(Input::MembersHere { query, users, total });
            }
            Action::Members { tag, nodes, unanswered } => {
                let response =
                    cluster.questions.remove(&tag).map(|to| Response::Members(to, RemoteMembers { nodes, unanswered }));
                cluster.responses.extend(response);
            }
            Action::SendAway => self.send_away(now),
            Action::Event(Event::Online(user)) => cluster.presence.changed(user, true),
            Action::Event(Event::Offline(user)) => cluster.presence.changed(user, false),
            Action::Event(event) => cluster.events.push(event),
            // `BroadcastRefused` does not come: messages were found to be short enough, and nobody is in a room without a name.
            _ => {}
        }
        true
    }

    fn feed_cluster(&mut self, input: Input) {
        if let Some(cluster) = &mut self.cluster {
            cluster.feed(input);
        }
    }

    /// A user of this node has logged in elsewhere.
    fn supersede(&mut self, conn: ConnId, code: CloseCode) {
        if let Some(peer) = self.peers.get_mut(&conn) {
            peer.set_reason("logged in on another server".to_owned());
        }
        self.owed.push_back(hub::Input::Close { conn, code });
    }

    /// Queues a message from another node for a user of this one.
    fn deliver(&mut self, to: &User, message: Vec<u8>, volatile: bool) -> Outcome {
        let Some(cluster) = &self.cluster else { return Outcome::Offline };
        let Some((conn, frame)) = cluster.conns.get(to).copied().zip(frame::unpack(message)) else {
            return Outcome::Offline;
        };
        if cluster.limits.allow(&frame).is_err() {
            return Outcome::Full;
        }
        match self.send(conn, frame, volatile) {
            Ok(()) => Outcome::Routed,
            Err(SendError::Full) => Outcome::Full,
            Err(SendError::Dropped) => Outcome::Dropped,
            Err(_) => Outcome::Offline,
        }
    }

    /// Broadcasts a message from another node on this one.
    fn hand_out(&mut self, room: Option<Room>, except: &[User], message: Vec<u8>, volatile: bool) {
        let Some(cluster) = &self.cluster else { return };
        let Some(message) = frame::unpack(message).filter(|frame| cluster.limits.allow(frame).is_ok()) else { return };
        let except = except.iter().filter_map(|user| self.hub.user_of(*cluster.conns.get(user)?).cloned()).collect();
        let bytes = peer::cost(&message);
        let input = hub::Input::Broadcast { from: None, room, except, message, bytes, volatile, tag: 0 };
        self.owed.push_back(input);
    }

    /// Closes all connections, and asks each client to come back after another time: to this node if it serves again, or to another.
    fn send_away(&mut self, now: Timestamp) {
        let spread = Shutdown::default().spread;
        let conns: Vec<_> = self.peers.keys().copied().collect();
        for conn in conns {
            let reason = peer::return_in(draw(spread));
            if let Some(peer) = self.peers.get_mut(&conn) {
                peer.set_reason(reason);
            }
            self.apply(now, hub::Input::Close { conn, code: CloseCode::SERVICE_RESTART });
        }
    }

    /// The directory's events since the last call, but for those of users.
    pub(in crate::hub) fn take_cluster_events(&mut self) -> Vec<Event> {
        self.cluster.as_mut().map(|cluster| std::mem::take(&mut cluster.events)).unwrap_or_default()
    }

    /// Why the cluster lets nobody in, if so, and after how long a client may ask again.
    pub(crate) fn away(&self) -> Option<(&'static str, Duration)> {
        let why = self.cluster.as_ref()?.away()?;
        let wait = self.hub.config().retry_after;
        Some((why, wait.saturating_add(draw(wait))))
    }

    /// Reports to the directory that a connection has ended, or that its close was decided. The hub knows already.
    pub(in crate::hub) fn ended(&mut self, conn: ConnId, departure: Departure) {
        let Some(cluster) = &mut self.cluster else { return };
        for room in cluster.ended(conn, departure) {
            if self.hub.room_size(room.as_bytes()) == 0 {
                cluster.leave_room(room);
            }
        }
    }

    /// Takes a connection out of a room.
    pub(crate) fn leave_room(&mut self, now: Timestamp, conn: ConnId, room: Room) {
        self.apply(now, hub::Input::Leave { conn, room: room.clone() });
        if let Some(cluster) = &mut self.cluster {
            let was_in = cluster.logins.get_mut(&conn).is_some_and(|login| login.rooms.remove(&room));
            if was_in && self.hub.room_size(room.as_bytes()) == 0 {
                cluster.leave_room(room);
            }
        }
        self.settle(now);
    }

    /// Leaves the cluster once the hub has drained. Returns the answers for callers, if there are any.
    #[inline(never)]
    pub(in crate::hub) fn end_step(&mut self, now: Timestamp) -> Option<Vec<Response>> {
        let finished = self.is_finished();
        let cluster = self.cluster.as_mut()?;
        if finished && !cluster.left {
            cluster.left = true;
            cluster.feed(Input::Leave);
            self.settle(now);
        }
        let responses = &mut self.cluster.as_mut()?.responses;
        (!responses.is_empty()).then(|| std::mem::take(responses))
    }
}
