//! The two ends of the simulated network: what a driver does on a client's machine, and what one does on the
//! server's.

use heartline::{Action, Closed, ConnId, Input, Loss, Transport};
use tungstenite::Message;
use tungstenite::protocol::CloseFrame;

use crate::app::{App, Say};
use crate::network::{Client, Lane, Network, Packet, Way, Wire};
use crate::serving::{Out, Rules, Upgrade};

impl<R: Rules> Network<R> {
    // ---- the client's side -----------------------------------------------------------------

    pub(super) fn step(&mut self, client: usize, say: Say, answers: &mut Vec<Say>) {
        let Client { session, page, .. } = &mut self.clients[client];
        let mut actions = Vec::new();
        match say {
            Say::Send(outgoing) => {
                let result = session.send(self.now, outgoing.clone()).map_err(|refused| refused.reason);
                page.sent(outgoing, result);
            }
            Say::Input(input) => actions.extend(session.handle(self.now, input)),
        }
        for action in actions {
            self.carry_out(client, action, answers);
        }
        let Client { session, page, .. } = &mut self.clients[client];
        page.watch(self.now, session);
    }

    fn carry_out(&mut self, client: usize, action: Action<Message>, answers: &mut Vec<Say>) {
        match action {
            Action::Connect { conn, attempt } => self.dial(client, conn, attempt),
            Action::Abort { conn } => {
                if let Some(wire) = self.wire(client, conn) {
                    self.wires[wire].here = false;
                    self.send(wire, Way::Up, Packet::End);
                }
            }
            Action::Ping { conn } => {
                let ping = self.clients[client].page.ping();
                self.put(client, conn, ping);
            }
            Action::Close { conn, code } => {
                let frame = CloseFrame { code: code.get().into(), reason: Default::default() };
                self.put(client, conn, Message::Close(Some(frame)));
            }
            told => self.clients[client].page.tell(self.now, told, answers),
        }
    }

    fn dial(&mut self, client: usize, conn: ConnId, attempt: u32) {
        let Client { page, origin, protocols, dark, .. } = &mut self.clients[client];
        let url = page.url(attempt);
        let (host, path) = url.strip_prefix("ws://").and_then(|rest| rest.split_once('/')).expect("a plain URL");
        let (host, path) = (host.to_string(), format!("/{path}"));
        let upgrade = Upgrade { path, host, origin: origin.clone(), protocols: protocols.clone() };
        let lane = Lane { alive: !*dark, busy: self.now };
        self.dials.push((self.now, client, url));
        self.wires.push(Wire { client, conn, here: true, there: None, lanes: [lane; 2] });
        self.send(self.wires.len() - 1, Way::Up, Packet::Request(upgrade));
    }

    fn wire(&self, client: usize, conn: ConnId) -> Option<usize> {
        self.wires.iter().rposition(|wire| wire.client == client && wire.conn == conn)
    }

    /// A socket takes everything, whatever becomes of it.
    fn put(&mut self, client: usize, conn: ConnId, frame: Message) {
        let wire = self.wire(client, conn).expect("a connection that was dialled");
        self.sent.push((self.now, client, frame.clone()));
        self.send(wire, Way::Up, Packet::Frame(frame));
    }

    pub(super) fn write(&mut self, client: usize) {
        while let Some(transmit) = self.clients[client].session.transmit(self.now) {
            let conn = self.clients[client].session.conn().expect("a connection to transmit on");
            self.put(client, conn, transmit.message);
        }
    }

    pub(super) fn at_client(&mut self, wire: usize, packet: Packet) {
        let Wire { client, conn, here, .. } = self.wires[wire];
        match packet {
            // A dial that was given up and succeeds all the same is reported too.
            Packet::Accepted(protocol) => {
                self.clients[client].agreed = protocol;
                self.say(client, Say::Input(Input::Opened { conn }));
            }
            _ if !here => {}
            Packet::Denied(closed) => self.end(wire, closed),
            Packet::End => self.end(wire, Loss::Transport(Transport::Io).into()),
            Packet::Frame(Message::Close(frame)) => {
                self.send(wire, Way::Up, Packet::End);
                self.end(wire, crate::losses::close_frame(frame.as_ref()));
            }
            Packet::Frame(frame) => {
                if let Message::Ping(payload) = &frame {
                    self.send(wire, Way::Up, Packet::Frame(Message::Pong(payload.clone())));
                }
                let pong = self.clients[client].page.is_pong(&frame);
                let input = if pong { Input::Pong { conn } } else { Input::Message { conn, message: frame } };
                self.say(client, Say::Input(input));
            }
            Packet::Request(_) => unreachable!("requests go up"),
        }
    }

    /// Every end is reported the way browsers do it: the error first, then the close.
    fn end(&mut self, wire: usize, closed: Closed) {
        let Wire { client, conn, .. } = self.wires[wire];
        self.wires[wire].here = false;
        for closed in [closed, Loss::Close(1006).into()] {
            self.say(client, Say::Input(Input::Closed { conn, closed }));
        }
    }

    // ---- the server's side -----------------------------------------------------------------

    pub(super) fn at_server(&mut self, wire: usize, packet: Packet) {
        let now = self.now;
        let Some(server) = &mut self.server else {
            if let Packet::Request(_) = packet {
                self.send(wire, Way::Down, Packet::Denied(Loss::Transport(Transport::Connect).into()));
            }
            return;
        };
        match (packet, self.wires[wire].there) {
            (Packet::Request(upgrade), _) => match server.admit(now, &upgrade) {
                Ok((conn, protocol)) => {
                    server.opened(now, conn, &upgrade);
                    self.wires[wire].there = Some(conn);
                    self.send(wire, Way::Down, Packet::Accepted(protocol));
                }
                Err((status, retry_after)) => {
                    let closed = Closed { loss: Loss::Status(status), retry_after };
                    self.send(wire, Way::Down, Packet::Denied(closed));
                }
            },
            (Packet::Frame(Message::Close(frame)), Some(conn)) => {
                server.closed(now, conn);
                self.wires[wire].there = None;
                self.send(wire, Way::Down, Packet::Frame(Message::Close(frame)));
            }
            (Packet::Frame(frame), Some(conn)) => {
                server.frame(now, conn, &frame);
                if let Message::Ping(payload) = frame {
                    self.send(wire, Way::Down, Packet::Frame(Message::Pong(payload)));
                }
            }
            (Packet::End, Some(conn)) => {
                server.closed(now, conn);
                self.wires[wire].there = None;
            }
            _ => {}
        }
        self.post();
    }

    /// Puts on the wires what the server has to say.
    pub(super) fn post(&mut self) {
        let Some(server) = &mut self.server else { return };
        for (conn, out) in server.out() {
            let Some(wire) = self.wires.iter().rposition(|wire| wire.there == Some(conn)) else { continue };
            match out {
                Out::Frame(frame) => self.send(wire, Way::Down, Packet::Frame(frame)),
                Out::Drop => {
                    self.wires[wire].there = None;
                    self.send(wire, Way::Down, Packet::End);
                }
            }
        }
    }
}
