//! One turn: what has come in, then what is due, then what may go out.

use std::task::{Context, Poll};
use std::time::Duration;

use heartline::event::Cause;
use heartline::{CloseCode, Input, State, Timestamp};

use super::super::host::{Greeting as _, Host};
use super::super::link::Read;
use super::Driver;
use crate::client::EndReason;
use crate::codec::Codec;
use crate::ended::Close;

/// At most so many frames are read in one turn.
const BURST: usize = 64;
/// So many turns may go by in which something is due and there is still more to read.
const BUSY: u32 = 64;

impl<C: Codec, H: Host<C>> Driver<C, H> {
    pub(super) fn turn(&mut self, cx: &mut Context<'_>) -> Poll<EndReason> {
        self.now = self.shared.clock().now();
        self.more = false;
        self.shared.begin_turn();
        self.link.begin_turn(cx.waker());
        self.execute_commands();
        self.make_room(cx);
        let quiet = self.read(cx);
        self.greet(cx);
        self.meet_deadlines(cx, quiet);
        self.rotate();
        if self.output.is_handler() {
            self.hand_over(cx);
            self.execute_commands(); // The answers go out in this turn.
        }
        self.write(cx.waker());
        self.stop();
        self.hand_over(cx);
        self.settle(Some(cx.waker()));
        self.publish();
        let session = self.session.look();
        if session.state() == State::Closed {
            let cause = session.cause();
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
        let _entered = self.observer.enter();
        for _ in 0..BURST {
            if !self.may_read() {
                return true;
            }
            match self.link.read(&mut self.host, self.now, cx) {
                Read::Quiet if self.link.is_exhausted() => break,
                Read::Quiet => return true,
                Read::Opened(conn, response) => self.opened(conn, *response),
                Read::Frame(conn, frame) => {
                    self.receive(conn, frame);
                    if self.greeting.as_ref().is_some_and(|greet| greet.over) {
                        self.send_greeting(cx.waker());
                    }
                }
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
            if std::mem::take(&mut self.looking) {
                self.host.stop_looking();
            }
            self.busy = 0;
            return;
        }
        let quiet = quiet && (!self.may_read() || self.has_looked(cx));
        if !quiet && self.busy < BUSY {
            self.busy += 1;
            return;
        }
        self.busy = 0;
        if let Some((conn, ended)) = self.link.failure().filter(|_| failed && quiet) {
            self.end(conn, ended);
        }
        if self.stall_end().is_some_and(|end| end <= self.now) {
            self.end_stalled();
        }
        if self.is_due() {
            self.call_timer();
        }
    }

    /// Silence means nothing while nothing is read.
    fn call_timer(&mut self) {
        if let Some(conn) = self.session.look().conn().filter(|_| self.is_stalled()) {
            self.handle(Input::Unread { conn });
        }
        self.handle(Input::Timer);
    }

    fn is_due(&self) -> bool {
        self.next_deadline().is_some_and(|due| due <= self.now)
    }

    /// Whether the host has looked at the socket since something became due, and found nothing.
    fn has_looked(&mut self, cx: &mut Context<'_>) -> bool {
        self.looking = self.host.poll_look(self.link.connection(), cx).is_pending();
        !self.looking
    }

    /// While the application has asked for a pause, the session's timer is withheld.
    fn next_deadline(&self) -> Option<Timestamp> {
        let session = if self.paused { None } else { self.session.look().deadline() };
        [session, self.stall_end()].into_iter().flatten().min()
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
        if self.rotate_at.is_some_and(|at| at <= self.now) && self.may_rotate() && self.link.flush() {
            self.replace_connection();
        }
    }

    fn may_rotate(&self) -> bool {
        self.is_open() && !self.paused && !self.session.look().is_draining()
    }

    /// By a new one, without calling it a loss. The client is not done (1000), it comes back: a server may take that for a log-out.
    pub(super) fn replace_connection(&mut self) {
        if let Some(conn) = self.session.look().conn().filter(|_| self.is_open()) {
            self.link.say_goodbye(conn, &Close::from(CloseCode::GOING_AWAY));
        }
        self.handle(Input::Reconnect);
    }

    /// The retry policy does not dial again.
    fn stop(&mut self) {
        if self.stopped.is_some() && self.session.look().state() == State::Idle {
            self.shared.refuse();
            self.handle(Input::close_within(Duration::ZERO));
        }
    }

    fn arm(&mut self, cx: &mut Context<'_>) {
        if self.looking && !self.more {
            return; // Which wakes by itself.
        }
        // What has failed in this turn is looked into in the next.
        if self.more || self.shared.has_commands() || (self.link.has_failed() && self.may_read()) {
            cx.waker().wake_by_ref();
            return;
        }
        let rotate = self.rotate_at.filter(|at| *at > self.now && self.may_rotate());
        let at = [self.next_deadline(), rotate].into_iter().flatten().min();
        if self.host.poll_sleep(at, cx).is_ready() {
            cx.waker().wake_by_ref();
        }
    }

    /// A greeting takes its part of a turn.
    fn greet(&mut self, cx: &mut Context<'_>) {
        let _entered = self.observer.enter();
        self.send_greeting(cx.waker());
        let Some(greet) = self.greeting.as_mut().filter(|greet| !greet.over) else { return };
        match greet.greeting.poll(cx) {
            Poll::Pending => {}
            Poll::Ready(Ok(())) => greet.over = true,
            Poll::Ready(Err(error)) => {
                let conn = greet.conn;
                return self.end(conn, error.into());
            }
        }
        self.send_greeting(cx.waker());
    }
}
