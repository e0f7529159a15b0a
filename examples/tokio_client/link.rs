//! The one connection of a driver: a dial, then a socket, and the room in its buffer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use heartline::{Closed, ConnId, Input, Loss, Transport, Unsent};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use tungstenite::protocol::WebSocketConfig;
use tungstenite::{Error, Message};

use crate::losses::{self, Address};

/// How much goes into the codec's buffer before it is flushed, and the next message is pulled only when
/// it was. A dead link swallows this much, one message, and what the operating system buffers.
const BURST_BYTES: usize = 16 * 1024;
/// A larger message is rejected: tungstenite on the other side would not take its frame either.
const MAX_MESSAGE: usize = 16 << 20;
/// Kept free in the codec's buffer for pings, pongs and the close frame.
const HEADROOM: usize = 16 * 1024;
/// The most that a frame adds to its payload (RFC 6455 §5.2).
const HEADER: usize = 14;

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;
type Dial = Pin<Box<dyn Future<Output = Result<Stream, Closed>> + Send>>;

/// At most one connection at a time. Dropping it aborts it, a dial included.
pub enum Link {
    Down,
    Dialling(ConnId, Dial),
    Up(Box<Socket>),
}

pub struct Socket {
    conn: ConnId,
    stream: Stream,
    /// Something was written that was not flushed.
    unflushed: bool,
    /// Writing failed. It is the end, but not before everything readable was read: a close frame that says why,
    /// perhaps.
    failed: Option<Closed>,
}

impl Link {
    pub fn dial(conn: ConnId, url: String, patience: Duration) -> Self {
        Self::Dialling(conn, Box::pin(dial(url, patience)))
    }

    pub fn abort(&mut self, conn: ConnId) {
        let current = match self {
            Self::Down => None,
            Self::Dialling(current, _) => Some(*current),
            Self::Up(socket) => Some(socket.conn),
        };
        if current == Some(conn) {
            *self = Self::Down;
        }
    }

    /// A frame that does not wait for room: there is some left for it. In a buffer that is full even so, a ping
    /// would help no more than its absence.
    pub fn control(&mut self, conn: ConnId, frame: Message) {
        match self {
            Self::Up(socket) if socket.conn == conn => _ = socket.write(frame),
            _ => {}
        }
    }

    /// What comes next; `None` is room to write. What is waited for stays in the link.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Input<Message>>> {
        let input = match self {
            Self::Down => return Poll::Pending,
            Self::Dialling(conn, dial) => match (*conn, ready!(dial.as_mut().poll(cx))) {
                (conn, Ok(stream)) => {
                    *self = Self::Up(Box::new(Socket { conn, stream, unflushed: false, failed: None }));
                    Some(Input::Opened { conn })
                }
                (conn, Err(closed)) => Some(Input::Closed { conn, closed }),
            },
            Self::Up(socket) => ready!(socket.poll(cx)),
        };
        if let Some(Input::Closed { .. }) = input {
            *self = Self::Down;
        }
        Poll::Ready(input)
    }

    /// Room for a burst of messages, if there is a connection and everything before is out.
    pub fn room(&mut self, cx: &mut Context<'_>) -> Option<Room<'_>> {
        let Self::Up(socket) = self else { return None };
        socket.is_flushed(cx).then_some(Room { socket, taken: 0 })
    }
}

