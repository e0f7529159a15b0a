//! A connection while it is open: what is read, handled and written, none of which waits for the others.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::BoxError;
use heartline::hub::Input;
use heartline::{CloseCode, Timestamp};
use heartline_tungstenite::Ended;
use heartline_tungstenite::codec::CodecError;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::time::{Sleep, Timeout, sleep, timeout};
use tungstenite::{Error, Message, WebSocket};

use super::LINGER;
use super::outbound::Outbound;
use super::wire::Wire;
use crate::access::User;
use crate::closed::Closed;
use crate::codec::{Codec, Received};
use crate::hooks::{Guarded, Panicked, caught};
use crate::hub::{Shared, Standing};
use crate::telemetry::Span;
use crate::upgrade::Seat;

/// So many frames are read between two looks at the hub.
const FRAMES: usize = 32;
/// So often the task looks at the hub before others have their turn.
const ROUNDS: usize = 4;
/// How often bytes of a message that is not complete count as a sign of life.
const PART: Duration = Duration::from_secs(1);
/// So many bytes are thrown away while a connection is being closed that did nothing wrong: more than may be on the way, 6 MiB
/// in the server's system and 4 MiB in the client's (the most that Linux gives a socket by itself).
const IN_FLIGHT: u64 = 16 * 1024 * 1024;
/// 1011 of RFC 6455 §7.4.1.
const INTERNAL_ERROR: u16 = 1011;

/// How talking came to its end.
pub(super) enum End {
    /// The hub has dropped the connection.
    Aborted,
    /// It broke.
    Gone(Box<Ended>),
    /// The client has closed it.
    Received(Box<Ended>),
    /// The client has answered the server's close frame.
    Answered,
    /// What the client sends makes no sense any more, and it was told so, or it sends on and on.
    Broken,
}

type Handler = Timeout<Guarded<Result<(), BoxError>>>;

pub(super) struct Talk<'a, C: Codec, S> {
    seat: &'a Seat<C>,
    socket: WebSocket<Wire<S>>,
    outbound: Outbound<C::User>,
    /// The handler that runs, and its deadline.
    work: Option<Pin<Box<Handler>>>,
    pause: Option<Pin<Box<Sleep>>>,
    /// The user whom a login message proved, once the hook has accepted it.
    verified: Option<oneshot::Receiver<User<C::User>>>,
    /// What came behind that message, until the hook for the user has ended.
    held: Option<Received<C>>,
    /// Nothing that arrives makes sense any more.
    deaf: bool,
    closing: bool,
    /// The hook for the user was called.
    greeted: bool,
    /// The server has failed or the client has, and the connection is closed for that.
    failing: bool,
    /// The bytes that were read before it was being closed.
    before: Option<u64>,
    /// The bytes read, and when they were last a sign of life.
    seen: u64,
    alive: Instant,
}

impl<'a, C: Codec, S: AsyncRead + AsyncWrite + Unpin> Talk<'a, C, S> {
    pub(super) fn new(seat: &'a Seat<C>, socket: WebSocket<Wire<S>>) -> Self {
        let mut talk = Self {
            seat,
            socket,
            outbound: Outbound::new(),
            work: None,
            pause: None,
            verified: None,
            held: None,
            deaf: false,
            closing: false,
            greeted: false,
            failing: false,
            before: None,
            seen: 0,
            alive: Instant::now(),
        };
        if let Some(open) = &talk.shared().hooks.open {
            talk.begin(|| open(seat.cx.clone()));
        }
        talk.greet();
        talk
    }

