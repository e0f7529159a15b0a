//! The life of a WebSocket session as a pure state machine.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod action;
mod backoff;
mod config;
mod event;
mod fingerprint;
mod heartbeat;
mod input;
mod loss;
mod machine;
mod message;
mod outbox;
mod random;
mod retry;
mod round_trip;
mod session;
mod stats;
mod time;

pub use action::{Action, Actions};
pub use backoff::{Backoff, Jitter, Retries};
pub use config::{Config, ConfigError, Settings};
pub use event::{Cause, Event, ReadyState, State};
pub use fingerprint::Fingerprint;
pub use heartbeat::{Beat, Heartbeat, Pong, Pulse, Rhythm};
pub use input::{Call, ConnId, Input};
pub use loss::{CloseCode, Closed, InvalidCloseCode, Loss, Transport};
pub use message::{Delivery, MessageId, Outcome, Outgoing, Refusal, Refused, Transmit, Unsent, Why};
pub use outbox::{Limits, Outbox, Overflow};
pub use retry::{DEFAULT_RULES, DefaultRule, RetryPolicy, Rule, Verdict, When};
pub use round_trip::RoundTrip;
pub use session::{Reply, Session};
pub use stats::Stats;
pub use time::Instant;
