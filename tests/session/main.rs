//! The session on a virtual clock, clause by clause of `SPEC.md`; and in `properties`, what holds for every session.
//!
//! Tests that begin with **Bug** and a number tell what users of other clients reported.

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
mod network_lost;
mod on_request;
mod outbox;
mod properties;
mod purity;
mod reconnecting;
mod renewing;
mod retrying;
mod round_trips;
mod steps;
#[cfg(feature = "serde")]
mod stored;
mod support;
mod transmitting;
mod unread;
