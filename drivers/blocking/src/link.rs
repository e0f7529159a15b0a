//! The one connection of a client: none, a dial, or a socket. Nothing here waits.

use heartline::{ConnId, Timestamp};
use heartline_tungstenite::ended::Close;
use heartline_tungstenite::{Ended, Response};
use mio::event::Event;
use tungstenite::{Error, Message, WebSocket};

use crate::dial::{Dialer, Dialling, Failure};
use crate::poller::Poller;
use crate::wire::Wire;

/// The most that a frame adds to its payload (RFC 6455 §5.2).
const HEADER: usize = 14;
/// How many bytes of answers that the protocol gives by itself may wait to be written: half of what is kept free for
/// control frames in the write buffer.
const REPLIES: usize = 8 * 1024;

/// At most one dial or socket at a time. Dropping it aborts it.
pub(crate) struct Link {
    state: State,
    /// How much may be written before it is flushed.
    burst: usize,
    /// Bytes of the connections before this one.
    read: u64,
    written: u64,
}

enum State {
    Down,
    Dialling(Box<Dialling>),
    Up(Box<Socket>),
}

struct Socket {
    conn: ConnId,
    stream: WebSocket<Wire>,
    /// The meter when the last frame or part of one was found.
    seen: u64,
    /// Whether the last attempt to read has left something, perhaps.
    unread: bool,
    /// What was written since the last flush that came to its end.
    unflushed: usize,
    /// What of that are answers that the peer has provoked.
    replies: usize,
}

/// What reading came to.
pub(crate) enum Read {
    /// The dial succeeded.
    Opened(ConnId, Box<Response>),
    Frame(ConnId, Message),
    /// Bytes of a frame that is not complete: a sign of life.
    Part(ConnId),
    /// The dial failed or the connection is over.
    Ended(ConnId, Box<Ended>),
    /// A hook of the dial has panicked.
    Panicked(String),
    /// Nothing for now.
    Quiet,
}

impl Link {
    pub(crate) fn new(burst: usize) -> Self {
        Self { state: State::Down, burst, read: 0, written: 0 }
    }

    pub(crate) fn dial(&mut self, dialling: Dialling) {
        self.drop_socket();
        self.state = State::Dialling(Box::new(dialling));
    }

    /// Drops the dial or connection of this name.
    pub(crate) fn abort(&mut self, conn: ConnId) {
        if self.conn() == Some(conn) {
            self.drop_socket();
        }
    }

    pub(crate) fn drop_socket(&mut self) {
        (self.read, self.written) = self.bytes();
        self.state = State::Down;
    }

    fn conn(&self) -> Option<ConnId> {
        match &self.state {
            State::Down => None,
            State::Dialling(dialling) => Some(dialling.conn()),
            State::Up(socket) => Some(socket.conn),
        }
    }

    fn socket(&mut self) -> Option<&mut Socket> {
        match &mut self.state {
            State::Up(socket) => Some(socket),
            State::Down | State::Dialling(_) => None,
        }
    }

    /// What the poller says.
    pub(crate) fn woken(&mut self, event: &Event) {
        match &mut self.state {
            State::Down => {}
            State::Dialling(dialling) => dialling.woken(event),
            State::Up(socket) => socket.unread |= socket.stream.get_mut().meter().woken(event),
        }
    }

    /// A turn of the driver begins.
    pub(crate) fn begin_turn(&mut self) {
        if let Some(socket) = self.socket() {
            socket.stream.get_mut().meter().begin_turn();
        }
    }