    fn shared(&self) -> &'a Shared<C> {
        self.seat.server().shared()
    }

    /// Until the end. To be asked whenever the socket, the handler or the hub wakes the task.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        self.socket.get_mut().begin_turn(cx.waker());
        for _ in 0..ROUNDS {
            if !self.exchange(cx) {
                return Poll::Ready(End::Aborted);
            }
            self.write();
            if self.deaf && self.outbound.is_closed() {
                return Poll::Ready(End::Broken);
            }
            let worked = self.work(cx);
            let read = match self.writable_while_handling().and_then(|()| self.read(cx)) {
                Ok(read) => read,
                Err(end) => return Poll::Ready(end),
            };
            if !worked && !read && self.outbound.written == 0 {
                if self.socket.get_ref().is_exhausted() {
                    break;
                }
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reports what was written and takes what waits. False if the hub has dropped the connection.
    fn exchange(&mut self, cx: &mut Context<'_>) -> bool {
        let (conn, Outbound { written, batch, .. }) = (self.seat.conn(), &mut self.outbound);
        let shared = self.seat.server().shared();
        let standing = shared.step(|core, now| core.exchange(now, conn, written, batch, cx.waker()));
        let Some(Standing { closing, paused }) = standing else { return false };
        self.closing = closing;
        if self.pause.as_mut().is_some_and(|pause| pause.as_mut().poll(cx).is_ready()) {
            self.pause = None;
        }
        self.pause_until(paused);
        if let Some(pause) = &mut self.pause {
            _ = pause.as_mut().poll(cx);
        }
        true
    }

    fn pause_until(&mut self, until: Option<Timestamp>) {
        let Some(until) = until else { return };
        let wait = until.saturating_since(self.shared().now());
        if !wait.is_zero() {
            self.pause = Some(Box::pin(sleep(wait)));
        }
    }

    fn write(&mut self) {
        let shared = self.shared();
        self.outbound.write(shared, &mut self.socket);
        if std::mem::take(&mut self.outbound.pinged) && self.work.is_some() {
            // Its answer cannot be read while the handler runs, which is no fault of the client's.
            self.heard(0);
        }
    }

    /// Reports a frame of so many bytes.
    fn heard(&mut self, bytes: usize) {
        let (conn, bytes) = (self.seat.conn(), u32::try_from(bytes).unwrap_or(u32::MAX));
        let (paused, open) = self.shared().step(|core, now| (core.alive(now, conn, bytes), core.is_open(conn)));
        self.alive = Instant::now();
        self.closing |= !open;
        self.pause_until(paused);
    }

    // ---- handlers ------------------------------------------------------------------------

    /// True if a handler has come to its end.
    fn work(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(work) = &mut self.work else { return false };
        let Poll::Ready(result) = work.as_mut().poll(cx) else { return false };
        self.work = None;
        match result {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(error))) => self.failed(error),
            Ok(Err(Panicked)) => self.panicked(),
            Err(_) => self.timed_out(),
        }
        self.greet();
        true
    }

    fn begin(&mut self, begin: impl FnOnce() -> crate::hooks::Work<Result<(), BoxError>>) {
        match Guarded::new(begin) {
            Ok(work) => self.work = Some(Box::pin(timeout(self.shared().handler_timeout, work))),
            Err(Panicked) => self.panicked(),
        }
    }

    /// Calls the hook for the user, once there is one and nothing else runs.
    fn greet(&mut self) {
        if self.greeted || self.work.is_some() || self.seat.cx.user().is_none() {
            return;
        }
        self.greeted = true;
        let (shared, conn) = (self.shared(), self.seat.conn());
        let Some(hook) = &shared.hooks.user else { return };
        if shared.look(|core| core.is_open(conn)) {
            self.begin(|| hook(self.seat.cx.clone()));
        }
    }

    fn failed(&mut self, error: BoxError) {
        let shared = self.shared();
        shared.counts.errors.add();
        Span::failed(&error);
        if let Some(hook) = &shared.hooks.error {
            if caught(|| hook(&self.seat.cx, error)).is_err() {
                self.panicked();
            }
        }
    }

    fn timed_out(&mut self) {
        self.shared().counts.timeouts.add();
        Span::timed_out();
        self.close(INTERNAL_ERROR, "the server took too long");
    }

    fn panicked(&mut self) {
        self.shared().panicked();
        self.close(INTERNAL_ERROR, "the server failed");
    }

    fn close(&mut self, code: u16, reason: &str) {
        let code = CloseCode::new(code).unwrap_or(CloseCode::POLICY_VIOLATION);
        self.failing = true;
        self.seat.cx.close(code, reason);
    }

    // ---- reading -------------------------------------------------------------------------

    /// While it is being closed only the close frame is waited for, and everything else thrown away.
    fn may_read(&self) -> bool {
        let ready = self.closing || (self.work.is_none() && self.pause.is_none());
        ready && !self.deaf && self.outbound.takes_pongs()
    }

    /// True if there was something.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, End> {
        for count in 0..FRAMES {
            if !self.may_read() {
                return Ok(self.log_in_unread()? || count > 0);
            }
            self.check_discarded()?;
            if let Some(held) = self.held.take().filter(|_| !self.closing) {
                self.on_received(held);
            } else {
                match self.socket.read() {
                    Ok(frame) => self.on_frame(frame)?,
                    Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => {
                        return self.on_nothing().map(|logged_in| logged_in || count > 0);
                    }
                    Err(error) => self.on_error(&error)?,
                }
            }
            self.work(cx);
        }
        Ok(true)
    }

    /// The end, if too much was thrown away since it is being closed.
    fn check_discarded(&mut self) -> Result<(), End> {
        if !self.closing {
            return Ok(());
        }
        let read = self.socket.get_ref().bytes_read();
        let discarded = read - *self.before.get_or_insert(read);
        let most = if self.failing { LINGER } else { IN_FLIGHT };
        if discarded > most { Err(End::Broken) } else { Ok(()) }
    }

    /// While a handler runs nothing is read, so that only writing can tell that the client is gone.
    fn writable_while_handling(&self) -> Result<(), End> {
        if self.work.is_some() && !self.closing { self.writable() } else { Ok(()) }
    }

    fn writable(&self) -> Result<(), End> {
        let Some(error) = self.socket.get_ref().failed() else { return Ok(()) };
        let error = std::io::Error::new(error.kind(), error.to_string());
        Err(End::Gone(Box::new(Ended::from(&Error::Io(error)))))
    }

    /// Nothing is left to read: a sign of life if there were bytes, and the end if nothing can be written. True if this logged a user
    /// in.
    fn on_nothing(&mut self) -> Result<bool, End> {
        self.writable()?;
        let read = self.socket.get_ref().bytes_read();
        if std::mem::replace(&mut self.seen, read) < read && !self.closing && self.alive.elapsed() >= PART {
            self.heard(0);
        }
        Ok(!self.socket.get_ref().is_exhausted() && self.log_in())
    }

    fn on_error(&mut self, error: &Error) -> Result<(), End> {
        if self.outbound.close.is_some() && matches!(error, Error::ConnectionClosed) {
            return Err(End::Answered);
        }
        let ended = Ended::from(error);
        let Some(complaint) = ended.complaint() else { return Err(End::Gone(Box::new(ended))) };
        self.log_in();
        self.deaf = true;
        self.close(complaint.code(), complaint.reason());
        Ok(())
    }

    fn on_frame(&mut self, frame: Message) -> Result<(), End> {
        self.seen = self.socket.get_ref().bytes_read();
        if let Message::Close(frame) = &frame {
            let ended = Box::new(Ended::by_close(frame.as_ref()));
            return Err(if self.outbound.close.is_some() { End::Answered } else { End::Received(ended) });
        }
        if self.closing {
            return Ok(());
        }
        self.heard(frame.len());
        match frame {
            _ if self.closing => {}
            Message::Ping(payload) => self.outbound.answered(&payload),
            Message::Text(_) | Message::Binary(_) => self.on_message(frame),
            _ => {}
        }
        Ok(())
    }

    fn on_message(&mut self, frame: Message) {
        let shared = self.shared();
        match caught(|| shared.codec.decode(frame)) {
            Ok(Ok(received)) => self.on_received(received),
            Ok(Err(error)) => {
                self.log_in();
                self.refuse(&error);
            }
            Err(Panicked) => {
                self.log_in();
                self.panicked();
            }
        }
    }

    fn on_received(&mut self, received: Received<C>) {
        // A client that sent more after its login counts as still there.
        if !matches!(received, Received::Ping | Received::Pong) && self.log_in() && self.work.is_some() {
            self.held = Some(received);
            return;
        }
        let (shared, conn) = (self.shared(), self.seat.conn());
        let input = match received {
            Received::Pong => return,
            Received::Ping => Input::Ping { conn },
            Received::Login(login) if shared.hooks.login.is_some() => return self.verify(login),
            Received::Login(_) | Received::UnknownMessage => Input::UnknownMessage { conn },
            Received::Message(message) => {
                let Some(hook) = &shared.hooks.message else { return };
                return self.begin(|| hook(self.seat.cx.clone(), message));
            }
        };
        shared.step(|core, now| core.feed(now, input));
    }

    fn verify(&mut self, login: C::Login) {
        let (shared, context) = (self.shared(), self.seat.cx.clone());
        let Some(hook) = &shared.hooks.login else { return };
        let (hook, (tell, verified)) = (hook.clone(), oneshot::channel());
        self.verified = Some(verified);
        self.begin(|| {
            Box::pin(async move {
                match hook(context.clone(), login).await {
                    Ok(user) => _ = tell.send(user),
                    Err(deny) => context.deny(deny),
                }
                Ok(())
            })
        });
    }

    /// Logs in the verified user. This waits until reading has shown that the client did not hang up while the hook ran: it may be connected
    /// again already, and its login here would replace that connection. True if there was such a user.
    fn log_in(&mut self) -> bool {
        let Some(Ok(user)) = self.verified.take().map(|mut verified| verified.try_recv()) else { return false };
        self.seat.cx.log_in(user);
        self.greet();
        true
    }

    /// While the connection may not be read, only writing can tell whether the client is still there.
    fn log_in_unread(&mut self) -> Result<bool, End> {
        if self.verified.is_none() || self.work.is_some() {
            return Ok(false);
        }
        self.writable()?;
        Ok(self.log_in())
    }

    /// What arrived cannot be decoded.
    fn refuse(&mut self, error: &CodecError) {
        self.deaf = true;
        self.close(error.code().get(), error.reason());
    }

    /// How it ended, and what is left to be done with the socket. A handler that still runs is dropped.
    pub(super) fn finish(self, end: &End) -> (Closed, WebSocket<Wire<S>>) {
        let closed = match (end, &self.outbound.close) {
            (End::Received(ended), _) => Closed::by_end(ended),
            (End::Answered, Some(close)) => Closed::by_server(close, true),
            (_, Some(close)) => Closed::by_server(close, false),
            (End::Gone(ended), None) => Closed::by_end(ended),
            (_, None) => Closed::broken("dropped by the server".to_owned()),
        };
        (closed, self.socket)
    }
}
