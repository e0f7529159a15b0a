//! The directory beside the hub, and who waits for it.

mod carry_out;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use heartline::directory::{
    Action, Broker, Config, Directory, Event, Input, Node, NodeMembers, Outcome, UnixTime, User,
};
use heartline::hub::Room;
use heartline::{ConnId, Timestamp};
use heartline_tungstenite::Limits;
use tokio::sync::oneshot;

use crate::cluster::{ClusterStats, NodeStatus};
use crate::presence::Presence;
use crate::random::random;

/// Stands for the server itself among the senders on this node. No connection has this id: they count up from 1.
pub(crate) const SERVER: u64 = u64::MAX;

/// What the directory knows of this node's hub, and who waits for it.
pub(crate) struct Cluster {
    directory: Directory,
    broker: Arc<dyn Broker>,
    limits: Limits,
    inputs: VecDeque<Input>,
    actions: VecDeque<Action>,
    /// When the directory wants its timer.
    pub(super) deadline: Option<Timestamp>,
    /// Connections that are logged in, by their ids and by their users' names.
    members: HashMap<ConnId, Member>,
    conns: HashMap<User, ConnId>,
    /// The name of the user whose login the hub is asked for.
    naming: Option<User>,
    /// Rooms with a connection of this node.
    rooms: HashMap<Room, Entry>,
    /// Who waits for the outcome of a message, and for who is in a room, by their tags.
    relays: HashMap<u64, oneshot::Sender<Outcome>>,
    questions: HashMap<u64, oneshot::Sender<Everywhere>>,
    next_tag: u64,
    pub(super) presence: Presence<User>,
    told: Vec<Told>,
    news: Vec<Event>,
    left: bool,
}

struct Member {
    user: User,
    rooms: BTreeSet<Room>,
}

#[derive(Default)]
struct Entry {
    /// Whether a message to oneself came back under the room's name; `None` while it may.
    confirmed: Option<bool>,
    waiting: Vec<oneshot::Sender<bool>>,
}

/// Who is in a room on the other nodes, and which of them did not say.
pub(crate) struct Everywhere {
    pub(crate) nodes: Vec<NodeMembers>,
    pub(crate) silent: Vec<Node>,
}

/// An answer, given when the lock is released.
pub(crate) enum Told {
    Outcome(oneshot::Sender<Outcome>, Outcome),
    Entered(oneshot::Sender<bool>, bool),
    Members(oneshot::Sender<Everywhere>, Everywhere),
}

/// Whoever does not wait any more is told nothing. For the others it wakes tasks, so it is done without the lock.
#[inline(never)]
pub(super) fn tell(told: Vec<Told>) {
    for told in told {
        match told {
            Told::Outcome(to, outcome) => _ = to.send(outcome),
            Told::Entered(to, confirmed) => _ = to.send(confirmed),
            Told::Members(to, members) => _ = to.send(members),
        }
    }
}

