//! The one connection of a driver: a dial, then a socket that does not block, and the room in its buffer.

use std::io::ErrorKind;
use std::net::{TcpStream as Blocking, ToSocketAddrs};
use std::time::Duration;

use heartline::{Closed, Loss, Transport};
use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use tungstenite::error::CapacityError;
use tungstenite::handshake::HandshakeError;
use tungstenite::protocol::WebSocketConfig;
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Error, Message, WebSocket, client_tls_with_config};

use crate::losses::{self, Address};

/// How much the codec gathers before it writes. What goes into a dead link is this, one message, and what
/// the operating system buffers.
const WRITE_BUFFER: usize = 16 * 1024;
/// A larger message is rejected: tungstenite on the other side would not take its frame either.
const MAX_MESSAGE: usize = 16 << 20;
/// Kept free in the codec's buffer for frame headers, pings, pongs and the close frame.
const HEADROOM: usize = 16 * 1024;

type Socket = WebSocket<MaybeTlsStream<TcpStream>>;

/// Events are edge-triggered, so what they say holds until the socket disagrees.
pub struct Link {
    socket: Box<Socket>,
    readable: bool,
    full: bool,
}

impl Link {
    /// Resolve, connect, TLS, handshake: all of it blocks. The socket that comes out does not, and wakes the
    /// poll of `registry` with `token`. No single step takes longer than `patience`,
    /// which is twice what the session waits.
    pub fn dial(url: &str, patience: Duration, registry: &Registry, token: Token) -> Result<Self, Closed> {
        let failed = |transport| Closed::from(Loss::Transport(transport));
        let Address { request, host, port } = losses::address(url).ok_or(failed(Transport::Address))?;
        let addresses = (host, port).to_socket_addrs().map_err(|_| failed(Transport::Resolve))?;
        // A share for each, or an address that swallows everything would keep the others from ever being tried.
        let share = patience / 2 / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
        let tcp = addresses.into_iter().find_map(|address| Blocking::connect_timeout(&address, share).ok());
        let tcp = tcp.ok_or(failed(Transport::Connect))?;

        let prepared = prepare(tcp, patience, registry, token);
        let (stream, control) = prepared.map_err(|_| failed(Transport::Io))?;
        let most = WRITE_BUFFER + MAX_MESSAGE + HEADROOM;
        let codec = WebSocketConfig::default().write_buffer_size(WRITE_BUFFER).max_write_buffer_size(most);
        let shaken = client_tls_with_config(request, stream, Some(codec), None);
        let (socket, _response) = shaken.map_err(|error| match error {
            HandshakeError::Failure(error) => losses::error(&error),
            // The socket's own patience ran out, should the session's timer be that late.
            HandshakeError::Interrupted(_) => Loss::ConnectTimeout.into(),
        })?;
        control.set_nonblocking(true).map_err(|_| failed(Transport::Io))?;
        // Events of before went nowhere.
        Ok(Self { socket: Box::new(socket), readable: true, full: false })
    }

    pub fn woken(&mut self, event: &Event) {
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.full &= !event.is_writable();
    }

    pub fn has_room(&self) -> bool {
        !self.full
    }

    /// The next frame; `None` if there is nothing more for now.
    pub fn read(&mut self) -> Result<Option<Message>, Error> {
        if !self.readable {
            return Ok(None);
        }
        match self.socket.read() {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Ok(close @ Message::Close(_)) => {
                // The codec has the answer ready.
                let _ = self.flush();
                Ok(Some(close))
            }
            other => other.map(Some),
        }
    }

    /// Takes a frame whole or not at all, into the buffer if the socket is full.
    pub fn write(&mut self, message: Message) -> Result<(), Error> {
        let size = message.len();
        if size > MAX_MESSAGE {
            return Err(CapacityError::MessageTooLong { size, max_size: MAX_MESSAGE }.into());
        }
        let result = self.socket.write(message);
        self.unless_full(result)
    }

    /// Writes the buffer, as far as the socket takes it.
    pub fn flush(&mut self) -> Result<(), Error> {
        if self.full {
            return Ok(());
        }
        let result = self.socket.flush();
        self.unless_full(result)
    }

    /// Tells a peer that broke the rules which, before it is dropped.
    pub fn complain(mut self, error: &Error) {
        if let Some(frame) = losses::complaint(error) {
            let _ = self.socket.close(Some(frame));
        }
    }

    /// What the socket does not take now is in the codec's buffer, and no error.
    fn unless_full(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        match result {
            Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => {
                self.full = true;
                Ok(())
            }
            other => other,
        }
    }
}

/// The same socket under two names: it blocks for the handshake, and the second name is to end that.
fn prepare(
    tcp: Blocking,
    patience: Duration,
    registry: &Registry,
    token: Token,
) -> std::io::Result<(TcpStream, Blocking)> {
    tcp.set_nodelay(true)?;
    tcp.set_read_timeout(Some(patience))?;
    tcp.set_write_timeout(Some(patience))?;
    let control = tcp.try_clone()?;
    let mut stream = TcpStream::from_std(tcp);
    registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
    Ok((stream, control))
}
