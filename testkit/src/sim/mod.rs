//! A virtual clock, a network with a seed, scripted peers, and sessions that run on it.
//!
//! A [`Sim`] has *hosts*, each with a [`Session`](heartline::Session) and an application, and *servers*, each with a
//! [`Peer`]. Time passes only in [`Sim::run_for`] and [`Sim::run_until`], which jump from one thing that happens to the next: an hour
//! takes milliseconds. The seed decides every delay and every draw, so a run repeats exactly.
//!
//! ```
//! use std::time::Duration;
//! use heartline::{Config, Outgoing, State};
//! use heartline_testkit::sim::{Sim, dialling, echo, seeds};
//!
//! const SECOND: Duration = Duration::from_secs(1);
//!
//! seeds(100, |seed| {
//!     let mut sim = Sim::<String>::new(seed);
//!     sim.set_delay(Duration::from_millis(5)..Duration::from_millis(80));
//!     let server = sim.serve("chat.example", echo());
//!     let host = sim.host(Config::default(), dialling("chat.example"));
//!
//!     sim.connect(host);
//!     sim.run_until(|sim| sim[host].state() == State::Open, 10 * SECOND).unwrap();
//!     sim.send(host, Outgoing::at_most_once("hello".into(), 5)).unwrap();
//!     sim.run_for(SECOND);
//!     assert_eq!(sim[host].deliveries().count(), 1);
//!
//!     // The link is gone and nobody is told. The heartbeat finds out, and the session comes back.
//!     sim.lose(host);
//!     sim.run_until(|sim| sim[host].stats().lost_to_heartbeat == 1, 35 * SECOND).unwrap();
//!     sim.run_until(|sim| sim[host].state() == State::Open, 10 * SECOND).unwrap();
//!     assert_eq!(sim.server(server).dials(), 2);
//! });
//! ```
//!
//! # The network
//!
//! Bytes on one connection stay in order, as TCP keeps them; what is on different connections is reordered
//! by delays drawn from [`Sim::set_delay`]'s range. Per host:
//!
//! | call | what it is like | dials | what is under way | open connections |
//! |---|---|---|---|---|
//! | [`lose`](Sim::lose) | the address changed, a NAT forgot | succeed | lost | dead, and nobody is told |
//! | [`partition`](Sim::partition), [`heal`](Sim::heal) | the cable is out for long | get no answer | lost | dead, and nobody is told |
//! | [`hold`](Sim::hold), [`release`](Sim::release) | a short outage that TCP survives | wait | arrives late, in order | go on |
//! | [`reset`](Sim::reset) | a proxy restarts | succeed | arrives before the reset | both sides are told |
//! | [`suspend`](Sim::suspend), [`resume`](Sim::resume) | the lid is closed | wait | waits at the host | go on; timers are late |
//!
//! A server can be suspended, stopped and started, and [`Sim::wire`] makes it refuse dials, leave pings unanswered or fall silent.
//! A connection takes [`Sim::set_room`] messages that have not arrived, 64 by default: what is sent on a dead link
//! beyond that stays in the session's outbox.
//!
//! # Several nodes
//!
//! [`cluster`] has whole clusters of servers on this network, with brokers between them.
//!
//! # Failures
//!
//! [`seeds`] runs a scenario many times and names the seed that fails; `HEARTLINE_SEED=17 cargo test` repeats it alone. A
//! [`TimedOut`] tells the state of every host and what each did last. All the traces are there: [`Host::journal`], [`Host::written`],
//! [`Server::journal`].

mod app;
pub mod cluster;
mod host;
mod network;
mod random;
mod seeds;
mod server;
mod simulation;

pub use app::{App, Context, Dial, Dialling, Ended, dialling};
pub use host::Host;
pub use network::{Frame, HostId, LinkId, Request, ServerId};
pub use random::Random;
pub use seeds::{SEED, SEEDS, seeds};
pub use server::{Happening, Peer, Server, Wire, echo};
pub use simulation::{Clock, Sim, TimedOut};
