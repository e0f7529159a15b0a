//! Real sockets: a document's server on a thread, and its page on heartline-blocking.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::MutexGuard;
use std::thread::{self, JoinHandle};
use std::time::Instant;

use heartline::message::Delivery;
use heartline_blocking::codec::{Codec, CodecError, Item, Items, Transmission};
use heartline_blocking::{Client, Handle, Next, Options, Received, Request as Dialled, Step};
use heartline_testkit::sim::Frame;
use tungstenite::handshake::server::{ErrorResponse, Request as Handshake, Response};
use tungstenite::http::{HeaderValue, StatusCode, header};
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use crate::hub_server::Request;
use crate::log::{Log, PATIENCE};
use crate::prelude::*;

/// With this heartbeat, and short delays.
pub fn fast(heartbeat: HeartbeatConfig, settings: Settings) -> Settings {
    Settings { heartbeat, backoff: Backoff::constant(millis(40)), min_dial_gap: millis(30), ..settings }
}

// ---- the page ----------------------------------------------------------------------------------

/// A page on its client, which a thread polls.
pub struct RealPage {
    handle: Handle<String>,
    thread: JoinHandle<()>,
    pub log: Log<(Timestamp, Notice)>,
}

impl RealPage {
    pub fn open(settings: Settings, mut page: Page) -> Self {
        page.conn = ConnId::from_raw(1); // Of all connections: the client names none.
        let (log, texts) = (page.log.clone(), Texts::of(&page));
        let greets = settings.greeting_timeout.is_some();
        let page = Arc::new(Mutex::new(page));
        let (dialling, greeting) = (Arc::clone(&page), Arc::clone(&page));
        let client = Client::builder("ws://127.0.0.1/")
            .codec(texts)
            .options(Options { session: settings, stay_when_stopped: true, ..Options::default() })
            .request(move |dial| Ok(Dialled::new(&locked(&dialling).dial(Timestamp::ORIGIN, dial.renew()))?))
            .greeting(move |link, step| {
                let (texts, done) = greet(&mut locked(&greeting), step);
                texts.into_iter().try_for_each(|text| link.send(text))?;
                Ok(if done || !greets { Next::Done } else { Next::Wait })
            });
        let client = client.build().expect("valid settings");
        let handle = client.handle().clone();
        Self { handle, thread: thread::spawn(move || attend(client, &page)), log }
    }

    pub fn send(&self, message: Outgoing<String>) {
        let delivery = message.delivery();
        let text = message.into_message();
        let message = match delivery {
            Delivery::ThisConnection => heartline_blocking::Outgoing::this_connection(text),
            Delivery::AtMostOnce => heartline_blocking::Outgoing::at_most_once(text),
            Delivery::AtLeastOnce => heartline_blocking::Outgoing::at_least_once(text),
        };
        self.handle.try_send(message).expect("there is room");
    }

    /// Closes the session, and waits until everything was reported.
    pub fn leave(self) -> Vec<(Timestamp, Notice)> {
        self.handle.start_close(seconds(5));
        self.log.wait("the end", |log| log.iter().any(|(_, notice)| notice.enters(State::Closed)));
        self.thread.join().expect("the client runs to its end");
        self.log.all()
    }
}

fn locked(page: &Mutex<Page>) -> MutexGuard<'_, Page> {
    page.lock().expect("no page panics")
}

/// What the page says to a connection that is being made, and whether that makes it ready.
fn greet(page: &mut Page, step: Step<String>) -> (Vec<String>, bool) {
    let opened = Event::StateChanged { from: State::Connecting, to: State::Greeting, cause: Cause::Opened };
    let mut commands = match step {
        Step::Opened => page.notice(Timestamp::ORIGIN, Notice::Event(opened)),
        Step::Message(text) => page.notice(Timestamp::ORIGIN, Notice::Text(text)),
    };
    let (mut texts, mut done) = (Vec::new(), false);
    while let Some(command) = commands.pop_front() {
        match command {
            Command::Send(message) => {
                texts.push(message.into_message());
                let transmitted = Notice::Outcome(MessageId::from_raw(0), Outcome::Transmitted);
                commands.extend(page.notice(Timestamp::ORIGIN, transmitted));
            }
            Command::Input(Input::Ready { .. }) => done = true,
            Command::Input(other) => unreachable!("no page greets with this: {other:?}"),
        }
    }
    (texts, done)
}

