//! A node: a hub and a directory, wired as a server does it. Copy this file to begin a server of your own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use heartline::directory::{self, Departure, Destination, Directory, Event, NodeMembers, Outcome, UnixTime, User};
use heartline::hub::{self, Hub, Room, Route, Undelivered};
use heartline::{CloseCode, ConnId, Timestamp};

use super::line::Line;

/// Something for a node's sockets, for the broker, or for the application.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Queue this on a connection.
    Send(ConnId, Line),
    /// Send a ping.
    Ping(ConnId),
    /// Answer the client's ping.
    Pong(ConnId),
    /// Send a close frame with this code and the time to stay away, then report the end of the connection.
    Close(ConnId, CloseCode, Option<Duration>),
    /// Drop the connection.
    Abort(ConnId),
    /// Give this to the broker.
    Publish(Destination, Vec<u8>),
    /// Receive from now on what is published to this.
    Subscribe(Destination),
    /// Receive it no longer.
    Unsubscribe(Destination),
    /// What became of a client's message: the connection, the tag, the outcome, and the message if it came back.
    Outcome(ConnId, u64, Outcome, Option<Vec<u8>>),
    /// A room was entered; whether that is confirmed.
    Entered(Room, bool),
    /// Who is in a room on other nodes: the tag, what they said, and the nodes that did not answer.
    Members(u64, Vec<NodeMembers>, Vec<directory::Node>),
    /// An event of the directory.
    Event(Event),
}

/// A broadcast in the hub: its sender may be on another node.
type Said = (Option<User>, Vec<u8>);

/// An action of one of the two machines. All are carried out in the order in which they were pulled, so that what the directory publishes
/// stays in order even if carrying out one action makes it publish more.
enum Owed {
    Hub(hub::Action<User, Said>),
    Directory(directory::Action),
}

/// A connection until its end is decided.
#[derive(Default)]
struct Client {
    user: Option<User>,
    rooms: BTreeSet<Room>,
}

/// A hub and its directory. It has no sockets: what happened goes in with the time, [`Output`]s come out.
pub struct Node {
    hub: Hub<User, Said>,
    directory: Directory,
    clients: BTreeMap<ConnId, Client>,
    /// How many clients are in each room that the directory has entered.
    rooms: BTreeMap<Room, usize>,
    owed: VecDeque<Owed>,
    outputs: VecDeque<Output>,
    now: Timestamp,
    wall: UnixTime,
}

impl Node {
    /// A node that starts now. The hub has to be configured to replace on a second login. Its presence events are not used: the directory's are.
    pub fn new(hub: Hub<User, Said>, directory: Directory, now: Timestamp, wall: UnixTime) -> Self {
        let (clients, rooms) = (BTreeMap::new(), BTreeMap::new());
        Self { hub, directory, clients, rooms, owed: VecDeque::new(), outputs: VecDeque::new(), now, wall }
    }

    /// The hub.
    pub fn hub(&self) -> &Hub<User, Said> {
        &self.hub
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// The user of a connection that is logged in and not about to end.
    pub fn user_of(&self, conn: ConnId) -> Option<&User> {
        self.clients.get(&conn)?.user.as_ref()
    }

    /// The rooms that clients are in.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.keys()
    }

    /// Whether a client is in a room.
    pub fn is_in(&self, room: &Room) -> bool {
        self.rooms.contains_key(room)
    }

