//! A server on loopback, with tungstenite, on a thread of its own.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use heartline_blocking::heartline::backoff::Backoff;
use heartline_blocking::heartline::{Settings, State};
use heartline_blocking::tungstenite::protocol::CloseFrame;
use heartline_blocking::tungstenite::{self, Message, WebSocket};
use heartline_blocking::{Builder, Client, Codec, Received};

/// So long a test waits for what must come; nothing is measured by it.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// A poll that waits, in tests that count nothing.
pub const FRAME: Duration = Duration::from_millis(5);

pub type Socket = WebSocket<TcpStream>;

pub struct Server {
    pub address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Runs what the test says on the listener, and ends with the test.
    pub fn run(script: impl FnOnce(TcpListener) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        Self { address, thread: Some(std::thread::spawn(move || script(listener))) }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// Waits for the end of the script; its panic is the test's.
    pub fn join(mut self) {
        if let Err(panic) = self.thread.take().unwrap().join() {
            std::panic::resume_unwind(panic);
        }
    }

    /// A client of this server, impatient where it can be.
    pub fn client(&self) -> Builder {
        impatient(Client::builder(self.url()))
    }
}

pub fn impatient<C: Codec>(builder: Builder<C>) -> Builder<C> {
    builder.session(Settings {
        backoff: Backoff::constant(Duration::from_millis(1)),
        min_dial_gap: Duration::from_millis(1),
        ..Settings::default()
    })
}

pub fn accept_tcp(listener: &TcpListener) -> TcpStream {
    let (stream, _) = listener.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

pub fn accept(listener: &TcpListener) -> Socket {
    tungstenite::accept(accept_tcp(listener)).unwrap()
}

/// The next text, past pings.
pub fn text<S: Read + Write>(socket: &mut WebSocket<S>) -> String {
    loop {
        match socket.read().unwrap() {
            Message::Text(text) => return text.to_string(),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

pub fn say<S: Read + Write>(socket: &mut WebSocket<S>, text: &str) {
    socket.send(Message::text(text)).unwrap();
}

/// Closes with this code, and reads until the other side has gone.
pub fn close<S: Read + Write>(socket: &mut WebSocket<S>, code: u16) {
    _ = socket.close(Some(CloseFrame { code: code.into(), reason: "".into() }));
    until_end(socket);
}

pub fn until_end<S: Read + Write>(socket: &mut WebSocket<S>) -> Vec<Message> {
    std::iter::from_fn(|| socket.read().ok()).collect()
}

/// Polls until it is so.
pub fn poll_until<C: Codec>(client: &mut Client<C>, what: &str, mut reached: impl FnMut(&mut Client<C>) -> bool) {
    let start = Instant::now();
    while !reached(client) {
        assert!(start.elapsed() < PATIENCE, "{what}: {:?}", client.status());
        client.poll(FRAME);
    }
}

pub fn until_state<C: Codec>(client: &mut Client<C>, state: State) {
    poll_until(client, "state", |client| client.status().state == state);
}

/// The next message as text.
pub fn hear(client: &mut Client) -> String {
    let message = client.recv_message(PATIENCE).unwrap_or_else(|error| panic!("{error}: {:?}", client.status()));
    message.to_string()
}

/// All messages that are there.
pub fn taken(client: &mut Client) -> Vec<String> {
    let received = std::iter::from_fn(|| client.try_recv());
    received.filter_map(Received::into_message).map(|message| message.to_string()).collect()
}

/// A clock that only the test moves.
#[derive(Clone, Default)]
pub struct Manual(std::sync::Arc<std::sync::Mutex<Duration>>);

impl Manual {
    pub fn clock(&self) -> heartline_blocking::Clock {
        heartline_blocking::Clock::custom(self.clone())
    }

    pub fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl heartline_blocking::clock::Source for Manual {
    fn now(&self) -> heartline_blocking::heartline::Timestamp {
        heartline_blocking::heartline::Timestamp::after(*self.0.lock().unwrap())
    }
}
