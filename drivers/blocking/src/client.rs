//! The client: whoever has it polls it.

use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use heartline::{CloseCode, MessageId, Outcome, Timestamp};
use heartline_tungstenite::client::{End, Outgoing, Received, SendError, Stats, Status};
use heartline_tungstenite::codec::{Codec, Frames};
use heartline_tungstenite::engine::{Connection, Driver, Receiver, Sending};

use crate::builder::Builder;
use crate::handle::Handle;
use crate::host::Mio;
use crate::receipt::Receipt;
use crate::received::RecvError;

/// A client, which lives by being polled: [`poll`](Self::poll) from a loop of your own, or [`recv`](Self::recv), [`send`](Self::send),
/// [`wait`](Self::wait) and [`close`](Self::close), which poll while they wait. One thread has it at a time; others have
/// [`Handle`]s.
///
/// Between polls nothing happens: nothing is read, sent, pinged or dialled. A client that is polled at least every
/// few seconds keeps its promises; after a longer pause it takes what has arrived first, and gives a living link the
/// time to show it.
///
/// Dropping it ends it at once: what was not sent is returned to its receipts, and the peer gets a close frame with
/// 1001 as far as that goes out without waiting. To send the rest first: [`close`](Self::close).
pub struct Client<C: Codec = Frames> {
    driver: Box<Driver<C, Mio<C>>>,
    receiver: Receiver<C::In>,
    handle: Handle<C::Out>,
    /// Rings the bell of the handles.
    waker: Waker,
    /// The last poll told of what is there, and nothing was taken since.
    told: bool,
}

impl Client<Frames> {
    /// A client for this URL, of messages as tungstenite has them; [`Builder::codec`] chooses another codec. Nothing
    /// happens before [`Builder::build`], which also reports what is wrong with the URL.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }
}

impl<C: Codec> Client<C> {
    pub(crate) fn new(driver: Driver<C, Mio<C>>, receiver: Receiver<C::In>, handle: Handle<C::Out>) -> Self {
        let waker = handle.bell.clone().into();
        Self { driver: Box::new(driver), receiver, handle, waker, told: false }
    }

    // ---- polling ---------------------------------------------------------------------------

    /// Does what there is to do: sends what was accepted, reads a burst of what has arrived, advances a dial, calls
    /// the timer. If that is nothing, it waits until there is something, for no longer than `timeout`; with zero it never
    /// waits, with `None` for as long as it takes. True if there is something for [`try_recv`](Self::try_recv).
    ///
    /// It also returns for things that are no message and no event: a pong, an acknowledgement, a handle's
    /// [`wake`](Handle::wake). It returns at once while there is something to receive that it has not told of before, and when the
    /// client has ended.
    ///
    /// What it costs: without traffic one system call, and none at all while a burst that was read is told of piece by
    /// piece. A call takes one turn, or two if it may wait and there was something to do before that. A turn reads at most
    /// 64 frames and 1 MiB, and writes at most 17 times the write buffer, so its longest time is that of one message of the
    /// largest size that is used.
    pub fn poll(&mut self, timeout: impl Into<Option<Duration>>) -> bool {
        let mut timeout = timeout.into();
        if timeout != Some(Duration::ZERO) && self.handle.bell.take_rung() {
            // What is to go out goes out before the wait.
            self.turn();
            if self.has_untold() && self.has_more() {
                return self.tell();
            }
        }
        if self.driver.ended().is_none() {
            let news = self.driver.take_news() | self.handle.bell.take_wanted();
            if news || self.has_untold() {
                timeout = Some(Duration::ZERO);
            }
            let (host, connection) = self.driver.host();
            host.wait(connection, timeout);
            _ = self.handle.bell.take_rung();
            self.turn();
        }
        self.tell()
    }

    fn has_untold(&self) -> bool {
        !self.told && !self.receiver.is_empty()
    }

