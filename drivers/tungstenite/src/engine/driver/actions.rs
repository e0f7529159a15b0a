//! What the session asks for, and what the handles learn of it.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use heartline::event::Cause;
use heartline::{Action, CloseCode, ConnId, Event as SessionEvent, Loss, State, Timestamp};

use super::super::host::Host;
use super::Driver;
use crate::client::{Dial, End, Event, Retry, Status};
use crate::codec::Codec;
use crate::ended::{Close, Ended};

impl<C: Codec, H: Host<C>> Driver<C, H> {
    /// Carries out everything that the session asks for. None of it waits.
    #[inline]
    pub(super) fn pull(&mut self) {
        while let Some(action) = self.session.next_action() {
            self.carry_out(action);
        }
    }

    #[inline(never)]
    fn carry_out(&mut self, action: Action<C::Out>) {
        let _entered = self.observer.action(self.now, &action);
        match action {
            Action::Deliver(_) => {} // Only `Input::Message` leads to it.
            Action::Abort { conn, .. } => {
                self.end_greeting(conn);
                self.link.abort(conn);
            }
            Action::Connect { conn, attempt, last_loss, renew, .. } => {
                let (request, last_ended) = (self.request.clone(), self.view.last_ended.clone());
                let dial = Dial { request, attempt, last_loss, last_ended, renew };
                self.dialled = self.greets.then(|| dial.clone());
                let dialling = self.host.dial(conn, dial);
                self.link.dial(conn, dialling);
                self.more = true;
            }
            Action::Ping { conn, token, .. } => {
                let ping = self.codec.ping(token);
                self.link.control(conn, ping, false);
                self.more = true;
            }
            Action::Close { conn, code, .. } => self.say_close(conn, code),
            Action::Event(event) => self.note(event),
            Action::ScheduleReconnect { attempt, at, .. } => {
                self.view.retry = Some(Retry { attempt, delay: at.saturating_since(self.now), at });
                self.view.changed = true;
            }
            Action::Outcome { id, outcome, .. } => self.resolve(id, outcome),
        }
    }

    /// The protocol's own goodbye, then the close frame.
    fn say_close(&mut self, conn: ConnId, code: CloseCode) {
        if let Some(goodbye) = self.codec.goodbye() {
            self.link.control(conn, goodbye, false);
        }
        let close = self.close.clone().filter(|close| close.code() == code.get());
        self.link.control(conn, close.unwrap_or_else(|| Close::from(code)).message(), false);
        self.more = true;
    }

    fn note(&mut self, event: SessionEvent) {
        self.view.changed = true;
        match event {
            SessionEvent::Degraded => self.view.degraded = true,
            SessionEvent::Recovered => self.view.degraded = false,
            SessionEvent::StateChanged { to, cause, .. } => self.changed(to, cause),
            _ => {}
        }
        if let Some(event) = Event::from_session(event) {
            self.offer_event(self.with_reason(event));
        }
    }

    /// The end that follows from a stop of the retry policy has the cause of the stop.
    fn with_reason(&self, mut event: Event) -> Event {
        if let Event::StateChanged { to: State::Closed, cause, .. } = &mut event {
            *cause = self.stopped.unwrap_or(*cause);
        }
        event
    }

    fn changed(&mut self, to: State, cause: Cause) {
        if to != State::Waiting {
            self.view.retry = None;
        }
        if matches!(to, State::Waiting | State::Connecting) {
            self.stopped = None;
        }
        // The other losses are those that the driver has reported.
        if let Some(loss) = loss_of(cause).filter(|loss| loss.is_timeout()) {
            self.view.last_ended = Some(Arc::new(Ended::from(loss)));
        }
        match to {
            State::Open => {
                self.rotate_at = self.options.max_connection_age.map(|age| self.rotation(age));
            }
            State::Greeting | State::Closing => {}
            State::Idle | State::Waiting | State::Connecting | State::Closed => {
                self.view.response = None;
                self.view.degraded = false;
                self.rotate_at = None;
            }
        }
        let stopped = matches!(cause, Cause::Stopped(_) | Cause::Exhausted(_));
        if stopped && !self.options.stay_when_stopped {
            self.stopped = Some(cause);
        }
    }

    /// When a connection that is open now has lived for long enough: less up to a tenth, or all clients that came
    /// together would go together.
    fn rotation(&mut self, age: Duration) -> Timestamp {
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let less = age / 10 * (self.random >> 54) as u32 / 1024;
        self.now.saturating_add(age - less)
    }

    // ---- what the handles learn ------------------------------------------------------------

    /// Outcomes to their receipts, room to those who wait for it; at the end of a turn with the waker for the next.
    pub(super) fn settle(&mut self, end_of_turn: Option<&Waker>) {
        (self.stats.bytes_in, self.stats.bytes_out) = self.link.bytes();
        let session = self.session.look();
        self.stats.session = session.stats();
        (self.stats.queued, self.stats.queued_bytes) = (session.queued(), session.held_bytes());
        self.stats.discarded = self.discarded + self.output.discarded();
        self.observer.counted(&self.stats);
        self.news |= self.shared.settle(&mut self.settlement, session.state(), &self.stats, end_of_turn);
    }

    /// Before the application is handed anything: what it looks up then is not older.
    pub(super) fn announce(&mut self) {
        if self.view.changed {
            self.settle(None);
            self.publish();
        }
    }

    pub(super) fn publish(&mut self) {
        if !std::mem::take(&mut self.view.changed) {
            return;
        }
        self.news = true;
        self.host.show(self.status());
    }

    pub(super) fn publish_end(&mut self, end: &Arc<End>) {
        let mut status = self.status();
        // Whatever the session still was: nothing is left of it.
        status.state = State::Closed;
        (status.retry, status.response, status.stalled, status.draining) = (None, None, false, false);
        status.end = Some(end.clone());
        self.host.show(status);
    }

    fn status(&self) -> Status {
        let session = self.session.look();
        Status {
            state: session.state(),
            cause: self.stopped.unwrap_or(session.cause()),
            retry: self.view.retry,
            round_trip: session.rtt(),
            degraded: self.view.degraded,
            draining: session.is_draining(),
            paused: self.paused,
            stalled: self.stalled.is_some(),
            response: self.view.response.clone(),
            last_ended: self.view.last_ended.clone(),
            end: None,
        }
    }
}

fn loss_of(cause: Cause) -> Option<Loss> {
    match cause {
        Cause::Lost(loss) | Cause::Stopped(loss) | Cause::Exhausted(loss) => Some(loss),
        _ => None,
    }
}
