//! A server that keeps its connections in a hub and speaks a protocol of its own. `simulated.rs` and `real.rs` run the
//! same one.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use heartline::hub::{Action, Config, Denied, Hub, Input, Request as Upgrade, Settings};
use heartline::{ConnId, Timestamp};
use heartline_testkit::sim::Frame;

use super::log::Log;

/// What a client asked for when it dialled.
#[derive(Clone, Debug, Default)]
pub struct Request {
    pub host: String,
    /// Path and query.
    pub path: String,
    pub origin: Option<String>,
    pub protocols: Vec<String>,
}

impl Request {
    /// From the request's path and its header fields.
    pub fn new<'a>(path: &str, header: impl Fn(&str) -> Option<&'a str>) -> Self {
        let protocols = header("Sec-WebSocket-Protocol").unwrap_or_default().split(',').map(str::trim);
        Self {
            host: header("Host").unwrap_or_default().into(),
            path: path.into(),
            origin: header("Origin").map(str::to_string),
            protocols: protocols.filter(|name| !name.is_empty()).map(str::to_string).collect(),
        }
    }
}

/// What makes one server different from another.
pub trait Protocol: Sized {
    /// Before the hub is asked; the HTTP status of a refusal.
    fn check(&mut self, _request: &Request) -> Result<(), u16> {
        Ok(())
    }

    /// The user of a connection, where the request names one.
    fn user(&mut self, _conn: ConnId, _request: &Request) -> Option<String> {
        None
    }

    fn opened(&mut self, _server: &mut Connections, _conn: ConnId, _request: &Request) {}

    fn text(&mut self, server: &mut Connections, conn: ConnId, text: &str);

    /// An action of the hub that is the protocol's business.
    fn act(&mut self, server: &mut Connections, action: Action<String, String>) {
        match action {
            Action::Deliver { conn, message, .. } => server.send(conn, message),
            Action::Broadcast { conns, message, .. } => conns.iter().for_each(|conn| server.send(*conn, &message)),
            _ => {}
        }
    }

    fn closed(&mut self, _server: &mut Connections, _conn: ConnId) {}
}

/// The hub, and what is to be written to its connections.
pub struct Connections {
    pub hub: Hub<String, String>,
    pub now: Timestamp,
    /// Every text that arrived, with its connection.
    pub received: Log<(ConnId, String)>,
    /// The answer to a client's heartbeat, if that is a text.
    pub pong: Option<String>,
    outputs: Vec<(ConnId, Frame<String>)>,
    for_protocol: VecDeque<Action<String, String>>,
    closing: BTreeSet<ConnId>,
}

impl Connections {
    /// Nothing more is sent on a connection whose close was decided.
    pub fn send(&mut self, conn: ConnId, text: impl Into<String>) {
        if !self.closing.contains(&conn) {
            self.outputs.push((conn, Frame::Message(text.into())));
        }
    }

    pub fn input(&mut self, input: Input<String, String>) {
        for action in self.hub.handle(self.now, input) {
            let output = match action {
                Action::Ping { conn, .. } => (conn, Frame::Ping(0)),
                Action::Pong { conn, .. } => (conn, self.pong.clone().map_or(Frame::Pong(0), Frame::Message)),
                Action::Close { conn, code, retry_after, .. } => {
                    self.closing.insert(conn);
                    (conn, Frame::Close { code: code.get(), retry_after })
                }
                Action::Abort { conn, .. } => (conn, Frame::Reset),
                other => {
                    self.for_protocol.push_back(other);
                    continue;
                }
            };
            self.outputs.push(output);
        }
    }

    /// From now on the connection gets what is published in this feed, which is a room of the hub.
    pub fn subscribe(&mut self, conn: ConnId, feed: &str) {
        self.input(Input::Join { conn, room: feed.into() });
    }

