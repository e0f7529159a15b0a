//! The one connection of a driver: a dial, then a socket that does not block, and the room in its buffer.

use std::io::{self, ErrorKind};
use std::net::{TcpStream as Blocking, ToSocketAddrs};
use std::time::Duration;

use heartline::loss::TransportError;
use heartline::{ConnId, Loss};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket, client_tls_with_config};

use crate::host::Written;
use crate::translate::{self, Address, End};

/// How much the codec gathers before it writes. What goes into a dead link is this, one message, and what
/// the operating system buffers.
const WRITE_BUFFER: usize = 16 * 1024;
/// A larger message is rejected: tungstenite on the other side would not take its frame either.
const MAX_MESSAGE: usize = 16 << 20;
/// Kept free in the codec's buffer for frame headers, pings, pongs and the close frame.
const HEADROOM: usize = 16 * 1024;

/// Events are edge-triggered, so what they report holds until the socket disagrees.
pub struct Socket {
    pub conn: ConnId,
    codec: Box<WebSocket<MaybeTlsStream<TcpStream>>>,
    readable: bool,
    /// Bytes have arrived since the last frame.
    part: bool,
    full: bool,
    /// Writing failed. It is the end, but not before everything readable was read.
    pub failed: Option<Error>,
}

/// What [`Socket::read`] found.
pub enum Read {
    Frame(Message),
    /// Bytes of a frame that is not complete: a proof of life.
    Part,
    /// Nothing more for now.
    Nothing,
}

impl Socket {
    /// Resolve, connect, TLS, handshake: all of it blocks. The socket that comes out does not, and wakes the
    /// poll of `registry` with the number of the connection. No single step takes longer than `patience`, which is
    /// twice what the session waits.
    pub fn dial(conn: ConnId, url: &str, patience: Duration, registry: &Registry) -> Result<Self, End> {
        let Address { request, host, port } = translate::address(url).ok_or(TransportError::Address)?;
        let addresses = (host, port).to_socket_addrs().map_err(|_| TransportError::Resolve)?;
        // A share for each, or an address that swallows everything would keep the others from ever being tried.
        let share = patience / 2 / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let tcp = addresses.into_iter().find_map(|address| Blocking::connect_timeout(&address, share).ok());
        let tcp = tcp.ok_or(TransportError::Connect)?;

        let (stream, control) =
            prepare(tcp, patience, registry, Token(conn.as_raw() as usize)).map_err(|_| TransportError::Io)?;
        let most = WRITE_BUFFER + MAX_MESSAGE + HEADROOM;
        let config = WebSocketConfig::default().write_buffer_size(WRITE_BUFFER).max_write_buffer_size(most);
        let shaken = client_tls_with_config(request, stream, Some(config), None);
        let (codec, _response) = shaken.map_err(|error| match error {
            HandshakeError::Failure(error) => translate::error(&error),
            // The socket's own patience ran out, should the session's timer be that late.
            HandshakeError::Interrupted(_) => Loss::ConnectTimeout.into(),
        })?;
        control.set_nonblocking(true).map_err(|_| TransportError::Io)?;
        // The events of the handshake were nobody's, so there may be something to read.
        Ok(Self { conn, codec: Box::new(codec), readable: true, part: false, full: false, failed: None })
    }

    pub fn woken(&mut self, event: &Event) {
        self.part |= event.is_readable();
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.full &= !event.is_writable();
    }

    pub fn read(&mut self) -> Result<Read, Error> {
        if !self.readable {
            return Ok(Read::Nothing);
        }
        match self.codec.read() {
            Ok(frame) => {
                self.part = false;
                if frame.is_close() {
                    self.flush(); // The codec has the answer ready.
                }
                Ok(Read::Frame(frame))
            }
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(if std::mem::take(&mut self.part) { Read::Part } else { Read::Nothing })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a frame whether there is room or not: what the socket does not take now stays in the codec's buffer.
    pub fn put(&mut self, frame: Message) {
        let result = self.codec.write(frame);
        self.note(result);
    }

    pub fn write(&mut self, message: Message) -> Written {
        if message.len() > MAX_MESSAGE {
            return Written::Rejected;
        }
        if !self.full && self.failed.is_none() {
            self.put(message);
            if self.failed.is_none() {
                return Written::Taken;
            }
        }
        Written::NotNow
    }

    /// Writes the buffer, as far as the socket takes it.
    pub fn flush(&mut self) {
        if !self.full && self.failed.is_none() {
            let result = self.codec.flush();
            self.note(result);
        }
    }

    fn note(&mut self, result: Result<(), Error>) {
        match result {
            Ok(()) => {}
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => self.full = true,
            Err(error) => (self.failed, self.readable) = (Some(error), true),
        }
    }

    /// Tells a peer which rule it broke, before it is dropped.
    pub fn complain(&mut self, error: &Error) {
        if let Some(frame) = translate::complaint(error) {
            let _ = self.codec.close(Some(frame));
        }
    }
}

/// The same socket under two names: it blocks for the handshake, and the second name is to end that.
fn prepare(tcp: Blocking, patience: Duration, registry: &Registry, token: Token) -> io::Result<(TcpStream, Blocking)> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(patience))?;
    tcp.set_write_timeout(Some(patience))?;
    let control = tcp.try_clone()?;
    let mut stream = TcpStream::from_std(tcp);
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok((stream, control))
}
