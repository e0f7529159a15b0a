//! The directory beside the hub: what it is told, and the callers who wait for its answers.

mod carry_out;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use heartline::directory::{
    Action, Broker, Config, Departure, Directory, Event, Input, Node, NodeMembers, Outcome, UnixTime, User,
};
use heartline::hub::Room;
use heartline::{ConnId, Timestamp};
use heartline_tungstenite::Limits;
use tokio::sync::oneshot;

use crate::cluster::{ClusterStats, NodeStatus};
use crate::presence::Presence;
use crate::random::random;

/// The connection id under which the server itself sends. No connection has it: their ids count up from 1.
pub(crate) const SERVER: u64 = u64::MAX;

/// The directory, what it has been told of this node's hub, and the callers who wait for its answers.
pub(crate) struct Cluster {
    directory: Directory,
    broker: Arc<dyn Broker>,
    limits: Limits,
    inputs: VecDeque<Input>,
    actions: VecDeque<Action>,
    /// When the directory's timer is due.
    pub(super) deadline: Option<Timestamp>,
    /// The connections that are logged in, by their ids and by their users' names.
    logins: HashMap<ConnId, Login>,
    conns: HashMap<User, ConnId>,
    /// The name, for other nodes, of the user whose login the hub is being asked for.
    login_name: Option<User>,
    /// The rooms that connections of this node are in.
    rooms: HashMap<Room, EnteredRoom>,
    /// The callers who wait for the outcome of a relay, and for who is in a room, by tag.
    relays: HashMap<u64, oneshot::Sender<Outcome>>,
    questions: HashMap<u64, oneshot::Sender<RemoteMembers>>,
    next_tag: u64,
    pub(super) presence: Presence<User>,
    responses: Vec<Response>,
    events: Vec<Event>,
    left: bool,
}

struct Login {
    user: User,
    rooms: BTreeSet<Room>,
}

#[derive(Default)]
struct EnteredRoom {
    /// Whether the room was entered confirmed; `None` until it is entered.
    confirmed: Option<bool>,
    waiting: Vec<oneshot::Sender<bool>>,
}

/// Who is in a room on the other nodes, and which nodes did not answer.
pub(crate) struct RemoteMembers {
    pub(crate) nodes: Vec<NodeMembers>,
    pub(crate) unanswered: Vec<Node>,
}

/// An answer of the directory for a caller, who gets it when the lock is released.
pub(crate) enum Response {
    Outcome(oneshot::Sender<Outcome>, Outcome),
    Entered(oneshot::Sender<bool>, bool),
    Members(oneshot::Sender<RemoteMembers>, RemoteMembers),
}

/// Gives the callers their answers; those who no longer wait get none. This wakes tasks, so it is done without the lock.
#[inline(never)]
pub(super) fn respond(responses: Vec<Response>) {
    for response in responses {
        match response {
            Response::Outcome(to, outcome) => _ = to.send(outcome),
            Response::Entered(to, confirmed) => _ = to.send(confirmed),
            Response::Members(to, members) => _ = to.send(members),
        }
    }
}

/// A message for a user on another node.
pub(crate) struct RelayRequest {
    pub(crate) to: User,
    pub(crate) message: Vec<u8>,
    pub(crate) volatile: bool,
}

impl Cluster {
    pub(crate) fn new(
        config: Config,
        node: Node,
        broker: Arc<dyn Broker>,
        now: Timestamp,
        limits: Limits,
        presence: Presence<User>,
    ) -> Self {
        let directory = Directory::new(config, node, now, wall(), random());
        Self {
            deadline: directory.deadline(),
            directory,
            broker,
            limits,
            inputs: VecDeque::new(),
            actions: VecDeque::new(),
            logins: HashMap::new(),
            conns: HashMap::new(),
            login_name: None,
            rooms: HashMap::new(),
            relays: HashMap::new(),
            questions: HashMap::new(),
            next_tag: 0,
            presence,
            responses: Vec::new(),
            events: Vec::new(),
            left: false,
        }
    }

    /// Queues an input for the directory.
    pub(crate) fn feed(&mut self, input: Input) {
        self.inputs.push_back(input);
    }

    fn next_action(&mut self, now: Timestamp) -> Option<Action> {
        while self.actions.is_empty() {
            let input = self.inputs.pop_front()?;
            self.actions.extend(self.directory.handle(now, wall(), input));
            self.deadline = self.directory.deadline();
        }
        self.actions.pop_front()
    }

    fn tag(&mut self) -> u64 {
        self.next_tag += 1;
        self.next_tag
    }

    // ---- users ---------------------------------------------------------------------------

    /// Sets the name under which other nodes know the user of the next login.
    pub(super) fn set_login_name(&mut self, name: Option<User>) {
        self.login_name = name;
    }

    /// The hub took the login that was asked for, or renewed it.
    pub(super) fn logged_in(&mut self, conn: ConnId) {
        let Some(user) = self.login_name.take() else { return };
        if self.logins.contains_key(&conn) {
            return;
        }
        self.logins.insert(conn, Login { user: user.clone(), rooms: BTreeSet::new() });
        self.conns.insert(user.clone(), conn);
        self.feed(Input::Login { conn, user });
    }

