//! A world of faults on loopback: a WebSocket server that can be killed, restarted and made to misbehave.
//! It records what it saw. (`relay.rs` has a link that goes silent.)
#![allow(dead_code)] // The tour and the tests each use their part.

#[path = "serve.rs"]
mod serve;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

/// How long anything is waited for before the world counts as broken.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// What the server does with new connections.
#[derive(Clone, Debug)]
pub enum Mode {
    /// Greets, echoes, acknowledges; closes with 1009 what is larger than this.
    Echo { limit: usize },
    /// Shakes hands, sends these bytes, and then nothing. No bytes: it is mute from the start.
    AfterHandshake(Vec<u8>),
    /// Shakes hands and closes: with a close frame, or by dropping the connection.
    CloseAtOnce(Option<u16>),
    /// Answers the request with these bytes and closes. No bytes: it never answers.
    InsteadOfHandshake(Vec<u8>),
}

impl Mode {
    pub const ECHO: Self = Self::Echo { limit: 128 * 1024 };

    pub fn http(head: &str) -> Self {
        Self::InsteadOfHandshake(format!("HTTP/1.1 {head}\r\nContent-Length: 0\r\n\r\n").into_bytes())
    }
}

/// What the server saw.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// TCP connections.
    pub dials: u32,
    /// Those of them that are open.
    pub open: u32,
    /// The token of every request, in order.
    pub tokens: Vec<String>,
    /// For each connection that was open, the keys of its messages in order.
    pub connections: Vec<Vec<String>>,
    /// The close codes that clients sent.
    pub closes: Vec<u16>,
}

impl Log {
    /// How often a message with this key came.
    pub fn times_seen(&self, key: &str) -> usize {
        self.connections.iter().flatten().filter(|seen| *seen == key).count()
    }
}

struct Inner {
    mode: Mode,
    log: Log,
    /// Which start of the server this is; connections and listeners of earlier ones are over.
    life: u32,
    /// The open connections by their number, to reset them.
    streams: BTreeMap<u32, TcpStream>,
    /// Keeps the port while the server is down: bound, but not listening, so that dials are refused.
    reserved: Option<Socket>,
    listener: Option<JoinHandle<()>>,
}

struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no thread panicked")
    }

    fn change<T>(&self, change: impl FnOnce(&mut Inner) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }
}

/// The server. Its port stays the same for life.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Server {
    /// A server at a port of its own that does not listen yet.
    pub fn reserve(mode: Mode) -> Self {
        let (socket, address) = reserve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
        let inner = Inner {
            mode,
            log: Log::default(),
            life: 0,
            streams: BTreeMap::new(),
            reserved: Some(socket),
            listener: None,
        };
        Self { shared: Arc::new(Shared { inner: Mutex::new(inner), changed: Condvar::new() }), address }
    }

    pub fn start(mode: Mode) -> Self {
        let server = Self::reserve(mode);
        server.restart();
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("ws://{}/session", self.address)
    }

    /// For connections from now on.
    pub fn set_mode(&self, mode: Mode) {
        self.shared.change(|inner| inner.mode = mode);
    }

    /// Listens, on the same port as ever.
    pub fn restart(&self) {
        let mut inner = self.shared.lock();
        let Some(socket) = inner.reserved.take() else { return };
        socket.listen(128).expect("the port is ours");
        inner.life += 1;
        let (life, shared) = (inner.life, Arc::clone(&self.shared));
        inner.listener = Some(thread::spawn(move || listen(&TcpListener::from(socket), &shared, life)));
    }

    /// Every connection is reset and the port refuses dials.
    pub fn kill(&self) {
        self.reset_connections();
        let listener = self.shared.change(|inner| {
            inner.life += 1;
            inner.listener.take()
        });
        if let Some(listener) = listener {
            // Wakes it to see that its life is over.
            let _ = TcpStream::connect(self.address);
            listener.join().expect("the listener did not panic");
            self.shared.change(|inner| inner.reserved = Some(reserve(self.address).0));
        }
    }

    /// Every connection is reset; new ones are welcome.
    pub fn reset_connections(&self) {
        for stream in self.shared.lock().streams.values() {
            // Closing without lingering is a reset; its own thread wakes from reading and does it.
            let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            let _ = stream.shutdown(Shutdown::Read);
        }
    }

    pub fn log(&self) -> Log {
        self.shared.lock().log.clone()
    }

    /// Waits until the log is as it should be.
    pub fn wait(&self, what: &str, mut reached: impl FnMut(&Log) -> bool) -> Log {
        let guard = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(guard, PATIENCE, |inner| !reached(&inner.log));
        let (inner, timeout) = waited.expect("no thread panicked");
        assert!(!timeout.timed_out(), "waited in vain for the server: {what}");
        inner.log.clone()
    }

    /// Kills the server and waits until it has read whatever reached it.
    pub fn finish(&self) -> Log {
        self.kill();
        let guard = self.shared.lock();
        let waited = self.shared.changed.wait_timeout_while(guard, PATIENCE, |inner| !inner.streams.is_empty());
        waited.expect("no thread panicked").0.log.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !thread::panicking() {
            self.kill();
        }
    }
}

fn reserve(address: SocketAddr) -> (Socket, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option of sockets");
    socket.bind(&address.into()).expect("a port on loopback");
    let address = socket.local_addr().ok().and_then(|address| address.as_socket()).expect("an address");
    (socket, address)
}

fn listen(listener: &TcpListener, shared: &Arc<Shared>, life: u32) {
    for stream in listener.incoming().flatten() {
        let mut inner = shared.lock();
        if inner.life != life {
            return;
        }
        let (Ok(clone), Ok(())) = (stream.try_clone(), stream.set_nodelay(true)) else { continue };
        inner.log.dials += 1;
        inner.log.open += 1;
        let number = inner.log.dials;
        inner.streams.insert(number, clone);
        let (mode, shared) = (inner.mode.clone(), Arc::clone(shared));
        thread::spawn(move || {
            serve::connection(&shared, stream, mode);
            shared.change(|inner| {
                inner.streams.remove(&number);
                inner.log.open -= 1;
            });
        });
    }
}
