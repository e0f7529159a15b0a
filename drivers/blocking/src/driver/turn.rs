//! One turn: what may go out, a wait, what has come in, then what is due, and what that leads to.

use std::time::Duration;

use heartline::event::Cause;
use heartline::{CloseCode, Input, State, Timestamp};
use heartline_tungstenite::clock::Sleeper;
use heartline_tungstenite::codec::Codec;
use heartline_tungstenite::ended::Close;

use super::Driver;
use crate::link::Read;
use crate::status::EndReason;

/// At most so many frames are read in one turn.
const BURST: usize = 256;
/// So many turns may go by in which something is due and there is still more to read.
const BUSY: u32 = 16;
/// A wait over this is watched by the clock that counts suspend.
const LONG: Duration = Duration::from_millis(250);

impl<C: Codec> Driver<C> {
    /// Does what can be done, waits for no longer than this if that is nothing, and does what has come up then. `None` waits
    /// for as long as it takes.
    pub(crate) fn turn(&mut self, timeout: Option<Duration>) {
        self.now = self.clock.now();
        let woken = self.execute_commands();
        self.link.begin_turn();
        self.make_room();
        self.write();
        let news = self.conclude();
        if self.end.is_some() {
            return;
        }
        let timeout = if woken || news { Some(Duration::ZERO) } else { timeout };
        if self.wait(timeout) {
            self.execute_commands();
        }
        self.more = false;
        let quiet = self.read();
        self.judge(quiet);
        self.rotate();
        self.write();
        self.conclude();
    }

    // ---- the wait --------------------------------------------------------------------------

    /// Looks at the socket, and waits if there is nothing to do at once. True if it has waited.
    fn wait(&mut self, timeout: Option<Duration>) -> bool {
        if self.knows_what_to_read() {
            return false;
        }
        let wait = self.patience(timeout);
        let waits = wait != Some(Duration::ZERO) && self.shared.begin_wait();
        if waits {
            self.watch(wait);
        }
        self.look(if waits { wait } else { Some(Duration::ZERO) });
        self.now = self.clock.now();
        waits
    }

    /// Asks the operating system what has happened to the sockets.
    fn look(&mut self, wait: Option<Duration>) {
        self.poller.wait(wait);
        self.poller.events().for_each(|event| self.link.woken(event));
    }

    /// There is more in the socket or in a buffer, and nothing else to be learnt from the operating system.
    fn knows_what_to_read(&mut self) -> bool {
        self.may_read() && self.link.is_readable() && !self.link.is_blocked()
    }

    /// How long to wait: `None` for as long as it takes.
    fn patience(&mut self, timeout: Option<Duration>) -> Option<Duration> {
        let unread = self.link.is_readable() && self.may_read();
        if self.more || unread || (self.link.has_failed() && self.may_read()) {
            return Some(Duration::ZERO);
        }
        let rotate = self.rotate_at.filter(|at| *at > self.now && self.may_rotate());
        let due = [self.next_deadline(), self.link.deadline(), rotate].into_iter().flatten().min();
        let due = due.map(|due| due.saturating_since(self.now));
        [timeout, due].into_iter().flatten().min()
    }

    /// The poller's timer stands still while the computer sleeps.
    fn watch(&mut self, wait: Option<Duration>) {
        let Some(wait) = wait.filter(|wait| *wait > LONG) else { return };
        let sleeper = self.sleeper.get_or_insert_with(|| {
            let sleeper = Sleeper::new(&self.clock);
            sleeper.register(&self.poller.bell().into());
            sleeper
        });
        sleeper.set(Some(self.now.saturating_add(wait)));
    }

    // ---- what has come in ------------------------------------------------------------------

    /// True if nothing more can be read for now.
    fn read(&mut self) -> bool {
        for _ in 0..BURST {
            if !self.may_read() {
                return true;
            }
            match self.link.read(&self.dialer, &mut self.poller, self.now) {
                Read::Quiet if self.link.is_readable() => break, // As much as may be read in one turn.
                Read::Quiet => return true,
                Read::Opened(conn, response) => self.opened(conn, *response),
                Read::Frame(conn, frame) => self.receive(conn, frame),
                Read::Part(conn) => self.handle(Input::Alive { conn }),
                Read::Ended(conn, ended) => self.end(conn, *ended),
                Read::Panicked(message) => {
                    self.panicked = Some(message);
                    return true;
                }
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

    /// The timer, and the end that a failed write is. Both come after a look at the socket that is not older than the
    /// clock: what has arrived by now is in time, and what the peer said before it went may tell more.
    fn judge(&mut self, quiet: bool) {
        let failed = self.link.has_failed() && self.may_read();
        if !failed && !self.is_due() {
            self.busy = 0;
            return;
        }
        let mut quiet = quiet;
        if quiet && self.may_read() {
            self.look(Some(Duration::ZERO));
            quiet = self.read();
        }
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
            self.handle(Input::Timer);
            self.late_from = None;
        }
    }

    fn is_due(&self) -> bool {
        self.next_deadline().is_some_and(|due| due <= self.now)
    }

    /// While the application has asked for a pause, or has left no room to read, the session's timer is withheld: whoever
    /// does not listen must not judge. A drain has its own end all the same.
    fn next_deadline(&self) -> Option<Timestamp> {
        let stalled = self.is_stalled();
        let withheld = self.paused || stalled;
        let session = if withheld { None } else { self.session.deadline() };
        let session = session.map(|deadline| self.late_from.map_or(deadline, |late| late.max(deadline)));
        let drain = self.close_by.filter(|_| stalled && self.session.is_draining());
        [session, drain, self.stall_end()].into_iter().flatten().min()
    }

    /// Nothing is read, because what was read before has no room.
    pub(super) fn is_stalled(&self) -> bool {
        self.inbox.is_full() && self.is_open()
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
        self.is_open() && !self.paused && !self.session.is_draining()
    }

    /// By a new one, without calling it a loss.
    pub(super) fn replace_connection(&mut self) {
        if let Some(conn) = self.session.conn().filter(|_| self.is_open()) {
            self.link.say_goodbye(conn, &Close::from(CloseCode::NORMAL));
        }
        self.handle(Input::Reconnect);
    }

    // ---- the end of a turn -----------------------------------------------------------------

    /// Reports what has come of it. True if that is something that somebody may wait for.
    fn conclude(&mut self) -> bool {
        // The retry policy does not dial again.
        if self.stopped.is_some() && self.session.state() == State::Idle {
            self.handle(Input::close_within(Duration::ZERO));
        }
        self.note_stall();
        if let Some(message) = self.panicked.take() {
            self.finish(EndReason::Panicked(message));
            return true;
        }
        if self.session.state() == State::Closed {
            let cause = self.session.cause();
            self.finish(match self.stopped.unwrap_or(cause) {
                stopped @ (Cause::Stopped(_) | Cause::Exhausted(_)) => EndReason::Stopped(stopped),
                _ => EndReason::Closed(cause),
            });
            return true;
        }
        let news = self.view.changed | self.settle();
        self.publish();
        news
    }
}
