//! Counters, gauges and a histogram by `metrics`.

use heartline::message::Reason;
use heartline::stats::RoundTrip;
use heartline::{Action, Event, MessageId, Outcome, State, Timestamp};
use metrics::{
    Counter, Gauge, Histogram, Label, SharedString, Unit, counter, describe_counter, describe_gauge,
    describe_histogram, gauge, histogram,
};

use super::Observe;
use crate::client::{End, Stats};
use crate::request::Request;

/// A number that only grows, taken from what the client counts anyway.
struct Counted {
    name: &'static str,
    unit: Unit,
    meaning: &'static str,
    /// The value of its label `kind`.
    kind: Option<&'static str>,
    value: fn(&Stats) -> u64,
}

const fn counted(name: &'static str, unit: Unit, meaning: &'static str, value: fn(&Stats) -> u64) -> Counted {
    Counted { name, unit, meaning, kind: None, value }
}

const fn lost(kind: &'static str, value: fn(&Stats) -> u64) -> Counted {
    let meaning = "connections and dials that ended otherwise than asked for, by the kind of the loss";
    Counted { name: "heartline_losses_total", unit: Unit::Count, meaning, kind: Some(kind), value }
}

const COUNTED: &[Counted] = &[
    counted("heartline_dials_total", Unit::Count, "dials begun", |stats| stats.session.dials.into()),
    counted("heartline_connections_total", Unit::Count, "connections that became ready", |stats| {
        stats.session.ready.into()
    }),
    lost("close", |stats| stats.session.lost_to_close.into()),
    lost("application", |stats| stats.session.lost_to_application.into()),
    lost("status", |stats| stats.session.lost_to_status.into()),
    lost("transport", |stats| stats.session.lost_to_transport.into()),
    lost("connect_timeout", |stats| stats.session.lost_to_connect_timeout.into()),
    lost("greeting_timeout", |stats| stats.session.lost_to_greeting_timeout.into()),
    lost("heartbeat_timeout", |stats| stats.session.lost_to_heartbeat.into()),
    lost("ack_timeout", |stats| stats.session.lost_to_ack_timeout.into()),
    counted("heartline_pings_total", Unit::Count, "pings sent", |stats| stats.session.pings.into()),
    counted("heartline_redeliveries_total", Unit::Count, "messages transmitted again", |stats| {
        stats.session.redeliveries.into()
    }),
    counted("heartline_received_messages_total", Unit::Count, "messages received", |stats| stats.received),
    counted(
        "heartline_discarded_messages_total",
        Unit::Count,
        "messages received that the application never got",
        |stats| stats.discarded,
    ),
    counted("heartline_stalls_total", Unit::Count, "times that reading had to wait for room", |stats| stats.stalls),
    counted("heartline_received_bytes_total", Unit::Bytes, "bytes read, TLS and framing included", |stats| {
        stats.bytes_in
    }),
    counted("heartline_sent_bytes_total", Unit::Bytes, "bytes written, TLS and framing included", |stats| {
        stats.bytes_out
    }),
];

const CLIENTS: &str = "heartline_clients";
const QUEUED: &str = "heartline_queued_messages";
const QUEUED_BYTES: &str = "heartline_queued_bytes";
const ROUND_TRIP: &str = "heartline_round_trip_seconds";
const OUTCOMES: &str = "heartline_outcomes_total";
const DEGRADED: &str = "heartline_degraded_total";
const SLEPT: &str = "heartline_suspensions_total";

pub(super) struct Meters {
    /// The label that all have: host and port of the client's URL.
    server: Label,
    /// As [`COUNTED`], with what was told so far.
    counters: Vec<(Counter, u64)>,
    queued: Level,
    queued_bytes: Level,
    round_trip: Histogram,
    transmitted: Counter,
    acked: Counter,
    degraded: Counter,
    slept: Counter,
    state: Option<State>,
    /// When the latest ping was asked for, if its pong has not come.
    pinged: Option<Timestamp>,
}

/// What one client contributes to a gauge.
struct Level {
    gauge: Gauge,
    told: u64,
}

impl Level {
    fn set(&mut self, value: u64) {
        match value.checked_sub(self.told) {
            Some(0) => {}
            Some(more) => self.gauge.increment(more as f64),
            None => self.gauge.decrement((self.told - value) as f64),
        }
        self.told = value;
    }
}

impl Meters {
    fn labels(&self, others: &[(&'static str, &'static str)]) -> Vec<Label> {
        let others = others.iter().map(|(name, value)| Label::from_static_parts(name, value));
        [self.server.clone()].into_iter().chain(others).collect()
    }

    /// Counts the client where it is now, and no longer where it was.
    fn enter(&mut self, state: Option<State>) {
        if let Some(left) = self.state {
            gauge!(CLIENTS, self.labels(&[("state", name(left))])).decrement(1.0);
        }
        if let Some(entered) = state {
            gauge!(CLIENTS, self.labels(&[("state", name(entered))])).increment(1.0);
        }
        self.state = state;
    }
}