    /// When the dial has to be taken further although nothing has happened.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match &self.state {
            State::Dialling(dialling) => dialling.deadline(),
            _ => None,
        }
    }

    /// What comes next.
    pub(crate) fn read(&mut self, dialer: &Dialer, poller: &mut Poller, now: Timestamp) -> Read {
        match &mut self.state {
            State::Down => Read::Quiet,
            State::Up(socket) => socket.read(),
            State::Dialling(dialling) => {
                let conn = dialling.conn();
                match dialling.advance(dialer, poller, now) {
                    Ok(None) => Read::Quiet,
                    Ok(Some(mut dialled)) => {
                        let seen = dialled.socket.get_mut().meter().read;
                        let stream = dialled.socket;
                        let socket = Socket { conn, stream, seen, unread: true, unflushed: 0, replies: 0 };
                        self.state = State::Up(Box::new(socket));
                        Read::Opened(conn, Box::new(dialled.response))
                    }
                    Err(failure) => {
                        self.state = State::Down;
                        match failure {
                            Failure::Ended(ended) => Read::Ended(conn, ended),
                            Failure::Panicked(message) => Read::Panicked(message),
                        }
                    }
                }
            }
        }
    }

    /// The end that a failed write is, to be asked for when nothing is left to read.
    pub(crate) fn failure(&mut self) -> Option<(ConnId, Ended)> {
        let socket = self.socket()?;
        let conn = socket.conn;
        let error = socket.stream.get_mut().meter().failed()?;
        let error = std::io::Error::new(error.kind(), error.to_string());
        Some((conn, Ended::from(&Error::Io(error))))
    }

    pub(crate) fn has_failed(&mut self) -> bool {
        self.socket().is_some_and(|socket| socket.stream.get_mut().meter().failed().is_some())
    }

    /// Whether there may be something to read without waiting: in the socket, or in the buffers of TLS and the codec.
    pub(crate) fn is_readable(&mut self) -> bool {
        self.socket().is_some_and(|socket| socket.unread)
    }

    /// Whether the operating system takes no more for now.
    pub(crate) fn is_blocked(&mut self) -> bool {
        self.socket().is_some_and(|socket| socket.stream.get_mut().meter().is_blocked())
    }

    /// Whether the peer has acknowledged bytes of a send buffer that was full: a sign of life while a large message is
    /// on its way out.
    pub(crate) fn take_progress(&mut self) -> Option<ConnId> {
        let socket = self.socket()?;
        socket.stream.get_mut().meter().take_progress().then_some(socket.conn)
    }

    /// Goes on flushing what is in the buffer. True if it is empty, and the connection can be written.
    pub(crate) fn flush(&mut self) -> bool {
        self.socket().is_some_and(|socket| (!socket.is_unflushed() || socket.flush()) && !socket.has_failed())
    }

    /// Whether another message may be written before the next flush.
    pub(crate) fn has_room(&mut self) -> bool {
        let burst = self.burst;
        self.socket().is_some_and(|socket| socket.unflushed < burst && !socket.has_failed())
    }

    /// Whether the peer takes the answers that it provokes. If not, it is not listened to either.
    pub(crate) fn takes_replies(&mut self) -> bool {
        self.socket().is_none_or(|socket| socket.replies < REPLIES)
    }

    /// Writes a message into the codec's buffer.
    pub(crate) fn write(&mut self, message: Message) {
        if let Some(socket) = self.socket() {
            socket.put(message);
        }
    }

    /// Writes a ping or an answer, however full the socket is: the codec's buffer has room for frames like these.
    pub(crate) fn control(&mut self, conn: ConnId, message: Message, reply: bool) {
        if let Some(socket) = self.socket().filter(|socket| socket.conn == conn) {
            if reply {
                socket.replies += HEADER + message.len();
            }
            socket.put(message);
        }
    }

    /// Sends a close frame before the connection is dropped, as far as it goes out at once.
    pub(crate) fn say_goodbye(&mut self, conn: ConnId, close: &Close) {
        if let Some(socket) = self.socket().filter(|socket| socket.conn == conn) {
            socket.put(close.message());
            socket.flush();
        }
    }

    /// Bytes read and written so far, by all connections.
    pub(crate) fn bytes(&mut self) -> (u64, u64) {
        let (read, written) = (self.read, self.written);
        let Some(socket) = self.socket() else { return (read, written) };
        let meter = socket.stream.get_mut().meter();
        (read + meter.read, written + meter.written)
    }
}

impl Socket {
    fn read(&mut self) -> Read {
        if !self.unread {
            return Read::Quiet;
        }
        let conn = self.conn;
        match self.stream.read() {
            Ok(frame) => {
                self.seen = self.stream.get_mut().meter().read;
                match &frame {
                    Message::Close(_) => _ = self.stream.flush(), // The answer, as far as it goes out at once.
                    Message::Ping(_) => self.unflushed = self.unflushed.max(1), // The codec's pong.
                    _ => {}
                }
                Read::Frame(conn, frame)
            }
            Err(error) if is_slow(&error) => {
                let meter = self.stream.get_mut().meter();
                self.unread = meter.is_exhausted() || meter.is_readable();
                let read = meter.read;
                match std::mem::replace(&mut self.seen, read) < read {
                    true => Read::Part(conn),
                    false => Read::Quiet,
                }
            }
            Err(error) => {
                let ended = Ended::from(&error);
                if let Some(close) = ended.complaint() {
                    self.put(close.message());
                    self.flush();
                }
                Read::Ended(conn, Box::new(ended))
            }
        }
    }

    fn is_unflushed(&self) -> bool {
        self.unflushed > 0 || self.stream.get_ref().wants_write()
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
        self.stream.get_mut().meter().failed().is_some()
    }
}

fn is_slow(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}
