//! A log of every call to a session, and a replayer that reports the first difference.
//!
//! A session is decided by its config, its seed, its first message id and the calls made, how many actions were pulled
//! included. A [`Recorder`] stands in for the [`Session`](heartline::Session), has its methods, and writes each call with
//! its answer as a line of JSON. A [`Replayer`] makes the same calls on a new session and compares the answers.
//!
//! ```
//! use heartline::{Config, Input, Outgoing, State, Timestamp};
//! use heartline_testkit::record::{Recorder, replay, whole};
//!
//! let mut session = Recorder::new(Config::default(), 7, Vec::new(), whole::<String>);
//! session.handle(Timestamp::ORIGIN, Input::Connect).for_each(drop);
//! session.send(Timestamp::ORIGIN, Outgoing::at_most_once("hello".to_string(), 5)).expect("there is room");
//! assert_eq!(session.state(), State::Connecting); // what only looks is not a call
//!
//! let (_, log) = session.finish();
//! let replayed = replay::<String>(&log.expect("a Vec takes everything")[..]).expect("the same actions");
//! assert_eq!(replayed.calls, 2);
//! ```
//!
//! # Clients
//!
//! With the feature `clients` a recorder stands in for the session of a client of heartline-tokio or heartline-blocking:
//! `builder.record(|config, seed, first_id| Recorder::with_first_id(config, seed, first_id, log, left_out))`. Nobody
//! finishes such a recorder, so its log has no last line.
//!
//! # Payloads
//!
//! A session never looks at a message, so a log replays without them too. The last parameter of [`Recorder::new`] says
//! what is kept of each message: [`whole`], [`left_out`], or a function of your own (the length, a hash, the text of
//! a type that serde does not know). Replay with the type it returns.
//!
//! # The format
//!
//! One JSON object a line: first `{"header": …}` with format, config, seed and first id; then `{"entry": …}` for each call
//! and its answer; last `{"end": "Finished"}`, or `"Limit"` if the log would have become longer than it may. A log whose
//! process was killed has no such line, and its last entry may be cut off; it replays as far as it goes. The format carries no promise
//! across minor versions.
//!
//! # What is bounded
//!
//! The log: by [`Recorder::limit`], 64 MiB by default. A writer that fails ends the log, not the session; the error is
//! reported by [`Recorder::error`] and [`Recorder::finish`]. The reader takes no line longer than 64 MiB.

#[cfg(feature = "clients")]
mod client;
mod data;
mod recorder;
mod replay;
mod writer;

pub use data::{Answer, End, Entry, Header, Lent, Pulled};
pub use recorder::{RecordedActions, Recorder, left_out, whole};
pub use replay::{Difference, ReplayError, Replayed, Replayer, replay};
pub use writer::LogWriter;

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;