impl Observe for Meters {
    fn new(request: &Request) -> Self {
        describe();
        let server = Label::new("server", SharedString::from(request.address().to_string()));
        let only = vec![server.clone()];
        let outcome = |outcome| vec![server.clone(), Label::from_static_parts("outcome", outcome)];
        let counters = COUNTED.iter().map(|counted| {
            let kind = counted.kind.map(|kind| Label::from_static_parts("kind", kind));
            let labels: Vec<_> = only.iter().cloned().chain(kind).collect();
            (counter!(counted.name, labels), 0)
        });
        let level = |name| Level { gauge: gauge!(name, only.clone()), told: 0 };
        let mut meters = Self {
            counters: counters.collect(),
            queued: level(QUEUED),
            queued_bytes: level(QUEUED_BYTES),
            round_trip: histogram!(ROUND_TRIP, only.clone()),
            transmitted: counter!(OUTCOMES, outcome("transmitted")),
            acked: counter!(OUTCOMES, outcome("acked")),
            degraded: counter!(DEGRADED, only.clone()),
            slept: counter!(SLEPT, only.clone()),
            state: None,
            pinged: None,
            server,
        };
        meters.enter(Some(State::Idle));
        meters
    }

    fn action<M>(&mut self, now: Timestamp, action: &Action<M>) {
        match action {
            Action::Event(Event::StateChanged { to, .. }) => self.enter(Some(*to)),
            Action::Event(Event::Degraded) => self.degraded.increment(1),
            Action::Event(Event::Slept { .. }) => self.slept.increment(1),
            Action::Ping { .. } => self.pinged = Some(now),
            Action::Connect { .. } => self.pinged = None,
            _ => {}
        }
    }

    /// The session says what it has measured, but not when: it has if that is the time since the latest ping.
    fn pong(&mut self, now: Timestamp, round_trip: Option<RoundTrip>) {
        let (Some(pinged), Some(round_trip)) = (self.pinged, round_trip) else { return };
        if now.saturating_since(pinged).as_micros() == round_trip.latest.as_micros() {
            self.round_trip.record(round_trip.latest.as_secs_f64());
            self.pinged = None;
        }
    }

    fn outcome<M>(&mut self, _: MessageId, outcome: &Outcome<M>) {
        let (outcome, reason) = match outcome {
            Outcome::Transmitted => return self.transmitted.increment(1),
            Outcome::Acked => return self.acked.increment(1),
            Outcome::Returned(reason, _) => ("returned", *reason),
            Outcome::Unconfirmed(reason, _) => ("unconfirmed", *reason),
        };
        counter!(OUTCOMES, self.labels(&[("outcome", outcome), ("reason", why(reason))])).increment(1);
    }

    fn counted(&mut self, stats: &Stats) {
        for (counted, (counter, told)) in COUNTED.iter().zip(&mut self.counters) {
            let value = (counted.value)(stats);
            if value > *told {
                counter.increment(value - *told);
                *told = value;
            }
        }
        self.queued.set(stats.queued as u64);
        self.queued_bytes.set(stats.queued_bytes);
    }

    fn finished(&mut self, _: &End) {
        self.enter(None);
        self.queued.set(0);
        self.queued_bytes.set(0);
    }
}

fn describe() {
    for Counted { name, unit, meaning, .. } in COUNTED {
        describe_counter!(*name, *unit, *meaning);
    }
    describe_counter!(OUTCOMES, Unit::Count, "accepted messages that have their outcome, by outcome and reason");
    describe_counter!(DEGRADED, Unit::Count, "times that a ping was unanswered for slow_after");
    describe_counter!(SLEPT, Unit::Count, "timers so late that the process was probably suspended");
    describe_gauge!(CLIENTS, Unit::Count, "clients, by the state of the session");
    describe_gauge!(QUEUED, Unit::Count, "messages accepted that have no outcome yet");
    describe_gauge!(QUEUED_BYTES, Unit::Bytes, "their bytes");
    describe_histogram!(ROUND_TRIP, Unit::Seconds, "from a ping of the heartbeat to its pong");
}

const fn name(state: State) -> &'static str {
    match state {
        State::Idle => "idle",
        State::Waiting => "waiting",
        State::Connecting => "connecting",
        State::Greeting => "greeting",
        State::Open => "open",
        State::Closing => "closing",
        State::Closed => "closed",
    }
}

const fn why(reason: Reason) -> &'static str {
    match reason {
        Reason::Expired => "expired",
        Reason::Evicted => "evicted",
        Reason::Cancelled => "cancelled",
        Reason::Rejected => "rejected",
        Reason::Abandoned => "abandoned",
        Reason::ConnectionEnded => "connection_ended",
        Reason::MaxLosses => "max_losses",
        _ => "other",
    }
}
