//! The stream at the bottom of a connection: what it holds ready, what went through it, and why it failed.

use std::io::{self, ErrorKind, Read, Write};

use mio::Token;
use mio::event::Event;
use mio::net::TcpStream;

#[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
use super::Wire;
use crate::hooks::Transport;

/// How many bytes are read in one turn, at most: a peer that sends without end holds up nothing else.
const BUDGET: usize = 1 << 20;

/// Reads and writes without blocking, and asks the operating system only when there may be something.
///
/// Events are edge-triggered, so what they say holds until the stream disagrees. Once the connection is open an error of
/// writing is held back: what can still be read (a close frame that says why, perhaps) is read first.
pub(crate) struct Meter {
    io: Io,
    token: Token,
    readable: bool,
    writable: bool,
    /// The peer has said its last, so a short read does not mean that there is nothing behind it.
    read_closed: bool,
    budget: usize,
    open: bool,
    failed: Option<io::Error>,
    /// The operating system did not take everything at the last attempt.
    blocked: bool,
    /// It has taken bytes again after it was full: the peer has acknowledged some.
    progress: bool,
    pub(crate) read: u64,
    pub(crate) written: u64,
}

enum Io {
    Tcp(TcpStream),
    Other(Box<dyn Transport>),
    /// TLS to a proxy.
    #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
    Tls(Box<Wire>),
}

impl Meter {
    pub(crate) fn tcp(stream: TcpStream, token: Token) -> Self {
        Self::new(Io::Tcp(stream), token)
    }

    pub(crate) fn other(stream: Box<dyn Transport>, token: Token) -> Self {
        Self::new(Io::Other(stream), token)
    }

    /// A meter above a layer of TLS. The one below stays as it is during a handshake: it reads without a bound, and
    /// reports errors as they come.
    #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
    pub(crate) fn over(mut wire: Wire) -> Self {
        let token = wire.meter().token;
        Self::new(Io::Tls(Box::new(wire)), token)
    }

    fn new(io: Io, token: Token) -> Self {
        Self {
            io,
            token,
            readable: true,
            writable: true,
            read_closed: false,
            budget: BUDGET,
            open: false,
            failed: None,
            blocked: false,
            progress: false,
            read: 0,
            written: 0,
        }
    }

    /// What the poller says. True if it is about this stream.
    pub(crate) fn woken(&mut self, event: &Event) -> bool {
        if event.token() != self.token {
            return false;
        }
        #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
        if let Io::Tls(wire) = &mut self.io {
            wire.meter().woken(event);
        }
        self.read_closed |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || event.is_read_closed() || event.is_error();
        self.writable |= event.is_writable() || event.is_write_closed() || event.is_error();
        true
    }

    /// The handshakes are over.
    pub(crate) fn open(&mut self) {
        self.open = true;
    }

    pub(crate) fn begin_turn(&mut self) {
        self.budget = BUDGET;
    }

    /// Whether it was read as much as it may be in this turn, so that nobody knows what else there is.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.budget == 0
    }

    /// Whether the operating system may take something, as far as is known.
    pub(crate) fn is_writable(&self) -> bool {
        self.writable
    }

    pub(crate) fn failed(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    /// Whether TLS to a proxy has taken something that it has not written yet.
    pub(super) fn wants_write(&self) -> bool {
        match &self.io {
            Io::Tcp(_) | Io::Other(_) => false,
            #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
            Io::Tls(wire) => wire.wants_write(),
        }
    }

    fn io(&mut self) -> &mut dyn Stream {
        match &mut self.io {
            Io::Tcp(stream) => stream,
            Io::Other(stream) => stream,
            #[cfg(any(feature = "rustls-tls", feature = "native-tls"))]
            Io::Tls(wire) => wire,
        }
    }

    /// A read that gave less than was asked for has emptied the socket, on Unix (epoll(7), and kqueue alike).
    fn is_emptied(&self, count: usize, wanted: usize) -> bool {
        cfg!(unix) && matches!(self.io, Io::Tcp(_)) && (1..wanted).contains(&count) && !self.read_closed
    }
}

trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

impl Read for Meter {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if !self.readable || self.budget == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let wanted = buf.len();
        match uninterrupted(|| self.io().read(buf)) {
            Ok(count) => {
                self.readable = !self.is_emptied(count, wanted);
                self.read += count as u64;
                if self.open {
                    self.budget = self.budget.saturating_sub(count);
                }
                Ok(count)
            }
            Err(error) => {
                self.readable = error.kind() != ErrorKind::WouldBlock;
                Err(error)
            }
        }
    }
}

impl Write for Meter {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Ok(buf.len());
        }
        if !self.writable {
            return Err(ErrorKind::WouldBlock.into());
        }
        match uninterrupted(|| self.io().write(buf)) {
            Ok(count) => {
                self.progress |= std::mem::replace(&mut self.blocked, count < buf.len()) && count > 0;
                self.written += count as u64;
                Ok(count)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                (self.writable, self.blocked) = (false, true);
                Err(error)
            }
            Err(error) if self.open => {
                self.failed = Some(error);
                self.readable = true; // What is left to read, or the end.
                Ok(buf.len())
            }
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed.is_some() || matches!(self.io, Io::Tcp(_)) {
            return Ok(());
        }
        match self.io().flush() {
            Err(error) if self.open && error.kind() != ErrorKind::WouldBlock => {
                self.failed = Some(error);
                Ok(())
            }
            Err(error) => {
                self.writable &= error.kind() != ErrorKind::WouldBlock;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }
}

fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
