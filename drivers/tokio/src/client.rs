//! The handle of a client.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use heartline::{CloseCode, MessageId};
use heartline_tungstenite::client::{End, Outgoing, SendError, Stats, Status};
use heartline_tungstenite::engine::{Command, Sending, Shared};
use tokio::sync::watch;
use tungstenite::Message;

use crate::builder::Builder;
use crate::clock::{Clock, Sleep};
use crate::receipt::Receipt;

/// The handle of a client: cheap to clone, and to be shared between tasks.
///
/// When the last handle is dropped, what was accepted is sent within `drain_timeout`, and the client closes. That takes
/// a runtime: a `main` that returns ends its runtime, and what is queued is not sent. Await [`close`](Self::close) or
/// [`closed`](Self::closed) before. Hooks and tasks that must not keep the client alive take a [`WeakClient`].
pub struct Client<M = Message> {
    common: Arc<Common<M>>,
}

/// What all handles of a client have in common.
struct Common<M> {
    shared: Arc<Shared<M>>,
    status: watch::Sender<Status>,
    handles: AtomicUsize,
}

impl Client<Message> {
    /// A client for this URL, of messages as tungstenite has them; [`Builder::codec`] chooses another codec. Nothing
    /// happens before [`Builder::spawn`] or [`Builder::run`], which also report what is wrong with the URL.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }
}

impl<M> Client<M> {
    /// The only maker of a first handle; the others are clones.
    pub(crate) fn new(shared: Arc<Shared<M>>) -> Self {
        let status = watch::Sender::new(Status::default());
        Self { common: Arc::new(Common { shared, status, handles: AtomicUsize::new(1) }) }
    }

    fn command(&self, command: Command<M>) {
        self.common.shared.command(command);
    }

    /// Accepts a message, as soon as there is room for it.
    ///
    /// `Ok` means that it was accepted: from then on it has exactly one outcome, which the [`Receipt`] gives. Sends that
    /// wait for room get it in their order.
    ///
    /// # Errors
    /// The message comes back: too large, no connection (for `this_connection` only), expired while it waited, or the
    /// client closes or has ended, which also ends the wait.
    ///
    /// # Cancel safety
    /// Dropped while it waits, the message was not accepted and is gone with the future.
    pub async fn send(&self, message: impl Into<Outgoing<M>>) -> Result<Receipt<M>, SendError<M>> {
        let mut sending = Sending::new(&self.common.shared, message.into())?;
        let mut expiry = None;
        poll_fn(|cx| self.poll_send(&mut sending, &mut expiry, cx)).await
    }

    /// Accepts a message if there is room for it now, and no `send` waits for room.
    ///
    /// # Errors
    /// The message comes back, with the reason.
    pub fn try_send(&self, message: impl Into<Outgoing<M>>) -> Result<Receipt<M>, SendError<M>> {
        self.common.shared.try_send(message.into()).map(Receipt::new)
    }

