//! Spans and events by `tracing`.

use heartline::event::Cause;
use heartline::message::Reason;
use heartline::{Action, ConnId, Event, Loss, MessageId, Outcome, State, Timestamp};
use tracing::field::{Empty, debug, display};
use tracing::span::EnteredSpan;
use tracing::{Span, debug, info, info_span, warn};

use super::Observe;
use crate::client::{End, EndReason};
use crate::ended::Ended;
use crate::request::Request;

const TARGET: &str = "heartline";

/// The time in which the span of a connection is the current one.
pub type Entered = Option<EnteredSpan>;

/// A span that was the current one, for work on another thread.
pub struct Scope(Span);

impl Scope {
    /// The current one.
    pub fn current() -> Self {
        Self(Span::current())
    }

    /// Makes it the current one of this thread.
    pub fn enter(&self) -> Entered {
        Some(self.0.clone().entered())
    }
}

pub(super) struct Spans {
    /// What was current where the client was built.
    client: Span,
    url: String,
    connection: Option<Span>,
    /// That of a connection which the present one replaces, until the change of state says why.
    replaced: Option<Span>,
}

impl Spans {
    pub(super) fn enter(&self) -> Entered {
        self.connection.clone().map(Span::entered)
    }

    /// Where an event belongs.
    fn place(&self) -> &Span {
        self.connection.as_ref().unwrap_or(&self.client)
    }

    fn dialled(&mut self, conn: ConnId, attempt: u32) {
        let span = info_span!(
            target: TARGET,
            parent: &self.client,
            "connection",
            conn = conn.as_raw(),
            attempt,
            url = %self.url,
            cause = Empty,
            close_code = Empty,
            reason = Empty,
        );
        self.replaced = self.connection.replace(span);
    }

    fn changed(&mut self, from: State, to: State, cause: Cause) {
        let replaced = self.replaced.take();
        let ended = match to {
            State::Idle | State::Waiting | State::Closed => replaced.or_else(|| self.connection.take()),
            State::Connecting => replaced,
            State::Greeting | State::Open | State::Closing => None,
        };
        if let Some(ended) = &ended {
            ended.record("cause", display(cause));
        }
        let place = ended.as_ref().unwrap_or_else(|| self.place());
        let lost = matches!(cause, Cause::Lost(_) | Cause::Stopped(_) | Cause::Exhausted(_));
        match to {
            _ if lost && from != State::Closing => {
                warn!(target: TARGET, parent: place, %from, %to, %cause, "the state changed");
            }
            State::Open | State::Closed => {
                info!(target: TARGET, parent: place, %from, %to, %cause, "the state changed");
            }
            _ => debug!(target: TARGET, parent: place, %from, %to, %cause, "the state changed"),
        }
    }
}

impl Observe for Spans {
    fn new(request: &Request) -> Self {
        let address = request.address();
        let scheme = if address.tls { "wss" } else { "ws" };
        Self { client: Span::current(), url: format!("{scheme}://{address}"), connection: None, replaced: None }
    }

    fn action<M>(&mut self, now: Timestamp, action: &Action<M>) {
        match action {
            Action::Connect { conn, attempt, .. } => self.dialled(*conn, *attempt),
            Action::ScheduleReconnect { attempt, at, .. } => {
                let (place, url, delay) = (&self.client, &self.url, at.saturating_since(now));
                info!(target: TARGET, parent: place, %url, attempt, ?delay, "the next dial is scheduled");
            }
            Action::Event(Event::StateChanged { from, to, cause }) => self.changed(*from, *to, *cause),
            Action::Event(event @ Event::Degraded) => warn!(target: TARGET, parent: self.place(), "{event}"),
            Action::Event(Event::Slept { late_ms }) => {
                info!(target: TARGET, parent: self.place(), late_ms, "a timer was late, after a suspension probably");
            }
            Action::Event(event) => info!(target: TARGET, parent: self.place(), "{event}"),
            _ => {}
        }
    }

    fn ended(&mut self, ended: &Ended) {
        let Some(span) = &self.connection else { return };
        let code = match (&ended.close, ended.loss) {
            (Some(close), _) => Some(close.code()),
            (None, Loss::Close(code) | Loss::Application(code)) => Some(code),
            _ => None,
        };
        if let Some(code) = code {
            span.record("close_code", code);
        }
        // Where a redirect leads may be a secret.
        let told = ended.close.is_some() || ended.error.is_some();
        if let Some(reason) = ended.detail().filter(|_| told) {
            span.record("reason", debug(reason)); // Escaped: it may be the peer's.
        }
    }

    fn outcome<M>(&mut self, id: MessageId, outcome: &Outcome<M>) {
        match outcome {
            Outcome::Transmitted | Outcome::Acked => {}
            Outcome::Returned(Reason::Cancelled, _) | Outcome::Unconfirmed(Reason::Cancelled, _) => {
                debug!(target: TARGET, parent: self.place(), id = id.as_raw(), %outcome, "a message was cancelled");
            }
            Outcome::Returned(..) | Outcome::Unconfirmed(..) => {
                warn!(target: TARGET, parent: self.place(), id = id.as_raw(), %outcome, "a message was not delivered");
            }
        }
    }

    fn stalled(&mut self) {
        warn!(target: TARGET, parent: self.place(), "nothing is read: what was received has no room");
    }

    fn finished(&mut self, end: &End) {
        self.replaced = None;
        if let Some(span) = self.connection.take() {
            span.record("cause", display(&end.reason));
        }
        let (place, url, reason) = (&self.client, &self.url, &end.reason);
        let (returned, unconfirmed) = (end.returned, end.unconfirmed);
        match reason {
            EndReason::Closed(_) | EndReason::Dropped => {
                info!(target: TARGET, parent: place, %url, %reason, returned, unconfirmed, "the client has ended");
            }
            EndReason::Stopped(_) | EndReason::Panicked(_) => {
                warn!(target: TARGET, parent: place, %url, %reason, returned, unconfirmed, "the client has ended");
            }
        }
    }
}
