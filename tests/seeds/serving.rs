//! The server of a document: a hub, and the few rules of its protocol. The simulated network and the host on real
//! sockets run the same one.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use heartline::hub::{Action, Config, Hub, Input, Request, Settings};
use heartline::{ConnId, Instant};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use crate::page::Notebook;

/// What a client asks for when it dials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Upgrade {
    /// Path and query.
    pub path: String,
    pub host: String,
    pub origin: Option<String>,
    pub protocols: Vec<String>,
}

/// Admitted, with the sub-protocol; or the HTTP status of a refusal, with its `Retry-After`.
pub type Answer = Result<(ConnId, Option<String>), (u16, Option<Duration>)>;

/// What is to be done with a connection's socket.
#[derive(Clone, PartialEq, Debug)]
pub enum Out {
    Frame(Message),
    Drop,
}

/// What a protocol says to and through its hub.
pub struct Desk<K> {
    pub hub: Hub<K, String>,
    pub now: Instant,
    /// Every text that arrived, with its connection.
    pub heard: Notebook<(ConnId, String)>,
    pub ping: Message,
    pub pong: Message,
    out: Vec<(ConnId, Out)>,
    told: VecDeque<Action<K, String>>,
    over: BTreeSet<ConnId>,
}

impl<K: Ord + Clone> Desk<K> {
    /// Nothing more is said to a connection once its close was decided.
    pub fn say(&mut self, conn: ConnId, text: impl Into<String>) {
        if !self.over.contains(&conn) {
            self.out.push((conn, Out::Frame(Message::text(text.into()))));
        }
    }

    pub fn input(&mut self, input: Input<K, String>) {
        for action in self.hub.handle(self.now, input) {
            match action {
                Action::Ping { conn } => self.out.push((conn, Out::Frame(self.ping.clone()))),
                Action::Pong { conn } => self.out.push((conn, Out::Frame(self.pong.clone()))),
                Action::Close { conn, code, .. } => {
                    let frame = CloseFrame { code: code.get().into(), reason: Default::default() };
                    self.over.insert(conn);
                    self.out.push((conn, Out::Frame(Message::Close(Some(frame)))));
                }
                Action::Abort { conn } => self.out.push((conn, Out::Drop)),
                other => self.told.push_back(other),
            }
        }
    }
}

/// What one document's server does.
pub trait Rules: Sized + Send + 'static {
    type Key: Ord + Clone + Send + 'static;

    /// Before the hub is asked; the HTTP status of a refusal.
    fn judge(&mut self, _upgrade: &Upgrade) -> Result<(), u16> {
        Ok(())
    }

    fn opened(&mut self, _desk: &mut Desk<Self::Key>, _conn: ConnId, _upgrade: &Upgrade) {}

    fn text(&mut self, desk: &mut Desk<Self::Key>, conn: ConnId, text: &str);

    /// An action of the hub that is the protocol's business.
    fn told(&mut self, desk: &mut Desk<Self::Key>, action: Action<Self::Key, String>) {
        match action {
            Action::Deliver { conn, message, .. } => desk.say(conn, message),
            Action::Broadcast { conns, message, .. } => conns.iter().for_each(|conn| desk.say(*conn, &message)),
            _ => {}
        }
    }

    fn closed(&mut self, _desk: &mut Desk<Self::Key>, _conn: ConnId) {}
}

/// A server.
pub struct Served<R: Rules> {
    pub desk: Desk<R::Key>,
    pub rules: R,
}

impl<R: Rules> Served<R> {
    pub fn new(settings: Settings, rules: R) -> Self {
        let hub = Hub::new(Config::new(settings).expect("a valid config"), 7);
        let desk = Desk {
            hub,
            now: Instant::ORIGIN,
            heard: Notebook::default(),
            ping: Message::Ping(Default::default()),
            pong: Message::Pong(Default::default()),
            out: Vec::new(),
            told: VecDeque::new(),
            over: BTreeSet::new(),
        };
        Self { desk, rules }
    }

    /// A server that answers the heartbeat of its clients with this text.
    pub fn answering(mut self, pong: &str) -> Self {
        self.desk.pong = Message::text(pong);
        self
    }

    pub fn admit(&mut self, now: Instant, upgrade: &Upgrade) -> Answer {
        self.desk.now = now;
        self.rules.judge(upgrade).map_err(|status| (status, None))?;
        let protocols: Vec<&str> = upgrade.protocols.iter().map(String::as_str).collect();
        let request = Request { origin: upgrade.origin.as_deref(), host: &upgrade.host, protocols: &protocols };
        let admitted = self.desk.hub.admit(now, &request);
        admitted
            .map(|admitted| (admitted.conn, admitted.protocol.map(str::to_string)))
            .map_err(|denied| (denied.status(), denied.retry_after))
    }

    pub fn opened(&mut self, now: Instant, conn: ConnId, upgrade: &Upgrade) {
        self.desk.now = now;
        self.rules.opened(&mut self.desk, conn, upgrade);
        self.settle();
    }

    /// Anything but a close frame. Pings and pongs of the protocol are the codec's business, and signs of life.
    pub fn frame(&mut self, now: Instant, conn: ConnId, frame: &Message) {
        self.desk.now = now;
        self.desk.input(Input::Alive { conn });
        if let Message::Text(text) = frame {
            self.desk.heard.note((conn, text.to_string()));
            self.rules.text(&mut self.desk, conn, text);
        }
        self.settle();
    }

    pub fn closed(&mut self, now: Instant, conn: ConnId) {
        self.desk.now = now;
        self.desk.input(Input::Closed { conn });
        self.rules.closed(&mut self.desk, conn);
        self.settle();
    }

    pub fn timer(&mut self, now: Instant) {
        self.desk.now = now;
        self.desk.input(Input::Timer);
        self.settle();
    }

    pub fn deadline(&self) -> Option<Instant> {
        self.desk.hub.deadline()
    }

    /// The server does something by itself.
    pub fn act(&mut self, now: Instant, act: impl FnOnce(&mut R, &mut Desk<R::Key>)) {
        self.desk.now = now;
        act(&mut self.rules, &mut self.desk);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(action) = self.desk.told.pop_front() {
            self.rules.told(&mut self.desk, action);
        }
    }

    /// What is to be written since the last call.
    pub fn out(&mut self) -> Vec<(ConnId, Out)> {
        std::mem::take(&mut self.desk.out)
    }
}
