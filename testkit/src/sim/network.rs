//! Connections, and what is under way on them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use heartline::{ConnId, Loss, Timestamp};

use super::random::Random;
use super::server::Server;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $word:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub(super) usize);

        impl $name {
            /// The number, counted from 0 in the order in which they were made.
            pub const fn number(self) -> usize {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!($word, " {}"), self.0)
            }
        }
    };
}
id!(
    /// The name of a host.
    HostId,
    "host"
);
id!(
    /// The name of a server.
    ServerId,
    "server"
);
id!(
    /// The name of a connection, from the dial on, as servers know it.
    LinkId,
    "link"
);

/// What a host asks for when it dials.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// The name of the server, as given to [`Sim::serve`](super::Sim::serve).
    pub host: String,
    /// Path and query.
    pub path: String,
    /// Header fields: cookies, credentials, `Origin`, `Sec-WebSocket-Protocol`.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// A request for `/` at this server.
    pub fn to(host: impl Into<String>) -> Self {
        Self { host: host.into(), path: "/".into(), headers: Vec::new() }
    }

    /// The value of the first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

/// What travels on a connection once it is open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame<M> {
    /// A data message.
    Message(M),
    /// A ping, with a number as its payload.
    Ping(u32),
    /// A pong with the payload of a ping.
    Pong(u32),
    /// A close frame, and how long the server asks the client to stay away.
    Close {
        /// The code: 1005 for none.
        code: u16,
        /// In the reason of the frame, say.
        retry_after: Option<Duration>,
    },
    /// Not a frame: the connection breaks here.
    Reset,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Direction {
    /// From the host to the server.
    Up,
    Down,
}

pub(super) enum Content<M> {
    Dial(Request),
    Accepted,
    Refused { loss: Loss, retry_after: Option<Duration> },
    Frame(Frame<M>),
}

pub(super) struct Link {
    pub(super) host: HostId,
    pub(super) conn: ConnId,
    pub(super) server: ServerId,
    /// Whether the host still has its socket.
    pub(super) host_open: bool,
    pub(super) server_open: bool,
    /// The dial has its answer, or does not want one any more.
    pub(super) answered: bool,
    /// The server was asked not to answer the dial for now.
    pub(super) ignored: bool,
    /// By direction: everything is lost.
    pub(super) lossy: [bool; 2],
    /// By direction: when the latest arrives.
    latest: [Timestamp; 2],
    /// Messages the host wrote that have not arrived.
    pub(super) in_flight: usize,
}

/// Something that happens at a moment.
pub(super) enum Due<M> {
    Arrival { link: LinkId, direction: Direction, content: Content<M> },
    PeerTimer { server: ServerId, name: u64 },
    Plan(u64),
}

pub(super) struct Network<M> {
    pub(super) now: Timestamp,
    pub(super) random: Random,
    pub(super) delay: Range<Duration>,
    pub(super) room: usize,
    pub(super) links: Vec<Link>,
    pub(super) servers: Vec<Server<M>>,
    /// What is due, in the order of time, and of cause within a moment.
    pub(super) queue: BTreeMap<(Timestamp, u64), Due<M>>,
    caused: u64,
}

impl<M> Network<M> {
    pub(super) fn new(random: Random) -> Self {
        Self {
            now: Timestamp::ORIGIN,
            random,
            delay: Duration::from_millis(1)..Duration::from_millis(1),
            room: 64,
            links: Vec::new(),
            servers: Vec::new(),
            queue: BTreeMap::new(),
            caused: 0,
        }
    }

    pub(super) fn at(&mut self, at: Timestamp, due: Due<M>) {
        self.caused += 1;
        self.queue.insert((at.max(self.now), self.caused), due);
    }

    /// What is due next, if that is now.
    pub(super) fn take_due(&mut self) -> Option<Due<M>> {
        let first = self.queue.first_entry()?;
        (first.key().0 <= self.now).then(|| first.remove())
    }

    pub(super) fn dial(&mut self, host: HostId, conn: ConnId, server: ServerId, request: Request, lossy: bool) {
        let link = LinkId(self.links.len());
        self.links.push(Link {
            host,
            conn,
            server,
            host_open: true,
            server_open: false,
            answered: false,
            ignored: false,
            lossy: [lossy; 2],
            latest: [self.now; 2],
            in_flight: 0,
        });
        self.transport(link, Direction::Up, Content::Dial(request));
    }

    /// Nothing overtakes anything on its connection.
    pub(super) fn transport(&mut self, link: LinkId, direction: Direction, content: Content<M>) {
        let delay = self.random.duration(self.delay.clone());
        let Link { latest, in_flight, .. } = &mut self.links[link.0];
        if let (Direction::Up, Content::Frame(Frame::Message(_))) = (direction, &content) {
            *in_flight += 1;
        }
        let at = self.now.saturating_add(delay).max(latest[direction as usize]);
        latest[direction as usize] = at;
        self.at(at, Due::Arrival { link, direction, content });
    }

    pub(super) fn frame(&mut self, link: LinkId, direction: Direction, frame: Frame<M>) {
        self.transport(link, direction, Content::Frame(frame));
    }

    /// The host's link of this name.
    pub(super) fn link(&self, host: HostId, conn: ConnId) -> Option<LinkId> {
        self.links.iter().rposition(|link| (link.host, link.conn) == (host, conn)).map(LinkId)
    }

    pub(super) fn links_of(&self, host: HostId) -> Vec<LinkId> {
        let nth = (0..self.links.len()).filter(|nth| self.links[*nth].host == host);
        nth.map(LinkId).collect()
    }

    pub(super) fn server_named(&self, name: &str) -> Option<ServerId> {
        self.servers.iter().position(|server| server.name == name).map(ServerId)
    }
}
