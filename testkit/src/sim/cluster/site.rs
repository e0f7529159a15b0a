//! The place that a node runs in: its process, its wall clock, its clients' connections, its connection to a broker.

use std::collections::{BTreeMap, BTreeSet};

use heartline::directory::{Departure, Directory, Event, UnixTime, User};
use heartline::hub::{self, Hub, Room};
use heartline::{ConnId, Loss, Timestamp, directory};

use super::super::network::LinkId;
use super::super::server::{Happening, Wire};
use super::brokers::PortId;
use super::ledger::LifeId;
use super::line::Line;
use super::node::{Node, Output};
use super::shared::{Common, Shared};

/// The name of the timer for the node's own deadline. Others are messages that arrive.
const DEADLINE: u64 = 0;
/// The wall clock at the beginning of a simulation, in milliseconds since 1970.
const BEGIN: i64 = 1_700_000_000_000;
/// This many timers at one moment mean that a deadline does not move.
const MOST_TIMERS: u32 = 10_000;

/// A node's wall clock: how far it is off, and how fast it goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Wall {
    /// How many milliseconds it is ahead of the right time at the beginning; behind, if negative. Default 0.
    pub ahead: i64,
    /// How many milliseconds it gains in 1,000 seconds; parts in a million. Default 0.
    pub drift: i64,
}

impl Wall {
    fn read(self, now: Timestamp) -> UnixTime {
        let truth = i64::try_from(now.as_nanos() / 1_000_000).unwrap_or(i64::MAX);
        let reads = BEGIN + truth + self.ahead + truth / 1_000 * self.drift / 1_000;
        UnixTime::from_millis(reads.max(0).unsigned_abs())
    }
}

/// A connection, by what the node has told it so far.
struct Client {
    link: LinkId,
    user: Option<User>,
    rooms: BTreeSet<Room>,
    closing: bool,
}

pub(super) struct Site {
    pub(super) name: directory::Node,
    pub(super) port: PortId,
    pub(super) wall: Wall,
    /// None while its process does not run.
    pub(super) node: Option<Node>,
    pub(super) life: LifeId,
    /// Since when it runs without a suspension.
    pub(super) awake: Timestamp,
    pub(super) suspended: bool,
    /// What became of the rooms that its directory was to enter.
    pub(super) entered: BTreeMap<Room, bool>,
    /// Questions who is in a room, with the nodes that were asked, and when.
    pub(super) asked: BTreeMap<u64, (Timestamp, BTreeSet<directory::Node>)>,
    links: BTreeMap<LinkId, ConnId>,
    conns: BTreeMap<ConnId, Client>,
    armed: Option<Timestamp>,
    timers: (Timestamp, u32),
    common: Common,
}

impl Site {
    pub(super) fn new(name: directory::Node, port: PortId, common: Common) -> Self {
        Self {
            name,
            port,
            wall: Wall::default(),
            node: None,
            life: (port, 0),
            awake: Timestamp::ORIGIN,
            suspended: false,
            entered: BTreeMap::new(),
            asked: BTreeMap::new(),
            links: BTreeMap::new(),
            conns: BTreeMap::new(),
            armed: None,
            timers: (Timestamp::ORIGIN, 0),
            common,
        }
    }

    /// A new process.
    pub(super) fn start(&mut self, now: Timestamp, hub: hub::Config, config: directory::Config) {
        let incarnation = self.common.borrow_mut().random.next();
        let wall = self.wall.read(now);
        let directory = Directory::new(config, self.name.clone(), now, wall, incarnation);
        self.node = Some(Node::new(Hub::new(hub, incarnation), directory, now, wall));
        (self.life.1, self.awake, self.suspended, self.armed) = (self.life.1 + 1, now, false, None);
    }

    /// The process is gone.
    pub(super) fn stop(&mut self) {
        (self.node, self.armed, self.suspended) = (None, None, false);
        self.links.clear();
        self.conns.clear();
        self.entered.clear();
        self.asked.clear();
    }

    /// The node, if it runs and was neither replaced nor told to leave.
    pub(super) fn running(&self) -> Option<&Node> {
        self.node.as_ref().filter(|node| !node.directory().is_stopped())
    }

