//! Carries [`heartline::directory`] over [NATS](https://nats.io), so that several servers know who is where. **The broker is trusted, and so is
//! everybody who may publish there**: a packet is taken for what it says. Whoever can publish under the [prefix](Builder::prefix) can close the
//! connections of all users, and whoever can subscribe reads their messages. So give the nodes an account of their own, and TLS wherever the
//! network is not theirs alone.
//!
//! [`Nats`] is a node's connection. It is a [`Broker`](heartline::directory::Broker), which carries out what a directory publishes without ever waiting, and
//! has what arrived. heartline-axum's `Builder::cluster` takes it; [`run()`] is the loop around a directory and a broker for a server of another kind.
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
//! `<prefix>.all`, `<prefix>.node.<name of the node>`, and `<prefix>.room.<hash of the room's name>`, 32 hexadecimal digits. Names of users and rooms are in no
//! subject. A node has to be permitted to publish to all of them, and to subscribe to the first, to its own and to rooms. Where it is not,
//! [`connect`](Builder::connect) fails with [`NoEcho`](ConnectError::NoEcho) for the first two, and a room is entered
//! [unconfirmed](heartline::directory::Action::Entered). Empty messages are no packets; a node that connects sends them to see that they come back.
//!
//! # What is lost, and how it is told
//!
//! - A successful [`publish`](heartline::directory::Broker::publish) means nothing: with the connection goes what was on its way.
//! - Without a connection, and beyond [`outgoing`](Builder::outgoing), what is published is dropped. Beyond [`incoming`](Builder::incoming) what arrives is
//!   dropped.
//! - After each of these, after each reconnect, and when async-nats reports a slow consumer,
//!   [`Interrupted`](heartline::directory::Input::Interrupted) comes before whatever waits, once, when publishing is possible again; the next
//!   one no sooner than 250 ms later.
//! - What async-nats had taken and not yet written when it found a broker dead, it sends to the next one, up to `outgoing` bytes, however late that is. A
//!   directory tells its hellos apart; a message relayed in this way may arrive after its sender was told that its outcome is unknown.
//! - Order holds for each sender and destination, and not between two destinations of one sender: async-nats hands out each subscription by itself.
//!
//! # Options
//!
//! | option | default | range | from |
//! |---|---|---|---|
//! | [`prefix`](Builder::prefix) | `heartline` | 1 to 128 letters, digits, `-`, `_`, dots between | a choice |
//! | [`max_payload`](Builder::max_payload) | 1 MiB | 65 KiB to 64 MiB, no more than the broker's | NATS, and the directory's settings |
//! | [`outgoing`](Builder::outgoing) | 16 MiB | `max_payload` and 256 B to 4 GiB | `relay_bytes` of the directory |
//! | [`incoming`](Builder::incoming) | 64 MiB | `max_payload` and 256 B to 4 GiB | `answer_rate` of the directory, of 16 nodes for a second |
//! | [`ping_interval`](Builder::ping_interval) | 1 s | 10 ms to 1 min | dead after three of them without a sign of life, which is less than a `lease` |
//! | [`connect_timeout`](Builder::connect_timeout) | 1 s | 10 ms to 1 min | a `hello` |
//! | [`options`](Builder::options) | none | async-nats' [`ConnectOptions`](async_nats::ConnectOptions) | |
//!
//! Of async-nats' options these are replaced: the client's name (the node's), `ping_interval`, `connection_timeout`, `max_reconnects` (no end),
//! the delay before each attempt (0 to 250 ms, at random, so that the nodes of a restarted broker do not come back at one moment),
//! `client_capacity` (`outgoing` by 256) and `event_callback`. `no_echo` and `retry_on_initial_connect` end in [`NoEcho`](ConnectError::NoEcho): a node
//! has to hear itself, and to know why it does not. A server that may start before its broker calls [`connect`](Builder::connect) again while the
//! error is [`Unreachable`](ConnectError::Unreachable). By default async-nats also connects to brokers that a cluster tells it of; where that is not
//! wanted, there is `ignore_discovered_servers`, or `no_advertise` in the broker's configuration.
//!
//! TLS is rustls with ring. A program in which rustls has another provider besides has to
//! [install](async_nats::rustls::crypto::CryptoProvider::install_default) one of them first.
//!
//! async-nats reports connections, their ends and errors by `tracing`, at the level `info`. [`Nats::stats`] has the counters,
//! [`Nats::last_error`] what the broker said.

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

/// What a packet costs besides its payload, in bytes: its place in a queue, its subject, its allocations.
const OVERHEAD: usize = 256;

/// The README's code is compiled with the documentation tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
