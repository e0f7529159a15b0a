//! A simulated network on a virtual clock: pages with their sessions on one side, a server with its hub on the other,
//! and between them wires that are slow, fall silent, break, or are never laid.
//!
//! Everything happens at its moment and in the order in which it was caused: the same test is the same run.

use std::collections::BTreeMap;
use std::time::Duration;

use heartline::{Closed, Config, ConnId, Input, Instant, Session, Settings, State};
use tungstenite::Message;

use crate::app::Say;
use crate::page::{Page, milliseconds};
use crate::serving::{Desk, Rules, Served, Upgrade};

/// Which way something travels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    Up,
    Down,
}

/// One way of a wire. What is sent on a dead one is lost, and nobody is told.
#[derive(Clone, Copy)]
pub(super) struct Lane {
    pub(super) alive: bool,
    /// When the latest packet arrives: none overtakes it.
    pub(super) busy: Instant,
}

/// A TCP connection, from the dial on.
pub(super) struct Wire {
    pub(super) client: usize,
    pub(super) conn: ConnId,
    /// The client still has its socket.
    pub(super) here: bool,
    /// The server's name for it, while it has one.
    pub(super) there: Option<ConnId>,
    pub(super) lanes: [Lane; 2],
}

pub(super) enum Packet {
    Request(Upgrade),
    /// With the sub-protocol.
    Accepted(Option<String>),
    Denied(Closed),
    Frame(Message),
    /// The stream is over.
    End,
}

pub struct Client {
    pub session: Session<Message>,
    pub page: Page,
    pub origin: Option<String>,
    pub protocols: Vec<String>,
    /// The sub-protocol of the latest connection.
    pub agreed: Option<String>,
    /// Dials get no answer.
    pub dark: bool,
}

pub struct Network<R: Rules> {
    pub now: Instant,
    pub latency: Duration,
    /// Something on the way forgets wires on which nothing moved for so long, and tells nobody.
    pub forgets: Option<Duration>,
    pub clients: Vec<Client>,
    /// `None`: dials are refused.
    pub server: Option<Served<R>>,
    /// The dials made: when, by whom, where to.
    pub dials: Vec<(Instant, usize, String)>,
    /// The frames that clients put on their wires, likewise.
    pub sent: Vec<(Instant, usize, Message)>,
    pub(super) wires: Vec<Wire>,
    packets: BTreeMap<(Instant, u64), (usize, Way, Packet)>,
    numbered: u64,
}

impl<R: Rules> Network<R> {
    pub fn new(server: Served<R>) -> Self {
        Self {
            now: Instant::ORIGIN,
            latency: Duration::from_millis(20),
            forgets: None,
            clients: Vec::new(),
            server: Some(server),
            dials: Vec::new(),
            sent: Vec::new(),
            wires: Vec::new(),
            packets: BTreeMap::new(),
            numbered: 0,
        }
    }

    // ---- what a test does ------------------------------------------------------------------

    /// A new client, not yet connected; its number.
    pub fn join(&mut self, settings: Settings, page: Page) -> usize {
        let config = Config::new(settings).expect("a valid config");
        let session = Session::new(config, self.clients.len() as u64);
        self.clients.push(Client { session, page, origin: None, protocols: Vec::new(), agreed: None, dark: false });
        self.clients.len() - 1
    }

    /// One step of a client, and those that its page answers with.
    pub fn say(&mut self, client: usize, say: Say) {
        let mut answers = vec![say];
        while !answers.is_empty() {
            for say in std::mem::take(&mut answers) {
                self.step(client, say, &mut answers);
            }
        }
        self.write(client);
    }

    /// The server does something by itself.
    pub fn serve(&mut self, act: impl FnOnce(&mut R, &mut Desk<R::Key>)) {
        let now = self.now;
        self.server.as_mut().expect("a server").act(now, act);
        self.post();
    }

    /// Lets time pass.
    pub fn run(&mut self, by: Duration) {
        let until = self.now.saturating_add(by);
        for steps in 0.. {
            assert!(steps < 1_000_000, "somebody does not let time pass");
            let Some(at) = self.next().filter(|at| *at <= until) else { break };
            self.now = self.now.max(at);
            self.happen();
        }
        self.now = until;
    }

