//! A span for each connection, and events.

use std::fmt::Display;
use std::future::Future;
use std::net::IpAddr;

use heartline::ConnId;
use heartline::directory::Event;
use tracing::field::{Empty, debug};
use tracing::{Instrument as _, debug, error, info, info_span, warn};

use crate::closed::{Closed, ClosedBy};

const TARGET: &str = "heartline";

pub(crate) struct Span(tracing::Span);

impl Span {
    pub(crate) fn new(conn: ConnId, source: Option<IpAddr>) -> Self {
        let span = info_span!(
            target: TARGET,
            parent: None,
            "connection",
            conn = conn.as_raw(),
            source = source.map(tracing::field::display),
            closed_by = Empty,
            close_code = Empty,
            reason = Empty,
        );
        Self(span)
    }

    /// Makes it the current one while the future is polled.
    pub(crate) fn around<F: Future>(self, future: F) -> impl Future<Output = F::Output> {
        future.instrument(self.0)
    }

    /// The connection of the current span has ended.
    pub(crate) fn ended(closed: &Closed) {
        let span = tracing::Span::current();
        let by = match closed.by {
            ClosedBy::Client => "client",
            ClosedBy::Server => "server",
            ClosedBy::Nobody => "nobody",
        };
        span.record("closed_by", by).record("close_code", closed.code);
        if !closed.reason.is_empty() {
            // Escaped: it may be the client's.
            span.record("reason", debug(&closed.reason));
        }
        debug!(target: TARGET, "the connection has ended");
    }

    pub(crate) fn failed(error: &dyn Display) {
        warn!(target: TARGET, error = %error, "a handler failed");
    }

    pub(crate) fn timed_out() {
        error!(target: TARGET, "a handler took too long");
    }

    pub(crate) fn panicked() {
        error!(target: TARGET, "a handler, a hook or the codec panicked");
    }
}

pub(crate) fn denied(reason: &dyn Display) {
    debug!(target: TARGET, reason = %reason, "a request was denied");
}

pub(crate) fn contested(times: u64) {
    warn!(target: TARGET, times, "connections of a user replace each other too often");
}

/// What happened among the nodes; users are not named.
pub(crate) fn cluster(event: &Event) {
    match event {
        Event::NodeUp(node) => info!(target: TARGET, node = node.as_str(), "a node is up"),
        Event::NodeDown(node) => warn!(target: TARGET, node = node.as_str(), "a node is down"),
        Event::CutOff => warn!(target: TARGET, "cut off from the other nodes"),
        Event::Rejoined => info!(target: TARGET, "no longer cut off from the other nodes"),
        Event::ClockSkew(node) => warn!(target: TARGET, node = node.as_str(), "the clock of a node is ahead"),
        Event::Excess(node) => warn!(target: TARGET, node = node.as_str(), "a node is beyond the limits"),
        Event::Replaced => error!(target: TARGET, "another process has taken this node's name"),
        _ => {}
    }
}

pub(crate) fn suspended() {
    info!(target: TARGET, "the server was suspended");
}

pub(crate) fn shutting_down() {
    info!(target: TARGET, "shutting down");
}

pub(crate) fn finished() {
    info!(target: TARGET, "the last connection is gone");
}