    /// A connection has ended, or its close was decided. Returns the rooms that it was in.
    fn ended(&mut self, conn: ConnId, departure: Departure) -> BTreeSet<Room> {
        let Some(Login { user, rooms }) = self.logins.remove(&conn) else { return BTreeSet::new() };
        if self.conns.get(&user) == Some(&conn) {
            self.conns.remove(&user);
        }
        self.feed(Input::Ended { conn, user, departure });
        rooms
    }

    pub(crate) fn node_of(&self, user: &User) -> Option<&Node> {
        self.directory.node_of(user)
    }

    pub(crate) fn online(&self, most: usize) -> (Vec<User>, usize) {
        let online = self.directory.online();
        let count = online.len();
        (online.take(most).map(|(user, _)| user.clone()).collect(), count)
    }

    pub(crate) fn end_window(&mut self, now: Timestamp) -> Option<crate::presence::Window<User>> {
        self.presence.end(now, self.directory.present())
    }

    // ---- messages ------------------------------------------------------------------------

    /// Relays a message of a connection of this node, or of the server itself. `None` if the connection is not logged in.
    pub(crate) fn relay(&mut self, conn: Option<ConnId>, request: RelayRequest) -> Option<oneshot::Receiver<Outcome>> {
        let (conn, from) = match conn {
            Some(conn) => (conn, self.logins.get(&conn)?.user.clone()),
            None => (ConnId::from_raw(SERVER)?, User::from(self.directory.node().as_str())),
        };
        let (tell, outcome) = oneshot::channel();
        let RelayRequest { to, message, volatile } = request;
        let tag = self.tag();
        self.relays.insert(tag, tell);
        self.feed(Input::Relay { conn, from, to, message, volatile, tag });
        Some(outcome)
    }

    pub(crate) fn broadcast(&mut self, conn: Option<ConnId>, room: Option<Room>, message: Vec<u8>, volatile: bool) {
        let from = conn.and_then(|conn| self.logins.get(&conn)).map(|login| login.user.clone());
        self.feed(Input::Broadcast { from, room, except: Vec::new(), message, volatile });
    }

    // ---- rooms ---------------------------------------------------------------------------

    pub(super) fn joined(&mut self, conn: ConnId, room: Room) {
        let Some(login) = self.logins.get_mut(&conn) else { return };
        if login.rooms.insert(room.clone()) && !self.rooms.contains_key(&room) {
            self.rooms.insert(room.clone(), EnteredRoom::default());
            self.feed(Input::EnterRoom { room });
        }
    }

    /// The last connection of this node has left the room.
    fn leave_room(&mut self, room: Room) {
        if let Some(EnteredRoom { waiting, .. }) = self.rooms.remove(&room) {
            self.responses.extend(waiting.into_iter().map(|to| Response::Entered(to, false)));
            self.feed(Input::LeaveRoom { room });
        }
    }

    fn entered(&mut self, room: &Room, confirmed: bool) {
        let Some(entry) = self.rooms.get_mut(room) else { return };
        entry.confirmed = Some(confirmed);
        self.responses.extend(entry.waiting.drain(..).map(|to| Response::Entered(to, confirmed)));
    }

    /// Whether a room was entered confirmed, once that is known; false if this node is not in it.
    pub(crate) fn room_entered(&mut self, room: &Room) -> oneshot::Receiver<bool> {
        let (tell, entered) = oneshot::channel();
        match self.rooms.get_mut(room) {
            Some(entry) if entry.confirmed.is_none() => entry.waiting.push(tell),
            entry => {
                let confirmed = entry.and_then(|entry| entry.confirmed).unwrap_or(false);
                self.responses.push(Response::Entered(tell, confirmed));
            }
        }
        entered
    }

    /// Who is in a room on the other nodes.
    pub(crate) fn ask_members(&mut self, room: Room, most: usize) -> oneshot::Receiver<RemoteMembers> {
        let (tell, members) = oneshot::channel();
        let tag = self.tag();
        self.questions.insert(tag, tell);
        self.feed(Input::AskMembers { room, limit: u32::try_from(most).unwrap_or(u32::MAX), tag });
        members
    }

    // ---- the node ------------------------------------------------------------------------

    /// Why nobody is let in, if so.
    fn away(&self) -> Option<&'static str> {
        if self.directory.is_stopped() && !self.left {
            return Some("another server has taken this one's place");
        }
        let away = self.directory.is_cut_off() && self.directory.config().send_away_when_cut_off;
        away.then_some("cut off from the other servers")
    }

    pub(crate) fn nodes(&self) -> Vec<NodeStatus> {
        let known = self.directory.nodes().map(|status| NodeStatus {
            node: status.node.clone(),
            users: status.users,
            in_step: status.in_step,
            hears_us: status.hears_us,
            silent: status.silent,
        });
        known.collect()
    }

    pub(crate) fn stats(&self) -> ClusterStats {
        ClusterStats {
            directory: self.directory.stats(),
            nodes: self.directory.nodes().count(),
            online: self.directory.online().len(),
            cut_off: self.directory.is_cut_off(),
            stopped: self.directory.is_stopped(),
        }
    }
}

/// The wall clock.
fn wall() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
