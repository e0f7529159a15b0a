//! The handle of a client.

use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use heartline::{CloseCode, MessageId};
use tokio::sync::watch;
use tungstenite::Message;

use crate::builder::Builder;
use crate::clock::Sleep;
use crate::outgoing::{Outgoing, Refusal, SendError};
use crate::receipt::Receipt;
use crate::shared::{Command, Shared};
use crate::status::{End, Stats, Status};

/// The handle of a client: cheap to clone, and to be shared between tasks.
///
/// When the last handle is dropped, what was accepted is sent within `drain_timeout`, and the client closes. That takes
/// a runtime: a `main` that returns ends its runtime, and what is queued is not sent. Await [`close`](Self::close) or
/// [`closed`](Self::closed) before. Hooks and tasks that must not keep the client alive take a [`WeakClient`].
pub struct Client<M = Message> {
    shared: Arc<Shared<M>>,
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
        Self { shared }
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
        let (outgoing, size) = self.shared.size(message.into())?;
        let mut sending = Sending::new(self, outgoing, size);
        poll_fn(|cx| sending.poll(cx)).await
    }

    /// Accepts a message if there is room for it now, and no `send` waits for room.
    ///
    /// # Errors
    /// The message comes back, with the reason.
    pub fn try_send(&self, message: impl Into<Outgoing<M>>) -> Result<Receipt<M>, SendError<M>> {
        let (outgoing, size) = self.shared.size(message.into())?;
        let slot = self.shared.submit(outgoing, size, self.shared.clock.now(), &mut None, None)?;
        Ok(Receipt::new(self.shared.clone(), slot))
    }

    /// The peer has the at-least-once message of this id: for protocols whose acknowledgements the codec does not
    /// recognise.
    pub fn acked(&self, id: MessageId) {
        self.shared.command(Command::Acked(id));
    }

    /// Replaces the connection by a new one, because there are new credentials, or the server asked for it. Starts a
    /// client that the retry policy has stopped (if [`Options::stay_when_stopped`](crate::Options)), and ends a pause. Several
    /// calls before the driver's next turn are one.
    pub fn reconnect(&self) {
        self.shared.command(Command::Reconnect);
    }

    /// The network came back or changed: dials now if it waits to dial, and asks an open link whether it lives.
    pub fn network_changed(&self) {
        self.shared.command(Command::NetworkChanged);
    }

    /// Until [`resume`](Self::resume) nothing is dialled or pinged, and no silence ends a connection: for an application in
    /// the background. A connection that is open stays so, and goes on sending and receiving as far as it can.
    /// [`Options::start_paused`](crate::Options) begins a client that way.
    pub fn pause(&self) {
        self.shared.command(Command::Pause);
    }

    /// Ends a [`pause`](Self::pause): what is due is done, and a dial that waits begins at once.
    pub fn resume(&self) {
        self.shared.command(Command::Resume);
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
        self.shared.command(Command::Close { code, reason: reason.into(), within });
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
        self.shared.status.subscribe()
    }

    /// How long it is to the dial that is scheduled.
    pub fn retry_in(&self) -> Option<Duration> {
        let retry = self.shared.status.borrow().retry?;
        Some(retry.at.saturating_since(self.shared.clock.now()))
    }

    /// What was counted, as of the driver's last turn.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// A handle that does not keep the client alive.
    pub fn downgrade(&self) -> WeakClient<M> {
        WeakClient::new(self.shared.clone())
    }
}

impl<M> Clone for Client<M> {
    fn clone(&self) -> Self {
        self.shared.add_handle();
        Self { shared: self.shared.clone() }
    }
}

impl<M> Drop for Client<M> {
    fn drop(&mut self) {
        self.shared.drop_handle();
    }
}

impl<M> fmt::Debug for Client<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").field("status", &*self.shared.status.borrow()).finish_non_exhaustive()
    }
}

/// A handle that does not keep the client alive: for hooks, and for tasks that live as long as the process.
pub struct WeakClient<M = Message> {
    shared: Arc<Shared<M>>,
}

impl<M> WeakClient<M> {
    pub(crate) fn new(shared: Arc<Shared<M>>) -> Self {
        Self { shared }
    }

    /// A handle, unless the last one was dropped.
    pub fn upgrade(&self) -> Option<Client<M>> {
        self.shared.upgrade().then(|| Client { shared: self.shared.clone() })
    }
}

impl<M> Clone for WeakClient<M> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone() }
    }
}

impl<M> fmt::Debug for WeakClient<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WeakClient").finish_non_exhaustive()
    }
}

/// A `send` under way.
struct Sending<'a, M> {
    client: &'a Client<M>,
    outgoing: Option<Outgoing<M>>,
    size: u32,
    called: heartline::Timestamp,
    place: Option<u64>,
    expiry: Option<Sleep>,
}

impl<'a, M> Sending<'a, M> {
    fn new(client: &'a Client<M>, outgoing: Outgoing<M>, size: u32) -> Self {
        Self { client, outgoing: Some(outgoing), size, called: client.shared.clock.now(), place: None, expiry: None }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receipt<M>, SendError<M>>> {
        let shared = &self.client.shared;
        let Some(outgoing) = self.outgoing.take() else { return Poll::Pending };
        match shared.submit(outgoing, self.size, self.called, &mut self.place, Some(cx.waker())) {
            Ok(slot) => Poll::Ready(Ok(Receipt::new(shared.clone(), slot))),
            Err(SendError { reason: Refusal::Full, outgoing }) => self.wait(cx, outgoing),
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// There was no room; the place in the queue is taken.
    fn wait(&mut self, cx: &mut Context<'_>, outgoing: Outgoing<M>) -> Poll<Result<Receipt<M>, SendError<M>>> {
        if let Some(time_to_live) = outgoing.expires_in {
            let clock = &self.client.shared.clock;
            let at = self.called.saturating_add(time_to_live);
            let expiry = self.expiry.get_or_insert_with(|| {
                let mut expiry = Sleep::new(clock);
                expiry.reset(Some(at));
                expiry
            });
            if expiry.poll(cx).is_ready() {
                return Poll::Ready(Err(SendError::new(Refusal::Expired, outgoing)));
            }
        }
        self.outgoing = Some(outgoing);
        Poll::Pending
    }
}

impl<M> Drop for Sending<'_, M> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.client.shared.leave(place);
        }
    }
}
