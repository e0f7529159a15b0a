//! The server: what it is told, and what it saw.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, Type};

use super::{PATIENCE, serve};

/// So many connections wait to be accepted.
const BACKLOG: i32 = 128;

/// What a server does with new connections.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Behaviour {
    /// Answers each text with its reply, if it has one, and pings and close frames as a server does. Closes with 1009
    /// what is larger than `limit` bytes. Binary messages have no reply.
    Serve {
        /// The largest message, in bytes.
        limit: usize,
    },
    /// Shakes hands, sends these bytes, and then nothing. Without bytes it says nothing from the start.
    AfterHandshake(Vec<u8>),
    /// Shakes hands and closes: with a close frame of this code, or by ending the TCP connection.
    CloseAtOnce(Option<u16>),
    /// Answers the request with these bytes and ends the connection. Without bytes it never answers.
    InsteadOfHandshake(Vec<u8>),
}

impl Behaviour {
    /// Serves messages of up to 128 KiB.
    pub const SERVE: Self = Self::Serve { limit: 128 * 1024 };

    /// Answers requests with this status, such as `503 Service Unavailable\r\nRetry-After: 1`, and an empty body.
    pub fn http(status: &str) -> Self {
        Self::InsteadOfHandshake(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").into_bytes())
    }
}

/// What a server saw.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Log {
    /// TCP connections.
    pub dials: u32,
    /// Those of them that are open.
    pub open: u32,
    /// Path and query of every request, in order.
    pub requests: Vec<String>,
    /// For each connection on which it served, the texts in order: of each the part before the first space, 64 characters at
    /// most. That is the key under which a [`Ledger`](super::Ledger) knows it.
    pub connections: Vec<Vec<String>>,
    /// The close codes that clients sent; 1005 for none.
    pub closes: Vec<u16>,
}

impl Log {
    /// How often a text with this key came, on whichever connection.
    pub fn times_seen(&self, key: &str) -> usize {
        self.connections.iter().flatten().filter(|seen| *seen == key).count()
    }
}

type Reply = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

struct Inner {
    behaviour: Behaviour,
    log: Log,
    /// Which start of the server this is; connections and listeners of earlier ones are over.
    life: u32,
    /// The open connections by their number, to reset them.
    streams: BTreeMap<u32, TcpStream>,
    /// Keeps the port while the server is down: bound, but not listening, so that dials are refused.
    reserved: Option<Socket>,
    listener: Option<JoinHandle<()>>,
}

pub(super) struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
    reply: Reply,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log<T>(&self, change: impl FnOnce(&mut Log) -> T) -> T {
        let result = change(&mut self.lock().log);
        self.changed.notify_all();
        result
    }

    pub(super) fn reply(&self, text: &str) -> Option<String> {
        (self.reply)(text)
    }

    /// Waits until it is so. The flag is false if that took longer than [`PATIENCE`].
    fn wait(&self, mut reached: impl FnMut(&Inner) -> bool) -> (MutexGuard<'_, Inner>, bool) {
        let waited = self.changed.wait_timeout_while(self.lock(), PATIENCE, |inner| !reached(inner));
        let (inner, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
        (inner, !timeout.timed_out())
    }
}

/// A server on loopback. Its port stays the same for life. Dropped, it is killed.
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Server {
    /// A server at a port of its own that does not listen yet: dials are refused until [`restart`](Self::restart). `reply` is what
    /// it answers to a text.
    ///
    /// # Errors
    /// No port could be bound.
    pub fn reserve(reply: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> io::Result<Self> {
        let (socket, address) = reserve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        let inner = Inner {
            behaviour: Behaviour::SERVE,
            log: Log::default(),
            life: 0,
            streams: BTreeMap::new(),
            reserved: Some(socket),
            listener: None,
        };
        let shared = Shared { inner: Mutex::new(inner), changed: Condvar::new(), reply: Box::new(reply) };
        Ok(Self { shared: Arc::new(shared), address })
    }

    /// The same, and it listens.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub fn start(reply: impl Fn(&str) -> Option<String> + Send + Sync + 'static) -> io::Result<Self> {
        let server = Self::reserve(reply)?;
        server.restart()?;
        Ok(server)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, with this path and query.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// How connections are treated from now on. Those that are open stay as they are.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.lock().behaviour = behaviour;
    }

    /// Listens, on the same port as ever. Does nothing if it does so already.
    ///
    /// # Errors
    /// The operating system does not let it listen.
    pub fn restart(&self) -> io::Result<()> {
        let mut inner = self.shared.lock();
        let Some(socket) = inner.reserved.take() else { return Ok(()) };
        socket.listen(BACKLOG)?;
        inner.life += 1;
        let (life, shared) = (inner.life, Arc::clone(&self.shared));
        inner.listener = Some(thread::spawn(move || listen(&TcpListener::from(socket), &shared, life)));
        Ok(())
    }

    /// Every connection is reset, and the port refuses dials until [`restart`](Self::restart).
    ///
    /// # Errors
    /// Somebody else took the port.
    pub fn kill(&self) -> io::Result<()> {
        self.reset_connections();
        let listener = {
            let mut inner = self.shared.lock();
            inner.life += 1;
            inner.listener.take()
        };
        if let Some(listener) = listener {
            _ = TcpStream::connect(self.address); // Wakes it to see that its life is over.
            _ = listener.join();
            self.shared.lock().reserved = Some(reserve(self.address)?.0);
        }
        Ok(())
    }

    /// Every connection is reset; new ones are welcome.
    pub fn reset_connections(&self) {
        for stream in self.shared.lock().streams.values() {
            // Closing without lingering is a reset; its own thread wakes from reading and does it.
            _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            _ = stream.shutdown(Shutdown::Read);
        }
    }

    /// What it saw so far.
    pub fn log(&self) -> Log {
        self.shared.lock().log.clone()
    }

    /// Waits until the log is as it should be.
    ///
    /// # Panics
    /// If that takes longer than [`PATIENCE`]; `what` says what was waited for.
    pub fn wait(&self, what: &str, mut reached: impl FnMut(&Log) -> bool) -> Log {
        let (inner, came) = self.shared.wait(|inner| reached(&inner.log));
        assert!(came, "waited in vain for the server: {what}");
        inner.log.clone()
    }

    /// Kills the server, waits until it has read whatever reached it, and gives what it saw.
    ///
    /// # Panics
    /// If the connections do not end within [`PATIENCE`].
    pub fn finish(&self) -> Log {
        _ = self.kill(); // Whether the port can be bound again does not matter any more.
        let (inner, came) = self.shared.wait(|inner| inner.streams.is_empty());
        assert!(came, "connections of the server do not end");
        inner.log.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        _ = self.kill();
    }
}

fn reserve(address: SocketAddr) -> io::Result<(Socket, SocketAddr)> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    let address = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok((socket, address))
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
        let (behaviour, shared) = (inner.behaviour.clone(), Arc::clone(shared));
        thread::spawn(move || {
            serve::connection(&shared, stream, behaviour);
            let mut inner = shared.lock();
            inner.streams.remove(&number);
            inner.log.open -= 1;
            drop(inner);
            shared.changed.notify_all();
        });
    }
}
