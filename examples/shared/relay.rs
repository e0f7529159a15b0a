//! A link that can go silent without closing: a TCP relay that stops forwarding, both ways.
#![allow(dead_code)] // The tour and the tests each use their part.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;

use socket2::{Domain, SockRef, Socket, Type};

/// Small, so that little fills a link that is stuck.
const BUFFER: usize = 16 * 1024;

#[derive(Default)]
struct State {
    silent: bool,
    /// Connections of earlier eras are cut.
    era: u32,
    streams: Vec<TcpStream>,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no thread panicked")
    }

    /// Waits while the link is silent. False if it was cut.
    fn pass(&self, era: u32) -> bool {
        let state = self.changed.wait_while(self.lock(), |state| state.silent && state.era == era);
        state.expect("no thread panicked").era == era
    }
}

pub struct Relay {
    gate: Arc<Gate>,
    address: SocketAddr,
}

impl Relay {
    pub fn start(upstream: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.set_recv_buffer_size(BUFFER).expect("an option of sockets");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a port on loopback");
        socket.listen(128).expect("the port is ours");
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().expect("an address");
        let gate = Arc::new(Gate::default());
        let shared = Arc::clone(&gate);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A relay whose upstream is down closes.
                let _ = connect(&shared, client, upstream);
            }
        });
        Self { gate, address }
    }

    pub fn url(&self) -> String {
        format!("ws://{}/session", self.address)
    }

    /// Nothing passes any more, and no end is reported.
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
        state.era += 1;
        for stream in state.streams.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        drop(state);
        self.gate.changed.notify_all();
    }
}

fn connect(gate: &Arc<Gate>, client: TcpStream, upstream: SocketAddr) -> std::io::Result<()> {
    let server = TcpStream::connect(upstream)?;
    SockRef::from(&server).set_send_buffer_size(BUFFER)?;
    let mut state = gate.lock();
    let era = state.era;
    for (from, to) in [(&client, &server), (&server, &client)] {
        from.set_nodelay(true)?;
        state.streams.push(from.try_clone()?);
        let (from, to, gate) = (from.try_clone()?, to.try_clone()?, Arc::clone(gate));
        thread::spawn(move || pump(from, to, &gate, era));
    }
    Ok(())
}

fn pump(mut from: TcpStream, mut to: TcpStream, gate: &Gate, era: u32) {
    let mut buffer = [0; BUFFER];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        if !gate.pass(era) || to.write_all(&buffer[..length]).is_err() {
            break;
        }
    }
    // An end travels as slowly as everything else.
    if gate.pass(era) {
        let _ = to.shutdown(Shutdown::Write);
    }
}
