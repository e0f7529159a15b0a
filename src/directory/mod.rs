//! Several servers: which user is on which of them, as a pure state machine.
//!
//! A [`Directory`] stands beside the [`Hub`](crate::hub::Hub) of each *node*, and has the same shape: inputs and the time go in,
//! actions come out. What it [publishes](Action::Publish) a broker carries to the other nodes, as NATS does, and may lose, delay, and
//! reorder unless sender and destination are the same. What is lost is found out and repaired: nodes compare digests of what they know. So a user
//! who logs in on one node is closed on another, messages find their way, and all agree on who is online, shortly after the
//! network is well again.
//!
//! There is no history, no consensus and no quorum: during a split each side works alone, and a user may be connected on
//! both. The broker and all nodes are trusted.
//!
//! # A node
//!
//! A node has a hub and a directory under one lock, one timer for both, and hands on from one to the other:
//!
//! | what happens | what to report |
//! |---|---|
//! | the hub says [`LoggedIn`](crate::hub::Action::LoggedIn) | [`Input::Login`] |
//! | a connection that is logged in ends, or its close is decided | [`Input::Ended`] |
//! | a message is for a user whom the hub does not find | [`Input::Relay`] |
//! | [`Action::Deliver`] | whether it was queued for the user's [connection](crate::hub::Hub::conn_of), within its budget: [`Input::Delivered`] |
//! | [`Action::Close`], [`Action::SendAway`] | the hub's [`Close`](crate::hub::Input::Close) |
//! | a broadcast | the hub's, and [`Input::Broadcast`] |
//! | [`Action::Broadcast`] | the hub's alone |
//! | the first member of a room comes, the last goes | [`Input::EnterRoom`], [`Input::LeaveRoom`] |
//! | the broker brings something | [`Input::Received`] |
//! | the connection to the broker was lost and is there again | [`Input::Interrupted`] |
//! | [`Directory::deadline`] has come | [`Input::Timer`] |
//! | the hub has drained | [`Input::Leave`], and publish what it gives |
//!
//! Who is online is what the directory's events say, not the hub's.
//!
//! ```
//! use heartline::directory::{Action, Config, Directory, Input, Node, Outcome, UnixTime};
//! use heartline::{ConnId, Timestamp};
//!
//! let (mut now, wall) = (Timestamp::ORIGIN, UnixTime::from_millis(1_700_000_000_000));
//! let mut nodes = ["a", "b"].map(|name| Directory::new(Config::default(), Node::new(name).unwrap(), now, wall, 7));
//!
//! // A broker that takes no time. What is left is for the node.
//! fn carry(nodes: &mut [Directory; 2], now: Timestamp, wall: UnixTime, nth: usize, input: Input) -> Vec<(usize, Action)> {
//!     let mut left = Vec::new();
//!     for action in nodes[nth].handle(now, wall, input).collect::<Vec<_>>() {
//!         match action {
//!             Action::Publish { payload, .. } => (0..2).for_each(|to| {
//!                 left.extend(carry(nodes, now, wall, to, Input::Received { payload: payload.clone() }));
//!             }),
//!             other => left.push((nth, other)),
//!         }
//!     }
//!     left
//! }
//!
//! // For a second each node's timer is called when it is due.
//! let ann = ConnId::from_raw(1).unwrap();
//! nodes[0].handle(now, wall, Input::Login { conn: ann, user: "ann".into() }).for_each(drop);
//! while let Some((at, nth)) = (0..2).filter_map(|nth| Some((nodes[nth].deadline()?, nth))).min() {
//!     now = at;
//!     if now > Timestamp::from_nanos(1_000_000_000) {
//!         break;
//!     }
//!     carry(&mut nodes, now, wall, nth, Input::Timer);
//! }
//! assert_eq!(nodes[1].node_of(&"ann".into()), Some(nodes[0].node()));
//!
//! // Bob, on the other node, writes to her.
//! let (bob, message) = (ConnId::from_raw(1).unwrap(), b"hello".to_vec());
//! let relay = Input::Relay { conn: bob, from: "bob".into(), to: "ann".into(), message, volatile: false, tag: 1 };
//! let left = carry(&mut nodes, now, wall, 1, relay);
//! let [(0, Action::Deliver { relay, .. })] = &left[..] else { panic!("{left:?}") };
//! let left = carry(&mut nodes, now, wall, 0, Input::Delivered { relay: relay.clone(), outcome: Outcome::Routed });
//! assert!(matches!(left[..], [(1, Action::Outcome { outcome: Outcome::Routed, .. })]));
//! ```

mod action;
mod book;
mod broker;
mod changes;
mod config;
mod hash;
mod input;
mod machine;
mod node;
mod peer;
mod presence;
mod questions;
mod relays;
mod rooms;
mod stamp;
mod stats;
mod users;
mod wire;

