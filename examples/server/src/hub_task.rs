//! The one task that owns the hub. It never waits for a connection: what it has for one goes into that
//! connection's queue, and the hub learns how many bytes wait there and how many were written.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use heartline::hub::{self, Action, Config, Denied, Event, Hub, Input, Outcome, Request};
use heartline::{ConnId, Timestamp};
use tokio::sync::mpsc::{Receiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Semaphore, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Message, Utf8Bytes};

use super::connection::wire_size;
use super::events::{Body, CANNOT_HANDLE, ClientEvent, Role, ServerEvent, User};
use super::reports::{AHEAD, NewConnection, Pace, REPORTS, Report, UpgradeRequest};

struct Peer {
    queue: UnboundedSender<Message>,
    /// Until when it is not to be read.
    pause: watch::Sender<Instant>,
    frames: Arc<Semaphore>,
    abort: oneshot::Sender<()>,
}

pub struct HubTask {
    origin: Instant,
    hub: Hub<User, Body>,
    peers: HashMap<ConnId, Peer>,
    /// Connections that asked for a report of everybody who comes and goes.
    watchers: BTreeSet<ConnId>,
    /// What the step that is being carried out leads to.
    owed: VecDeque<Input<User, Body>>,
    actions: Vec<Action<User, Body>>,
    /// The client's own number of the message that is being relayed.
    id: Option<u64>,
    drained: bool,
}

impl HubTask {
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            origin: Instant::now(),
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
    pub async fn run(mut self, mut inbox: Receiver<Report>) -> hub::Stats {
        let mut reports = Vec::new();
        let mut timer = std::pin::pin!(sleep_until(self.origin));
        let mut armed = None;
        while !self.drained {
            let deadline = self.hub.deadline();
            if let (true, Some(at)) = (armed != deadline, deadline) {
                timer.as_mut().reset(self.origin + at.since_origin());
            }
            armed = deadline;
            tokio::select! {
                biased;
                count = inbox.recv_many(&mut reports, REPORTS) => {
                    if count == 0 {
                        break; // Nobody is left to report anything.
                    }
                    reports.drain(..).for_each(|report| self.take(report));
                }
                () = &mut timer, if armed.is_some() => armed = None,
            }
            if self.hub.deadline().is_some_and(|at| at <= self.now()) {
                self.feed(Input::Timer);
            }
        }
        self.hub.stats()
    }

    fn now(&self) -> Timestamp {
        Timestamp::after(self.origin.elapsed())
    }

    fn take(&mut self, report: Report) {
        match report {
            Report::Admit { request, answer } => self.admit(&request, answer),
            Report::Login { conn, user } => self.feed(Input::Login { conn, user }),
            Report::Event { conn, event, bytes } => {
                self.feed(Input::Alive { conn, bytes });
                self.on_event(conn, event, bytes);
                self.handled(conn);
            }
            Report::Alive { conn, bytes } => {
                self.feed(Input::Alive { conn, bytes });
                self.handled(conn);
            }
            Report::Written { conn, bytes } => self.feed(Input::Written { conn, bytes }),
            Report::Broken { conn, code } => self.feed(Input::Close { conn, code }),
            Report::Gone { conn } => {
                self.forget(conn);
                self.feed(Input::Closed { conn });
            }
            Report::Stop { within, spread } => self.feed(Input::Shutdown { within, spread }),
        }
        self.settle();
    }

    fn admit(&mut self, request: &UpgradeRequest, answer: oneshot::Sender<Result<NewConnection, Denied>>) {
        let protocols: Vec<&str> = request.protocols.iter().map(String::as_str).collect();
        let request = Request { origin: request.origin.as_deref(), host: &request.host, protocols: &protocols };
        let now = self.now();
        let admitted = self.hub.admit(now, &request).map(|new| {
            let (conn, protocol) = (new.conn, new.protocol.map(str::to_owned));
            let ((queue, queued), (abort, aborted)) = (unbounded_channel(), oneshot::channel());
            let (pause, paused) = watch::channel(self.origin);
            let frames = Arc::new(Semaphore::new(AHEAD));
            self.peers.insert(conn, Peer { queue, pause, frames: Arc::clone(&frames), abort });
            NewConnection { conn, protocol, queue: queued, pace: Pace { frames, paused }, abort: aborted }
        });
        if let Err(Ok(connection)) = answer.send(admitted) {
            self.take(Report::Gone { conn: connection.conn }); // It did not wait for the answer.
        }
    }

    /// A frame was handled. Whoever sends too much is not read for a while.
    fn handled(&self, conn: ConnId) {
        let Some(peer) = self.peers.get(&conn) else { return };
        if let Some(until) = self.hub.paused_until(conn) {
            peer.pause.send_replace(self.origin + until.since_origin());
        }
        peer.frames.add_permits(1);
    }

