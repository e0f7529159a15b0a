//! A client on a real socket, and the servers it talks to.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use heartline::backoff::{Backoff, Jitter};
use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
use heartline::outbox::OutboxConfig;
use heartline::{Config, Loss, Settings};
use socket2::{Domain, Socket, Type};
use tungstenite::{Message, WebSocket};

use crate::application::RunningDriver;
use crate::client::Client;
use crate::faults::{Log, Mode, PATIENCE, Server};
use crate::logger::Logger;
use crate::recorder::{Record, Recorder};

pub const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// No deadline is near that a test does not wait for: on a busy machine nothing else must come first.
pub fn patient() -> Settings {
    Settings {
        heartbeat: heartbeat(HeartbeatMode::Off),
        connect_timeout: Duration::from_secs(15),
        greeting_timeout: Some(Duration::from_secs(15)),
        close_timeout: Duration::from_secs(15),
        backoff: Backoff { min: millis(30), ..Backoff::exponential(millis(40), millis(80), Jitter::Equal) },
        min_dial_gap: millis(10),
        stable_after: Duration::from_secs(60),
        outbox: OutboxConfig { max_bytes: 16 << 20, max_losses: 20, ack_timeout: None, ..OutboxConfig::default() },
        ..Settings::default()
    }
}

/// A heartbeat to which no timer is late.
pub fn heartbeat(mode: HeartbeatMode) -> HeartbeatConfig {
    HeartbeatConfig { mode, slow_after: None, late_tolerance: Duration::from_secs(60) }
}

/// A client that does not dial yet.
pub fn start<D: RunningDriver + 'static>(
    spawn: impl FnOnce(Config, u64, Recorder) -> io::Result<D>,
    url: String,
    settings: Settings,
) -> Client {
    let config = Config::new(settings).expect("a valid config");
    Client::start(spawn, url, (config, 7), Logger::silent()).expect("a driver")
}

/// A client that dials, with one message of each kind on the way.
pub fn dial<D: RunningDriver + 'static>(
    spawn: impl FnOnce(Config, u64, Recorder) -> io::Result<D>,
    url: String,
    settings: Settings,
) -> Client {
    let mut client = start(spawn, url, settings);
    client.send(2, 20);
    client.connect();
    client
}

/// A server in this mode, and a client that dials it.
pub fn meet<D: RunningDriver + 'static>(
    spawn: impl FnOnce(Config, u64, Recorder) -> io::Result<D>,
    mode: Mode,
    settings: Settings,
) -> (Server, Client) {
    let server = Server::start(mode);
    let client = dial(spawn, server.url(), settings);
    (server, client)
}

/// Waits for so many losses, all of this kind, each followed by a retry that waits.
pub fn only(client: &Client, loss: Loss, count: usize) -> Record {
    let record = client.monitor.wait(&format!("{count} losses"), |record| record.retries.len() >= count);
    let losses: Vec<Loss> = record.losses().collect();
    assert!(losses.iter().all(|found| *found == loss), "{loss:?} expected: {losses:?}");
    for retry in &record.retries {
        assert!(retry.delay() >= patient().backoff.min, "a tight loop: {retry:?}");
    }
    record
}

/// Everything arrives once the server has come to its senses.
pub fn recovers(client: Client, server: &Server) -> (Record, Log) {
    server.restart();
    server.set_mode(Mode::ECHO);
    client.settle();
    finish(client, server)
}

/// Drains, closes, and compares what was reported with what the server saw.
pub fn finish(client: Client, server: &Server) -> (Record, Log) {
    client.close(Duration::from_secs(15));
    let (record, log, audit) = client.join(server);
    assert!(audit.is_clean(), "\n{audit}\n{record:?}");
    (record, log)
}

/// A server that does nothing by itself. Its buffers are small, so that little fills a link that is not read.
pub struct Peer(TcpListener);

impl Peer {
    pub fn listen() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(64 * 1024).expect("an option of sockets");
        socket.set_read_timeout(Some(PATIENCE)).expect("an option of sockets"); // For `accept`.
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port on loopback");
        socket.listen(16).expect("the port is ours");
        Self(socket.into())
    }

    pub fn url(&self) -> String {
        format!("ws://{}/session", self.0.local_addr().expect("an address"))
    }

    /// Hangs up on the next dial.
    pub fn refuse(&self) {
        drop(self.0.accept().expect("a dial"));
    }

    pub fn accept(&self) -> WebSocket<TcpStream> {
        let (tcp, _) = self.0.accept().expect("a dial");
        tcp.set_read_timeout(Some(PATIENCE)).expect("an option of sockets");
        tcp.set_nodelay(true).expect("an option of sockets");
        tungstenite::accept(tcp).expect("a handshake")
    }

    /// The next connection, after the greeting.
    pub fn accept_ready(&self) -> WebSocket<TcpStream> {
        let mut socket = self.accept();
        for first in ["hello", "subscribe"] {
            let greeting = receive(&mut socket).expect("a greeting");
            assert!(greeting.starts_with(first), "{greeting}");
        }
        socket.send(Message::text("subscribed")).expect("the client is there");
        socket
    }
}

/// The next text that reaches the server; `None` at the end of the connection.
pub fn receive(socket: &mut WebSocket<TcpStream>) -> Option<String> {
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => return Some(text.to_string()),
            Ok(_) => {}
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                panic!("the server waited in vain")
            }
            Err(_) => return None,
        }
    }
}