    fn poll_send(
        &self,
        sending: &mut Sending<'_, M>,
        expiry: &mut Option<Sleep>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Receipt<M>, SendError<M>>> {
        if let Poll::Ready(result) = sending.poll(cx) {
            return Poll::Ready(result.map(Receipt::new));
        }
        let Some(at) = sending.expiry() else { return Poll::Pending };
        let expiry = expiry.get_or_insert_with(|| Sleep::new(&self.clock()));
        expiry.reset(Some(at));
        expiry.poll(cx).map(|()| Err(sending.give_up()))
    }

    fn clock(&self) -> Clock {
        self.common.shared.clock().clone().into()
    }

    /// The peer has the at-least-once message of this id: for protocols whose acknowledgements the codec does not
    /// recognise.
    pub fn acked(&self, id: MessageId) {
        self.command(Command::Acked(id));
    }

    /// Replaces the connection by a new one, because there are new credentials, or the server asked for it. Starts a
    /// client that the retry policy has stopped (if [`Options::stay_when_stopped`](crate::Options)), and ends a pause. Several
    /// calls before the driver's next turn are one.
    pub fn reconnect(&self) {
        self.command(Command::Reconnect);
    }

    /// The network came back or changed: dials now if it waits to dial, and asks an open link whether it lives.
    pub fn network_changed(&self) {
        self.command(Command::NetworkChanged);
    }

    /// No network is left: until [`network_changed`](Self::network_changed), or until a dial succeeds all the same, retries come
    /// `max_retry_after` later (default: 5 min), so that few dials are made in vain. One call is enough, in any state. An open
    /// connection stays as long as it lives, and [`reconnect`](Self::reconnect) and [`resume`](Self::resume) dial as ever.
    pub fn network_lost(&self) {
        self.command(Command::NetworkLost);
    }

    /// Until [`resume`](Self::resume) nothing is dialled or pinged, and no silence ends a connection: for an application in
    /// the background. A connection that is open stays so, and goes on sending and receiving as far as it can.
    /// [`Options::start_paused`](crate::Options) begins a client that way.
    pub fn pause(&self) {
        self.command(Command::Pause);
    }

    /// Ends a [`pause`](Self::pause): what is due is done, and a dial that waits begins at once.
    pub fn resume(&self) {
        self.command(Command::Resume);
    }

    /// Closes the client: nothing more is accepted, what was accepted is sent (and, if at-least-once, acknowledged)
    /// within this time, then the connection is closed with code 1000. Returns how that went, and what was left.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing: the close goes on.
    pub async fn close(&self, within: Duration) -> Arc<End> {
        self.close_with(CloseCode::NORMAL, "", within).await
    }

    /// As [`close`](Self::close), with a code and a reason for the close frame. A reason over 123 bytes is cut.
    ///
    /// # Cancel safety
    /// As `close`. Nothing happens before the first poll.
    pub async fn close_with(&self, code: CloseCode, reason: impl Into<String>, within: Duration) -> Arc<End> {
        self.command(Command::Close { code, reason: reason.into(), within });
        self.closed().await
    }

    /// Waits for the end of the client, however it comes about.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn closed(&self) -> Arc<End> {
        let mut status = self.status();
        match status.wait_for(|status| status.end.is_some()).await {
            Ok(status) => status.end.clone().expect("it was waited for"),
            Err(_) => unreachable!("a handle keeps the sender of the status"),
        }
    }

    /// The state, its cause, the next dial, the round trip, and what else there is to show: the present value with
    /// `borrow`, the next one with `changed`.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.common.status.subscribe()
    }

    /// How long it is to the dial that is scheduled.
    pub fn retry_in(&self) -> Option<Duration> {
        let retry = self.common.status.borrow().retry?;
        Some(retry.at.saturating_since(self.common.shared.clock().now()))
    }

    /// What was counted, as of the driver's last turn.
    pub fn stats(&self) -> Stats {
        self.common.shared.stats()
    }

    /// A handle that does not keep the client alive.
    pub fn downgrade(&self) -> WeakClient<M> {
        WeakClient { common: self.common.clone() }
    }
}

impl<M> Clone for Client<M> {
    fn clone(&self) -> Self {
        self.common.handles.fetch_add(1, Ordering::Relaxed);
        Self { common: self.common.clone() }
    }
}

impl<M> Drop for Client<M> {
    fn drop(&mut self) {
        if self.common.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.command(Command::WindUp);
        }
    }
}

impl<M> fmt::Debug for Client<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("status", &*self.common.status.borrow()).finish_non_exhaustive()
    }
}

/// A handle that does not keep the client alive: for hooks, and for tasks that live as long as the process.
pub struct WeakClient<M = Message> {
    common: Arc<Common<M>>,
}

impl<M> WeakClient<M> {
    /// Shows the handles this.
    pub(crate) fn show(&self, status: Status) {
        self.common.status.send_replace(status);
    }

    /// Begins to close the client, within its `drain_timeout`.
    pub(crate) fn wind_up(&self) {
        self.common.shared.command(Command::WindUp);
    }

    /// A handle, unless the last one was dropped.
    pub fn upgrade(&self) -> Option<Client<M>> {
        let more = |handles: usize| (handles > 0).then(|| handles + 1);
        let handles = self.common.handles.fetch_update(Ordering::AcqRel, Ordering::Acquire, more);
        handles.is_ok().then(|| Client { common: self.common.clone() })
    }
}

impl<M> Clone for WeakClient<M> {
    fn clone(&self) -> Self {
        Self { common: self.common.clone() }
    }
}

impl<M> fmt::Debug for WeakClient<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WeakClient").finish_non_exhaustive()
    }
}