    /// Whether the next turn has something to read that is here already, and the poller has nothing to tell that is
    /// waited for.
    fn has_more(&mut self) -> bool {
        let writable = match self.driver.host().1 {
            Connection::Up(wire) => wire.meter().is_writable(),
            Connection::Dialling(_) | Connection::Down => false,
        };
        writable && self.driver.has_more()
    }

    /// Whoever polls learns of everything that there is by now.
    fn tell(&mut self) -> bool {
        _ = (self.driver.take_news(), self.handle.bell.take_wanted());
        self.told = !self.receiver.is_empty();
        self.told
    }

    fn turn(&mut self) {
        _ = self.driver.poll(&mut Context::from_waker(&self.waker));
    }

    // ---- receiving -------------------------------------------------------------------------

    /// The next message or event that the last polls have brought, if there is one. Never waits, and does nothing else.
    pub fn try_recv(&mut self) -> Option<Received<C::In>> {
        self.told = false;
        match self.receiver.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(received) => received,
            Poll::Pending => None,
        }
    }

    /// The next message or event. Polls and waits for it, for no longer than `timeout`, or with `None` for as long as it
    /// takes.
    ///
    /// # Errors
    /// [`RecvError::Timeout`], or [`RecvError::Ended`] when the client has ended and everything was taken.
    pub fn recv(&mut self, timeout: impl Into<Option<Duration>>) -> Result<Received<C::In>, RecvError> {
        let until = self.until(timeout.into());
        self.wait_until(until, Self::try_recv).ok_or(match self.driver.ended() {
            Some(_) => RecvError::Ended,
            None => RecvError::Timeout,
        })
    }

    /// As [`recv`](Self::recv), past all events: for whoever wants messages only.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_message(&mut self, timeout: impl Into<Option<Duration>>) -> Result<C::In, RecvError> {
        let until = self.until(timeout.into());
        loop {
            let left = until.map(|until| until.saturating_since(self.now()));
            if let Received::Message(message) = self.recv(left)? {
                return Ok(message);
            }
        }
    }

    // ---- sending ---------------------------------------------------------------------------

    /// Accepts a message if there is room for it now, and nobody waits for room. It goes out with the next poll.
    ///
    /// `Ok` means that it was accepted: from then on it has exactly one outcome, which the [`Receipt`] tells.
    ///
    /// # Errors
    /// The message comes back, with the reason.
    pub fn try_send(&mut self, message: impl Into<Outgoing<C::Out>>) -> Result<Receipt<C::Out>, SendError<C::Out>> {
        self.handle.try_send(message)
    }

    /// Accepts a message, as soon as there is room for it, and polls while it waits, for no longer than `timeout`, or with
    /// `None` for as long as it takes. Those who wait for room get it in their order.
    ///
    /// What is received meanwhile waits for [`recv`](Self::recv). When there is no room for that either, nothing is read,
    /// acknowledgements included: with at-least-once messages and an outbox that is full of them, give a timeout and receive.
    ///
    /// # Errors
    /// The message comes back: no room in time, too large, no connection (for `this_connection` only), expired while it
    /// waited, or the client closes or has ended, which also ends the wait.
    pub fn send(
        &mut self,
        message: impl Into<Outgoing<C::Out>>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Receipt<C::Out>, SendError<C::Out>> {
        let shared = self.handle.shared.clone();
        let mut sending = Sending::new(&shared, message.into())?;
        let until = self.until(self.handle.patience(&sending, timeout.into()));
        let sent = self.wait_until(until, |client| match sending.poll(&mut Context::from_waker(&client.waker)) {
            Poll::Ready(sent) => Some(sent),
            Poll::Pending => None,
        });
        sent.unwrap_or_else(|| Err(sending.give_up())).map(|receipt| self.handle.receipt(receipt))
    }

    /// Waits for the outcome of a message and polls meanwhile, for no longer than `timeout`, or with `None` for as long as
    /// it takes. `None` if there was none in time, or the receipt gave it already.
    pub fn wait(&mut self, receipt: &Receipt<C::Out>, timeout: impl Into<Option<Duration>>) -> Option<Outcome<C::Out>> {
        let until = self.until(timeout.into());
        self.wait_until(until, |_| receipt.poll())
    }

    // ---- ending ----------------------------------------------------------------------------

    /// Closes the client: nothing more is accepted, what was accepted is sent (and, if at-least-once, acknowledged)
    /// within this time, then the connection is closed with code 1000. Returns how that went, and what was left. Waits for
    /// no longer than this time and `close_timeout`.
    ///
    /// What was received before the end can still be taken by [`try_recv`](Self::try_recv). From a loop of your own:
    /// [`start_close`](Self::start_close), and polls until there is an [`end`](Self::end).
    pub fn close(&mut self, within: Duration) -> Arc<End> {
        self.close_with(CloseCode::NORMAL, "", within)
    }

    /// As [`close`](Self::close), with a code and a reason for the close frame. A reason over 123 bytes is cut.
    pub fn close_with(&mut self, code: CloseCode, reason: impl Into<String>, within: Duration) -> Arc<End> {
        self.handle.start_close_with(code, reason, within);
        loop {
            self.poll(None);
            self.told = true; // Nobody takes anything here.
            if let Some(end) = self.driver.ended() {
                return end.clone();
            }
        }
    }

    /// Begins to close the client and does not wait: see [`Handle::start_close`].
    pub fn start_close(&mut self, within: Duration) {
        self.handle.start_close(within);
    }

    /// As [`start_close`](Self::start_close), with a code and a reason for the close frame. A reason over 123 bytes is
    /// cut.
    pub fn start_close_with(&mut self, code: CloseCode, reason: impl Into<String>, within: Duration) {
        self.handle.start_close_with(code, reason, within);
    }

    /// How the client has ended, if it has.
    pub fn end(&self) -> Option<&Arc<End>> {
        self.driver.ended()
    }

    // ---- the rest is as other threads have it ----------------------------------------------

    /// The client as other threads see it: to be cloned and given to them.
    pub fn handle(&self) -> &Handle<C::Out> {
        &self.handle
    }

    /// See [`Handle::acked`].
    pub fn acked(&mut self, id: MessageId) {
        self.handle.acked(id);
    }

    /// See [`Handle::reconnect`].
    pub fn reconnect(&mut self) {
        self.handle.reconnect();
    }

    /// See [`Handle::network_changed`].
    pub fn network_changed(&mut self) {
        self.handle.network_changed();
    }

    /// See [`Handle::network_lost`].
    pub fn network_lost(&mut self) {
        self.handle.network_lost();
    }

    /// See [`Handle::pause`].
    pub fn pause(&mut self) {
        self.handle.pause();
    }

    /// See [`Handle::resume`].
    pub fn resume(&mut self) {
        self.handle.resume();
    }

    /// See [`Handle::status`].
    pub fn status(&self) -> Status {
        self.handle.status()
    }

    /// See [`Handle::retry_in`].
    pub fn retry_in(&self) -> Option<Duration> {
        self.handle.retry_in()
    }

    /// See [`Handle::stats`].
    pub fn stats(&self) -> Stats {
        self.handle.stats()
    }

    // ---- waiting ---------------------------------------------------------------------------

    fn now(&self) -> Timestamp {
        self.handle.shared.clock().now()
    }

    fn until(&self, timeout: Option<Duration>) -> Option<Timestamp> {
        timeout.map(|timeout| self.now().saturating_add(timeout))
    }

    /// Polls until there is something, or the time is over, or the client has ended. Polls once at least unless there is
    /// something already.
    fn wait_until<T>(&mut self, until: Option<Timestamp>, mut look: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            if self.driver.ended().is_some() {
                return None;
            }
            self.told = true; // Whoever waits here wants something else.
            let left = until.map(|until| until.saturating_since(self.now()));
            self.poll(left);
            if left == Some(Duration::ZERO) {
                return look(self);
            }
        }
    }
}

impl<C: Codec> Drop for Client<C> {
    fn drop(&mut self) {
        self.driver.leave();
    }
}

impl<C: Codec> fmt::Debug for Client<C> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("status", &self.status()).finish_non_exhaustive()
    }
}