    /// The wire of a client's connection falls silent for good, that way; dials are not affected.
    pub fn silence(&mut self, client: usize, way: Way) {
        for wire in self.wires.iter_mut().filter(|wire| wire.client == client) {
            wire.lanes[way as usize].alive = false;
        }
    }

    /// The client's network is gone without a word, or is there again.
    pub fn dark(&mut self, client: usize, dark: bool) {
        self.clients[client].dark = dark;
        if dark {
            self.silence(client, Way::Up);
            self.silence(client, Way::Down);
        }
    }

    /// The client's connection breaks, and both sides are told.
    pub fn kill(&mut self, client: usize) {
        for wire in (0..self.wires.len()).filter(|wire| self.wires[*wire].client == client).collect::<Vec<_>>() {
            self.send(wire, Way::Up, Packet::End);
            self.send(wire, Way::Down, Packet::End);
        }
    }

    /// The server's process ends: connections break, dials are refused.
    pub fn stop_server(&mut self) {
        self.server = None;
        for wire in 0..self.wires.len() {
            if self.wires[wire].there.take().is_some() {
                self.send(wire, Way::Down, Packet::End);
            }
        }
    }

    pub fn page(&self, client: usize) -> &Page {
        &self.clients[client].page
    }

    pub fn state(&self, client: usize) -> State {
        self.clients[client].session.state()
    }

    /// When a client dialled, in milliseconds.
    pub fn dialled(&self, client: usize) -> Vec<u64> {
        self.dials.iter().filter(|(_, who, _)| *who == client).map(|(at, ..)| milliseconds(*at)).collect()
    }

    /// What a client sent, with the milliseconds.
    pub fn texts(&self, client: usize) -> Vec<(u64, String)> {
        let text = |message: &Message| message.to_text().map(str::to_string).ok().filter(|_| message.is_text());
        let sent = self.sent.iter().filter(|(_, who, _)| *who == client);
        sent.filter_map(|(at, _, message)| Some((milliseconds(*at), text(message)?))).collect()
    }

    // ---- how it goes on --------------------------------------------------------------------

    fn next(&self) -> Option<Instant> {
        let packet = self.packets.keys().next().map(|(at, _)| *at);
        let clients = self.clients.iter().map(|client| client.session.deadline());
        clients.chain([packet, self.server.as_ref().and_then(Served::deadline)]).flatten().min()
    }

    /// What is due now, one thing of each: what arrives is heard before deadlines are judged.
    fn happen(&mut self) {
        let due = self.packets.first_entry().filter(|entry| entry.key().0 <= self.now);
        if let Some((wire, way, packet)) = due.map(|entry| entry.remove()) {
            if self.wires[wire].lanes[way as usize].alive {
                match way {
                    Way::Up => self.at_server(wire, packet),
                    Way::Down => self.at_client(wire, packet),
                }
            }
            return;
        }
        for client in 0..self.clients.len() {
            if self.clients[client].session.deadline().is_some_and(|due| due <= self.now) {
                self.say(client, Say::Input(Input::Timer));
            }
        }
        if let Some(server) = self.server.as_mut().filter(|server| server.deadline().is_some_and(|due| due <= self.now))
        {
            server.timer(self.now);
            self.post();
        }
    }

    pub(super) fn send(&mut self, wire: usize, way: Way, packet: Packet) {
        let lanes = &mut self.wires[wire].lanes;
        let moved = lanes[0].busy.max(lanes[1].busy);
        if self.forgets.is_some_and(|patience| self.now.saturating_since(moved) > patience) {
            lanes.iter_mut().for_each(|lane| lane.alive = false);
        }
        let lane = &mut lanes[way as usize];
        lane.busy = lane.busy.max(self.now.saturating_add(self.latency));
        self.numbered += 1;
        self.packets.insert((lane.busy, self.numbered), (wire, way, packet));
    }
}
