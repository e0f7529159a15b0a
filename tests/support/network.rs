//! The virtual network of all tests: clients with their sessions on one side, servers on the other, and between them
//! connections that are slow, lose what is sent on them, deliver it late, break, or are never made.
//!
//! Time is virtual. Everything happens at its moment, in the order in which it was caused: every run repeats exactly.
#![allow(dead_code, unused_imports)] // Each test target uses its own part.

#[path = "hosts.rs"]
mod hosts;
#[path = "peer.rs"]
mod peer;

use std::collections::VecDeque;
use std::time::Duration;

use heartline::{Action, Config, ConnId, Input, Outgoing, Session, Settings, Timestamp};

pub use hosts::{App, Command, Packet, Request, Server};
pub use peer::Peer;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// From the client to the server.
    Up,
    Down,
}
pub use Direction::{Down, Up};

/// A TCP connection, from the dial on.
#[derive(Clone, Copy)]
struct Link {
    client: usize,
    /// The client's name for it, and whether it still has its socket.
    conn: ConnId,
    client_open: bool,
    server: usize,
    /// The server's name for it, while it has one.
    server_conn: Option<ConnId>,
    /// By direction: whether everything is lost.
    lossy: [bool; 2],
}

enum Content {
    Dial(Request),
    Accepted,
    Packet(Packet),
}

impl From<Packet> for Content {
    fn from(packet: Packet) -> Self {
        Self::Packet(packet)
    }
}

pub struct Client<A> {
    pub session: Session<String>,
    pub app: A,
    partitioned: bool,
    /// While it is held back: what would have arrived, at it or from it.
    held: Option<VecDeque<(usize, Direction, Content)>>,
}

pub struct Network<A, S> {
    pub now: Timestamp,
    /// How long everything takes to arrive.
    pub latency: Duration,
    pub clients: Vec<Client<A>>,
    /// Dials to `None` are refused.
    pub servers: Vec<Option<S>>,
    /// The clients' actions: when, whose, what.
    pub actions: Vec<(Timestamp, usize, Action<String>)>,
    /// What the clients' sessions had sent, even if it was lost.
    pub sent: Vec<(Timestamp, usize, Packet)>,
    links: Vec<Link>,
    /// Nothing overtakes anything.
    under_way: VecDeque<(Timestamp, usize, Direction, Content)>,
}

impl<A: App, S: Server> Network<A, S> {
    pub fn new(server: S) -> Self {
        Self {
            now: Timestamp::ORIGIN,
            latency: Duration::ZERO,
            clients: Vec::new(),
            servers: vec![Some(server)],
            actions: Vec::new(),
            sent: Vec::new(),
            links: Vec::new(),
            under_way: VecDeque::new(),
        }
    }

    // ---- what a test does ------------------------------------------------------------------

    /// A new client that does not dial yet; its number, which is also its seed.
    pub fn join(&mut self, settings: Settings, app: A) -> usize {
        let session = Session::new(Config::new(settings).expect("a valid config"), self.clients.len() as u64);
        self.clients.push(Client { session, app, partitioned: false, held: None });
        self.clients.len() - 1
    }

    pub fn input(&mut self, client: usize, input: Input<String>) {
        self.command(client, Command::Input(input));
    }

    pub fn send(&mut self, client: usize, outgoing: Outgoing<String>) {
        self.command(client, Command::Send(outgoing));
    }

    /// The first server does something of its own accord.
    pub fn serve<T>(&mut self, act: impl FnOnce(&mut S, Timestamp) -> T) -> T {
        let result = act(self.servers[0].as_mut().expect("a server that is up"), self.now);
        self.flush(0);
        result
    }

    /// Lets time pass.
    pub fn run(&mut self, by: Duration) {
        let until = self.now.saturating_add(by);
        for steps in 0.. {
            assert!(steps < 1_000_000, "somebody does not let time pass");
            let Some(at) = self.next().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.step();
        }
        self.now = until;
    }

    /// Time passes while everybody is suspended: what arrives and what is due comes late.
    pub fn suspend(&mut self, by: Duration) {
        self.now = self.now.saturating_add(by);
    }

    /// The client's present connection loses everything that way from now on. Nobody notices.
    pub fn lose(&mut self, client: usize, direction: Direction) {
        for link in self.links.iter_mut().filter(|link| link.client == client) {
            link.lossy[direction as usize] = true;
        }
    }

    /// The client's network is gone, or there again: its connection loses everything, and dials get no answer.
    pub fn partition(&mut self, client: usize, partitioned: bool) {
        self.clients[client].partitioned = partitioned;
        if partitioned {
            self.lose(client, Up);
            self.lose(client, Down);
        }
    }

    /// Whatever would arrive at the client or from it is held back, until this is revoked: then it arrives, late.
    pub fn hold(&mut self, client: usize, held: bool) {
        let late = std::mem::replace(&mut self.clients[client].held, held.then(VecDeque::new));
        for (link, direction, content) in late.into_iter().flatten().rev() {
            self.under_way.push_front((self.now, link, direction, content));
        }
    }

    /// The client's connection breaks, and both sides notice.
    pub fn reset(&mut self, client: usize) {
        for link in (0..self.links.len()).filter(|link| self.links[*link].client == client).collect::<Vec<_>>() {
            self.transport(link, Up, Packet::RESET);
            self.transport(link, Down, Packet::RESET);
        }
    }

    /// The server's process ends: its connections break, and dials are refused.
    pub fn stop(&mut self, server: usize) {
        self.servers[server] = None;
        for link in (0..self.links.len()).filter(|link| self.links[*link].server == server).collect::<Vec<_>>() {
            if self.links[link].server_conn.take().is_some() {
                self.transport(link, Down, Packet::RESET);
            }
        }
    }

    // ---- how it goes on --------------------------------------------------------------------

    fn next(&self) -> Option<Timestamp> {
        let clients = self.clients.iter().filter_map(|client| client.session.deadline());
        let servers = self.servers.iter().flatten().filter_map(Server::deadline);
        clients.chain(servers).chain(self.under_way.front().map(|(at, ..)| *at)).min()
    }

    /// What is due now: something that arrives, or else the timers. What came in time is seen before a timer.
    fn step(&mut self) {
        if self.under_way.front().is_some_and(|(at, ..)| *at <= self.now) {
            let (_, link, direction, content) = self.under_way.pop_front().expect("it was there");
            return self.arrive(link, direction, content);
        }
        for client in 0..self.clients.len() {
            if self.clients[client].session.deadline().is_some_and(|at| at <= self.now) {
                self.input(client, Input::Timer);
            }
        }
        for server in 0..self.servers.len() {
            let up = self.servers[server].as_mut();
            if let Some(up) = up.filter(|up| up.deadline().is_some_and(|at| at <= self.now)) {
                up.timer(self.now);
            }
            self.flush(server);
        }
    }

    fn transport(&mut self, link: usize, direction: Direction, content: impl Into<Content>) {
        let at = self.under_way.back().map_or(self.now, |(at, ..)| *at).max(self.now.saturating_add(self.latency));
        self.under_way.push_back((at, link, direction, content.into()));
    }

    fn arrive(&mut self, link: usize, direction: Direction, content: Content) {
        let Link { client, lossy, .. } = self.links[link];
        if let Some(held) = &mut self.clients[client].held {
            held.push_back((link, direction, content));
        } else if !lossy[direction as usize] {
            match direction {
                Up => self.at_server(link, content),
                Down => self.at_client(link, content),
            }
        }
    }
}
