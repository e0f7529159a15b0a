//! What logs and dashboards are told of a client: spans and events by `tracing`, numbers by `metrics`. Each is fed from
//! here, and is nothing at all without its feature.

#[cfg(feature = "metrics")]
mod meters;
#[cfg(feature = "tracing")]
mod spans;

use heartline::stats::RoundTrip;
use heartline::{Action, MessageId, Outcome, Timestamp};

#[cfg(feature = "metrics")]
use meters::Meters;
#[cfg(feature = "tracing")]
pub use spans::Scope;
#[cfg(feature = "tracing")]
use spans::{Entered, Spans};

#[cfg(not(feature = "tracing"))]
use Nothing as Spans;
#[cfg(not(feature = "metrics"))]
use Nothing as Meters;

use crate::client::{End, Stats};
use crate::ended::Ended;
use crate::request::Request;

/// One that is told.
trait Observe {
    /// Of a client that is built now.
    fn new(request: &Request) -> Self;

    /// The session asks for this.
    fn action<M>(&mut self, _now: Timestamp, _action: &Action<M>) {}

    /// A connection or dial ended otherwise than by a timeout of the session's. Its change of state follows.
    fn ended(&mut self, _ended: &Ended) {}

    /// A pong came, and these are the round trips since.
    fn pong(&mut self, _now: Timestamp, _round_trip: Option<RoundTrip>) {}

    /// A message has its outcome.
    fn outcome<M>(&mut self, _id: MessageId, _outcome: &Outcome<M>) {}

    /// Reading begins to wait for room.
    fn stalled(&mut self) {}

    /// This was counted up to now.
    fn counted(&mut self, _stats: &Stats) {}

    /// The client has ended.
    fn finished(&mut self, _end: &End) {}
}

/// In the place of what was not asked for.
#[cfg(not(all(feature = "tracing", feature = "metrics")))]
struct Nothing;

#[cfg(not(all(feature = "tracing", feature = "metrics")))]
impl Observe for Nothing {
    fn new(_: &Request) -> Self {
        Self
    }
}

#[cfg(not(feature = "tracing"))]
mod unobserved {
    /// The time in which the span of a connection is the current one, if there were spans.
    pub struct Entered;

    /// The span that was the current one, if there were spans.
    pub struct Scope;

    impl super::Nothing {
        pub(super) fn enter(&self) -> Entered {
            Entered
        }
    }

    impl Scope {
        /// The current one.
        pub fn current() -> Self {
            Self
        }

        /// Makes it the current one of this thread.
        pub fn enter(&self) -> Entered {
            Entered
        }
    }
}

#[cfg(not(feature = "tracing"))]
use unobserved::Entered;
#[cfg(not(feature = "tracing"))]
pub use unobserved::Scope;

/// Tells both.
pub(super) struct Observer {
    spans: Spans,
    meters: Meters,
}

impl Observer {
    pub(super) fn new(request: &Request) -> Self {
        Self { spans: Spans::new(request), meters: Meters::new(request) }
    }

    /// Until this is dropped, the span of the present connection is the current one. It must not outlive a turn.
    pub(super) fn enter(&self) -> Entered {
        self.spans.enter()
    }

    /// Before it is carried out, which is part of the connection's span.
    pub(super) fn action<M>(&mut self, now: Timestamp, action: &Action<M>) -> Entered {
        self.spans.action(now, action);
        self.meters.action(now, action);
        self.enter()
    }

    pub(super) fn ended(&mut self, ended: &Ended) {
        self.spans.ended(ended);
        self.meters.ended(ended);
    }

    pub(super) fn pong(&mut self, now: Timestamp, round_trip: Option<RoundTrip>) {
        self.spans.pong(now, round_trip);
        self.meters.pong(now, round_trip);
    }

    pub(super) fn outcome<M>(&mut self, id: MessageId, outcome: &Outcome<M>) {
        self.spans.outcome(id, outcome);
        self.meters.outcome(id, outcome);
    }

    pub(super) fn stalled(&mut self) {
        self.spans.stalled();
        self.meters.stalled();
    }

    pub(super) fn counted(&mut self, stats: &Stats) {
        self.spans.counted(stats);
        self.meters.counted(stats);
    }

    pub(super) fn finished(&mut self, end: &End) {
        self.spans.finished(end);
        self.meters.finished(end);
    }
}
