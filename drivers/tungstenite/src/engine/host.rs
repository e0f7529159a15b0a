//! What the engine runs on.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use heartline::{ConnId, Timestamp};
use tungstenite::WebSocket;

use super::buffered::Buffered;
use crate::client::{Dial, HookError, Status};
use crate::codec::Codec;
use crate::ended::Ended;
use crate::request::Response;

/// What a driver brings: sockets, dials, a timer, and the application's hooks.
///
/// Whatever returns `Pending` wakes the context's waker when it may be otherwise.
pub trait Host<C: Codec> {
    /// The stream under the WebSocket.
    type Wire: Wire;
    /// A dial under way. Dropping it ends it.
    type Dialling;
    /// A greeting under way.
    type Greeting: Greeting<C::Out, C::In>;

    /// Begins a dial.
    fn dial(&mut self, conn: ConnId, dial: Dial) -> Self::Dialling;

    /// Takes a dial as far as it goes without waiting.
    ///
    /// # Errors
    /// It has failed.
    fn poll_dial(
        &mut self,
        dialling: &mut Self::Dialling,
        now: Timestamp,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Dialled<Self::Wire>, Ended>>;

    /// The greeting of a new connection, to which this dial has led.
    ///
    /// # Errors
    /// It gives the connection up at once.
    fn greet(&mut self, dial: Dial, response: &Arc<Response>) -> Result<Self::Greeting, HookError>;

    /// Looks at the socket because something is due. Ready if nothing has arrived since it became due that was not read.
    fn poll_look(&mut self, connection: Connection<'_, Self::Dialling, Self::Wire>, cx: &mut Context<'_>) -> Poll<()>;

    /// Nothing is due any more.
    fn stop_looking(&mut self) {}

    /// Asks for another turn at this time, instead of the one asked for before. Ready if it has come.
    fn poll_sleep(&mut self, at: Option<Timestamp>, cx: &mut Context<'_>) -> Poll<()>;

    /// Shows the handles what there is to see now.
    fn show(&mut self, status: Status);
}

/// The stream under the WebSocket. It never blocks, and once it is open it holds an error of writing back: what can still
/// be read (a close frame that says why, perhaps) is read first.
pub trait Wire: Read + Write {
    /// A turn begins. Whom to wake when there is more to read or room to write.
    fn begin_turn(&mut self, waker: &Waker);

    /// The error of writing that is held back.
    fn failed(&mut self) -> Option<&io::Error>;

    /// Whether it was read as much as it may be in one turn, so that it is unknown what else there is.
    fn is_exhausted(&mut self) -> bool;

    /// Whether the peer has acknowledged bytes of a send buffer that was full. Says so once.
    fn take_progress(&mut self) -> bool;

    /// Bytes read and written.
    fn bytes(&mut self) -> (u64, u64);

    /// Whether there is something to write that nobody asked for: TLS's refusal to renegotiate, say.
    fn wants_write(&self) -> bool {
        false
    }
}

/// The first exchange on a connection, before anything that was queued.
pub trait Greeting<M, R> {
    /// Takes a message that has arrived. Ready as [`poll`](Self::poll) is.
    ///
    /// # Errors
    /// The connection is given up.
    fn put(&mut self, message: R, size: u32) -> Result<Poll<()>, HookError>;

    /// Takes its part of a turn. Ready when it has nothing more to say than what [`pop`](Self::pop) still gives.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HookError>>;

    /// The next message to send. Without one the waker is woken when there is.
    fn pop(&mut self, waker: &Waker) -> Option<M>;

    /// It is over. What it did not take, in its order, with sizes.
    fn close(&mut self) -> VecDeque<(R, u32)>;
}

/// A connection that is open.
pub struct Dialled<W> {
    /// The stream, with the handshake behind it.
    pub socket: WebSocket<Buffered<W>>,
    /// The answer to the handshake.
    pub response: Response,
}

/// What there is of a connection.
pub enum Connection<'a, D, W> {
    /// Nothing.
    Down,
    /// A dial.
    Dialling(&'a mut D),
    /// A stream.
    Up(&'a mut W),
}
