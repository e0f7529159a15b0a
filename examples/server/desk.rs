//! The one task that owns the hub. It never waits for a connection: what it has for one goes into that
//! connection's queue, and the hub is told how many bytes wait there and how many were written.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use heartline::hub::{self, Action, Config, Denied, Event, Fate, Hub, Input, LoginRefusal, Request};
use heartline::{ConnId, Instant};
use tokio::sync::mpsc::{Receiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::sleep_until;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, Utf8Bytes};

use super::connection::wire_size;
use super::events::{Body, CANNOT_HANDLE, Heard, Role, Told, User};
use super::notes::{Asks, NOTES, Note, Pass};

struct Peer {
    queue: UnboundedSender<Message>,
    abort: oneshot::Sender<()>,
}

pub struct Desk {
    origin: tokio::time::Instant,
    hub: Hub<User, Body>,
    peers: HashMap<ConnId, Peer>,
    /// Who wants to hear of everybody who comes and goes.
    watchers: BTreeSet<ConnId>,
    /// What the hub is to be told of the step that is being carried out.
    owed: VecDeque<Input<User, Body>>,
    actions: Vec<Action<User, Body>>,
    /// The client's own number of the message that is being relayed.
    id: Option<u64>,
    drained: bool,
}

impl Desk {
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            hub: Hub::new(config, seed),
            peers: HashMap::new(),
            watchers: BTreeSet::new(),
            owed: VecDeque::new(),
            actions: Vec::new(),
            id: None,
            drained: false,
        }
    }

    /// Until a shutdown is through: first what has come in, then the timer.
    pub async fn run(mut self, mut inbox: Receiver<Note>) -> hub::Stats {
        let mut notes = Vec::new();
        let mut timer = std::pin::pin!(sleep_until(self.origin));
        let mut armed = None;
        while !self.drained {
            let deadline = self.hub.deadline();
            if let (true, Some(at)) = (armed != deadline, deadline) {
                timer.as_mut().reset(self.origin + Duration::from_nanos(at.as_nanos()));
            }
            armed = deadline;
            tokio::select! {
                biased;
                count = inbox.recv_many(&mut notes, NOTES) => {
                    if count == 0 {
                        break; // Nobody is left who could say anything.
                    }
                    notes.drain(..).for_each(|note| self.take(note));
                }
                () = &mut timer, if armed.is_some() => armed = None,
            }
            if self.hub.deadline().is_some_and(|at| at <= self.now()) {
                self.feed(Input::Timer);
            }
        }
        self.hub.stats()
    }

    fn now(&self) -> Instant {
        Instant::after(self.origin.elapsed())
    }

    fn take(&mut self, note: Note) {
        match note {
            Note::Admit { asks, answer } => self.admit(&asks, answer),
            Note::Login { conn, user } => self.feed(Input::Login { conn, user }),
            Note::Heard { conn, heard } => self.hear(conn, heard),
            Note::Alive { conn } => self.feed(Input::Alive { conn }),
            Note::Written { conn, bytes } => self.feed(Input::Written { conn, bytes }),
            Note::Broken { conn, code } => self.feed(Input::Close { conn, code }),
            Note::Gone { conn } => {
                self.forget(conn);
                self.feed(Input::Closed { conn });
            }
            Note::Stop { within, spread } => self.feed(Input::Shutdown { within, spread }),
        }
        self.settle();
    }

    fn admit(&mut self, asks: &Asks, answer: oneshot::Sender<Result<Pass, Denied>>) {
        let protocols: Vec<&str> = asks.protocols.iter().map(String::as_str).collect();
        let request = Request { origin: asks.origin.as_deref(), host: &asks.host, protocols: &protocols };
        let now = self.now();
        let pass = self.hub.admit(now, &request).map(|admitted| {
            let (conn, protocol) = (admitted.conn, admitted.protocol.map(str::to_owned));
            let ((queue, queued), (abort, aborted)) = (unbounded_channel(), oneshot::channel());
            self.peers.insert(conn, Peer { queue, abort });
            Pass { conn, protocol, queue: queued, abort: aborted }
        });
        if let Err(Ok(pass)) = answer.send(pass) {
            self.take(Note::Gone { conn: pass.conn }); // It did not wait for the answer.
        }
    }

    /// What the events of a client mean.
    fn hear(&mut self, conn: ConnId, heard: Heard) {
        let me = self.hub.user_of(conn).cloned();
        match heard {
            Heard::Heart => self.feed(Input::Ping { conn }),
            Heard::Login { user } => match User::new(Role::Person, &user) {
                Some(user) => self.feed(Input::Login { conn, user }),
                None => self.feed(Input::Unknown { conn }),
            },
            Heard::Send { to, text, id, volatile } => {
                self.relay(conn, me.as_ref(), &to, Body::Text { text, id }, id, volatile);
            }
            Heard::OpenScreen { to_user } => self.relay(conn, me.as_ref(), &to_user, Body::OpenScreen, None, false),
            Heard::StopScreen { to_user } => self.relay(conn, me.as_ref(), &to_user, Body::StopScreen, None, false),
            Heard::Say { text, id, volatile } => {
                self.id = id;
                let message = Body::Text { text, id };
                self.feed(Input::Broadcast { from: Some(conn), except: Vec::new(), message, volatile });
            }
            Heard::Who { watch } => {
                self.feed(Input::Alive { conn });
                if me.is_none() {
                    return self.queue(conn, Told::Refused { msg: "log in first" }.text());
                }
                if watch {
                    self.watchers.insert(conn);
                }
                let online = Told::online(self.hub.online().map(|(user, _)| user));
                self.queue(conn, online);
            }
            Heard::Unknown => self.feed(Input::Unknown { conn }),
        }
    }

    fn relay(&mut self, conn: ConnId, me: Option<&User>, to: &str, message: Body, id: Option<u64>, volatile: bool) {
        self.id = id;
        // Whoever is not logged in is told so by the hub, whomever the message is for.
        let to = me.map_or_else(|| User::new(Role::Person, to), |me| me.other(to));
        match to {
            Some(to) => self.feed(Input::Relay { conn, to, message, volatile }),
            None => self.feed(Input::Unknown { conn }),
        }
    }

    /// One step of the hub, and those that follow from it.
    fn feed(&mut self, input: Input<User, Body>) {
        self.owed.push_back(input);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(input) = self.owed.pop_front() {
            let mut actions = std::mem::take(&mut self.actions);
            actions.extend(self.hub.handle(self.now(), input));
            actions.drain(..).for_each(|action| self.carry_out(action));
            self.actions = actions;
        }
    }

    fn carry_out(&mut self, action: Action<User, Body>) {
        match action {
            Action::Deliver { conn, from, message } => self.queue(conn, Told::delivered(&from, &message)),
            Action::Broadcast { conns, from, message } => {
                let text = Told::said(from.as_ref(), &message);
                conns.into_iter().for_each(|conn| self.queue(conn, text.clone()));
            }
            Action::Told { conn, to, fate } => self.tell(conn, to.as_ref(), &fate),
            Action::LoggedIn { conn, user } => self.queue(conn, Told::Open { msg: "ok", user: &user.name }.text()),
            Action::LoginRefused { conn, reason } => {
                let msg = match reason {
                    LoginRefusal::UserOnline => "this user is connected already",
                    LoginRefusal::OtherUser => "this connection is another user's",
                };
                self.queue(conn, Told::Refused { msg }.text());
            }
            Action::CannotHandle { conn } => self.queue(conn, CANNOT_HANDLE),
            Action::Pong { conn } => self.queue(conn, Told::Heart.text()),
            Action::Ping { conn } => self.post(conn, Message::Ping(Default::default())),
            Action::Close { conn, code, retry_after } => {
                let reason =
                    retry_after.map_or_else(String::new, |wait| format!("retry-after-ms={}", wait.as_millis()));
                self.watchers.remove(&conn);
                if let Some(peer) = self.peers.get(&conn) {
                    let frame = CloseFrame { code: code.get().into(), reason: reason.into() };
                    _ = peer.queue.send(Message::Close(Some(frame)));
                }
            }
            Action::Abort { conn } => {
                if let Some(peer) = self.forget(conn) {
                    _ = peer.abort.send(());
                }
            }
            Action::Event(Event::Online(user)) => self.announce(&user, true),
            Action::Event(Event::Offline(user)) => self.announce(&user, false),
            Action::Event(Event::Drained) => self.drained = true,
        }
    }

    fn tell(&mut self, conn: ConnId, to: Option<&User>, fate: &Fate<Body>) {
        let (to_user, id) = (to.map_or("", |to| &*to.name), self.id.take());
        let told = match fate {
            Fate::Routed(reached) => match id {
                Some(id) => Told::Sent { id, reached: *reached },
                None => return, // It did not ask.
            },
            Fate::Offline(_) => Told::Offline { to_user, id },
            Fate::Dropped(_) => Told::Dropped { to_user, id },
            Fate::NotLoggedIn(_) => Told::Refused { msg: "log in first" },
        };
        self.queue(conn, told.text());
    }

    fn announce(&mut self, user: &User, online: bool) {
        let (user, count) = (&*user.to_string(), self.hub.online().len());
        let text = if online { Told::Joined { user, count } } else { Told::Left { user, count } }.text();
        self.watchers.clone().into_iter().for_each(|conn| self.queue(conn, text.clone()));
    }

    fn queue(&mut self, conn: ConnId, text: Utf8Bytes) {
        self.post(conn, Message::Text(text));
    }

    fn post(&mut self, conn: ConnId, message: Message) {
        let bytes = wire_size(&message);
        if self.peers.get(&conn).is_some_and(|peer| peer.queue.send(message).is_ok()) {
            self.owed.push_back(Input::Queued { conn, bytes });
        }
    }

    fn forget(&mut self, conn: ConnId) -> Option<Peer> {
        self.watchers.remove(&conn);
        self.peers.remove(&conn)
    }
}
