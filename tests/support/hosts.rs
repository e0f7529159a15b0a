//! What is at the two ends of the virtual network: the application of a client, and a server, each with its driver.

use std::collections::VecDeque;
use std::time::Duration;

use heartline::loss::TransportError;
use heartline::message::Refusal;
use heartline::{Action, ConnId, Input, Loss, MessageId, Outgoing, Session, Timestamp};

use super::{Client, Content, Down, Link, Network, Up};

/// What a client asks for when it dials.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Request {
    /// Which of the network's servers.
    pub server: usize,
    pub host: String,
    /// Path and query.
    pub path: String,
    pub origin: Option<String>,
    pub protocols: Vec<String>,
}

/// What travels on a connection once it is made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Packet {
    Text(String),
    Ping(u32),
    Pong(u32),
    /// The connection is over: how, and how long the server wants the client to stay away. `Loss::Close` stands for
    /// a close frame, which the other side answers with another.
    End(Loss, Option<Duration>),
}

impl Packet {
    pub const RESET: Self = Self::End(Loss::Transport(TransportError::Io), None);

    pub const fn close(code: u16) -> Self {
        Self::End(Loss::Close(code), None)
    }
}

/// What an application does with its session.
#[derive(Clone, Debug)]
pub enum Command {
    Input(Input<String>),
    Send(Outgoing<String>),
}

/// The application of a client. The methods that it leaves out do what a plain driver does.
pub trait App {
    /// What to dial; or why that fails at once, such as a URL that is none.
    fn request(&mut self, _now: Timestamp, _attempt: u32, _renew: bool) -> Result<Request, Loss> {
        Ok(Request::default())
    }

    /// What a ping is: one of the protocol, or a text.
    fn ping(&mut self, token: u32) -> Packet {
        Packet::Ping(token)
    }

    /// What a text means to the session.
    fn decode(&mut self, conn: ConnId, text: String) -> Input<String> {
        Input::Message { conn, message: text }
    }

    fn ended(&mut self, conn: ConnId, loss: Loss, retry_after: Option<Duration>) -> Input<String> {
        Input::Closed { conn, loss, retry_after }
    }

    /// An action that is the application's business. The commands are carried out before anything queued is sent.
    fn act(&mut self, _: Timestamp, _: &Session<String>, _: Action<String>, _commands: &mut VecDeque<Command>) {}

    /// What became of a `Send`.
    fn accepted(&mut self, _now: Timestamp, _message: &Outgoing<String>, _result: Result<MessageId, Refusal>) {}
}

pub trait Server {
    /// Accepts a dial, with a name for the connection; or refuses it, with a wish to stay away.
    fn accept(&mut self, now: Timestamp, request: &Request) -> Result<ConnId, (Loss, Option<Duration>)>;

    fn receive(&mut self, now: Timestamp, conn: ConnId, packet: Packet);

    fn deadline(&self) -> Option<Timestamp> {
        None
    }

    fn timer(&mut self, _now: Timestamp) {}

    /// What is to be sent since the last call.
    fn outputs(&mut self) -> Vec<(ConnId, Packet)>;
}

/// The driver of the clients.
impl<A: App, S: Server> Network<A, S> {
    /// A command, those that the application answers with, and then everything that may be sent.
    pub(super) fn command(&mut self, client: usize, command: Command) {
        let mut commands = VecDeque::from([command]);
        loop {
            let Client { session, app, .. } = &mut self.clients[client];
            let mut actions = Vec::new();
            match commands.pop_front() {
                Some(Command::Input(input)) => actions.extend(session.handle(self.now, input)),
                Some(Command::Send(message)) => {
                    let result = session.send(self.now, message.clone()).map_err(|refused| refused.reason);
                    app.accepted(self.now, &message, result);
                }
                None => {
                    let (Some(conn), Some(transmit)) = (session.conn(), session.transmit(self.now)) else { return };
                    let (id, text) = (transmit.id, transmit.message.clone());
                    session.sent(self.now, id);
                    self.write(client, conn, Packet::Text(text));
                }
            }
            actions.extend(std::iter::from_fn(|| self.clients[client].session.next_action()));
            actions.into_iter().for_each(|action| self.carry_out(client, action, &mut commands));
        }
    }

