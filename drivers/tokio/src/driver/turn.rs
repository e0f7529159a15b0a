//! One turn: what has come in, then what is due, then what may go out.

use std::task::{Context, Poll};

use heartline::event::Cause;
use heartline::{CloseCode, ConnId, Input, State, Timestamp};
use heartline_tungstenite::codec::Codec;
use heartline_tungstenite::ended::Close;

use super::{Driver, Output};
use crate::link::Read;
use crate::status::EndReason;

/// At most so many frames are read in one turn.
const BURST: usize = 64;

impl<C: Codec> Driver<C> {
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Poll<EndReason> {
        self.now = self.clock.now();
        self.more = false;
        self.link.begin_turn(cx.waker());
        self.execute_commands(cx);
        self.make_room(cx);
        let quiet = self.read(cx);
        self.greet(cx);
        self.meet_deadlines(cx, quiet);
        self.rotate();
        if matches!(self.output, Output::Handler(_)) {
            self.hand_over(cx);
            self.execute_commands(cx); // The answers go out in this turn.
        }
        self.write(cx);
        self.stop();
        self.hand_over(cx);
        self.settle();
        self.publish();
        if self.session.state() == State::Closed {
            let cause = self.session.cause();
            return Poll::Ready(match self.stopped.unwrap_or(cause) {
                stopped @ (Cause::Stopped(_) | Cause::Exhausted(_)) => EndReason::Stopped(stopped),
                _ => EndReason::Closed(cause),
            });
        }
        self.arm(cx);
        Poll::Pending
    }

    /// True if nothing more can be read, as far as the runtime has looked.
    fn read(&mut self, cx: &mut Context<'_>) -> bool {
        for _ in 0..BURST {
            if !self.may_read() {
                return true;
            }
            match self.link.read(cx) {
                Read::Quiet if self.link.is_exhausted() => break,
                Read::Quiet => return true,
                Read::Opened(conn, response) => self.opened(conn, *response),
                Read::Frame(conn, frame) => self.receive(conn, frame),
                Read::Part(conn) => self.handle(Input::Alive { conn }),
                Read::Ended(conn, ended) => self.end(conn, *ended),
            }
        }
        self.more = true;
        false
    }

    /// Not while what was read before has no room, nor from a peer that does not take the answers it provokes.
    fn may_read(&mut self) -> bool {
        !self.is_stalled() && self.link.takes_replies()
    }

    // ---- what is due -----------------------------------------------------------------------

    /// The timer, and the end that a failed write is. Both come after a look at the socket: what has arrived by now is in
    /// time, and what the peer said before it went may say more.
    fn meet_deadlines(&mut self, cx: &mut Context<'_>, quiet: bool) {
        let failed = self.link.has_failed() && self.may_read();
        if !failed && !self.is_due() {
            self.looking = None;
            return;
        }
        if !quiet || (self.may_read() && !self.has_looked(cx)) {
            return;
        }
        if let Some((conn, ended)) = self.link.failure().filter(|_| failed) {
            self.end(conn, ended);
        }
        if self.stall_end().is_some_and(|end| end <= self.now) {
            self.end_stalled();
        }
        if self.is_due() {
            self.handle(Input::Timer);
        }
    }

    fn is_due(&self) -> bool {
        self.next_deadline().is_some_and(|due| due <= self.now)
    }

    /// Whether the runtime has looked at the socket since something became due, and found nothing.
    fn has_looked(&mut self, cx: &mut Context<'_>) -> bool {
        let readable = self.link.is_readable();
        if readable == Some(false) {
            self.looking = None;
            return true;
        }
        let looking = self.looking.get_or_insert_with(|| Box::pin(tokio::task::yield_now()));
        if looking.as_mut().poll(cx).is_pending() {
            return false;
        }
        self.looking = None;
        if readable.is_none() {
            return true;
        }
        // There is something that the runtime has not noticed yet.
        let looking = self.looking.insert(Box::pin(tokio::task::yield_now()));
        _ = looking.as_mut().poll(cx);
        false
    }

    /// While the application has asked for a pause, or has left no room to read, the session's timer is withheld:
    /// silence means nothing while nothing is read. A drain has its own end all the same.
    fn next_deadline(&self) -> Option<Timestamp> {
        let stalled = self.is_stalled();
        let withheld = self.paused || stalled;
        let session = if withheld { None } else { self.session.deadline() };
        let drain = self.close_by.filter(|_| stalled && self.session.is_draining());
        [session, drain, self.stall_end()].into_iter().flatten().min()
    }

    /// Nothing is read, because what was read before has no room.
    pub(super) fn is_stalled(&self) -> bool {
        !self.parked.is_empty() && self.is_open()
    }

    fn stall_end(&self) -> Option<Timestamp> {
        let since = self.stalled.filter(|_| self.is_stalled() && !self.paused)?;
        Some(since.saturating_add(self.options.max_stall?))
    }

    /// A connection has lived for long enough.
    fn rotate(&mut self) {
        let due = self.rotate_at.is_some_and(|at| at <= self.now);
        if due && self.is_open() && !self.paused && !self.session.is_draining() && self.link.flush() {
            self.replace_connection();
        }
    }

    /// By a new one, without calling it a loss.
    pub(super) fn replace_connection(&mut self) {
        if let Some(conn) = self.session.conn().filter(|_| self.is_open()) {
            self.link.say_goodbye(conn, &Close::from(CloseCode::NORMAL));
        }
        self.handle(Input::Reconnect);
    }

    /// The retry policy does not dial again.
    fn stop(&mut self) {
        if self.stopped.is_some() && self.session.state() == State::Idle {
            self.shared.refuse();
            self.handle(Input::close_within(std::time::Duration::ZERO));
        }
    }

    fn arm(&mut self, cx: &mut Context<'_>) {
        if self.looking.is_some() && !self.more {
            return; // Which wakes by itself.
        }
        // What has failed in this turn is looked into in the next.
        if self.more || (self.link.has_failed() && self.may_read()) {
            cx.waker().wake_by_ref();
            return;
        }
        let rotate = self.rotate_at.filter(|_| self.is_open() && !self.paused && !self.session.is_draining());
        let rotate = rotate.filter(|at| *at > self.now);
        let at = [self.next_deadline(), rotate].into_iter().flatten().min();
        self.sleep.reset(at);
        if self.sleep.poll(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// A greeting takes its part of a turn.
    fn greet(&mut self, cx: &mut Context<'_>) {
        self.send_greeting(cx);
        let Some(greeting) = &mut self.greeting else { return };
        let conn: ConnId = greeting.conn;
        let Some(hook) = &mut greeting.hook else { return };
        match hook.as_mut().poll(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => greeting.hook = None,
            Poll::Ready(Err(error)) => return self.end(conn, error.into_ended()),
        }
        self.send_greeting(cx);
    }
}
