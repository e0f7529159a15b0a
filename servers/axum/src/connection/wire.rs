//! The socket as tungstenite wants it: `Read` and `Write` that never wait.

use std::io::{self, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// How often a socket is read in one turn, at most: a client that sends without end holds up nothing else.
const READS: u32 = 16;

/// A socket that says `WouldBlock` instead of waiting, and wakes whom it kept waiting.
///
/// An error of writing is held back: what can still be read (a close frame, perhaps) is read first.
pub(super) struct Wire<S> {
    io: S,
    waker: Waker,
    failed: Option<io::Error>,
    reads_left: u32,
    read: u64,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(super) fn new(io: S) -> Self {
        Self { io, waker: Waker::noop().clone(), failed: None, reads_left: READS, read: 0 }
    }

    /// The task runs; whom to wake.
    pub(super) fn begin_turn(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
        self.reads_left = READS;
    }

    /// Whether it was read as often as it may be in this turn, so that it is unknown what else there is.
    pub(super) fn is_exhausted(&self) -> bool {
        self.reads_left == 0
    }

    /// The error of writing that was held back.
    pub(super) fn failed(&self) -> Option<&io::Error> {
        self.failed.as_ref()
    }

    /// How many bytes were read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read
    }

    pub(super) fn into_inner(self) -> S {
        self.io
    }

    fn done<T>(&mut self, polled: Poll<io::Result<T>>, otherwise: T) -> io::Result<T> {
        match polled {
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(Ok(done)) => Ok(done),
            Poll::Ready(Err(error)) => {
                self.failed.get_or_insert(error);
                Ok(otherwise)
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Read for Wire<S> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.reads_left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.reads_left -= 1;
        let mut buf = ReadBuf::new(buf);
        match Pin::new(&mut self.io).poll_read(&mut Context::from_waker(&self.waker), &mut buf) {
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
            Poll::Ready(result) => {
                result?;
                self.read += buf.filled().len() as u64;
                Ok(buf.filled().len())
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Write for Wire<S> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        if self.failed.is_some() {
            return Ok(buf.len());
        }
        let polled = Pin::new(&mut self.io).poll_write(&mut Context::from_waker(&self.waker), buf);
        self.done(polled, buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.failed.is_some() {
            return Ok(());
        }
        let polled = Pin::new(&mut self.io).poll_flush(&mut Context::from_waker(&self.waker));
        self.done(polled, ())
    }
}
