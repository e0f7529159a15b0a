//! Real sockets: a document's server on a thread, and its page on the blocking driver.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::MutexGuard;
use std::time::Instant;

use heartline::message::Delivery;
use heartline::{Action, Config, Session};
use tungstenite::handshake::server::{ErrorResponse, Request as Handshake, Response};
use tungstenite::http::{HeaderValue, StatusCode, header};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use crate::application::{self, Application, RunningDriver};
use crate::driver::{Handle, spawn};
use crate::log::{Log, PATIENCE};
use crate::network::{App, Server};
use crate::prelude::*;

/// With this heartbeat, and short delays.
pub fn fast(heartbeat: HeartbeatConfig, settings: Settings) -> Settings {
    Settings { heartbeat, backoff: Backoff::constant(millis(40)), min_dial_gap: millis(30), ..settings }
}

// ---- the page ----------------------------------------------------------------------------------

/// A page on its driver.
pub struct RealPage {
    handle: Handle,
    pub log: Log<(Timestamp, Notice)>,
}

impl RealPage {
    pub fn open(settings: Settings, page: Page) -> Self {
        let log = page.log.clone();
        let handle = spawn(Config::new(settings).expect("a valid config"), 7, page).expect("a thread and a poll");
        handle.command(application::Command::Input(Input::Connect));
        Self { handle, log }
    }

    pub fn send(&self, message: Outgoing<String>) {
        self.handle.command(application::Command::Send(outgoing(message)));
    }

    /// Closes the session, and waits until everything was reported.
    pub fn leave(self) -> Vec<(Timestamp, Notice)> {
        self.handle.command(application::Command::Input(Input::close_within(Duration::from_secs(5))));
        self.log.wait("the end", |log| log.iter().any(|(_, notice)| notice.enters(State::Closed)));
        Box::new(self.handle).join();
        self.log.all()
    }
}

fn text(message: Message) -> String {
    message.into_text().expect("these documents send texts").to_string()
}

fn outgoing(outgoing: Outgoing<String>) -> Outgoing<Message> {
    let (size, delivery) = (outgoing.size() as usize, outgoing.delivery());
    let message = Message::text(outgoing.into_message());
    match delivery {
        Delivery::ThisConnection => Outgoing::this_connection(message, size),
        Delivery::AtMostOnce => Outgoing::at_most_once(message, size),
        Delivery::AtLeastOnce => Outgoing::at_least_once(message, size),
    }
}

fn command(command: Command) -> application::Command {
    application::Command::Input(match command {
        Command::Send(message) => return application::Command::Send(outgoing(message)),
        Command::Input(Input::Ready { conn }) => Input::Ready { conn },
        Command::Input(Input::Acked { id }) => Input::Acked { id },
        Command::Input(other) => unreachable!("no page does this on real sockets: {other:?}"),
    })
}

impl Application for Page {
    fn url(&mut self, _attempt: u32, renew: bool) -> String {
        self.dial(Timestamp::ORIGIN, renew)
    }

    fn ping(&mut self, token: u32) -> Message {
        message(App::ping(self, token)).expect("a frame")
    }

    fn answers_ping(&mut self, message: &Message) -> bool {
        message.to_text().is_ok_and(|text| self.answers(text))
    }

    fn on_message(&mut self, now: Timestamp, message: Message, commands: &mut VecDeque<application::Command>) {
        commands.extend(self.notice(now, Notice::Text(text(message))).into_iter().map(command));
    }

    fn on_action(&mut self, now: Timestamp, action: Action<Message>, commands: &mut VecDeque<application::Command>) {
        let answers = notice_of(action, text).map(|notice| self.notice(now, notice));
        commands.extend(answers.into_iter().flatten().map(command));
    }

    fn on_send(&mut self, outgoing: Outgoing<Message>, result: Result<MessageId, Refusal>) {
        self.answered(Timestamp::ORIGIN, text(outgoing.into_message()), result);
    }

    fn after_step(&mut self, _now: Timestamp, session: &Session<Message>) {
        self.conn = session.conn();
    }
}

// ---- the server --------------------------------------------------------------------------------

/// The frame that a packet is; `None` for one that drops the connection.
fn message(packet: Packet) -> Option<Message> {
    Some(match packet {
        Packet::Text(text) => Message::text(text),
        Packet::Ping(token) => Message::Ping(token.to_be_bytes().to_vec().into()),
        Packet::Pong(token) => Message::Pong(token.to_be_bytes().to_vec().into()),
        Packet::End(Loss::Close(code), _) => {
            Message::Close(Some(CloseFrame { code: code.into(), reason: Default::default() }))
        }
        Packet::End(..) => return None,
    })
}

struct Inner<P> {
    server: HubServer<P>,
    listener: Option<TcpListener>,
    sockets: Vec<(ConnId, WebSocket<TcpStream>)>,
    hung: bool,
    origin: Instant,
}

impl<P: Protocol> Inner<P> {
    fn now(&self) -> Timestamp {
        Timestamp::after(self.origin.elapsed())
    }