    /// What the events of a client mean.
    fn on_event(&mut self, conn: ConnId, event: ClientEvent, bytes: u32) {
        let me = self.hub.user_of(conn).cloned();
        match event {
            ClientEvent::Heart => self.feed(Input::Ping { conn }),
            ClientEvent::Login { user } => match User::new(Role::Person, &user) {
                Some(user) => self.feed(Input::Login { conn, user }),
                None => self.feed(Input::UnknownEvent { conn }),
            },
            ClientEvent::Send { to, text, id, volatile } => {
                self.relay(conn, me.as_ref(), &to, Body::Text { text, id }, id, volatile);
            }
            ClientEvent::OpenScreen { to_user } => {
                self.relay(conn, me.as_ref(), &to_user, Body::OpenScreen, None, false)
            }
            ClientEvent::StopScreen { to_user } => {
                self.relay(conn, me.as_ref(), &to_user, Body::StopScreen, None, false)
            }
            ClientEvent::Say { text, id, volatile } => {
                self.id = id;
                let message = Body::Text { text, id };
                self.feed(Input::Broadcast { from: Some(conn), except: Vec::new(), message, bytes, volatile });
            }
            ClientEvent::Who { watch } => {
                if me.is_none() {
                    return self.queue(conn, ServerEvent::Refused { msg: "log in first" }.text());
                }
                if watch {
                    self.watchers.insert(conn);
                }
                let online = ServerEvent::online(self.hub.online().map(|(user, _)| user));
                self.queue(conn, online);
            }
            ClientEvent::Unknown => self.feed(Input::UnknownEvent { conn }),
        }
    }

    fn relay(&mut self, conn: ConnId, me: Option<&User>, to: &str, message: Body, id: Option<u64>, volatile: bool) {
        self.id = id;
        // Without a login the hub refuses it, whatever the name.
        let to = me.map_or_else(|| User::new(Role::Person, to), |me| me.other(to));
        match to {
            Some(to) => self.feed(Input::Relay { conn, to, message, volatile }),
            None => self.feed(Input::UnknownEvent { conn }),
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
            Action::Deliver { conn, from, message, .. } => self.queue(conn, ServerEvent::delivered(&from, &message)),
            Action::Broadcast { conns, from, message, .. } => {
                let text = ServerEvent::broadcast(from.as_ref(), &message);
                conns.into_iter().for_each(|conn| self.queue(conn, text.clone()));
            }
            Action::Outcome { conn, to, outcome, .. } => self.report_outcome(conn, to.as_ref(), &outcome),
            Action::LoggedIn { conn, user, .. } => {
                self.queue(conn, ServerEvent::Open { msg: "ok", user: &user.name }.text())
            }
            Action::LoginRefused { conn, reason, .. } => {
                self.queue(conn, ServerEvent::Refused { msg: &reason.to_string() }.text());
            }
            Action::UnknownEvent { conn, .. } => self.queue(conn, CANNOT_HANDLE),
            Action::Pong { conn, .. } => self.queue(conn, ServerEvent::Heart.text()),
            Action::Ping { conn, .. } => self.post(conn, Message::Ping(Default::default())),
            Action::Close { conn, code, retry_after, .. } => {
                let reason =
                    retry_after.map_or_else(String::new, |wait| format!("retry-after-ms={}", wait.as_millis()));
                self.watchers.remove(&conn);
                if let Some(peer) = self.peers.get(&conn) {
                    let frame = CloseFrame { code: code.get().into(), reason: reason.into() };
                    _ = peer.queue.send(Message::Close(Some(frame)));
                }
            }
            Action::Abort { conn, .. } => {
                if let Some(peer) = self.forget(conn) {
                    _ = peer.abort.send(());
                }
            }
            Action::Event(Event::Online(user)) => self.announce(&user, true),
            Action::Event(Event::Offline(user)) => self.announce(&user, false),
            Action::Event(Event::Drained) => self.drained = true,
            Action::Event(_) => {}
        }
    }

    fn report_outcome(&mut self, conn: ConnId, to: Option<&User>, outcome: &Outcome<Body>) {
        let (to_user, id) = (to.map_or("", |to| &*to.name), self.id.take());
        let event = match outcome {
            Outcome::Routed(reached) => match id {
                Some(id) => ServerEvent::Sent { id, reached: *reached },
                None => return, // It did not ask.
            },
            Outcome::Offline(_) => ServerEvent::Offline { to_user, id },
            Outcome::Dropped(_) => ServerEvent::Dropped { to_user, id },
            Outcome::NotLoggedIn(_) => ServerEvent::Refused { msg: "log in first" },
        };
        self.queue(conn, event.text());
    }

    fn announce(&mut self, user: &User, online: bool) {
        let (user, count) = (&*user.to_string(), self.hub.online().len());
        let text = if online { ServerEvent::Joined { user, count } } else { ServerEvent::Left { user, count } }.text();
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