    /// To everybody who subscribed to this feed.
    pub fn publish(&mut self, feed: &str, message: impl Into<String>) {
        let (room, message) = (Some(feed.into()), message.into());
        let bytes = message.len() as u32;
        self.input(Input::Broadcast { from: None, room, except: vec![], message, bytes, volatile: true, tag: 0 });
    }

    /// The connections of everybody online.
    pub fn online(&self) -> Vec<ConnId> {
        self.hub.online().map(|(_, conn)| conn).collect()
    }
}

pub struct HubServer<P> {
    pub connections: Connections,
    pub protocol: P,
}

impl<P: Protocol> HubServer<P> {
    pub fn new(settings: Settings, protocol: P) -> Self {
        let connections = Connections {
            hub: Hub::new(Config::new(settings).expect("a valid config"), 7),
            now: Timestamp::ORIGIN,
            received: Log::default(),
            pong: None,
            outputs: Vec::new(),
            for_protocol: VecDeque::new(),
            closing: BTreeSet::new(),
        };
        Self { connections, protocol }
    }

    /// A server that answers the heartbeat of its clients with this text.
    pub fn answering(mut self, pong: &str) -> Self {
        self.connections.pong = Some(pong.into());
        self
    }

    pub fn hub(&self) -> &Hub<String, String> {
        &self.connections.hub
    }

    /// Decides about a dial; the name of its connection, and the subprotocol. Or the status of the refusal, and for how
    /// long to stay away.
    pub fn admit(
        &mut self,
        now: Timestamp,
        request: &Request,
    ) -> Result<(ConnId, Option<String>), (u16, Option<Duration>)> {
        self.protocol.check(request).map_err(|status| (status, None))?;
        let protocols: Vec<&str> = request.protocols.iter().map(String::as_str).collect();
        let upgrade =
            Upgrade { origin: request.origin.as_deref(), host: &request.host, protocols: &protocols, source: None };
        let admitted = self.connections.hub.admit(now, &upgrade);
        let admitted = admitted.map_err(|denied: Denied| (denied.status(), denied.retry_after))?;
        Ok((admitted.conn, admitted.protocol.map(str::to_string)))
    }

    pub fn opened(&mut self, now: Timestamp, conn: ConnId, request: &Request) {
        self.act(now, |protocol, server| {
            if let Some(user) = protocol.user(conn, request) {
                server.input(Input::Login { conn, user, until: None });
            }
            protocol.opened(server, conn, request);
        });
    }

    pub fn text(&mut self, now: Timestamp, conn: ConnId, text: String) {
        self.act(now, |protocol, server| {
            server.input(Input::Alive { conn, bytes: text.len() as u32 });
            server.received.push((conn, text.clone()));
            protocol.text(server, conn, &text);
        });
    }

    /// A ping or a pong of the protocol arrived; whoever reads the frames answers them.
    pub fn alive(&mut self, now: Timestamp, conn: ConnId) {
        self.act(now, |_, server| server.input(Input::Alive { conn, bytes: 0 }));
    }

    pub fn closed(&mut self, now: Timestamp, conn: ConnId) {
        self.act(now, |protocol, server| {
            server.input(Input::Closed { conn });
            protocol.closed(server, conn);
        });
    }

    pub fn timer(&mut self, now: Timestamp) {
        self.act(now, |_, server| server.input(Input::Timer));
    }

    pub fn deadline(&self) -> Option<Timestamp> {
        self.connections.hub.deadline()
    }

    /// The server does something of its own accord.
    pub fn act<T>(&mut self, now: Timestamp, act: impl FnOnce(&mut P, &mut Connections) -> T) -> T {
        self.connections.now = now;
        let result = act(&mut self.protocol, &mut self.connections);
        while let Some(action) = self.connections.for_protocol.pop_front() {
            self.protocol.act(&mut self.connections, action);
        }
        result
    }

    /// What is to be sent since the last call.
    pub fn outputs(&mut self) -> Vec<(ConnId, Frame<String>)> {
        std::mem::take(&mut self.connections.outputs)
    }
}
