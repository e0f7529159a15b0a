//! Everything that moves a directory: here the inputs, the timer, and what the node pulls; beside it who is who, claims,
//! repair, relays, and rooms.

mod claims;
mod identity;
mod packets;
mod relays;
mod repair;
mod rooms;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use super::NodeStatus;
use super::action::{Action, Destination, Event};
use super::book::{Book, Claims};
use super::changes::Changes;
use super::config::Config;
use super::input::Input;
use super::node::{Departure, Life, Node, User};
use super::peer::Peer;
use super::presence::Presence;
use super::questions::Questions;
use super::relays::{Counts, Latest, Relays};
use super::rooms::Rooms;
use super::stamp::{HybridClock, UnixTime};
use super::standing::Standing;
use super::stats::Stats;
use super::users::Users;
use super::wire::{Body, CHANGES_OVERHEAD, Packet};
use crate::close_code::CloseCode;
use crate::conn::ConnId;
use crate::count::count;
use crate::random::{Random, between};
use crate::time::{Deadline, Span, Timestamp};
use claims::Own;

/// A directory without its config.
#[derive(Clone, Debug)]
pub(in crate::directory) struct Machine {
    now: Timestamp,
    wall: UnixTime,
    pub(in crate::directory) node: Node,
    life: Life,
    pub(in crate::directory) standing: Standing,
    random: Random,

    clock: HybridClock,
    own: Book<Own>,
    pub(in crate::directory) users: Users,
    changes: Changes,
    peers: BTreeMap<Node, Peer>,
    /// Claims of nodes that are gone, which are to go.
    gone: VecDeque<(Node, Departure, Claims<u64>)>,
    /// When the next answer may be sent.
    answer_at: Timestamp,
    /// The rest of a bucket that is being sent, and to whom.
    parts: VecDeque<(Node, Vec<u8>)>,
    /// Who was answered last.
    answered: Option<Node>,

    relays: Relays,
    counts: Counts,
    latest: Latest,
    rooms: Rooms,
    questions: Questions,

    /// Connections to be closed, and their users.
    closes: BTreeMap<ConnId, (User, CloseCode)>,
    presence: Presence<User>,
    nodes_heard: Presence<Node>,
    /// Nodes whose clocks are far ahead, and those beyond the limits: the latest of each.
    skewed: Option<Node>,
    excess: Option<Node>,
    pub(in crate::directory) stats: Stats,
}

impl Machine {
    pub(in crate::directory) fn new(
        config: &Config,
        node: Node,
        now: Timestamp,
        wall: UnixTime,
        incarnation: u64,
    ) -> Self {
        let mut random = Random::new(incarnation);
        Self {
            now,
            wall,
            node,
            life: Life { epoch: wall.as_millis(), incarnation },
            standing: Standing::new(config, now),
            relays: Relays::new(random.next()),
            questions: Questions::new(random.next()),
            clock: HybridClock::new(random.next()),
            random,
            own: Book::new(),
            users: Users::default(),
            changes: Changes::new(),
            peers: BTreeMap::new(),
            gone: VecDeque::new(),
            answer_at: now,
            parts: VecDeque::new(),
            answered: None,
            counts: Counts::default(),
            latest: Latest::default(),
            rooms: Rooms::default(),
            closes: BTreeMap::new(),
            presence: Presence::new(),
            nodes_heard: Presence::new(),
            skewed: None,
            excess: None,
            stats: Stats::default(),
        }
    }

    // ---- inputs ----------------------------------------------------------------------------

    pub(in crate::directory) fn handle(
        &mut self,
        config: &Config,
        now: Timestamp,
        wall: UnixTime,
        input: Input,
    ) -> Option<Action> {
        if self.standing.is_stopped() {
            return self.refuse(input);
        }
        self.advance(config, now, wall);
        match input {
            Input::Received { payload } => match Packet::decode(&payload) {
                Some(packet) => return self.received(config, packet),
                None => count(&mut self.stats.unreadable),
            },
            Input::Interrupted => {
                count(&mut self.stats.interrupted);
                self.standing.distrust(self.now);
            }
            Input::Login { conn, user } => self.login(config, conn, user),
            Input::Ended { conn, user, departure } => self.ended(config, conn, &user, departure),
            Input::Relay { conn, from, to, message, volatile, tag } => {
                return self.relay(config, relays::Letter { conn, from, to, message, volatile, tag });
            }
            Input::Delivered { relay, outcome } => return self.delivered(relay, outcome),
            Input::Broadcast { from, room, except, message, volatile } => {
                return self.broadcast(config, Body::Broadcast { from, room, except, message, volatile });
            }
            Input::EnterRoom { room } => return self.enter_room(config, room),
            Input::LeaveRoom { room } => self.leave_room(&room),
            Input::AskMembers { room, limit, tag } => return self.ask_members(config, room, limit, tag),
            Input::MembersHere { query, users, total } => return self.members_here(config, query, users, total),
            Input::Timer => self.timer(config),
            Input::Leave => return Some(self.leave()),
        }
        None
    }

    /// Time never runs backwards; but it may have passed while the node was suspended.
    fn advance(&mut self, config: &Config, now: Timestamp, wall: UnixTime) {
        let before = self.now;
        self.now = self.now.max(now);
        self.wall = wall;
        // Before its first hello no node knows of it.
        if self.standing.has_said_hello() && self.now.since(before) > Span::of(config.lease) {
            self.overslept(config);
        }
    }

    fn timer(&mut self, config: &Config) {
        self.judge_silence(config);
        self.release_gone(config);
        while let Some(id) = self.relays.expired(self.now) {
            self.end_relay(id, super::action::Outcome::Unknown);
        }
        self.rooms.expire(self.now);
        self.questions.expire(self.now);
        self.presence.end_graces(self.now, claims::AT_ONCE);
    }