    /// Something happened to the server.
    pub(super) fn on(&mut self, wire: &mut Wire<'_, Line>, happening: Happening<Line>) {
        if self.node.is_none() {
            return;
        }
        let now = wire.now();
        match happening {
            Happening::Dial { link, .. } => {
                let host = self.name.clone();
                let request = hub::Request { host: host.as_str(), ..hub::Request::default() };
                match self.at(now).dial(&request) {
                    Ok(conn) => {
                        self.links.insert(link, conn);
                        let client = Client { link, user: None, rooms: BTreeSet::new(), closing: false };
                        self.conns.insert(conn, client);
                    }
                    Err((status, retry_after)) => wire.refuse(link, status, retry_after),
                }
            }
            Happening::Open { .. } => {}
            Happening::Message { link, message } => self.line(now, link, message),
            Happening::Ping { link, .. } | Happening::Pong { link, .. } => {
                if let Some(conn) = self.links.get(&link).copied() {
                    self.at(now).alive(conn);
                }
            }
            Happening::Closed { link, loss } => {
                if let Some(conn) = self.links.remove(&link) {
                    self.conns.remove(&conn);
                    self.common.borrow_mut().ledger.last_change = now;
                    self.at(now)
                        .closed(conn, if loss == Loss::Close(1000) { Departure::LoggedOut } else { Departure::Lost });
                }
            }
            Happening::Timer { name: DEADLINE } => {
                self.armed = None;
                if !self.suspended {
                    self.due(now);
                }
            }
            Happening::Timer { name } => {
                let arrived = self.common.borrow_mut().take(name);
                if let Some(payload) = arrived {
                    self.at(now).received(payload);
                }
            }
        }
        self.flush(wire);
    }

    /// Something is done to the node from outside.
    pub(super) fn act<T>(&mut self, wire: &mut Wire<'_, Line>, act: impl FnOnce(&mut Node) -> T) -> Option<T> {
        self.node.as_ref()?;
        let done = act(self.at(wire.now()));
        self.flush(wire);
        Some(done)
    }

    fn at(&mut self, now: Timestamp) -> &mut Node {
        let wall = self.wall.read(now);
        self.node.as_mut().expect("only a node that runs is asked").at(now, wall)
    }

    fn line(&mut self, now: Timestamp, link: LinkId, line: Line) {
        let Some(conn) = self.links.get(&link).copied() else { return };
        let life = self.life;
        if let (Line::Leave(room), Some(client)) = (&line, self.conns.get_mut(&conn)) {
            client.rooms.remove(room);
        }
        if let (Line::Relay { to, tag, message, .. }, Some(_)) = (&line, self.at(now).user_of(conn)) {
            self.common.borrow_mut().ledger.relayed((life, conn), *tag, to, message);
        }
        if let (Line::Publish { room, message }, Some(_)) = (&line, self.at(now).user_of(conn)) {
            self.common.borrow_mut().ledger.publishes((life, conn), room, message);
        }
        self.at(now).line(conn, line);
    }

    /// The timer, if it is due; a deadline that does not move is a violation.
    pub(super) fn due(&mut self, now: Timestamp) {
        if self.node.as_ref().and_then(Node::deadline).is_none_or(|at| at > now) {
            return;
        }
        self.timers = if self.timers.0 == now { (now, self.timers.1 + 1) } else { (now, 1) };
        if self.timers.1 == MOST_TIMERS {
            let what = format!("the deadline of {} does not move", self.name);
            self.common.borrow_mut().ledger.violated("P4", None, what);
        }
        if self.timers.1 < MOST_TIMERS {
            self.at(now).timer();
        }
    }

    /// Carries out what the node wants, and sets its timer.
    fn flush(&mut self, wire: &mut Wire<'_, Line>) {
        self.forget_rooms();
        let (now, common) = (wire.now(), self.common.clone());
        let shared = &mut *common.borrow_mut();
        shared.ledger.now = now;
        while let Some(output) = self.node.as_mut().and_then(Node::next_output) {
            self.carry_out(wire, shared, output);
        }
        let Some(node) = &self.node else { return };
        let deadline = node.deadline();
        if let Some(at) = deadline.filter(|at| self.armed.is_none_or(|armed| *at < armed)) {
            if self.timers.0 != now || self.timers.1 < MOST_TIMERS {
                wire.after(at.saturating_since(now), DEADLINE);
                self.armed = Some(at);
            }
        }
    }

