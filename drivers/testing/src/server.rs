//! Servers on threads that end with the test's process.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::PATIENCE;

/// Any stream.
pub trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// A port of its own, on loopback, where each connection is served by a thread.
pub fn listen(serve: impl Fn(TcpStream) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    let serve = Arc::new(serve);
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let serve = serve.clone();
            thread::spawn(move || serve(patient(stream)));
        }
    });
    address
}

fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    stream.set_nodelay(true).expect("an option");
    stream
}

/// Where no one listens: what connects is refused.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port")
}

/// A listener whose queue is full, as long as this lives: who connects to it waits, on Linux.
#[cfg(target_os = "linux")]
pub struct Swallowing {
    /// Where it does not answer.
    pub address: SocketAddr,
    _listener: socket2::Socket,
    _queue: Vec<TcpStream>,
}

#[cfg(target_os = "linux")]
impl Swallowing {
    /// Fills the queue of a new one.
    pub fn new() -> io::Result<Self> {
        let listener = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None)?;
        listener.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into())?;
        listener.listen(0)?;
        let address = listener.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let patience = std::time::Duration::from_millis(100);
        let queue = std::iter::from_fn(|| TcpStream::connect_timeout(&address, patience).ok()).take(64).collect();
        Ok(Self { address, _listener: listener, _queue: queue })
    }
}

/// A server that says what it hears, with TLS if there is a configuration.
pub fn echo(tls: Option<ServerConfig>) -> SocketAddr {
    let tls = tls.map(Arc::new);
    listen(move |stream| echo_on(secured(stream, tls.clone())))
}

/// The same on a stream that is there.
pub fn echo_on(stream: impl Stream) {
    let Ok(mut socket) = tungstenite::accept(stream) else { return };
    while let Ok(message) = socket.read() {
        if message.is_text() && socket.send(message).is_err() {
            return;
        }
    }
}

/// This stream as a server by TLS has it; as it is without a configuration.
pub fn secured(stream: impl Stream + 'static, tls: Option<Arc<ServerConfig>>) -> Box<dyn Stream> {
    match tls {
        None => Box::new(stream),
        Some(tls) => Box::new(StreamOwned::new(ServerConnection::new(tls).expect("a connection"), stream)),
    }
}

/// What a client says to an HTTP proxy, up to the empty line.
pub fn read_head(stream: &mut impl Read) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// Writes one byte after the other, each in a packet of its own.
pub fn dribble(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    for byte in bytes {
        stream.write_all(&[*byte])?;
        stream.flush()?;
    }
    Ok(())
}