    /// Accepts, reads and writes whatever it can without waiting.
    fn turn(&mut self) {
        while let Some(Ok((stream, _))) = self.listener.as_ref().map(TcpListener::accept) {
            self.accept(stream).expect("options of sockets");
        }
        if !self.hung {
            for (conn, mut socket) in std::mem::take(&mut self.sockets) {
                let open = self.read(conn, &mut socket);
                self.sockets.extend(open.then_some((conn, socket)));
            }
            let now = self.now();
            self.server.timer(now);
            self.write();
        }
    }

    fn accept(&mut self, stream: TcpStream) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (now, mut accepted) = (self.now(), None);
        #[expect(clippy::result_large_err, reason = "the signature that tungstenite asks for")]
        let decide = |handshake: &Handshake, response| {
            let request = request_of(handshake);
            let (conn, protocol) = self.server.admit(now, &request).map_err(|(status, _)| refusal(status))?;
            accepted = Some((conn, request));
            Ok(with_protocol(response, protocol))
        };
        let socket = tungstenite::accept_hdr(stream, decide).ok();
        match (accepted, socket) {
            (Some((conn, request)), Some(socket)) => {
                socket.get_ref().set_nonblocking(true)?;
                self.server.opened(now, conn, &request);
                self.sockets.push((conn, socket));
            }
            (Some((conn, _)), None) => self.server.receive(now, conn, Packet::RESET),
            (None, _) => {}
        }
        Ok(())
    }

    /// False if the connection is over.
    fn read(&mut self, conn: ConnId, socket: &mut WebSocket<TcpStream>) -> bool {
        loop {
            let (packet, now) = (socket.read(), self.now());
            match packet {
                Ok(Message::Text(text)) => self.server.receive(now, conn, Packet::Text(text.to_string())),
                // The codec answers pings and closes.
                Ok(_) => self.server.receive(now, conn, Packet::Pong(0)),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => {
                    self.server.receive(now, conn, Packet::RESET);
                    return false;
                }
            }
        }
    }

    fn write(&mut self) {
        for (conn, packet) in self.server.outputs() {
            let Some(at) = self.sockets.iter().position(|(known, _)| *known == conn) else { continue };
            match message(packet) {
                // What fails here fails at the next read as well.
                Some(frame) => drop(self.sockets[at].1.send(frame)),
                None => drop(self.sockets.remove(at)),
            }
        }
    }
}

fn request_of(handshake: &Handshake) -> Request {
    let head = |name| handshake.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
    let protocols = head(header::SEC_WEBSOCKET_PROTOCOL).unwrap_or_default();
    Request {
        server: 0,
        host: head(header::HOST).unwrap_or_default(),
        path: handshake.uri().to_string(),
        origin: head(header::ORIGIN),
        protocols: protocols.split(',').map(|name| name.trim().to_string()).collect(),
    }
}

fn with_protocol(mut response: Response, protocol: Option<String>) -> Response {
    let value = protocol.map(|name| HeaderValue::from_str(&name).expect("a name"));
    response.headers_mut().extend(value.map(|value| (header::SEC_WEBSOCKET_PROTOCOL, value)));
    response
}

fn refusal(status: u16) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = StatusCode::from_u16(status).expect("a status");
    refusal
}

/// A server on loopback, with a thread that ends with it.
pub struct RealServer<P> {
    inner: Arc<Mutex<Inner<P>>>,
    address: SocketAddr,
}

impl<P: Protocol + Send + 'static> RealServer<P> {
    pub fn start(server: HubServer<P>) -> Self {
        let inner = Inner { server, listener: None, sockets: Vec::new(), hung: false, origin: Instant::now() };
        let inner = Arc::new(Mutex::new(inner));
        let mut server = Self { inner, address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)) };
        server.listen();
        let inner = Arc::downgrade(&server.inner);
        std::thread::spawn(move || {
            while let Some(inner) = inner.upgrade() {
                inner.lock().expect("no test panics while holding the server").turn();
                drop(inner);
                std::thread::sleep(millis(1));
            }
        });
        server
    }

    fn lock(&self) -> MutexGuard<'_, Inner<P>> {
        self.inner.lock().expect("the server has not panicked")
    }

    /// Accepts connections; after `stop` on the same port again.
    pub fn listen(&mut self) {
        let listener = TcpListener::bind(self.address).expect("a port");
        listener.set_nonblocking(true).expect("an option of sockets");
        self.address = listener.local_addr().expect("an address");
        self.lock().listener = Some(listener);
    }

    /// Breaks every connection, and refuses dials.
    pub fn stop(&self) {
        self.lock().listener = None;
        self.reset();
    }

    /// Breaks every connection.
    pub fn reset(&self) {
        let mut inner = self.lock();
        let now = inner.now();
        for (conn, _socket) in std::mem::take(&mut inner.sockets) {
            inner.server.receive(now, conn, Packet::RESET);
        }
    }

    /// Connections stay, but the server neither reads nor writes.
    pub fn hang(&self, hung: bool) {
        self.lock().hung = hung;
    }

    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// The texts that arrived, with their connections.
    pub fn received(&self) -> Log<(ConnId, String)> {
        self.lock().server.connections.received.clone()
    }

    /// The server does something of its own accord.
    pub fn act<T>(&self, act: impl FnOnce(&mut P, &mut Connections) -> T) -> T {
        let mut inner = self.lock();
        let now = inner.now();
        inner.server.act(now, act)
    }
}
