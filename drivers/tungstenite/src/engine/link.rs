//! The one connection of a client: none, a dial, or a socket. Nothing here waits.

use std::io;
use std::task::{Context, Poll, Waker};

use heartline::{ConnId, Timestamp};
use tungstenite::error::ProtocolError;
use tungstenite::{Error, Message, WebSocket};

use super::buffered::Buffered;
use super::host::{Connection, Dialled, Host, Wire};
use crate::codec::Codec;
use crate::ended::{Close, Ended};
use crate::request::Response;

/// The most that a frame adds to its payload (RFC 6455 §5.2).
const HEADER: usize = 14;
/// How many bytes of answers that the protocol gives by itself may wait to be written: half of what is kept free for
/// control frames in the write buffer.
const REPLIES: usize = 8 * 1024;

/// At most one dial or socket at a time. Dropping it aborts it.
pub(super) struct Link<D, W> {
    state: State<D, W>,
    /// How much may be written before it is flushed.
    burst: usize,
    /// Bytes of the connections before this one.
    read: u64,
    written: u64,
}

enum State<D, W> {
    Down,
    Dialling(ConnId, D),
    Up(Box<Socket<W>>),
}

struct Socket<W> {
    conn: ConnId,
    stream: WebSocket<Buffered<W>>,
    /// The bytes read when the last frame or part of one was found.
    seen: u64,
    /// What was written since the last flush that came to its end.
    unflushed: usize,
    /// What of that are answers that the peer has provoked.
    replies: usize,
}

/// What reading came to.
pub(super) enum Read {
    /// The dial succeeded.
    Opened(ConnId, Box<Response>),
    Frame(ConnId, Message),
    /// Bytes of a frame that is not complete: a sign of life.
    Part(ConnId),
    /// The dial failed or the connection is over.
    Ended(ConnId, Box<Ended>),
    /// Nothing, as far as is known.
    Quiet,
}

impl<D, W: Wire> Link<D, W> {
    pub(super) fn new(burst: usize) -> Self {
        Self { state: State::Down, burst, read: 0, written: 0 }
    }

    pub(super) fn dial(&mut self, conn: ConnId, dialling: D) {
        self.drop_socket();
        self.state = State::Dialling(conn, dialling);
    }

    /// Drops the dial or connection of this name.
    pub(super) fn abort(&mut self, conn: ConnId) {
        if self.conn() == Some(conn) {
            self.drop_socket();
        }
    }

    pub(super) fn drop_socket(&mut self) {
        (self.read, self.written) = self.bytes();
        self.state = State::Down;
    }

    fn conn(&self) -> Option<ConnId> {
        match &self.state {
            State::Down => None,
            State::Dialling(conn, _) => Some(*conn),
            State::Up(socket) => Some(socket.conn),
        }
    }

    fn socket(&mut self) -> Option<&mut Socket<W>> {
        match &mut self.state {
            State::Up(socket) => Some(socket),
            State::Down | State::Dialling(..) => None,
        }
    }

