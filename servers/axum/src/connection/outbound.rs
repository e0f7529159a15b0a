//! What is written to a connection.

use std::collections::VecDeque;
use std::io;

use heartline_tungstenite::ended::Close;
use tokio::io::{AsyncRead, AsyncWrite};
use tungstenite::{Bytes, Error, Message, WebSocket};

use super::wire::Wire;
use crate::codec::{Codec, Notice};
use crate::hub::Shared;
use crate::hub::peer::{Outgoing, Owned};

/// The most that a frame of the server's adds to its payload (RFC 6455 §5.2).
const HEADER: usize = 10;
/// So many bytes of pongs may wait for a client that does not read them; beyond that it is not read.
const PONGS: usize = 8 * 1024;

/// The batch that is being written, and how far it is.
pub(super) struct Outbound<U> {
    pub(super) batch: VecDeque<Outgoing<U>>,
    /// Bytes in the codec's buffer.
    buffered: usize,
    /// What they are in the hub's account.
    unwritten: u64,
    /// The same of what the socket has taken, to be reported.
    pub(super) written: u64,
    pongs: usize,
    /// The close frame, once it is in the codec's buffer.
    pub(super) close: Option<Close>,
    /// A ping of the heartbeat's was written.
    pub(super) pinged: bool,
}

impl<U> Outbound<U> {
    pub(super) fn new() -> Self {
        Self { batch: VecDeque::new(), buffered: 0, unwritten: 0, written: 0, pongs: 0, close: None, pinged: false }
    }

    /// The codec has an answer to a ping.
    pub(super) fn answered(&mut self, payload: &Bytes) {
        self.pongs += HEADER + payload.len();
    }

    /// Whether the client takes the answers that it provokes.
    pub(super) fn takes_pongs(&self) -> bool {
        self.pongs < PONGS
    }

    /// Whether the close frame has left.
    pub(super) fn is_closed(&self) -> bool {
        self.close.is_some() && self.buffered == 0
    }

    /// Writes as much as the socket takes.
    pub(super) fn write<C, S>(&mut self, shared: &Shared<C>, socket: &mut WebSocket<Wire<S>>)
    where
        C: Codec<User = U>,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let burst = shared.limits.write_buffer;
        loop {
            while self.buffered < burst {
                let Some(item) = self.batch.pop_front() else { break };
                self.put(shared, socket, item);
            }
            if self.unwritten == 0 && self.buffered == 0 && self.pongs == 0 {
                return;
            }
            match socket.flush() {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An error is that of a connection that is over, which reading reports.
                Ok(()) | Err(_) => {
                    self.written += std::mem::take(&mut self.unwritten);
                    (self.buffered, self.pongs) = (0, 0);
                }
            }
        }
    }

    /// The codec's buffer has room for one item of any legal size behind a burst.
    fn put<C, S>(&mut self, shared: &Shared<C>, socket: &mut WebSocket<Wire<S>>, item: Outgoing<U>)
    where
        C: Codec<User = U>,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        self.unwritten += u64::from(item.cost());
        let frame = match item {
            Outgoing::Frame(frame) => Some(frame),
            Outgoing::Notice(notice) => frame(shared, &notice),
            Outgoing::Ping => {
                self.pinged = true;
                Some(Message::Ping(Bytes::new()))
            }
            Outgoing::Close(close) => Some(self.close.insert(close).message()),
        };
        if let Some(frame) = frame {
            self.buffered += HEADER + frame.len();
            _ = socket.write(frame); // It is in the buffer; what the socket says, flushing says again.
        }
    }
}

/// The frame for a notice, if the codec has one that may be sent.
fn frame<C: Codec>(shared: &Shared<C>, notice: &Owned<C::User>) -> Option<Message> {
    let frame = shared.notice(match notice {
        Owned::Pong => Notice::Pong,
        Owned::LoggedIn(user) => Notice::LoggedIn { user },
        Owned::LoginRefused(reason, retry_after) => Notice::LoginRefused { reason: *reason, retry_after: *retry_after },
        Owned::Denied(deny) => Notice::LoginDenied(deny),
        Owned::Expiring(expires_in) => Notice::Expiring { expires_in: *expires_in },
        Owned::Missed(messages) => Notice::Missed { messages: *messages },
        Owned::UnknownMessage => Notice::UnknownMessage,
    })?;
    shared.is_sendable(&frame).then_some(frame)
}
