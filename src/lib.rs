//! The life of a WebSocket session as a pure state machine: heartbeat, reconnect lock, backoff,
//! pending sends and receipts, without socket, clock, thread, runtime or hidden randomness.
//!
//! Inputs and the time go into a [`Session`], actions come out. What feeds it and carries out its actions
//! is a *driver*; one session serves blocking sockets, tokio, a browser, a game loop, a
//! simulator and a fuzzer alike. This page shows how to write a driver, in the order one writes it.
//! The smallest one is `examples/minimal`; ready-made are the crates heartline-tokio and heartline-blocking. The server's
//! side is in [`hub`], that of several servers in [`directory`].
//!
//! # 1. A clock
//!
//! Choose an origin and turn the time since then into a [`Timestamp`]. The origin must stay the same for one session.
//!
//! ```
//! let origin = std::time::Instant::now();
//! let now = || heartline::Timestamp::after(origin.elapsed());
//! # let _ = now();
//! ```
//!
//! The clock has to be monotonic, and it should go on while the computer sleeps. `std::time::Instant` does so on
//! Windows, but stands still on Linux, Android and Apple's systems: after a night's sleep no time has passed, a
//! message of 30 s to live is still sent, and a dead link is noticed only when the rest of its interval is over. There
//! use `CLOCK_BOOTTIME` (Linux, Android) or `mach_continuous_time` (Apple), and see to it that something wakes the
//! driver: a timer on that clock, or a coarse tick. On waking, read what is readable, then call
//! [`Input::Timer`]. The session measures how late that is. After a suspension a dead link is found within
//! one more timeout of the heartbeat than [`Session::detection_time`], counted from the waking.
//!
//! Never use a clock that can be set: time does not run backwards for a session, so a single `now` from the far
//! future holds its clock there until the real time catches up.
//!
//! # 2. A session
//!
//! A [`Config`] is built from [`Settings`], valid or not at all. The seed decides all jitter: draw it
//! from the operating system, so that a thousand clients do not come back in the same millisecond.
//!
//! ```
//! use heartline::{Config, Session, Settings};
//!
//! let config = Config::new(Settings { max_retries: Some(5), ..Settings::default() })?;
//! let mut session: Session<String> = Session::new(config, 0x5eed);
//!
//! // Many sessions share one config by reference, or by `Arc`:
//! let shared = std::sync::Arc::new(Config::default());
//! let another: Session<String, std::sync::Arc<Config>> = Session::new(shared.clone(), 0xfeed);
//! # let _ = (&mut session, another);
//! # Ok::<(), heartline::ConfigError>(())
//! ```
//!
//! # 3. The actions
//!
//! [`Session::handle`] takes one [`Input`] and gives the [`Action`]s of that step. Pull them all, in order, and
//! carry out each one whole, whatever the socket does: an [`Abort`](Action::Abort) that waits behind a full send buffer
//! would wait for ever. So leave room for a ping and a close frame in that buffer. A dial that blocks is made after the other
//! actions of the step, or they wait for it.
//!
//! ```
//! use heartline::{Action, Input, Session, Timestamp};
//!
//! let mut session: Session<String> = Session::new(Default::default(), 1);
//! for action in session.handle(Timestamp::ORIGIN, Input::Connect) {
//!     match action {
//!         Action::Deliver(message) => println!("{message}"),
//!         Action::Connect { conn, renew, .. } => { /* dial, with new credentials if `renew`; remember `conn` */ }
//!         Action::Ping { conn, token, .. } => { /* a ping with the token in its payload, or the text this server answers */ }
//!         Action::Close { conn, code, .. } => { /* send a close frame */ }
//!         Action::Abort { conn, .. } => { /* drop the socket, or the dial */ }
//!         Action::Event(event) => println!("{event}"),
//!         Action::ScheduleReconnect { at, .. } => { /* "reconnecting in …" */ }
//!         Action::Outcome { id, outcome, .. } => println!("{id}: {outcome}"),
//!     }
//! }
//! ```
//!
//! A loop that has to call the session between two actions pulls them one by one: the first by
//! `session.handle(now, input).next()`, the others by [`Session::next_action`] until it gives `None`. A `Deliver` is always
//! the first, and never kept: drop the actions of [`Input::Message`] unseen and the message is lost, and counted.
//!
//! # 4. The inputs
//!
//! - A dial succeeds: [`Input::Opened`]. It fails: [`Input::Closed`] with the [`Loss`] that fits. A dial that was
//!   aborted and succeeds all the same may be reported too; it is answered with an `Abort`.
//! - A data message: [`Session::received`], and hand it to the application if that is true. (Or
//!   [`Input::Message`], which gives it back as [`Action::Deliver`].)
//! - What answers a ping, be it a protocol pong with a token of ours or the application's own text: [`Input::Pong`]; it
//!   never reaches the application.
//! - Another proof of life, such as the server's own ping, a pong whose payload is not ours, or bytes of a message that is
//!   not complete yet: [`Input::Alive`]. Without the last, a message that takes longer to arrive than the heartbeat
//!   waits is never delivered.
//! - Nothing is read for a while, because the application takes nothing: [`Input::Unread`], before each timer and once
//!   more when reading goes on.
//! - A close frame, the end of the stream, an error: [`Input::Closed`]. Duplicates are harmless. Answer the frame and drop
//!   the socket; no `Abort` follows.
//! - The peer has a message that was sent at least once: [`Input::Acked`], after [`Session::received`] or
//!   [`Input::Alive`] for the frame that said so. It is not wanted any more: [`Input::Cancel`].
//! - The greeting is over: [`Input::Ready`], if the config has a greeting.
//! - The network came back or changed: [`Input::NetworkChanged`]. None is left: [`Input::NetworkLost`], once, whatever the state.
//!
//! # 5. The messages to send
//!
//! [`Session::send`] accepts an [`Outgoing`] with one of three promises (see [`Delivery`](message::Delivery)) and names
//! it, or gives it back. [`Session::transmit`] lends the next one to write, while the socket takes more; it stays in its queue
//! until [`Session::sent`] says that it is in a buffer of the connection.
//!
//! ```
//! use heartline::{Action, ConnId, Input, Outcome, Outgoing, Session, Timestamp};
//!
//! let now = Timestamp::ORIGIN;
//! let conn = ConnId::from_raw(1).unwrap();
//! let mut session: Session<String> = Session::new(Default::default(), 1);
//! session.handle(now, Input::Connect).for_each(drop);
//! session.handle(now, Input::Opened { conn }).for_each(drop);
//!
//! let id = session.send(now, Outgoing::at_most_once("hello".to_string(), 5)).expect("there is room");
//! while let Some(transmit) = session.transmit(now) {
//!     // socket.write(transmit.message)
//!     let written = transmit.id;
//!     session.sent(now, written);
//! }
//! // socket.flush()
//! match session.next_action() {
//!     Some(Action::Outcome { id: of, outcome: Outcome::Transmitted, .. }) => assert_eq!(of, id),
//!     other => panic!("{other:?}"),
//! }
//! ```
//!
//! If the socket is full, stop: the message is still there. If it can never be sent (over the codec's limit), call
//! [`Session::rejected`]. The order is write, `sent`, flush. An async driver must not await between the write and `sent`:
//! cancelled in between, as `sink.send(message).await` can be, an at-most-once message would be written twice. And
//! *ready is not flushed*: a sink that takes the next message at once may still hold the last one, so wait for
//! the flush, not for readiness, when there is nothing more to transmit. A codec that takes messages by value wants an
//! `M` that is cheap to clone, such as one of `Bytes`.
//!
//! # 6. The timer
//!
//! One timer, at [`Session::deadline`]; when it is due, [`Input::Timer`]. Early calls are harmless and a late one is
//! understood. Look at the deadline again after every burst of calls.
//!
//! # 7. The loop
//!
//! Feed everything that is readable, *then* the timer if it is due, *then* transmit messages. In that order an answer that
//! waits in the socket buffer saves the link even if the process was suspended.
//!
//! The loop is over when the state is [`State::Closed`]. [`State::Idle`] after a loss means that the policy says not to dial
//! again: `Connect` starts anew, `Close` gives back what is queued.
//!
//! # Acknowledgements
//!
//! A message sent by [`Outgoing::at_least_once`] is kept until the peer acknowledges it, and transmitted again on the next
//! connection. The peer needs a name for it: put the id of [`Transmit`] on the wire, and let it come back. An id that has to be unique
//! across restarts of the program begins where the last one ended ([`Session::with_first_id`]).
//!
//! ```
//! use heartline::{Action, ConnId, Input, MessageId, Outcome, Outgoing, Session, Timestamp};
//!
//! let now = Timestamp::ORIGIN;
//! let conn = ConnId::from_raw(1).unwrap();
//! let mut session: Session<&str> = Session::new(Default::default(), 1);
//! session.handle(now, Input::Connect).for_each(drop);
//! session.handle(now, Input::Opened { conn }).for_each(drop);
//! session.send(now, Outgoing::at_least_once("buy 1", 5)).expect("there is room");
//!
//! let transmit = session.transmit(now).unwrap();
//! let frame = format!("{} {}", transmit.id.as_raw(), transmit.message); // "1 buy 1"; `transmit.redelivery` says whether again
//! let written = transmit.id;
//! session.sent(now, written);
//! # assert_eq!(frame, "1 buy 1");
//!
//! // The server answers "ack 1".
//! let id = MessageId::from_raw("ack 1"[4..].parse().unwrap());
//! session.handle(now, Input::Alive { conn }).for_each(drop);
//! let action = session.handle(now, Input::Acked { id }).next();
//! assert!(matches!(action, Some(Action::Outcome { outcome: Outcome::Acked, .. })));
//! ```
//!
//! # A greeting with a login
//!
//! With `greeting_timeout`, a connection that opens is in [`State::Greeting`] until [`Input::Ready`]. Only messages of
//! delivery `ThisConnection` pass meanwhile, so nothing that was queued overtakes the login.
//!
//! ```
//! use core::time::Duration;
//! use heartline::{Config, ConnId, Input, Outgoing, Session, Settings, State, Timestamp};
//!
//! let config = Config::new(Settings { greeting_timeout: Some(Duration::from_secs(5)), ..Settings::default() })?;
//! let mut session: Session<&str> = Session::new(config, 1);
//! let now = Timestamp::ORIGIN;
//! let conn = ConnId::from_raw(1).unwrap();
//! session.send(now, Outgoing::at_most_once("queued before", 13)).expect("there is room");
//! session.handle(now, Input::Connect).for_each(drop);
//! session.handle(now, Input::Opened { conn }).for_each(drop);
//! assert_eq!(session.state(), State::Greeting);
//!
//! let login = session.send(now, Outgoing::this_connection("login", 5)).expect("there is room");
//! assert_eq!(session.transmit(now).map(|transmit| *transmit.message), Some("login"));
//! session.sent(now, login);
//! assert_eq!(session.transmit(now), None);
//!
//! // The server welcomes us.
//! session.handle(now, Input::Ready { conn }).for_each(drop);
//! assert_eq!(session.transmit(now).map(|transmit| *transmit.message), Some("queued before"));
//! # Ok::<(), heartline::ConfigError>(())
//! ```
//!
//! # Credentials
//!
//! A server that answers 401, or closes with 4401 or 3000, refuses the credentials. The session then dials once more, after
//! the backoff's delay, and from there on [`Action::Connect`] says `renew` until a connection is stable: fetch a new token
//! for that dial. If it is refused again, the session stops and is `Idle`; `Connect` starts it with a clean slate. Other
//! statuses of the 4xx range stop at once. The whole table is at [`RetryPolicy`](retry::RetryPolicy). A
//! token that expires while the connection is open: [`Input::Reconnect`]. A server that refuses in its own protocol
//! (CONNACK, `connect_error`): [`Loss::Application`] with a code that the policy knows.
//!
//! # The end
//!
//! [`Input::Close`] starts a drain: new messages are refused, what was accepted is sent, then the close frame.
//!
//! ```
//! use core::time::Duration;
//! use heartline::{ConnId, Input, Loss, Outgoing, Session, State, Timestamp};
//!
//! let now = Timestamp::ORIGIN;
//! let conn = ConnId::from_raw(1).unwrap();
//! let mut session: Session<&str> = Session::new(Default::default(), 1);
//! session.handle(now, Input::Connect).for_each(drop);
//! session.handle(now, Input::Opened { conn }).for_each(drop);
//! let last = session.send(now, Outgoing::at_most_once("goodbye", 7)).expect("there is room");
//!
//! session.handle(now, Input::close_within(Duration::from_secs(3))).for_each(drop);
//! assert!(session.is_draining());
//! assert_eq!(session.transmit(now).map(|transmit| transmit.id), Some(last));
//! session.sent(now, last);
//! assert_eq!(session.state(), State::Closing); // next_action() gives the close frame to send
//! session.handle(now, Input::closed(conn, Loss::Close(1000))).for_each(drop);
//! assert_eq!(session.state(), State::Closed);
//! ```
//!
//! # Pausing
//!
//! A hidden page, a phone that is offline: withhold [`Input::Timer`] and feed everything else. The session then neither
//! dials nor gives up; the queue is kept. On resuming, read what is readable and call the timer: it is late, so a healthy link
//! gets its grace, and a dial that is due comes at once. Nothing else is needed.
//!
//! # Without pings
//!
//! A browser cannot send ping frames, and the default heartbeat pings. Either make [`Action::Ping`] a text that the
//! server answers, and report the answer as [`Input::Pong`] with `token: None`; or choose
//! [`HeartbeatMode::Listen`](heartbeat::HeartbeatMode::Listen) if the server itself sends something at regular
//! intervals. A `Ping` that is carried out as nothing makes the session reconnect again and again.
//!
//! # Recording and replaying
//!
//! A session is determined by its config, its seed, its first id and the calls made, so a log of [`Call`](replay::Call)s is a
//! recording. How many actions were pulled is part of a call, and so is a `next_action` that gave `None`.
//!
//! ```
//! use heartline::replay::{Call, Reply};
//! use heartline::{Config, Input, Session, State, Timestamp};
//!
//! let log: [Call<String>; 2] = [
//!     Call::Handle { now: Timestamp::ORIGIN, input: Input::Connect, pulled: Some(1) },
//!     Call::NextAction,
//! ];
//! let mut session = Session::new(Config::default(), 1);
//! for call in log {
//!     match session.call(call) {
//!         Reply::Actions(actions) => actions.for_each(|action| println!("{action:?}")), // must be pulled
//!         other => println!("{other:?}"),
//!     }
//! }
//! assert_eq!(session.state(), State::Connecting);
//! ```
//!
//! # Alone
//!
//! The small machines are public where somebody may want them alone: [`heartbeat`] for either side of a connection,
//! [`backoff`], [`retry`].
//!
//! # Features and stability
//!
//! - `serde`: everything that goes in or comes out (config, calls, actions, events, outcomes, stats) can be
//!   stored and read back; an invalid [`Config`] and unknown fields are not read. Off by default; without it the only
//!   dependency is `thiserror`. Stored data carries no promise across minor versions.
//! - `Action`, `State`, `ReadyState`, `Outcome`, `Delivery`, `HeartbeatEvent` and the hub's `Action` and `Outcome` are exhaustive
//!   on purpose: a driver should not miss one. What else may grow is `#[non_exhaustive]`.
//!
//! The crate is `no_std` with `alloc`, needs no atomics, and builds with Rust 1.85. `SPEC.md` in the repository says clause by clause
//! what the machines do.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod backoff;
// What the compiler inlines depends on all of a crate: without this the npm package is 300 bytes less to download.
#[cfg(not(heartline_session_only))]
pub mod directory;
pub mod heartbeat;
pub mod hub;

mod check;
mod close_code;
mod conn;
mod count;
mod merge;
mod name;
mod random;
mod session;
mod time;

pub use check::{Allowed, ConfigError, SettingValue};
pub use close_code::{CloseCode, InvalidCloseCode};
pub use conn::ConnId;
pub use session::action::Action;
pub use session::config::{Config, Settings};
pub use session::event::{Event, State};
pub use session::input::Input;
pub use session::loss::Loss;
pub use session::message::{MessageId, Outcome, Outgoing, Transmit};
pub use session::{Actions, Session};
pub use session::{event, loss, message, outbox, retry, stats};
pub use time::Timestamp;

/// Calls to a session as data: for a recorder, a fuzzer, a model.
pub mod replay {
    #[doc(hidden)]
    pub use crate::session::Fingerprint;
    pub use crate::session::Reply;
    pub use crate::session::input::Call;
}

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;
