//! The socket below HTTP, and below what it is upgraded to.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::gate::Permit;
use super::watch::Watch;

/// What TLS makes of a TCP stream.
pub(super) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// An accepted socket. It counts among the open ones until it is dropped.
///
/// An upgrade gives it back: [`hyper::upgrade::Upgraded::downcast`] to `TokioIo<Socket>`.
pub struct Socket {
    io: Io,
    /// Dead when HTTP is over, and `None` once that was noticed.
    watch: Option<Weak<Watch>>,
    _permit: Permit,
}

pub(super) enum Io {
    Tcp(TcpStream),
    Tls(Box<dyn Stream>),
}

impl Socket {
    pub(super) fn new(io: Io, watch: &Arc<Watch>, permit: Permit) -> Self {
        Self { io, watch: Some(Arc::downgrade(watch)), _permit: permit }
    }

    /// The stream, for its options; `None` with TLS.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.io {
            Io::Tcp(tcp) => Some(tcp),
            Io::Tls(_) => None,
        }
    }

    fn io(&mut self) -> Pin<&mut dyn Stream> {
        match &mut self.io {
            Io::Tcp(tcp) => Pin::new(tcp),
            Io::Tls(tls) => Pin::new(tls.as_mut()),
        }
    }

    fn watch(&mut self) -> Option<Arc<Watch>> {
        let watch = self.watch.as_ref()?.upgrade();
        if watch.is_none() {
            self.watch = None;
        }
        watch
    }

    fn note_write<T>(&mut self, written: Poll<T>) -> Poll<T> {
        if let Some(watch) = self.watch() {
            watch.wrote(written.is_ready());
        }
        written
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = self.io().poll_read(cx, buffer);
        if buffer.filled().len() > before {
            if let Some(watch) = self.watch() {
                watch.read();
            }
        }
        read
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.io().poll_write(cx, bytes);
        self.note_write(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.io().poll_write_vectored(cx, slices);
        self.note_write(written)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.io {
            Io::Tcp(tcp) => tcp.is_write_vectored(),
            Io::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = self.io().poll_flush(cx);
        self.note_write(flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = self.io().poll_shutdown(cx);
        self.note_write(shut)
    }
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("tcp", &self.tcp()).finish_non_exhaustive()
    }
}
