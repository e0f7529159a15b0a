//! The life of a WebSocket session as a pure state machine: heartbeat, reconnect lock, backoff,
//! pending sends and receipts, without socket, clock, thread, runtime or hidden randomness.
//!
//! Inputs and the time go into a [`Session`], actions come out. What feeds it and carries out what it
//! says is a *driver*; one session serves blocking sockets, tokio, a browser, a game loop, a
//! simulator and a fuzzer alike. This page tells how to write a driver, in the order one writes it.
//! Two complete ones are in `examples/`: `client` on plain sockets, `tokio_client` on tokio.
//!
//! # 1. A clock
//!
//! Choose an origin and turn the time since then into an [`Instant`]. The origin must stay the same
//! for one session; the clock should be monotonic and need not be punctual.
//!
//! ```
//! let origin = std::time::Instant::now();
//! let now = || heartline::Instant::after(origin.elapsed());
//! # let _ = now();
//! ```
//!
//! # 2. A session
//!
//! A [`Config`] is built from [`Settings`], valid or not at all. The seed decides all jitter: take it
//! from the operating system, so that a thousand clients do not come back in the same millisecond.
//!
//! ```
//! use heartline::{Config, Session, Settings};
//!
//! let config = Config::new(Settings { max_attempts: Some(5), ..Settings::default() })?;
//! let mut session: Session<String> = Session::new(config, 0x5eed);
//! # Ok::<(), heartline::ConfigError>(())
//! ```
//!
//! # 3. The actions
//!
//! [`Session::handle`] takes one [`Input`] and gives the [`Action`]s of that step. Pull them all, in order, and
//! carry out each one whole, whatever the socket does: an [`Abort`](Action::Abort) that waits behind a full send buffer
//! would wait for ever. So leave room for a ping and a close frame in that buffer.
//!
//! ```
//! use heartline::{Action, Input, Instant, Session};
//!
//! let mut session: Session<String> = Session::new(Default::default(), 1);
//! for action in session.handle(Instant::ORIGIN, Input::Connect) {
//!     match action {
//!         Action::Deliver(message) => println!("{message}"),
//!         Action::Connect { conn, attempt } => { /* dial, with a fresh token; remember `conn` */ }
//!         Action::Ping { conn } => { /* a protocol ping, or the text this server answers */ }
//!         Action::Close { conn, code } => { /* send a close frame */ }
//!         Action::Abort { conn } => { /* drop the socket, or the dial */ }
//!         Action::Event(event) => println!("{event:?}"),
//!         Action::ScheduleReconnect { attempt, at, cause } => { /* "reconnecting in …" */ }
//!         Action::Outcome { id, outcome } => { /* what became of a message */ }
//!     }
//! }
//! ```
//!
//! An application answers actions: it sends its login when an event says [`Greeting`](State::Greeting), acknowledges what it has
//! understood with [`Input::Acked`]. Collect such answers while pulling, and pass them on when the actions are through.
//!
//! # 4. The inputs
//!
//! - A dial succeeds: [`Input::Opened`]. It fails: [`Input::Closed`] with the [`Loss`] that fits. A dial that was
//!   aborted and succeeds all the same may be reported too: the answer is its `Abort`.
//! - A data message: [`Input::Message`]. What answers a ping, be it a protocol pong or the application's own text:
//!   [`Input::Pong`]; it never reaches the application.
//! - Another sign of life, such as the server's own ping: [`Input::Alive`].
//! - A close frame, the end of the stream, an error: [`Input::Closed`], as often and in whatever order they come.
//! - The greeting is over: [`Input::Ready`], if the config has a greeting.
//! - The network came back or changed: [`Input::NetworkChanged`].
//!
//! # 5. The messages to send
//!
//! [`Session::send`] accepts an [`Outgoing`] with one of three promises (see [`Delivery`]) and names it, or gives it back.
//! While, and only while, the socket takes more, [`Session::transmit`] hands out the next one. If the socket did
//! not take it after all, give it back with [`Session::unsent`] before any other call. Write, then flush
//! once when `transmit` says `None` or the socket is full. That is the backpressure: what the socket
//! cannot take waits in the session, within its bounds.
//!
//! A driver must not hold a pulled message in a future that can be cancelled. Ask the socket for readiness
//! first, then pull and hand over in one go.
//!
//! # 6. The timer
//!
//! One timer, at [`Session::deadline`]; when it is due, [`Input::Timer`]. An early timer does no harm and a late one is
//! understood. Look at the deadline again after every burst of calls.
//!
//! # 7. The loop
//!
//! Feed everything that is readable, *then* the timer if it is due, *then* pull messages to send. In that order an answer that
//! waits in the socket buffer saves the link even if the process was suspended.
//!
//! # Alone
//!
//! The small machines are public where somebody may want them alone: [`Heartbeat`] for either side of a connection,
//! [`Backoff`] and [`Retries`], [`RetryPolicy`], [`Outbox`].
//!
//! # Features
//!
//! - `serde`: everything that goes in or comes out (config, calls, actions, events, outcomes, stats) can be
//!   stored and read back; an invalid [`Config`] is not read. Off by default; without it the only dependency is `thiserror`.
//!
//! The crate is `no_std` with `alloc`, needs no atomics, and builds with Rust 1.85. `SPEC.md` in the repository says clause by clause
//! what the machine does.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod hub;

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

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
