//! A client as other threads see it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use heartline::{CloseCode, MessageId};
use heartline_tungstenite::client::{End, Outgoing, SendError, Stats, Status};
use heartline_tungstenite::engine::{self, Command, Sending, Shared};
use tungstenite::Message;

use crate::board::Board;
use crate::poller::Bell;
use crate::receipt::Receipt;

/// A client as other threads see it: cheap to clone, `Send` and `Sync`. What is asked here wakes a thread that waits in
/// [`Client::poll`](crate::Client::poll) or [`recv`](crate::Client::recv).
///
/// It does not keep the client alive: once that has ended or was dropped, `send` refuses with
/// [`Refusal::Closed`](crate::Refusal::Closed) and everything else does nothing.
pub struct Handle<M = Message> {
    pub(crate) shared: Arc<Shared<M>>,
    pub(crate) board: Arc<Board>,
    pub(crate) bell: Arc<Bell>,
}

impl<M> Handle<M> {
    /// Accepts a message, as soon as there is room for it. Waits for no longer than this, or with `None` for as long as
    /// it takes; those who wait for room get it in their order.
    ///
    /// `Ok` means that it was accepted: from then on it has exactly one outcome, which the [`Receipt`] tells.
    ///
    /// Some other thread has to poll the client meanwhile. The one that polls it sends by
    /// [`Client::send`](crate::Client::send): here it would wait for itself.
    ///
    /// # Errors
    /// The message comes back: no room in time, too large, no connection (for `this_connection` only), expired while it
    /// waited, or the client closes or has ended, which also ends the wait.
    pub fn send(
        &self,
        message: impl Into<Outgoing<M>>,
        timeout: impl Into<Option<Duration>>,
    ) -> Result<Receipt<M>, SendError<M>> {
        let mut sending = Sending::new(&self.shared, message.into())?;
        let patience = self.patience(&sending, timeout.into());
        let sent = self.board.wait(patience, |cx| sending.poll(cx));
        sent.unwrap_or_else(|| Err(sending.give_up())).map(|receipt| self.receipt(receipt))
    }

    /// Accepts a message if there is room for it now, and nobody waits for room.
    ///
    /// # Errors
    /// The message comes back, with the reason.
    pub fn try_send(&self, message: impl Into<Outgoing<M>>) -> Result<Receipt<M>, SendError<M>> {
        self.shared.try_send(message.into()).map(|receipt| self.receipt(receipt))
    }

    pub(crate) fn receipt(&self, receipt: engine::Receipt<M>) -> Receipt<M> {
        Receipt::new(receipt, self.board.clone())
    }

    /// How long a send may wait at most: a message that expires is not waited for.
    pub(crate) fn patience(&self, sending: &Sending<'_, M>, timeout: Option<Duration>) -> Option<Duration> {
        let expires_in = sending.expiry().map(|at| at.saturating_since(self.shared.clock().now()));
        [timeout, expires_in].into_iter().flatten().min()
    }

    /// The peer has the at-least-once message of this id: for protocols whose acknowledgements the codec does not
    /// recognise.
    pub fn acked(&self, id: MessageId) {
        self.shared.command(Command::Acked(id));
    }

    /// Replaces the connection by a new one, because there are new credentials, or the server asked for it. Starts a
    /// client that the retry policy has stopped (if [`Options::stay_when_stopped`](crate::Options)), and ends a pause.
    /// Several calls before the client's next turn are one.
    pub fn reconnect(&self) {
        self.shared.command(Command::Reconnect);
    }

    /// The network came back or changed: dials now if it waits to dial, and asks an open link whether it lives.
    pub fn network_changed(&self) {
        self.shared.command(Command::NetworkChanged);
    }

    /// No network is left: until [`network_changed`](Self::network_changed), or until a dial succeeds all the same, retries come
    /// `max_retry_after` later (default: 5 min), so that few dials are made in vain. One call is enough, in any state. An open
    /// connection stays as long as it lives, and [`reconnect`](Self::reconnect) and [`resume`](Self::resume) dial as ever.
    pub fn network_lost(&self) {
        self.shared.command(Command::NetworkLost);
    }

    /// Until [`resume`](Self::resume) nothing is dialled or pinged, and no silence ends a connection: for an application in
    /// the background. A connection that is open stays so, and goes on sending and receiving as far as it can and is polled.
    /// [`Options::start_paused`](crate::Options) begins a client that way.
    pub fn pause(&self) {
        self.shared.command(Command::Pause);
    }

    /// Ends a [`pause`](Self::pause): what is due is done, and a dial that waits begins at once.
    pub fn resume(&self) {
        self.shared.command(Command::Resume);
    }

    /// Begins to close the client and does not wait: nothing more is accepted, what was accepted is sent (and, if
    /// at-least-once, acknowledged) within this time, then the connection is closed with code 1000. The client has to be
    /// polled until it has ended.
    pub fn start_close(&self, within: Duration) {
        self.start_close_with(CloseCode::NORMAL, "", within);
    }

    /// As [`start_close`](Self::start_close), with a code and a reason for the close frame. A reason over 123 bytes is
    /// cut.
    pub fn start_close_with(&self, code: CloseCode, reason: impl Into<String>, within: Duration) {
        self.shared.command(Command::Close { code, reason: reason.into(), within });
    }

    /// How the client has ended, if it has.
    pub fn end(&self) -> Option<Arc<End>> {
        self.board.end()
    }

    /// Waits for the end of the client, however it comes about, for no longer than this. Some other thread has to poll
    /// the client meanwhile.
    pub fn closed(&self, timeout: impl Into<Option<Duration>>) -> Option<Arc<End>> {
        self.board.closed(timeout.into())
    }

    /// Makes a [`Client::poll`](crate::Client::poll) that waits return, or the next one: for what the thread that polls has to look
    /// at beside the client.
    pub fn wake(&self) {
        self.bell.end_poll();
    }

    /// The state, its cause, the next dial, the round trip, and what else there is to show, as of the client's last turn.
    pub fn status(&self) -> Status {
        self.board.status()
    }

    /// How long it is to the dial that is scheduled.
    pub fn retry_in(&self) -> Option<Duration> {
        let retry = self.board.status().retry?;
        Some(retry.at.saturating_since(self.shared.clock().now()))
    }

    /// What was counted, as of the client's last turn.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}

impl<M> Clone for Handle<M> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), board: self.board.clone(), bell: self.bell.clone() }
    }
}

impl<M> fmt::Debug for Handle<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").finish_non_exhaustive()
    }
}
