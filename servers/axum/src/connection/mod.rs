//! One connection: from its socket to its end.

mod outbound;
mod talk;
mod wire;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::time::timeout;
use tungstenite::WebSocket;
use tungstenite::protocol::Role;

use crate::access::User;
use crate::closed::Closed;
use crate::codec::Codec;
use crate::hooks::Guarded;
use crate::telemetry::Span;
use crate::upgrade::Seat;
use talk::{End, Talk};
use wire::Wire;

/// So many bytes are still read and thrown away of a connection that is over: more than a client sends in a round trip that
/// does not flood, little enough that a server is not kept busy with what means nothing.
const LINGER: u64 = 256 * 1024;

/// Runs a connection that was upgraded, until nothing of it is left.
pub(crate) async fn run<C: Codec, S>(seat: Seat<C>, mut io: S, user: Option<User<C::User>>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // A client that hung up meanwhile may be connected again already: its login here would replace that connection.
    let Some(early) = read_early(&mut io).await else { return };
    let shared = seat.server().shared();
    let socket = WebSocket::from_partially_read(Wire::new(io), early, Role::Server, Some(shared.socket));
    if let Some(user) = user {
        seat.cx.log_in(user);
    }
    let mut talk = Talk::new(&seat, socket);
    let end = poll_fn(|cx| talk.poll(cx)).await;
    let (closed, socket) = talk.finish(&end);
    let conn = seat.conn();
    shared.step(|core, now| core.closed(now, conn, closed.departure()));
    Span::ended(&closed);
    let limit = shared.config.close_timeout;
    if !matches!(end, End::Aborted | End::Gone(_)) {
        _ = timeout(limit, part(socket)).await;
    }
    _ = timeout(limit, closing(&seat, closed)).await;
}

/// What came behind the request. `None` if the client has hung up.
async fn read_early<S: AsyncRead + Unpin>(io: &mut S) -> Option<Vec<u8>> {
    // The runtime looks at its sockets once.
    tokio::task::yield_now().await;
    let mut early = [0; 512];
    let mut buf = ReadBuf::new(&mut early);
    let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut *io).poll_read(cx, &mut buf))).await;
    match polled {
        Poll::Pending => Some(Vec::new()),
        Poll::Ready(Ok(())) if !buf.filled().is_empty() => Some(buf.filled().to_vec()),
        Poll::Ready(_) => None,
    }
}

/// Writes what is left, says that there is no more to come, and reads to the end, [`LINGER`] at most. What the client still
/// sends is thrown away until it hangs up: unread, it would make the operating system reset the connection, and the close
/// frame would be lost.
async fn part<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocket<Wire<S>>) {
    poll_fn(|cx| {
        socket.get_mut().begin_turn(cx.waker());
        match socket.flush() {
            Err(tungstenite::Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
    let mut io = socket.into_inner().into_inner();
    _ = io.shutdown().await;
    let mut scratch = [0; 1024];
    let mut left = LINGER;
    while left > 0 {
        match io.read(&mut scratch).await {
            Ok(0) | Err(_) => return,
            Ok(count) => left = left.saturating_sub(count as u64),
        }
    }
}

async fn closing<C: Codec>(seat: &Seat<C>, closed: Closed) {
    let shared = seat.server().shared();
    let Some(hook) = &shared.hooks.close else { return };
    let done = match Guarded::new(|| hook(seat.cx.clone(), closed)) {
        Ok(work) => work.await,
        Err(panicked) => Err(panicked),
    };
    if done.is_err() {
        shared.panicked();
    }
}

#[cfg(test)]
mod tests;