/// Polls the client to its end, and tells the page what comes.
fn attend(mut client: Client<Texts>, page: &Mutex<Page>) {
    while let Ok(received) = client.recv(None) {
        let (now, mut notices) = (Timestamp::ORIGIN, Vec::new());
        match received {
            Received::Message(text) => notices.push(Notice::Text(text)),
            Received::Event(heartline_blocking::Event::StateChanged { from, to, cause, .. }) => {
                notices.push(Notice::Event(Event::StateChanged { from, to, cause }));
                if to == State::Waiting {
                    notices.push(Notice::Retry { attempt: 1, at: now, cause });
                }
            }
            _ => {}
        }
        for command in notices.into_iter().flat_map(|notice| locked(page).notice(now, notice)).collect::<Vec<_>>() {
            match command {
                Command::Input(Input::Acked { id }) => client.acked(id),
                // A greeting says what else there is to say.
                Command::Send(_) | Command::Input(_) => {}
            }
        }
    }
}

/// Texts both ways; the heartbeat and its answer may be texts as well.
struct Texts {
    log: Log<(Timestamp, Notice)>,
    heart: Option<String>,
    is_answer: fn(&str) -> bool,
}

impl Texts {
    fn of(page: &Page) -> Self {
        Self { log: page.log.clone(), heart: page.heart.clone(), is_answer: page.is_answer }
    }
}

impl Codec for Texts {
    type Out = String;
    type In = String;

    fn size(text: &String) -> Result<usize, CodecError> {
        Ok(text.len())
    }

    fn encode(&mut self, text: &String, transmission: Transmission) -> Result<Message, CodecError> {
        self.log.push((Timestamp::ORIGIN, Notice::Accepted(transmission.id, text.clone())));
        Ok(Message::text(text.as_str()))
    }

    fn decode(&mut self, frame: Message, items: &mut Items<String>) -> Result<(), CodecError> {
        let text = text(frame);
        let answer = (self.is_answer)(&text) || self.heart.as_ref() == Some(&text);
        items.push(if answer { Item::Pong(None) } else { Item::Message(text) });
        Ok(())
    }

    fn ping(&mut self, token: u32) -> Message {
        let ping = || heartline_blocking::codec::ping(token);
        self.heart.as_ref().map_or_else(ping, Message::text)
    }
}

fn text(message: Message) -> String {
    message.into_text().expect("these documents send texts").to_string()
}

// ---- the server --------------------------------------------------------------------------------

/// The frame on the wire; `None` for one that drops the connection.
fn message(frame: Frame<String>) -> Option<Message> {
    Some(match frame {
        Frame::Message(text) => Message::text(text),
        Frame::Ping(token) => Message::Ping(token.to_be_bytes().to_vec().into()),
        Frame::Pong(token) => Message::Pong(token.to_be_bytes().to_vec().into()),
        Frame::Close { code, .. } => Message::Close(Some(CloseFrame { code: code.into(), reason: Default::default() })),
        Frame::Reset => return None,
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
            let field = |name: &str| handshake.headers().get(name).and_then(|value| value.to_str().ok());
            let request = Request::new(&handshake.uri().to_string(), field);
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
            (Some((conn, _)), None) => self.server.closed(now, conn),
            (None, _) => {}
        }
        Ok(())
    }

    /// False if the connection is over.
    fn read(&mut self, conn: ConnId, socket: &mut WebSocket<TcpStream>) -> bool {
        loop {
            let (frame, now) = (socket.read(), self.now());
            match frame {
                Ok(Message::Text(text)) => self.server.text(now, conn, text.to_string()),
                // The codec answers pings and closes.
                Ok(_) => self.server.alive(now, conn),
                Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(_) => {
                    self.server.closed(now, conn);
                    return false;
                }
            }
        }
    }

    fn write(&mut self) {
        for (conn, frame) in self.server.outputs() {
            let Some(at) = self.sockets.iter().position(|(known, _)| *known == conn) else { continue };
            match message(frame) {
                // What fails here fails at the next read as well.
                Some(frame) => drop(self.sockets[at].1.send(frame)),
                None => drop(self.sockets.remove(at)),
            }
        }
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
            inner.server.closed(now, conn);
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
