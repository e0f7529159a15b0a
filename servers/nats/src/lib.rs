//! Carries the packets of [`heartline::directory`] over [NATS](https://nats.io), so that several servers know which user is on which of them.
//!
//! **The broker is trusted, and so is everybody who may publish there**: whatever a packet says is taken as true. Whoever can publish under the
//! [prefix](Builder::prefix) can close the connections of all users, and whoever can subscribe reads their messages. So give the nodes an account
//! of their own, and use TLS wherever the network is not theirs alone.
//!
//! [`Nats`] is a node's connection. It implements [`Broker`](heartline::directory::Broker): it publishes packets without ever waiting, and queues
//! those that arrive. heartline-axum's `Builder::cluster` takes it. For a server that is not built on heartline-axum, [`run()`] is the loop around a
//! directory and its broker.
//!
//! ```no_run
//! use heartline::directory::{Broker, Config, Destination, Input, Node, Settings};
//! use heartline_nats::Nats;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let config = Config::new(Settings::default())?;
//! let node = Node::new("eu-1")?;
//! let nats = Nats::builder(&node, ["nats://10.0.0.1:4222", "nats://10.0.0.2:4222"]).max_payload(config.max_payload).connect().await?;
//!
//! nats.publish(&Destination::All, b"a packet of the directory".to_vec());
//! match nats.input().await {
//!     Input::Received { payload } => println!("{} bytes for this node", payload.len()),
//!     Input::Interrupted => println!("something was lost"),
//!     _ => {}
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Subjects
//!
//! `<prefix>.all`, `<prefix>.node.<name of the node>`, and `<prefix>.room.<hash of the room's name>`, the hash in 32 hexadecimal digits. No subject
//! has the name of a user or a room. A node needs permission to publish to all of them, and to subscribe to the first, to its own node's and to
//! rooms. Without it, [`connect`](Builder::connect) fails with [`NoEcho`](ConnectError::NoEcho) for the first two, and a room is entered
//! [unconfirmed](heartline::directory::Action::Entered). A node that connects publishes an empty message to itself and waits for it to come
//! back; otherwise empty messages are ignored.
//!
//! # What is lost, and how that is reported
//!
//! - A successful [`publish`](heartline::directory::Broker::publish) promises nothing: what was on its way is lost with the connection.
//! - Without a connection, and beyond [`outgoing`](Builder::outgoing), what is published is dropped. Beyond [`incoming`](Builder::incoming), what
//!   arrives is dropped.
//! - After each of these, after each reconnect, and when async-nats reports a slow consumer,
//!   [`Interrupted`](heartline::directory::Input::Interrupted) is reported: once publishing is possible again, once for all losses since the last
//!   one, before the packets that wait, and no sooner than 250 ms after the last one.
//! - What async-nats had taken and not yet written when it found a broker dead, it sends to the next one, up to `outgoing` bytes, however late that
//!   is. A directory recognises its old hellos. A message may arrive in this way after its sender was told that its outcome is unknown.
//! - Order holds for each sender and destination, not between two destinations of one sender: async-nats hands out each subscription by itself.
//!
//! # Options
//!
//! | option | default | range | from |
//! |---|---|---|---|
//! | [`prefix`](Builder::prefix) | `heartline` | 1 to 128 letters, digits, `-`, `_`, dots between | a choice |
//! | [`max_payload`](Builder::max_payload) | 1 MiB | 65 KiB to 64 MiB, no more than the broker's | NATS, and the directory's settings |
//! | [`outgoing`](Builder::outgoing) | 16 MiB | `max_payload` and 256 B to 4 GiB | `relay_bytes` of the directory |
//! | [`incoming`](Builder::incoming) | 64 MiB | `max_payload` and 256 B to 4 GiB | what 16 nodes answer in a second, at the directory's `answer_rate` |
//! | [`ping_interval`](Builder::ping_interval) | 1 s | 10 ms to 1 min | a broker is dead after three intervals without a sign of life, which is less than a `lease` |
//! | [`connect_timeout`](Builder::connect_timeout) | 1 s | 10 ms to 1 min | the directory's `hello` |
//! | [`options`](Builder::options) | none | async-nats' [`ConnectOptions`](async_nats::ConnectOptions) | |
//!
//! These of async-nats' options are replaced: the client's name (by the node's), `ping_interval`, `connection_timeout`, `max_reconnects` (no limit),
//! the delay before each attempt (0 to 250 ms, at random, so that the nodes of a restarted broker do not all come back at one moment),
//! `client_capacity` (`outgoing` ÷ 256) and `event_callback`. `no_echo` and `retry_on_initial_connect` end in [`NoEcho`](ConnectError::NoEcho): a node
//! has to hear itself, and to know why it does not. A server that may start before its broker calls [`connect`](Builder::connect) again while the
//! error is [`Unreachable`](ConnectError::Unreachable). By default async-nats also connects to brokers that a cluster advertises; to prevent that, use
//! its option `ignore_discovered_servers`, or `no_advertise` in the broker's configuration.
//!
//! TLS is rustls with ring. A program that also has another provider of rustls has to
//! [install](async_nats::rustls::crypto::CryptoProvider::install_default) one of them first.
//!
//! async-nats reports connections, their ends and errors by `tracing`, at the level `info`. [`Nats::stats`] has the counters,
//! [`Nats::last_error`] the last error.

mod builder;
mod inbox;
mod link;
mod nats;
mod run;
mod stats;
mod subjects;

pub use async_nats;
pub use builder::{Builder, ConnectError};
pub use heartline;
pub use nats::Nats;
pub use run::run;
pub use stats::Stats;

/// How many bytes a packet counts besides its payload: its place in a queue, its subject, its allocations.
const OVERHEAD: usize = 256;

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