    /// When [`timer`](Self::timer) is to be called; `None` for never.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.hub.deadline().into_iter().chain(self.directory.deadline()).min()
    }

    /// What is to be done next, if anything. To be called after each input until it is `None`.
    pub fn next_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// Sets the time of the next input, by the monotonic clock and the wall clock. To be called before each of the following.
    pub fn at(&mut self, now: Timestamp, wall: UnixTime) -> &mut Self {
        (self.now, self.wall) = (now, wall);
        self
    }

    /// A client dials. A node that has stopped admits nobody, nor does one that is cut off, if it is to send its clients away.
    ///
    /// # Errors
    /// The HTTP status of the refusal, and after how long the client may come again.
    pub fn dial(&mut self, request: &hub::Request<'_>) -> Result<ConnId, (u16, Option<Duration>)> {
        let alone = self.directory.is_cut_off() && self.directory.config().send_away_when_cut_off;
        if self.directory.is_stopped() || alone {
            return Err((503, None));
        }
        let admitted = self.hub.admit(self.now, request).map_err(|denied| (denied.status(), denied.retry_after))?;
        let conn = admitted.conn;
        self.clients.insert(conn, Client::default());
        Ok(conn)
    }

    /// A frame arrived that means nothing else than that the client is alive.
    pub fn alive(&mut self, conn: ConnId) {
        self.tell_hub(hub::Input::Alive { conn, bytes: 0 });
        self.settle();
    }

    /// The client's ping.
    pub fn ping(&mut self, conn: ConnId) {
        self.tell_hub(hub::Input::Alive { conn, bytes: 0 });
        self.tell_hub(hub::Input::Ping { conn });
        self.settle();
    }

    /// A client's line arrived.
    pub fn line(&mut self, conn: ConnId, line: Line) {
        self.tell_hub(hub::Input::Alive { conn, bytes: line.bytes() });
        match line {
            Line::LogIn(user) => self.tell_hub(hub::Input::Login { conn, user, until: None }),
            Line::Relay { to, tag, volatile, message } => self.relay(conn, to, tag, volatile, message),
            Line::Join(room) => self.tell_hub(hub::Input::Join { conn, room }),
            Line::Leave(room) => {
                self.tell_hub(hub::Input::Leave { conn, room: room.clone() });
                self.left(conn, &room);
            }
            Line::Publish { room, message } => self.publish(conn, room, message),
            _ => self.tell_hub(hub::Input::UnknownMessage { conn }),
        }
        self.settle();
    }

    /// A connection ended.
    pub fn closed(&mut self, conn: ConnId, departure: Departure) {
        self.tell_hub(hub::Input::Closed { conn });
        self.ended(conn, departure);
        self.settle();
    }

    /// A packet arrived from the broker.
    pub fn received(&mut self, payload: Vec<u8>) {
        self.tell_directory(directory::Input::Received { payload });
        self.settle();
    }

    /// The connection to the broker was lost and is there again, or the broker has dropped packets.
    pub fn interrupted(&mut self) {
        self.tell_directory(directory::Input::Interrupted);
        self.settle();
    }

    /// Asks who is in a room on the other nodes. Answered with [`Output::Members`].
    pub fn ask_members(&mut self, room: Room, limit: u32, tag: u64) {
        self.tell_directory(directory::Input::AskMembers { room, limit, tag });
        self.settle();
    }

    /// The deadline has come.
    pub fn timer(&mut self) {
        self.tell_hub(hub::Input::Timer);
        self.tell_directory(directory::Input::Timer);
        self.settle();
    }

    /// The server shuts down: first the hub drains, as [`hub::Input::Shutdown`] says, then the node says goodbye.
    pub fn shut_down(&mut self, within: Duration, pace: Duration, spread: Duration) {
        self.tell_hub(hub::Input::Shutdown { within, pace, spread });
        self.settle();
    }

    fn tell_hub(&mut self, input: hub::Input<User, Said>) {
        self.owed.extend(self.hub.handle(self.now, input).map(Owed::Hub));
    }

    fn tell_directory(&mut self, input: directory::Input) {
        self.owed.extend(self.directory.handle(self.now, self.wall, input).map(Owed::Directory));
    }

    fn settle(&mut self) {
        while let Some(owed) = self.owed.pop_front() {
            match owed {
                Owed::Hub(action) => self.of_hub(action),
                Owed::Directory(action) => self.of_directory(action),
            }
        }
    }

    fn of_hub(&mut self, action: hub::Action<User, Said>) {
        use hub::Action;
        match action {
            Action::LoggedIn { conn, user, .. } => self.logged_in(conn, user),
            Action::LoginRefused { conn, .. } => {
                self.tell_hub(hub::Input::Close { conn, code: CloseCode::TRY_AGAIN_LATER })
            }
            Action::Broadcast { conns, room, message: (_, message), .. } => {
                for conn in conns {
                    let line = Line::Published { room: room.clone(), message: message.clone() };
                    self.outputs.push_back(Output::Send(conn, line));
                }
            }
            Action::Joined { conn, room, .. } => self.joined(conn, room),
            Action::Ping { conn, .. } => self.outputs.push_back(Output::Ping(conn)),
            Action::Pong { conn, .. } => self.outputs.push_back(Output::Pong(conn)),
            Action::Close { conn, code, retry_after, .. } => {
                self.outputs.push_back(Output::Close(conn, code, retry_after));
                self.ended(conn, Departure::by_close(code));
            }
            Action::Abort { conn, .. } => {
                self.outputs.push_back(Output::Abort(conn));
                self.ended(conn, Departure::Lost);
            }
            Action::Event(hub::Event::Drained) => self.tell_directory(directory::Input::Leave),
            // Relays go by `route`; presence is the directory's.
            _ => {}
        }
    }

    fn of_directory(&mut self, action: directory::Action) {
        use directory::Action;
        match action {
            Action::Publish { to, payload } => self.outputs.push_back(Output::Publish(to, payload)),
            Action::Subscribe { to } => self.outputs.push_back(Output::Subscribe(to)),
            Action::Unsubscribe { to } => self.outputs.push_back(Output::Unsubscribe(to)),
            Action::Close { conn, code } => self.tell_hub(hub::Input::Close { conn, code }),
            Action::Deliver { relay, to, from, conn, sequence, message, volatile } => {
                let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
                let outcome = match self.hub.deliver(self.now, &to, bytes, volatile) {
                    Ok(recipient) => {
                        let line = Line::Delivered { from, sequence: Some((conn, sequence)), message };
                        self.outputs.push_back(Output::Send(recipient, line));
                        Outcome::Routed
                    }
                    Err(Undelivered::Offline) => Outcome::Offline,
                    Err(Undelivered::Full) => Outcome::Full,
                    Err(Undelivered::Dropped) => Outcome::Dropped,
                };
                self.tell_directory(directory::Input::Delivered { relay, outcome });
            }
            Action::Broadcast { from, room, except, message, volatile } => {
                let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
                let message = (from, message);
                self.tell_hub(hub::Input::Broadcast { from: None, room, except, message, bytes, volatile, tag: 0 });
            }
            Action::Outcome { conn, tag, outcome, message } => {
                self.outputs.push_back(Output::Outcome(conn, tag, outcome, message));
            }
            Action::Entered { room, confirmed } => self.outputs.push_back(Output::Entered(room, confirmed)),
            Action::ListMembers { query, room, limit } => {
                let users = self.hub.members(room.as_bytes(), None).take(limit as usize);
                let users = users.map(|(_, user)| user.clone()).collect();
                let total = self.hub.room_size(room.as_bytes());
                self.tell_directory(directory::Input::MembersHere { query, users, total });
            }
            Action::Members { tag, nodes, unanswered } => {
                self.outputs.push_back(Output::Members(tag, nodes, unanswered))
            }
            Action::SendAway => {
                for conn in self.clients.keys().copied().collect::<Vec<_>>() {
                    self.tell_hub(hub::Input::Close { conn, code: CloseCode::SERVICE_RESTART });
                }
            }
            Action::Event(event) => self.outputs.push_back(Output::Event(event)),
            // Too long for the other nodes; the clients here have it.
            Action::BroadcastRefused { .. } => {}
            _ => {}
        }
    }

    /// A login that is renewed on its connection is not reported again.
    fn logged_in(&mut self, conn: ConnId, user: User) {
        self.outputs.push_back(Output::Send(conn, Line::Welcome(user.clone())));
        let Some(client) = self.clients.get_mut(&conn) else { return };
        if client.user.replace(user.clone()).is_none() {
            self.tell_directory(directory::Input::Login { conn, user });
        }
    }

    fn joined(&mut self, conn: ConnId, room: Room) {
        self.outputs.push_back(Output::Send(conn, Line::Joined(room.clone())));
        let Some(client) = self.clients.get_mut(&conn) else { return };
        if client.rooms.insert(room.clone()) {
            let members = self.rooms.entry(room.clone()).or_default();
            *members += 1;
            if *members == 1 {
                self.tell_directory(directory::Input::EnterRoom { room });
            }
        }
    }

    fn left(&mut self, conn: ConnId, room: &Room) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        let was_in = client.rooms.remove(room);
        let Some(members) = self.rooms.get_mut(room).filter(|_| was_in) else { return };
        *members -= 1;
        if *members == 0 {
            self.rooms.remove(room);
            self.tell_directory(directory::Input::LeaveRoom { room: room.clone() });
        }
    }

    /// The close of a connection was decided, or the connection has ended; the second of the two finds nothing.
    fn ended(&mut self, conn: ConnId, departure: Departure) {
        let Some(client) = self.clients.get(&conn) else { return };
        for room in client.rooms.clone() {
            self.left(conn, &room);
        }
        if let Some(user) = self.clients.remove(&conn).and_then(|client| client.user) {
            self.tell_directory(directory::Input::Ended { conn, user, departure });
        }
    }

    /// By the hub if the user is here, else by the directory.
    fn relay(&mut self, conn: ConnId, to: User, tag: u64, volatile: bool, message: Vec<u8>) {
        let bytes = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let outcome = match self.hub.route(self.now, conn, &to, bytes, volatile) {
            Route::To { conn: recipient, from } => {
                let line = Line::Delivered { from: from.clone(), sequence: None, message };
                self.outputs.push_back(Output::Send(recipient, line));
                return self.outputs.push_back(Output::Outcome(conn, tag, Outcome::Routed, None));
            }
            Route::Offline => {
                let Some(from) = self.user_of(conn).cloned() else { return };
                return self.tell_directory(directory::Input::Relay { conn, from, to, message, volatile, tag });
            }
            Route::Full => Outcome::Full,
            Route::Dropped => Outcome::Dropped,
            Route::NotLoggedIn | Route::Stale => return,
        };
        self.outputs.push_back(Output::Outcome(conn, tag, outcome, Some(message)));
    }

    /// By the hub for the clients here, by the directory for those on other nodes.
    fn publish(&mut self, conn: ConnId, room: Room, message: Vec<u8>) {
        let Some(user) = self.user_of(conn).cloned() else { return };
        let (bytes, from) = (u32::try_from(message.len()).unwrap_or(u32::MAX), Some(user));
        let (here, said) = (Some(room.clone()), (from.clone(), message.clone()));
        self.tell_hub(hub::Input::Broadcast {
            from: Some(conn),
            room: here,
            except: Vec::new(),
            message: said,
            bytes,
            volatile: false,
            tag: 0,
        });
        let (room, except) = (Some(room), Vec::new());
        self.tell_directory(directory::Input::Broadcast { from, room, except, message, volatile: false });
    }
}
