//! A link that can fall silent without closing: a TCP relay that stops forwarding, both ways.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use socket2::{Domain, SockRef, Socket, Type};

/// Small, so that little fills a link that is stuck; in bytes.
const BUFFER: usize = 16 * 1024;

#[derive(Default)]
struct State {
    silent: bool,
    /// Both ends of every connection, to cut it.
    streams: Vec<TcpStream>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits while the link is silent.
    fn pass(&self) {
        drop(self.changed.wait_while(self.lock(), |state| state.silent));
    }
}

/// A TCP relay before a server. It can fall silent without closing: what a client sees when its network is gone. Its port and
/// its threads last as long as the process.
pub struct Link {
    gate: Arc<Gate>,
    address: SocketAddr,
}

impl Link {
    /// A link to this server. It closes connections while nobody listens there.
    ///
    /// # Errors
    /// No port could be bound.
    pub fn to(server: SocketAddr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_recv_buffer_size(BUFFER)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        socket.listen(128)?;
        let listener = TcpListener::from(socket);
        let address = listener.local_addr()?;
        let gate = Arc::new(Gate::default());
        let shared = Arc::clone(&gate);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                _ = connect(&shared, client, server);
            }
        });
        Ok(Self { gate, address })
    }

    /// Where it is dialled.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL, with this path and query.
    pub fn url(&self, path: &str) -> String {
        format!("ws://{}{path}", self.address)
    }

    /// Nothing passes any more, and no end is reported. New connections are made, and nothing passes on them either.
    pub fn silence(&self) {
        self.gate.lock().silent = true;
    }

    /// Everything passes again, what was held up included.
    pub fn resume(&self) {
        self.gate.lock().silent = false;
        self.gate.changed.notify_all();
    }

    /// New connections pass; those of before are cut, and what they held is gone.
    pub fn heal(&self) {
        let mut state = self.gate.lock();
        state.silent = false;
        for stream in state.streams.drain(..) {
            _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.gate.changed.notify_all();
    }
}

fn connect(gate: &Arc<Gate>, client: TcpStream, server: SocketAddr) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    SockRef::from(&server).set_send_buffer_size(BUFFER)?;
    let mut state = gate.lock();
    for (from, to) in [(&client, &server), (&server, &client)] {
        from.set_nodelay(true)?;
        state.streams.push(from.try_clone()?);
        let (from, to, gate) = (from.try_clone()?, to.try_clone()?, Arc::clone(gate));
        thread::spawn(move || pump(from, to, &gate));
    }
    Ok(())
}

fn pump(mut from: TcpStream, mut to: TcpStream, gate: &Gate) {
    let mut buffer = [0; BUFFER];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        gate.pass();
        if to.write_all(&buffer[..length]).is_err() {
            break; // It was cut, perhaps.
        }
    }
    // An end travels as slowly as everything else.
    gate.pass();
    _ = to.shutdown(Shutdown::Write);
}