use core::borrow::Borrow;
use core::iter::FusedIterator;
use core::time::Duration;

pub use action::{Action, Destination, Event, NodeMembers, Outcome, Query, RelayRef, RemoteConn, RoomHash};
pub use broker::Broker;
pub use config::{Config, Settings};
pub use input::Input;
pub use node::{InvalidNode, Node, User};
pub use stamp::{Stamp, UnixTime};
pub use stats::Stats;

use crate::count::count;
use crate::time::Timestamp;
use machine::Machine;

/// What one node knows of all. `C` is where the [`Config`] lives, as for a [`Session`](crate::Session).
///
/// Time goes in twice with each call: a `now` earlier than one already seen counts as that one; `wall` may jump.
#[derive(Clone, Debug)]
pub struct Directory<C = Config> {
    config: C,
    machine: Machine,
}

impl<C: Borrow<Config>> Directory<C> {
    /// The directory of a node that starts now. `incarnation` is to be drawn from the operating system: it tells this
    /// process from others of the same name, and decides all jitter.
    pub fn new(config: C, node: Node, now: Timestamp, wall: UnixTime, incarnation: u64) -> Self {
        let machine = Machine::new(config.borrow(), node, now, wall, incarnation);
        Self { config, machine }
    }

    /// Takes one input. Never fails and never panics.
    ///
    /// The actions are to be pulled before the next call; see [`Actions`] for what happens otherwise.
    pub fn handle(&mut self, now: Timestamp, wall: UnixTime, input: Input) -> Actions<'_> {
        let answer = self.machine.handle(self.config.borrow(), now, wall, input);
        Actions { config: self.config.borrow(), machine: &mut self.machine, answer }
    }

    /// The next action that is owed, without an input and without a time.
    pub fn next_action(&mut self) -> Option<Action> {
        self.machine.next_action(self.config.borrow())
    }

    /// When [`Input::Timer`] is due: the one timer of the directory. Immediately, while anything is owed that was not pulled;
    /// `None` once it has stopped. It may be earlier than needed: a timer that finds nothing due is harmless.
    pub fn deadline(&self) -> Option<Timestamp> {
        self.machine.deadline(self.config.borrow())
    }

    /// This node.
    pub fn node(&self) -> &Node {
        &self.machine.node
    }

    /// The node that a user is on; `None` if on none.
    pub fn node_of(&self, user: &User) -> Option<&Node> {
        self.stamp_of(user).map(|stamp| &stamp.node)
    }

    /// The stamp of the login that a user's node is known by.
    pub fn stamp_of(&self, user: &User) -> Option<&Stamp> {
        self.machine.users.owner(user)
    }

    /// Who is online on any node, in order, and the stamps of the logins that count. Its length is the online count.
    pub fn online(&self) -> impl ExactSizeIterator<Item = (&User, &Stamp)> {
        self.machine.users.iter()
    }

    /// The other nodes that are heard, in the order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = NodeStatus<'_>> {
        self.machine.nodes()
    }

    /// Whether the broker does not give back what this node publishes.
    pub fn is_cut_off(&self) -> bool {
        self.machine.standing.is_cut_off()
    }

    /// Whether the node was replaced or has left. Nothing changes any more.
    pub fn is_stopped(&self) -> bool {
        self.machine.standing.is_stopped()
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.machine.stats
    }

    /// The config.
    pub fn config(&self) -> &Config {
        self.config.borrow()
    }
}

/// What is known of another node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NodeStatus<'a> {
    /// The node.
    pub node: &'a Node,
    /// Wall milliseconds at its start, or more.
    pub epoch: u64,
    /// How many users it has, as far as known.
    pub users: u64,
    /// Whether all that it said is known, as far as [`Settings::max_claims`] allows.
    pub in_step: bool,
    /// Whether it hears this node. Messages to one that does not end as [`Unknown`](Outcome::Unknown).
    pub hears_us: bool,
    /// How long it was not heard, at the latest step.
    pub silent: Duration,
}

/// The actions of one step, each computed when it is pulled.
///
/// First comes what this step has to hand on, a message, a broadcast, a question or an outcome, which is lost, and counted, if it is not
/// pulled. Everything else stays owed.
#[must_use = "a directory's actions are to be carried out"]
#[derive(Debug)]
pub struct Actions<'a> {
    config: &'a Config,
    machine: &'a mut Machine,
    answer: Option<Action>,
}

impl Iterator for Actions<'_> {
    type Item = Action;

    fn next(&mut self) -> Option<Action> {
        self.answer.take().or_else(|| self.machine.next_action(self.config))
    }
}

impl FusedIterator for Actions<'_> {}

impl Drop for Actions<'_> {
    fn drop(&mut self) {
        if self.answer.is_some() {
            count(&mut self.machine.stats.undelivered);
        }
    }
}