impl Socket {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Input<Message>>> {
        let conn = self.conn;
        loop {
            let closed = match self.stream.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(Message::Close(frame)))) => {
                    _ = self.stream.poll_flush_unpin(cx); // The answer, as far as it goes out at once.
                    losses::close_frame(frame.as_ref())
                }
                Poll::Ready(Some(Ok(message))) => return Poll::Ready(Some(Input::Message { conn, message })),
                Poll::Ready(Some(Err(error))) => self.complain(cx, &error),
                Poll::Ready(None) => Loss::Transport(Transport::Io).into(),
                Poll::Pending => match self.failed {
                    Some(failed) => failed,
                    None if self.unflushed => match self.flush(cx) {
                        Poll::Ready(()) if self.failed.is_some() => continue,
                        flushed => return flushed.map(|()| None),
                    },
                    None => return Poll::Pending,
                },
            };
            return Poll::Ready(Some(Input::Closed { conn, closed }));
        }
    }

    /// Tells the peer which rule it broke, as far as that goes out at once.
    fn complain(&mut self, cx: &mut Context<'_>, error: &Error) -> Closed {
        if let Some(frame) = losses::complaint(error) {
            _ = self.stream.start_send_unpin(Message::Close(Some(frame)));
            _ = self.stream.poll_flush_unpin(cx);
        }
        losses::error(error)
    }

    /// Goes on flushing what is in the buffer, pongs of the codec's included, until it is empty or has failed.
    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let result = ready!(self.stream.poll_flush_unpin(cx));
        self.unflushed = false;
        self.failed = result.err().map(|error| losses::error(&error));
        Poll::Ready(())
    }

    fn is_flushed(&mut self, cx: &mut Context<'_>) -> bool {
        self.unflushed |= self.failed.is_none() && self.flush(cx).is_pending();
        self.failed.is_none() && !self.unflushed
    }

    fn write(&mut self, frame: Message) -> Result<(), Error> {
        if self.failed.is_some() {
            return Err(Error::AlreadyClosed);
        }
        self.unflushed = true;
        self.stream.start_send_unpin(frame).inspect_err(|error| {
            if !matches!(error, Error::WriteBufferFull(_) | Error::Capacity(_)) {
                self.failed = Some(losses::error(error));
            }
        })
    }
}

/// The codec's buffer, empty at first. Since nothing else is in it, a write that fails has not sent the last
/// message whole.
pub struct Room<'a> {
    socket: &'a mut Socket,
    taken: usize,
}

impl Room<'_> {
    pub fn is_left(&mut self, cx: &mut Context<'_>) -> bool {
        let ready = matches!(self.socket.stream.poll_ready_unpin(cx), Poll::Ready(Ok(())));
        ready && self.taken < BURST_BYTES && self.socket.failed.is_none()
    }

    pub fn take(&mut self, message: Message) -> Result<(), Unsent> {
        if message.len() > MAX_MESSAGE {
            return Err(Unsent::Rejected);
        }
        self.taken += HEADER + message.len();
        self.socket.write(message).map_err(|error| {
            self.taken = BURST_BYTES;
            if matches!(error, Error::Capacity(_)) { Unsent::Rejected } else { Unsent::Full }
        })
    }
}

fn codec() -> WebSocketConfig {
    let most = BURST_BYTES + HEADER + MAX_MESSAGE + HEADROOM;
    WebSocketConfig::default().write_buffer_size(BURST_BYTES).max_write_buffer_size(most)
}

async fn dial(url: String, patience: Duration) -> Result<Stream, Closed> {
    let failed = |transport| Closed::from(Loss::Transport(transport));
    let Address { request, host, port } = losses::address(&url).ok_or(failed(Transport::Address))?;
    let addresses: Vec<_> = lookup_host((host, port)).await.map_err(|_| failed(Transport::Resolve))?.collect();
    // A share for each, or an address that swallows everything would keep the others from ever being tried.
    let share = patience / u32::try_from(addresses.len()).unwrap_or(u32::MAX).max(1);
    let mut tcp = None;
    for address in addresses {
        if let Ok(Ok(stream)) = timeout(share, TcpStream::connect(address)).await {
            tcp = Some(stream);
            break;
        }
    }
    let tcp = tcp.ok_or(failed(Transport::Connect))?;
    tcp.set_nodelay(true).map_err(|_| failed(Transport::Io))?;
    let dialled = client_async_tls_with_config(request, tcp, Some(codec()), None).await;
    dialled.map(|(stream, _)| stream).map_err(|error| losses::error(&error))
}