    fn carry_out(&mut self, client: usize, action: Action<String>, commands: &mut VecDeque<Command>) {
        self.actions.push((self.now, client, action.clone()));
        let Client { session, app, partitioned, .. } = &mut self.clients[client];
        match action {
            Action::Connect { conn, attempt, renew, .. } => match app.request(self.now, attempt, renew) {
                Ok(request) => {
                    let (server, lossy) = (request.server, [*partitioned; 2]);
                    self.links.push(Link { client, conn, client_open: true, server, server_conn: None, lossy });
                    self.transport(self.links.len() - 1, Up, Content::Dial(request));
                }
                Err(loss) => commands.push_front(Command::Input(Input::closed(conn, loss))),
            },
            Action::Abort { conn, .. } => {
                let link = self.link(client, conn);
                self.links[link].client_open = false;
                self.transport(link, Up, Packet::RESET);
            }
            Action::Ping { conn, token, .. } => {
                let ping = app.ping(token);
                self.write(client, conn, ping);
            }
            Action::Close { conn, code, .. } => self.write(client, conn, Packet::close(code.get())),
            action => app.act(self.now, session, action, commands),
        }
    }

    fn link(&self, client: usize, conn: ConnId) -> usize {
        let link = self.links.iter().rposition(|link| (link.client, link.conn) == (client, conn));
        link.expect("a connection that was dialled")
    }

    /// A socket takes everything, whatever becomes of it.
    fn write(&mut self, client: usize, conn: ConnId, packet: Packet) {
        self.sent.push((self.now, client, packet.clone()));
        self.transport(self.link(client, conn), Up, packet);
    }

    pub(super) fn at_client(&mut self, link: usize, content: Content) {
        let Link { client, conn, client_open, .. } = self.links[link];
        let packet = match content {
            // A dial that was given up and succeeds all the same is reported too.
            Content::Accepted => return self.input(client, Input::Opened { conn }),
            Content::Packet(packet) if client_open => packet,
            Content::Packet(_) | Content::Dial(_) => return,
        };
        let input = match packet {
            Packet::Text(text) => self.clients[client].app.decode(conn, text),
            Packet::Pong(token) => Input::Pong { conn, token: Some(token) },
            Packet::Ping(token) => {
                self.transport(link, Up, Packet::Pong(token));
                Input::Alive { conn }
            }
            Packet::End(loss, retry_after) => {
                self.links[link].client_open = false;
                self.transport(link, Up, Packet::RESET);
                let ended = self.clients[client].app.ended(conn, loss, retry_after);
                self.input(client, ended);
                // As browsers do: an end is reported twice.
                Input::closed(conn, Loss::Close(1006))
            }
        };
        self.input(client, input);
    }
}

/// The driver of the servers.
impl<A: App, S: Server> Network<A, S> {
    pub(super) fn at_server(&mut self, link: usize, content: Content) {
        let Link { server, server_conn, .. } = self.links[link];
        let answer = match (content, server_conn, &mut self.servers[server]) {
            (Content::Dial(_), _, None) => {
                Some(Content::Packet(Packet::End(Loss::Transport(TransportError::Connect), None)))
            }
            (Content::Dial(request), _, Some(up)) => match up.accept(self.now, &request) {
                Ok(conn) => {
                    self.links[link].server_conn = Some(conn);
                    Some(Content::Accepted)
                }
                Err((loss, retry_after)) => Some(Content::Packet(Packet::End(loss, retry_after))),
            },
            (Content::Packet(packet), Some(conn), Some(up)) => {
                let end = matches!(packet, Packet::End(..)).then(|| Content::Packet(packet.clone()));
                if end.is_some() {
                    self.links[link].server_conn = None;
                }
                up.receive(self.now, conn, packet);
                end
            }
            _ => None,
        };
        if let Some(answer) = answer {
            self.transport(link, Down, answer);
        }
        self.flush(server);
    }

    /// Sends what the server wants sent.
    pub(super) fn flush(&mut self, server: usize) {
        for (conn, packet) in self.servers[server].as_mut().map(Server::outputs).unwrap_or_default() {
            let of = |link: &Link| (link.server, link.server_conn) == (server, Some(conn));
            let Some(link) = self.links.iter().rposition(of) else { continue };
            if packet == Packet::RESET {
                self.links[link].server_conn = None;
            }
            self.transport(link, Down, packet);
        }
    }
}