    fn carry_out(&mut self, wire: &mut Wire<'_, Line>, shared: &mut Shared, output: Output) {
        let (now, nth) = (wire.now(), self.port);
        match output {
            Output::Send(conn, line) => self.send(wire, shared, conn, line),
            Output::Ping(conn) => self.conns.get(&conn).into_iter().for_each(|client| wire.ping(client.link, 0)),
            Output::Pong(conn) => self.conns.get(&conn).into_iter().for_each(|client| wire.pong(client.link, 0)),
            Output::Close(conn, code, retry_after) => {
                shared.trace.note(now, None, || format!("node {nth} closes {conn:?} with {code}"));
                shared.ledger.last_change = now;
                shared.ledger.tally.superseded += u64::from(code.get() == 4409);
                shared.ledger.tally.concurrent += u64::from(code.get() == 4509);
                let Some(client) = self.conns.get_mut(&conn) else { return };
                client.closing = true;
                match retry_after {
                    Some(wait) => wire.close_for(client.link, code.get(), wait),
                    None => wire.close(client.link, code.get()),
                }
            }
            Output::Abort(conn) => {
                if let Some(client) = self.conns.remove(&conn) {
                    self.links.remove(&client.link);
                    wire.reset(client.link);
                }
            }
            Output::Publish(to, payload) => {
                let most = self.node.as_ref().map_or(0, |node| node.directory().config().max_payload);
                if payload.len() > most as usize {
                    let what = format!("node {nth} publishes {} bytes", payload.len());
                    shared.ledger.violated("D17", None, what);
                }
                let arrivals = shared.brokers.publish(now, nth, &to, payload);
                shared.post(wire.network, arrivals);
            }
            Output::Subscribe(to) => shared.brokers.subscribe(now, nth, &to),
            Output::Unsubscribe(to) => shared.brokers.unsubscribe(nth, &to),
            Output::Outcome(conn, tag, outcome, message) => {
                shared.ledger.ended((self.life, conn), tag, outcome, message.as_deref());
                shared.trace.note(now, None, || format!("node {nth}: relay {tag} is {outcome}"));
                self.send(wire, shared, conn, Line::Outcome { tag, outcome });
            }
            Output::Entered(room, confirmed) => {
                if self.entered.insert(room.clone(), confirmed) == Some(confirmed) {
                    shared.ledger.violated("D13", None, format!("node {nth} has reported {room:?} twice"));
                }
            }
            Output::Members(tag, nodes, unanswered) => self.answered(shared, tag, nodes, unanswered),
            Output::Event(event) => self.event(shared, now, &event),
        }
    }

    fn send(&mut self, wire: &mut Wire<'_, Line>, shared: &mut Shared, conn: ConnId, line: Line) {
        let Some(client) = self.conns.get_mut(&conn).filter(|client| !client.closing) else { return };
        let here = (self.life, conn);
        match &line {
            Line::Welcome(user) => {
                shared.ledger.tally.logins += 1;
                shared.ledger.last_change = wire.now();
                let nth = self.port;
                shared.trace.note(wire.now(), Some(user), || format!("{user} logs in on node {nth} as {conn:?}"));
                client.user = Some(user.clone());
            }
            Line::Delivered { message, sequence, .. } => {
                shared.ledger.queued(here, client.user.as_ref(), sequence.as_ref(), message);
            }
            Line::Joined(room) => drop(client.rooms.insert(room.clone())),
            Line::Published { room, message } => {
                let is_in = room.as_ref().is_none_or(|room| client.rooms.contains(room));
                shared.ledger.heard(here, room.as_ref(), is_in, message);
            }
            _ => {}
        }
        wire.send(client.link, line);
    }

    fn answered(
        &mut self,
        shared: &mut Shared,
        tag: u64,
        nodes: Vec<directory::NodeMembers>,
        unanswered: Vec<directory::Node>,
    ) {
        let Some((_, asked)) = self.asked.remove(&tag) else {
            return shared.ledger.violated("D13", None, format!("question {tag} was not asked, or answered twice"));
        };
        let count = nodes.len() + unanswered.len();
        let named: BTreeSet<_> = nodes.into_iter().map(|node| node.node).chain(unanswered).collect();
        if named != asked || count != asked.len() {
            let what = format!("question {tag} went to {asked:?} and the answer names {named:?}");
            shared.ledger.violated("D13", None, what);
        }
    }

    fn event(&mut self, shared: &mut Shared, now: Timestamp, event: &Event) {
        shared.ledger.told(self.life, event);
        let about = match event {
            Event::Online(user) | Event::Offline(user) => Some(user),
            _ => None,
        };
        let nth = self.port;
        shared.trace.note(now, about, || format!("node {nth}: {event}"));
    }

    /// The rooms that it serves.
    pub(super) fn rooms(&self) -> Vec<Room> {
        self.running().map(|node| node.rooms().cloned().collect()).unwrap_or_default()
    }

    /// The connections in a room.
    pub(super) fn members(&self, room: &Room) -> Vec<(usize, ConnId)> {
        let members = self.running().into_iter().flat_map(|node| node.hub().members(room.as_bytes(), None));
        members.map(|(conn, _)| (self.port, conn)).collect()
    }

    /// The rooms that its clients have left are not entered any more.
    fn forget_rooms(&mut self) {
        if let Some(node) = &self.node {
            self.entered.retain(|room, _| node.is_in(room));
        }
    }

    /// A process that was suspended looks at the clock. What has arrived meanwhile is read before or after that.
    pub(super) fn wake(&mut self, wire: &mut Wire<'_, Line>) {
        (self.suspended, self.awake) = (false, wire.now());
        self.due(wire.now());
        self.flush(wire);
    }
}