    /// After the end nothing changes. What is to be answered is answered.
    fn refuse(&mut self, input: Input) -> Option<Action> {
        count(&mut self.stats.stale);
        match input {
            Input::Relay { conn, message, tag, .. } => {
                Some(self.refuse_relay(conn, tag, super::action::Outcome::Offline, message))
            }
            Input::EnterRoom { room } => Some(Action::Entered { room, confirmed: false }),
            Input::AskMembers { tag, .. } => Some(Action::Members { tag, nodes: Vec::new(), unanswered: Vec::new() }),
            _ => None,
        }
    }

    // ---- what the node pulls ---------------------------------------------------------------

    pub(in crate::directory) fn next_action(&mut self, config: &Config) -> Option<Action> {
        if let Some((conn, (_, code))) = self.closes.pop_first() {
            return Some(Action::Close { conn, code });
        }
        if let Some(outcome) = self.relays.pop_ended() {
            return Some(outcome);
        }
        if self.standing.take_send_away() {
            return Some(Action::SendAway);
        }
        if let Some(answer) = self.rooms.pop().or_else(|| self.questions.pop_ended()) {
            return Some(answer);
        }
        if !self.standing.is_stopped() {
            let wanted = self.standing.next_subscription().or_else(|| self.next_packet(config));
            if wanted.is_some() {
                return wanted;
            }
        }
        self.next_event().map(Action::Event)
    }

    /// The next packet that is due. What says a number of changes comes behind those changes.
    fn next_packet(&mut self, config: &Config) -> Option<Action> {
        if let Some(packet) = self.next_relay() {
            return Some(packet);
        }
        let hello = self.standing.is_hello_due(self.now);
        let answer = self.is_answer_due();
        if hello || answer || self.changes.due().passed(self.now) {
            if let Some((first, changes)) = self.changes.publish(config.batch_bytes as usize - CHANGES_OVERHEAD) {
                return Some(self.publish(Destination::All, Body::Changes { first, changes }));
            }
        }
        if hello {
            return Some(self.hello(config));
        }
        self.next_correction()
            .or_else(|| self.next_probe(config))
            .or_else(|| self.next_question(config))
            .or_else(|| if answer { self.next_answer(config) } else { None })
    }

    fn next_event(&mut self) -> Option<Event> {
        if let Some(event) = self.standing.next_event() {
            return Some(event);
        }
        if let Some((node, up)) = self.nodes_heard.pop() {
            return Some(if up { Event::NodeUp(node) } else { Event::NodeDown(node) });
        }
        if let Some((user, online)) = self.presence.pop() {
            return Some(if online { Event::Online(user) } else { Event::Offline(user) });
        }
        let skewed = self.skewed.take().map(Event::ClockSkew);
        skewed.or_else(|| self.excess.take().map(Event::Excess))
    }

    fn publish(&self, to: Destination, body: Body) -> Action {
        let packet = Packet { node: self.node.clone(), life: self.life, body };
        Action::Publish { to, payload: packet.encode() }
    }

    fn tell(&self, node: &Node, body: Body) -> Action {
        self.publish(Destination::Node(node.clone()), body)
    }

    pub(in crate::directory) fn deadline(&self, config: &Config) -> Option<Timestamp> {
        if self.owes() {
            return Some(self.now);
        }
        if self.standing.is_stopped() {
            return None;
        }
        let mut due = self.standing.deadline(config);
        for peer in self.peers.values() {
            due = due.min(peer.ask).min(Deadline::at(peer.heard.saturating_add(config.lease)));
        }
        if self.is_answer_wanted() {
            due = due.min(Deadline::at(self.answer_at));
        }
        due = due.min(self.changes.due()).min(self.relays.deadline()).min(self.questions.deadline());
        due = due.min(self.presence.deadline()).min(self.rooms.deadline());
        due.get().map(|due| due.max(self.now))
    }

    /// Whether something is to be pulled that does not depend on the time.
    fn owes(&self) -> bool {
        let runs = !self.standing.is_stopped();
        !self.closes.is_empty()
            || self.relays.any_ended()
            || self.questions.any_ended()
            || self.rooms.owes()
            || self.standing.owes()
            || self.presence.any()
            || self.nodes_heard.any()
            || self.skewed.is_some()
            || self.excess.is_some()
            || runs && (self.relays.any_unsent() || !self.gone.is_empty())
            || runs && self.peers.values().any(|peer| peer.haunted)
    }

    // ---- looking in ------------------------------------------------------------------------

    pub(in crate::directory) fn present(&self) -> impl ExactSizeIterator<Item = &User> {
        self.presence.told(self.users.iter().map(|(user, _)| user))
    }

    pub(in crate::directory) fn nodes(&self) -> impl Iterator<Item = NodeStatus<'_>> {
        self.peers.iter().map(|(node, peer)| NodeStatus {
            node,
            epoch: peer.life.epoch,
            users: peer.book.len(),
            in_step: peer.question().is_none(),
            hears_us: peer.hears_us,
            silent: self.now.saturating_since(peer.heard),
        })
    }

    // ---- helpers ---------------------------------------------------------------------------

    /// A moment within the spread from now.
    fn soon(&mut self, config: &Config) -> Timestamp {
        let spread = between(0, Span::of(config.ask_spread).as_nanos(), self.random.next());
        self.now.plus(Span::from_nanos(spread))
    }

    fn peers_heard(&self) -> BTreeSet<Node> {
        self.peers.keys().cloned().collect()
    }
}
