//! What the session asks for, and what the handles learn of it.

use std::time::Duration;

use heartline::event::Cause;
use heartline::{Action, CloseCode, ConnId, Event as SessionEvent, State, Timestamp};
use heartline_tungstenite::codec::Codec;
use heartline_tungstenite::ended::Close;

use super::Driver;
use crate::hooks::Dial;
use crate::received::Event;
use crate::status::{Retry, Status};

impl<C: Codec> Driver<C> {
    /// Carries out everything that the session asks for. None of it waits.
    pub(super) fn pull(&mut self) {
        while let Some(action) = self.session.next_action() {
            self.carry_out(action);
        }
    }

    fn carry_out(&mut self, action: Action<C::Out>) {
        match action {
            Action::Deliver(_) => {} // Only `Input::Message` leads to it.
            Action::Abort { conn, .. } => {
                self.end_greeting(conn);
                self.link.abort(conn);
            }
            Action::Connect { conn, attempt, last_loss, renew, .. } => {
                let request = self.dialer.recipe.request.clone();
                let last_ended = self.view.last_ended.clone();
                let dial = Dial { request, attempt, last_loss, last_ended, renew };
                self.link.dial(self.dialer.begin(conn, dial));
                self.more = true;
            }
            Action::Ping { conn, token, .. } => {
                let ping = self.codec.ping(token);
                self.link.control(conn, ping, false);
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
    }

    fn note(&mut self, event: SessionEvent) {
        self.view.changed = true;
        match event {
            SessionEvent::Degraded => self.view.degraded = true,
            SessionEvent::Recovered => self.view.degraded = false,
            SessionEvent::StateChanged { to, cause, .. } => self.changed(to, cause),
            _ => {}
        }
        match Event::from_session(event) {
            Some(Event::Slept { .. }) if self.late_from.is_some() => {} // It was the application that did not listen.
            Some(event) => self.inbox.put_event(event),
            None => {}
        }
    }

    fn changed(&mut self, to: State, cause: Cause) {
        if to != State::Waiting {
            self.view.retry = None;
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

    /// Outcomes to their receipts, room to those who wait for it. True if there was any of that.
    pub(super) fn settle(&mut self) -> bool {
        (self.stats.bytes_in, self.stats.bytes_out) = self.link.bytes();
        self.stats.session = self.session.stats();
        (self.stats.queued, self.stats.queued_bytes) = (self.session.queued(), self.session.held_bytes());
        let mut stats = self.stats.clone();
        stats.discarded += self.inbox.discarded;
        self.shared.settle(&mut self.settlement, self.session.state(), stats)
    }

    pub(super) fn publish(&mut self) {
        if std::mem::take(&mut self.view.changed) {
            self.shared.show(self.status());
        }
    }

    pub(super) fn status(&self) -> Status {
        Status {
            state: self.session.state(),
            cause: self.stopped.unwrap_or(self.session.cause()),
            retry: self.view.retry,
            round_trip: self.session.rtt(),
            degraded: self.view.degraded,
            draining: self.session.is_draining(),
            paused: self.paused,
            stalled: self.stalled.is_some(),
            response: self.view.response.clone(),
            last_ended: self.view.last_ended.clone(),
            end: self.end.clone(),
        }
    }
}