    /// What there is for the host to look at.
    pub(super) fn connection(&mut self) -> Connection<'_, D, W> {
        match &mut self.state {
            State::Down => Connection::Down,
            State::Dialling(_, dialling) => Connection::Dialling(dialling),
            State::Up(socket) => Connection::Up(socket.wire()),
        }
    }

    /// A turn of the driver begins.
    pub(super) fn begin_turn(&mut self, waker: &Waker) {
        if let Some(socket) = self.socket() {
            socket.wire().begin_turn(waker);
        }
    }

    /// What comes next. It owns what it waits for, so nothing is lost if it is not asked again.
    pub(super) fn read<C, H>(&mut self, host: &mut H, now: Timestamp, cx: &mut Context<'_>) -> Read
    where
        C: Codec,
        H: Host<C, Dialling = D, Wire = W>,
    {
        match &mut self.state {
            State::Down => Read::Quiet,
            State::Up(socket) => socket.read(),
            State::Dialling(conn, dialling) => {
                let conn = *conn;
                match host.poll_dial(dialling, now, cx) {
                    Poll::Pending => Read::Quiet,
                    Poll::Ready(Err(ended)) => {
                        self.state = State::Down;
                        Read::Ended(conn, Box::new(ended))
                    }
                    Poll::Ready(Ok(dialled)) => self.open(conn, dialled, cx.waker()),
                }
            }
        }
    }

    fn open(&mut self, conn: ConnId, dialled: Dialled<W>, waker: &Waker) -> Read {
        let Dialled { socket: mut stream, response } = dialled;
        let wire = stream.get_mut().get_mut();
        wire.begin_turn(waker);
        let (seen, _) = wire.bytes();
        self.state = State::Up(Box::new(Socket { conn, stream, seen, unflushed: 0, replies: 0 }));
        Read::Opened(conn, Box::new(response))
    }

    /// The end that a failed write is, to be asked for when nothing is left to read.
    pub(super) fn failure(&mut self) -> Option<(ConnId, Ended)> {
        let socket = self.socket()?;
        let conn = socket.conn;
        let error = socket.wire().failed()?;
        Some((conn, Ended::from(&Error::Io(clone(error)))))
    }

    pub(super) fn has_failed(&mut self) -> bool {
        self.socket().is_some_and(|socket| socket.wire().failed().is_some())
    }

    /// Whether reading stopped because it was this driver's turn for long enough.
    pub(super) fn is_exhausted(&mut self) -> bool {
        self.socket().is_some_and(|socket| socket.wire().is_exhausted())
    }

    /// Whether the peer has acknowledged bytes of a send buffer that was full: a sign of life while a large message is
    /// on its way out.
    pub(super) fn take_progress(&mut self) -> Option<ConnId> {
        let socket = self.socket()?;
        socket.wire().take_progress().then_some(socket.conn)
    }

    /// Goes on flushing what is in the buffer. True if it is empty, and the connection can be written.
    pub(super) fn flush(&mut self) -> bool {
        self.socket().is_some_and(|socket| (!socket.is_unflushed() || socket.flush()) && !socket.has_failed())
    }

    /// Whether another message may be written before the next flush.
    pub(super) fn has_room(&mut self) -> bool {
        let burst = self.burst;
        self.socket().is_some_and(|socket| socket.unflushed < burst && !socket.has_failed())
    }

    /// Whether the peer takes the answers that it provokes. If not, it is not listened to either.
    pub(super) fn takes_replies(&mut self) -> bool {
        self.socket().is_none_or(|socket| socket.replies < REPLIES)
    }

    /// Writes a message into the codec's buffer.
    pub(super) fn write(&mut self, message: Message) {
        if let Some(socket) = self.socket() {
            socket.put(message);
        }
    }

    /// Writes a ping or an answer, however full the socket is: the codec's buffer has room for frames like these.
    pub(super) fn control(&mut self, conn: ConnId, message: Message, reply: bool) {
        if let Some(socket) = self.socket().filter(|socket| socket.conn == conn) {
            if reply {
                socket.replies += HEADER + message.len();
            }
            socket.put(message);
        }
    }

    /// Sends a close frame before the connection is dropped, as far as it goes out at once.
    pub(super) fn say_goodbye(&mut self, conn: ConnId, close: &Close) {
        if let Some(socket) = self.socket().filter(|socket| socket.conn == conn) {
            socket.put(close.message());
            socket.flush();
        }
    }

    /// Bytes read and written so far, by all connections.
    pub(super) fn bytes(&mut self) -> (u64, u64) {
        let (read, written) = (self.read, self.written);
        let Some(socket) = self.socket() else { return (read, written) };
        let (more_read, more_written) = socket.wire().bytes();
        (read + more_read, written + more_written)
    }
}

impl<W: Wire> Socket<W> {
    fn wire(&mut self) -> &mut W {
        self.stream.get_mut().get_mut()
    }

    fn read(&mut self) -> Read {
        let conn = self.conn;
        match self.stream.read() {
            Ok(frame) => {
                self.seen = self.wire().bytes().0;
                match &frame {
                    Message::Close(_) => _ = self.stream.flush(), // The answer, as far as it goes out at once.
                    Message::Ping(_) => self.unflushed = self.unflushed.max(1), // The codec's pong.
                    _ => {}
                }
                Read::Frame(conn, frame)
            }
            Err(error) if is_slow(&error) => {
                let (read, _) = self.wire().bytes();
                match std::mem::replace(&mut self.seen, read) < read {
                    true => Read::Part(conn),
                    false => Read::Quiet,
                }
            }
            Err(error) => {
                let ended = Ended::from(&self.cause(error));
                if let Some(close) = ended.complaint() {
                    self.put(close.message());
                    self.flush();
                }
                Read::Ended(conn, Box::new(ended))
            }
        }
    }

    /// Why the stream has come to its end: the operating system tells an error once, and writing may have met it first.
    fn cause(&mut self, error: Error) -> Error {
        match (&error, self.wire().failed()) {
            (Error::Protocol(ProtocolError::ResetWithoutClosingHandshake), Some(failed)) => Error::Io(clone(failed)),
            _ => error,
        }
    }

    fn is_unflushed(&self) -> bool {
        self.unflushed > 0 || self.stream.get_ref().get_ref().wants_write()
    }

    /// True when everything is out.
    fn flush(&mut self) -> bool {
        match self.stream.flush() {
            Err(error) if is_slow(&error) => {
                self.unflushed = self.unflushed.max(1);
                false
            }
            // An error is that of a connection that is over, which reading reports.
            Ok(()) | Err(_) => {
                (self.unflushed, self.replies) = (0, 0);
                true
            }
        }
    }

    /// Takes a frame whether there is room or not. An error is that of a connection that is over, which reading reports.
    fn put(&mut self, frame: Message) {
        self.unflushed += HEADER + frame.len();
        _ = self.stream.write(frame);
    }

    fn has_failed(&mut self) -> bool {
        self.wire().failed().is_some()
    }
}

fn is_slow(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn clone(error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), error.to_string())
}
