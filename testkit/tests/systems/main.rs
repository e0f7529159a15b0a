//! The five web documents that this crate was written for, as systems: client and server both on it.
//!
//! Each runs with its own intervals on the simulated network, and with short ones on real sockets. What every document
//! promises is in `documents.rs`; what only one of them has, in the file of its name.

mod angular_subscriptions;
mod documents;
mod hub_server;
mod java_screens;
mod log;
mod node_server;
mod page;
mod react_chart;
mod react_monitor;
mod real;
mod server_sent_events;
mod simulated;
mod socket_io_events;
mod vue_component;
mod vue_module;

/// What most of the documents use.
mod prelude {
    pub use std::collections::{BTreeMap, VecDeque};
    pub use std::sync::{Arc, Mutex};
    pub use std::time::Duration;

    pub use heartline::backoff::Backoff;
    pub use heartline::event::{Cause, Event};
    pub use heartline::heartbeat::{HeartbeatConfig, HeartbeatMode};
    pub use heartline::hub::{self, Admission, Origins};
    pub use heartline::loss::TransportError;
    pub use heartline::message::{Outcome, Refusal};
    pub use heartline::retry::{Pattern, RetryPolicy, Verdict};
    pub use heartline::{Action, ConnId, Input, Loss, MessageId, Outgoing, Settings, State, Timestamp};
    pub use heartline_testkit::sim;
    pub use serde_json::{Value, json};

    pub use crate::documents::{Document, opened};
    pub use crate::hub_server::{Connections, HubServer, Protocol, Request};
    pub use crate::page::*;
    pub use crate::real::{RealPage, RealServer, fast};
    pub use crate::simulated::System;

    pub const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    pub const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// Without `slow_after`, and with one second of tolerance.
    pub fn heartbeat(mode: HeartbeatMode) -> HeartbeatConfig {
        HeartbeatConfig { mode, slow_after: None, late_tolerance: seconds(1) }
    }

    pub fn when_idle(interval: Duration, timeout: Duration) -> HeartbeatConfig {
        heartbeat(HeartbeatMode::WhenIdle { interval, timeout })
    }

    pub fn listen(timeout: Duration) -> HeartbeatConfig {
        heartbeat(HeartbeatMode::Listen { timeout })
    }

    pub fn periodic(interval: Duration, timeout: Option<Duration>) -> HeartbeatConfig {
        heartbeat(HeartbeatMode::Periodic { interval, timeout })
    }

    pub fn off() -> HeartbeatConfig {
        heartbeat(HeartbeatMode::Off)
    }

    /// What is no JSON is `null`.
    pub fn parse(text: &str) -> Value {
        serde_json::from_str(text).unwrap_or_default()
    }
}
