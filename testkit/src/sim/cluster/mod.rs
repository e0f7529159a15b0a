//! Whole clusters: nodes with a [hub](heartline::hub) and a [directory](heartline::directory) each, brokers between them, and
//! clients with real sessions.
//!
//! ```
//! use std::time::Duration;
//! use heartline::State;
//! use heartline_testkit::sim::cluster::{Cluster, Leg, Settings};
//! use heartline_testkit::sim::seeds;
//!
//! const SECOND: Duration = Duration::from_secs(1);
//! const DELAY: Duration = Duration::from_millis(20);
//!
//! seeds(10, |seed| {
//!     let mut cluster = Cluster::new(seed, Settings { traced: true, ..Settings::default() });
//!     let (a, b) = (cluster.node("a", 0), cluster.node("b", 1)); // on two brokers
//!     let [ann, bob] = ["ann", "bob"].map(|user| cluster.session(user));
//!     cluster.go(ann, a, false);
//!     cluster.go(bob, b, false);
//!     cluster.run_for(SECOND);
//!
//!     // The brokers do not hear each other; a message is repeated until it is acknowledged.
//!     [Leg::Between(0, 1), Leg::Between(1, 0)].into_iter().for_each(|leg| cluster.cut(leg));
//!     let letter = cluster.write(&"ann".into(), &"bob".into());
//!     cluster.run_for(10 * SECOND);
//!     assert_eq!(cluster.letter(letter), (0, false));
//!
//!     // All faults end, and all nodes agree within the time that the specification promises.
//!     cluster.calm(DELAY).unwrap_or_else(|violation| panic!("{violation}\n{}", cluster.trace(None, 60)));
//!     assert_eq!((cluster.state(bob), cluster.letter(letter).1), (State::Open, true));
//! });
//! ```
//!
//! # What can happen
//!
//! | to | call |
//! |---|---|
//! | a client | [`go`](Cluster::go), [`log_out`](Cluster::log_out), [`lose`](Cluster::lose) |
//! | a node | [`crash`](Cluster::crash), [`start`](Cluster::start), [`shut_down`](Cluster::shut_down), [`suspend`](Cluster::suspend), [`wake`](Cluster::wake), [`twin`](Cluster::twin), [`set_wall`](Cluster::set_wall) |
//! | a broker | [`crash_broker`](Cluster::crash_broker), [`start_broker`](Cluster::start_broker), [`reconnect`](Cluster::reconnect) |
//! | what is under way | [`cut`](Cluster::cut) (lost), [`stall`](Cluster::stall) (late), [`heal`](Cluster::heal); [`loss` and `delay`](Brokers) |
//!
//! # What is checked
//!
//! All the time: a message that is reported as routed was queued by one hub, once; every message has one outcome, in time, and comes back
//! unless it was routed; one that is reported as offline, full or dropped reached nobody; messages keep their order and counts; a publication
//! arrives once, at those in its room; online and offline events alternate; a hub and its directory serve the same users; no packet is longer
//! than `max_payload`; every node has a deadline. [`calm`](Cluster::calm) checks that all nodes agree within the bound of the specification
//! (D16), that no user has two connections, that the users who were reported as online are, that messages are routed, and that letters and
//! publications arrive.
//!
//! [`Script`] draws random lives of clusters. The example `cluster_seeds` runs millions of them, and makes one that fails as short as it can:
//! `cargo run --release -p heartline-testkit --example cluster_seeds -- 0..1000000`.
//!
//! [`Node`] has no sockets and no clock. Its source is the model for a server: it shows how a hub and a directory are wired.

mod brokers;
mod calm;
mod client;
mod faults;
mod inspect;
mod ledger;
mod line;
mod mark;
mod node;
mod script;
mod settings;
mod shared;
mod simulation;
mod site;
mod step;

pub use brokers::{Brokers, Flight, Leg, PortId};
pub use ledger::{Tally, Violation};
pub use line::Line;
pub use node::{Node, Output};
pub use script::{Failure, Script};
pub use settings::Settings;
pub use simulation::Cluster;
pub use site::Wall;
