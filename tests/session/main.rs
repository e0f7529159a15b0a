//! The session on a virtual clock, clause by clause of `SPEC.md`.
//!
//! Tests that begin with **Bug** and a number tell what users of other clients reported.

#[path = "../support/mod.rs"]
mod support;

mod acknowledgements;
mod closed;
mod closing;
mod config;
mod connections;
mod cost;
mod dictated;
mod heartbeat;
mod lateness;
mod looking_in;
mod on_request;
mod outbox;
mod purity;
mod reconnecting;
mod renewing;
mod retrying;
mod round_trips;
mod steps;
#[cfg(feature = "serde")]
mod stored;
mod transmitting;
mod unread;