/// A message for a user on another node.
pub(crate) struct Letter {
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
            members: HashMap::new(),
            conns: HashMap::new(),
            naming: None,
            rooms: HashMap::new(),
            relays: HashMap::new(),
            questions: HashMap::new(),
            next_tag: 0,
            presence,
            told: Vec::new(),
            news: Vec::new(),
            left: false,
        }
    }

    /// For the next step.
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

    /// The name under which the next login is told to others.
    pub(super) fn name(&mut self, name: Option<User>) {
        self.naming = name;
    }

    /// The login that was asked for was taken, or renewed.
    pub(super) fn logged_in(&mut self, conn: ConnId) {
        let Some(user) = self.naming.take() else { return };
        if self.members.contains_key(&conn) {
            return;
        }
        self.members.insert(conn, Member { user: user.clone(), rooms: BTreeSet::new() });
        self.conns.insert(user.clone(), conn);
        self.feed(Input::Login { conn, user });
    }

    /// A connection has ended, or its close was decided: the rooms it was in.
    fn ended(&mut self, conn: ConnId, logged_out: bool) -> BTreeSet<Room> {
        let Some(Member { user, rooms }) = self.members.remove(&conn) else { return BTreeSet::new() };
        if self.conns.get(&user) == Some(&conn) {
            self.conns.remove(&user);
        }
        self.feed(Input::Ended { conn, user, logged_out });
        rooms
    }

    pub(crate) fn online(&self, most: usize) -> (Vec<User>, usize) {
        let online = self.directory.online();
        let count = online.len();
        (online.take(most).map(|(user, _)| user.clone()).collect(), count)
    }

    pub(crate) fn end_window(&mut self, now: Timestamp) -> Option<crate::presence::Window<User>> {
        self.presence.end(now, self.directory.online().map(|(user, _)| user))
    }

    // ---- messages ------------------------------------------------------------------------

    /// A message of a connection of this node, or of the server itself. The outcome follows.
    pub(crate) fn relay(&mut self, conn: Option<ConnId>, letter: Letter) -> Option<oneshot::Receiver<Outcome>> {
        let (conn, from) = match conn {
            Some(conn) => (conn, self.members.get(&conn)?.user.clone()),
            None => (ConnId::from_raw(SERVER)?, User::from(self.directory.node().as_str())),
        };
        let (tell, outcome) = oneshot::channel();
        let Letter { to, message, volatile } = letter;
        let tag = self.tag();
        self.relays.insert(tag, tell);
        self.feed(Input::Relay { conn, from, to, message, volatile, tag });
        Some(outcome)
    }

    pub(crate) fn broadcast(&mut self, conn: Option<ConnId>, room: Option<Room>, message: Vec<u8>, volatile: bool) {
        let from = conn.and_then(|conn| self.members.get(&conn)).map(|member| member.user.clone());
        self.feed(Input::Broadcast { from, room, except: Vec::new(), message, volatile });
    }

    // ---- rooms ---------------------------------------------------------------------------

    pub(super) fn joined(&mut self, conn: ConnId, room: Room) {
        let Some(member) = self.members.get_mut(&conn) else { return };
        if member.rooms.insert(room.clone()) && !self.rooms.contains_key(&room) {
            self.rooms.insert(room.clone(), Entry::default());
            self.feed(Input::EnterRoom { room });
        }
    }

    /// The last connection of this node is gone.
    fn leave_room(&mut self, room: Room) {
        if let Some(Entry { waiting, .. }) = self.rooms.remove(&room) {
            self.told.extend(waiting.into_iter().map(|to| Told::Entered(to, false)));
            self.feed(Input::LeaveRoom { room });
        }
    }

    fn entered(&mut self, room: &Room, confirmed: bool) {
        let Some(entry) = self.rooms.get_mut(room) else { return };
        entry.confirmed = Some(confirmed);
        self.told.extend(entry.waiting.drain(..).map(|to| Told::Entered(to, confirmed)));
    }

    /// Whether a room is joined, when that is known.
    pub(crate) fn room_entered(&mut self, room: &Room) -> oneshot::Receiver<bool> {
        let (tell, entered) = oneshot::channel();
        match self.rooms.get_mut(room) {
            Some(entry) if entry.confirmed.is_none() => entry.waiting.push(tell),
            entry => {
                let confirmed = entry.and_then(|entry| entry.confirmed).unwrap_or(false);
                self.told.push(Told::Entered(tell, confirmed));
            }
        }
        entered
    }

    /// Who is in a room on the other nodes.
    pub(crate) fn ask_members(&mut self, room: Room, most: usize) -> oneshot::Receiver<Everywhere> {
        let (tell, members) = oneshot::channel();
        let tag = self.tag();
        self.questions.insert(tag, tell);
        self.feed(Input::AskMembers { room, limit: u32::try_from(most).unwrap_or(u32::MAX), tag });
        members
    }

    // ---- the node ------------------------------------------------------------------------

    /// Why nobody is let in.
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

/// The time of day.
fn wall() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
