//! The one connection of a driver: a dial, then a socket, and the room in its buffer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline::ConnId;
use heartline::loss::TransportError;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message};

use crate::host::{Link, Written};
use crate::translate::{self, Address, End};

/// How much goes into the codec's buffer before it is flushed; only then is there room again. A dead link swallows
/// this much, one message, and what the operating system buffers.
const BURST_BYTES: usize = 16 * 1024;
/// A larger message is rejected: tungstenite on the other side would not take its frame either.
const MAX_MESSAGE: usize = 16 << 20;
/// Kept free in the codec's buffer for pings, pongs and the close frame.
const HEADROOM: usize = 16 * 1024;
/// The most that a frame adds to its payload (RFC 6455 §5.2).
const HEADER: usize = 14;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Dial = Pin<Box<dyn Future<Output = Result<Stream, End>> + Send>>;

/// At most one dial or socket at a time. Dropping it aborts it.
pub struct Connection {
    state: State,
    patience: Duration,
}

enum State {
    Down,
    Dialling(ConnId, Dial),
    Up(Box<Socket>),
}

struct Socket {
    conn: ConnId,
    stream: Stream,
    /// What was written since the last flush that came to its end.
    unflushed: usize,
    /// Writing failed. It is the end, but not before everything readable was read: a close frame that says why,
    /// perhaps.
    failed: Option<End>,
}

/// What [`Connection::poll`] waits for.
pub enum Progress {
    Opened(ConnId),
    Frame(ConnId, Message),
    /// Bytes of a frame that is not complete: a proof of life.
    Part(ConnId),
    Ended(ConnId, End),
    /// Writing failed, and nothing more can be read as far as the runtime has looked.
    Failed(ConnId, End),
    /// There is room to write.
    Flushed,
}

impl Connection {
    pub fn new(patience: Duration) -> Self {
        Self { state: State::Down, patience }
    }

    /// What comes next. It may be cancelled: what it waits for stays here.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        match &mut self.state {
            State::Down => Poll::Pending,
            State::Dialling(conn, dial) => {
                let conn = *conn;
                Poll::Ready(match ready!(dial.as_mut().poll(cx)) {
                    Ok(stream) => {
                        self.state = State::Up(Box::new(Socket { conn, stream, unflushed: 0, failed: None }));
                        Progress::Opened(conn)
                    }
                    Err(end) => Progress::Ended(conn, end),
                })
            }
            State::Up(socket) => socket.poll(cx),
        }
    }

    /// Whether everything written before is out. Only then may messages be written: what is behind something else in
    /// the buffer could be out although writing failed.
    pub fn is_flushed(&mut self, cx: &mut Context<'_>) -> bool {
        let State::Up(socket) = &mut self.state else { return false };
        socket.failed.is_none() && socket.flush(cx).is_ready() && socket.failed.is_none()
    }

    pub fn has_failed(&self) -> bool {
        matches!(&self.state, State::Up(socket) if socket.failed.is_some())
    }
}

impl Link for Connection {
    fn dial(&mut self, conn: ConnId, url: String) {
        self.state = State::Dialling(conn, Box::pin(dial(url, self.patience)));
    }

    fn abort(&mut self, conn: ConnId) {
        match &self.state {
            State::Dialling(current, _) if *current == conn => self.state = State::Down,
            State::Up(socket) if socket.conn == conn => self.state = State::Down,
            _ => {}
        }
    }

    fn control(&mut self, conn: ConnId, frame: Message) {
        match &mut self.state {
            State::Up(socket) if socket.conn == conn => socket.put(frame),
            _ => {}
        }
    }

    fn write(&mut self, message: Message) -> Written {
        let State::Up(socket) = &mut self.state else { return Written::NotNow };
        if message.len() > MAX_MESSAGE {
            return Written::Rejected;
        }
        if socket.unflushed < BURST_BYTES && socket.failed.is_none() {
            socket.put(message);
            if socket.failed.is_none() {
                return Written::Taken;
            }
        }
        Written::NotNow
    }
}

impl Socket {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Progress> {
        let conn = self.conn;
        let bytes = self.stream.get_ref().get_ref().poll_read_ready(cx).is_ready();
        Poll::Ready(match self.stream.poll_next_unpin(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if frame.is_close() {
                    _ = self.stream.poll_flush_unpin(cx); // The answer, as far as it goes out at once.
                }
                Progress::Frame(conn, frame)
            }
            Poll::Ready(Some(Err(error))) => Progress::Ended(conn, self.complain(cx, &error)),
            Poll::Ready(None) => Progress::Ended(conn, TransportError::Io.into()),
            Poll::Pending if bytes => Progress::Part(conn),
            Poll::Pending => match self.failed {
                Some(end) => Progress::Failed(conn, end),
                None if self.unflushed == 0 => return Poll::Pending,
                None => {
                    ready!(self.flush(cx));
                    self.failed.map_or(Progress::Flushed, |end| Progress::Failed(conn, end))
                }
            },
        })
    }

    /// Tells the peer which rule it broke, as far as that goes out at once.
    fn complain(&mut self, cx: &mut Context<'_>, error: &Error) -> End {
        if let Some(frame) = translate::complaint(error) {
            _ = self.stream.start_send_unpin(Message::Close(Some(frame)));
            _ = self.stream.poll_flush_unpin(cx);
        }
        translate::error(error)
    }

    /// Goes on flushing what is in the buffer, pongs of the codec's included, until it is empty or has failed.
    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.stream.poll_flush_unpin(cx) {
            Poll::Pending => {
                self.unflushed = self.unflushed.max(1); // A pong of the codec's, perhaps.
                return Poll::Pending;
            }
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => self.failed = Some(translate::error(&error)),
        }
        self.unflushed = 0;
        Poll::Ready(())
    }

    /// Takes a frame whether there is room or not.
    fn put(&mut self, frame: Message) {
        self.unflushed += HEADER + frame.len();
        if let Err(error) = self.stream.start_send_unpin(frame) {
            self.failed.get_or_insert(translate::error(&error));
        }
    }
}

fn codec() -> WebSocketConfig {
    let most = BURST_BYTES + HEADER + MAX_MESSAGE + HEADROOM;
    WebSocketConfig::default().write_buffer_size(BURST_BYTES).max_write_buffer_size(most)
}

async fn dial(url: String, patience: Duration) -> Result<Stream, End> {
    let Address { request, host, port } = translate::address(&url).ok_or(TransportError::Address)?;
    let addresses: Vec<_> = lookup_host((host, port)).await.map_err(|_| TransportError::Resolve)?.collect();
    // A share for each, or an address that swallows everything would keep the others from ever being tried.
    let share = patience / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut tcp = None;
    for address in addresses {
        if let Ok(Ok(stream)) = timeout(share, TcpStream::connect(address)).await {
            tcp = Some(stream);
            break;
        }
    }
    let tcp = tcp.ok_or(TransportError::Connect)?;
    tcp.set_nodelay(true).map_err(|_| TransportError::Io)?;
    let dialled = client_async_tls_with_config(request, tcp, Some(codec()), None).await;
    dialled.map(|(stream, _)| stream).map_err(|error| translate::error(&error))
}
