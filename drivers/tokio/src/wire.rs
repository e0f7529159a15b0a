//! The bytes of a connection: what tungstenite reads and writes, over TLS or not, with a meter at the bottom.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::hooks::Transport;

/// How often a socket is read in one turn, at most: a peer that sends without end holds up nothing else.
const READS: u32 = 64;

/// The stream at the bottom of a connection, with a meter.
///
/// Once the connection is open it holds an error of writing back: what can still be read (a close frame that says
/// why, perhaps) is read first.
pub(crate) struct Meter {
    io: Io,
    pub(crate) read: u64,
    pub(crate) written: u64,
    /// How often it may still be read in this turn.
    reads_left: u32,
    open: bool,
    failed: Option<io::Error>,
    /// The operating system took nothing at the last attempt.
    blocked: bool,
    /// It has taken bytes again after it was full: the peer has acknowledged some.
    progress: bool,
}

enum Io {
    Tcp(TcpStream),
    Other(Box<dyn Transport>),
}

impl Meter {
    pub(crate) fn tcp(stream: TcpStream) -> Self {
        Self::new(Io::Tcp(stream))
    }

    pub(crate) fn other(stream: Box<dyn Transport>) -> Self {
        Self::new(Io::Other(stream))
    }

    fn new(io: Io) -> Self {
        Self {
            io,
            read: 0,
            written: 0,
            reads_left: u32::MAX,
            open: false,
            failed: None,
            blocked: false,
            progress: false,
        }
    }

    /// The handshakes are over.
    pub(crate) fn open(&mut self) {
        self.open = true;
    }

    pub(crate) fn begin_turn(&mut self) {
        self.reads_left = READS;
    }

    /// Whether it was read as often as it may be in this turn, so that it is unknown what else there is.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.open && self.reads_left == 0
    }

    pub(crate) fn failed(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    pub(crate) fn take_progress(&mut self) -> bool {
        std::mem::take(&mut self.progress)
    }

    /// Whether there is something to read (the end or an error, too) that the runtime may not have noticed yet. `None`
    /// where only the runtime can tell.
    pub(crate) fn is_readable(&self) -> Option<bool> {
        let Io::Tcp(stream) = &self.io else { return None };
        let mut byte = [std::mem::MaybeUninit::uninit()];
        match socket2::SockRef::from(stream).peek(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => None,
            Ok(_) | Err(_) => Some(true),
        }
    }

    fn io(&mut self) -> Pin<&mut dyn Transport> {
        match &mut self.io {
            Io::Tcp(stream) => Pin::new(stream),
            Io::Other(stream) => Pin::new(stream),
        }
    }

    fn wrote(&mut self, result: Poll<io::Result<usize>>, all: usize) -> Poll<io::Result<usize>> {
        match result {
            Poll::Pending => {
                self.blocked = true;
                Poll::Pending
            }
            Poll::Ready(Ok(count)) => {
                self.progress |= std::mem::take(&mut self.blocked) && count > 0;
                self.written += count as u64;
                Poll::Ready(Ok(count))
            }
            Poll::Ready(Err(error)) if self.open => {
                self.failed.get_or_insert(error);
                Poll::Ready(Ok(all))
            }
            error => error,
        }
    }
}

impl AsyncRead for Meter {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.open && self.reads_left == 0 {
            return Poll::Pending; // The driver comes back by itself.
        }
        let before = buf.filled().len();
        ready!(self.io().poll_read(cx, buf))?;
        if self.open {
            self.reads_left -= 1;
        }
        self.read += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Meter {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.failed.is_some() {
            return Poll::Ready(Ok(buf.len()));
        }
        let result = self.io().poll_write(cx, buf);
        self.wrote(result, buf.len())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.failed.is_some() {
            return Poll::Ready(Ok(()));
        }
        let result = self.io().poll_flush(cx).map_ok(|()| 0);
        self.wrote(result, 0).map_ok(drop)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = bufs.iter().map(|buf| buf.len()).sum();
        if self.failed.is_some() {
            return Poll::Ready(Ok(all));
        }
        let result = self.io().poll_write_vectored(cx, bufs);
        self.wrote(result, all)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Tcp(stream) => stream.is_write_vectored(),
            Io::Other(stream) => stream.is_write_vectored(),
        }
    }
}

/// With TLS or without.
pub(crate) enum Layer {
    Plain(Meter),
    #[cfg(feature = "rustls-tls")]
    Rustls(Box<tokio_rustls::client::TlsStream<Meter>>),
    #[cfg(feature = "native-tls")]
    Native(Box<tokio_native_tls::TlsStream<Meter>>),
}

impl Layer {
    fn stream(&mut self) -> Pin<&mut dyn Transport> {
        match self {
            Self::Plain(meter) => Pin::new(meter),
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => Pin::new(stream),
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => Pin::new(stream),
        }
    }

    /// The stream for another layer.
    pub(crate) fn into_transport(self) -> Box<dyn Transport> {
        match self {
            Self::Plain(meter) => Box::new(meter),
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => stream,
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => stream,
        }
    }

    fn meter(&mut self) -> &mut Meter {
        match self {
            Self::Plain(meter) => meter,
            #[cfg(feature = "rustls-tls")]
            Self::Rustls(stream) => stream.get_mut().0,
            #[cfg(feature = "native-tls")]
            Self::Native(stream) => stream.get_mut().get_mut().get_mut(),
        }
    }
}

/// A connection as tungstenite wants it: `Read` and `Write` that never block. The waker is set before they are
/// called.
pub(crate) struct Wire {
    layer: Layer,
    waker: Waker,
}

impl Wire {
    pub(crate) fn new(layer: Layer) -> Self {
        Self { layer, waker: Waker::noop().clone() }
    }

    /// Whom to wake when there is more to read or room to write.
    pub(crate) fn set_waker(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
    }

    pub(crate) fn meter(&mut self) -> &mut Meter {
        self.layer.meter()
    }

    fn polled(&mut self) -> Polled<'_> {
        Polled { stream: self.layer.stream(), waker: &self.waker }
    }
}

impl Read for Wire {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.polled().read(buf)
    }
}

impl Write for Wire {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.polled().write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.polled().flush()
    }
}

/// A stream that says `WouldBlock` instead of waiting, and wakes whom it kept waiting.
pub(crate) struct Polled<'a> {
    stream: Pin<&'a mut dyn Transport>,
    waker: &'a Waker,
}

impl<'a> Polled<'a> {
    pub(crate) fn new(meter: &'a mut Meter, waker: &'a Waker) -> Self {
        Self { stream: Pin::new(meter), waker }
    }

    fn done<T>(poll: Poll<io::Result<T>>) -> io::Result<T> {
        match poll {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl Read for Polled<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut buf = ReadBuf::new(buf);
        let poll = self.stream.as_mut().poll_read(&mut Context::from_waker(self.waker), &mut buf);
        Self::done(poll).map(|()| buf.filled().len())
    }
}

impl Write for Polled<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Self::done(self.stream.as_mut().poll_write(&mut Context::from_waker(self.waker), buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Self::done(self.stream.as_mut().poll_flush(&mut Context::from_waker(self.waker)))
    }
}
