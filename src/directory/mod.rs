//! Several servers: which user is on which of them, as a pure state machine.
//!
//! A [`Directory`] stands beside the [`Hub`](crate::hub::Hub) of each *node*, and has the same shape: inputs and the time go in,
//! actions come out. A broker such as NATS carries what it [publishes](Action::Publish) to the other nodes, and may lose, delay, and
//! reorder it unless sender and destination are the same. Nodes compare digests of what they know, and so find out what was lost, and
//! repair it. A user who logs in on one node is closed on another, messages reach users on any node, and shortly after a
//! fault is over all nodes agree on who is online.
//!
//! There is no history, no consensus and no quorum: during a split each side works alone, and a user may be connected on
//! both. The broker and all nodes are trusted.
//!
//! # A node
//!
//! A node has a hub and a directory, and passes on what one has for the other:
//!
//! | what happens | what to report |
//! |---|---|
//! | the hub says [`LoggedIn`](crate::hub::Action::LoggedIn) | [`Input::Login`] |
//! | a connection that is logged in ends, or its close is decided | [`Input::Ended`] |
//! | a message is for a user whom the hub does not find | [`Input::Relay`] |
//! | [`Action::Deliver`] | the hub says to [whom](crate::hub::Hub::deliver) it goes, within its budgets; [`Input::Delivered`], with what became of it |
//! | [`Action::Close`], [`Action::SendAway`] | the hub's [`Close`](crate::hub::Input::Close) |
//! | somebody on this node broadcasts | the hub's [`Broadcast`](crate::hub::Input::Broadcast), and [`Input::Broadcast`] |
//! | [`Action::Broadcast`] | the hub's [`Broadcast`](crate::hub::Input::Broadcast) alone |
//! | the first connection of this node joins a room, the last leaves it | [`Input::EnterRoom`], [`Input::LeaveRoom`] |
//! | [`Action::ListMembers`] | [`Input::MembersHere`], with the hub's [`members`](crate::hub::Hub::members) |
//! | the broker has a packet | [`Input::Received`] |
//! | the connection to the broker was lost and is there again | [`Input::Interrupted`] |
//! | [`Directory::deadline`] has come | [`Input::Timer`] |
//! | the hub has drained | [`Input::Leave`]; publish the goodbye that comes of it |
//!
//! Who is online on any node, the directory's events say; the hub's events are about this node alone. What packets look like, for nodes in another
//! language: [`wire`].
//!
//! ```
//! use heartline::directory::{Action, Config, Directory, Input, Node, Outcome, UnixTime};
//! use heartline::{ConnId, Timestamp};
//!
//! let (mut now, wall) = (Timestamp::ORIGIN, UnixTime::from_millis(1_700_000_000_000));
//! let mut nodes = ["a", "b"].map(|name| Directory::new(Config::default(), Node::new(name).unwrap(), now, wall, 7));
//!
//! // A broker that takes no time. The actions that are left are for the node.
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
mod standing;
mod stats;
mod users;
pub mod wire;

use core::borrow::Borrow;
use core::iter::FusedIterator;
use core::time::Duration;

pub use action::{Action, Destination, Event, NodeMembers, Outcome, Query, RelayRef, RemoteConn, RoomHash};
pub use broker::Broker;
pub use config::{Config, Settings};
pub use input::Input;
pub use node::{Departure, InvalidNode, Node, User};
pub use stamp::{Stamp, UnixTime};
pub use stats::Stats;

use crate::count::count;
use crate::time::Timestamp;
use machine::Machine;

/// What one node knows of all nodes and their users. `C` is where the [`Config`] lives, as for a [`Session`](crate::Session).
///
/// Each call is given the time twice. `now` is a monotonic clock; one earlier than one already seen counts as that one. `wall` is the wall
/// clock, which may jump.
#[derive(Clone, Debug)]
pub struct Directory<C = Config> {
    config: C,
    machine: Machine,
}

impl<C: Borrow<Config>> Directory<C> {
    /// The directory of a node that starts now. Draw `incarnation` from the operating system's random numbers: it tells this
    /// process from others of the same name, and decides all jitter.
    pub fn new(config: C, node: Node, now: Timestamp, wall: UnixTime, incarnation: u64) -> Self {
        let machine = Machine::new(config.borrow(), node, now, wall, incarnation);
        Self { config, machine }
    }

    /// Takes one input. Never fails and never panics.
    ///
    /// Pull the actions before the next call; [`Actions`] says what happens otherwise.
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

    /// The node that a user is on, this one or another; `None` if the user is on none.
    pub fn node_of(&self, user: &User) -> Option<&Node> {
        self.stamp_of(user).map(|stamp| &stamp.node)
    }

    /// The stamp of the login that makes a node the user's; `None` if the user is on none.
    pub fn stamp_of(&self, user: &User) -> Option<&Stamp> {
        self.machine.users.owner(user)
    }

    /// The users who are online on any node, in order, with the stamps of the logins that count. Its length is the online count.
    pub fn online(&self) -> impl ExactSizeIterator<Item = (&User, &Stamp)> {
        self.machine.users.iter()
    }

    /// Of whom the latest event that was pulled says that they are online, in order: also who is in a
    /// [grace](Settings::offline_grace). It is what those who follow the events know, to begin with.
    pub fn present(&self) -> impl ExactSizeIterator<Item = &User> {
        self.machine.present()
    }

    /// The other nodes that are heard, in the order of their names.
    pub fn nodes(&self) -> impl Iterator<Item = NodeStatus<'_>> {
        self.machine.nodes()
    }

    /// Whether this node is cut off: the broker has not given back what it publishes for a [`lease`](Settings::lease), or the node was
    /// suspended and has not heard itself since.
    pub fn is_cut_off(&self) -> bool {
        self.machine.standing.is_cut_off()
    }

    /// Whether the node was replaced or has left. From then on no input changes anything.
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

/// What this node knows of another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NodeStatus<'a> {
    /// The node.
    pub node: &'a Node,
    /// Its epoch: its wall clock at its start, in milliseconds since 1970, or one more than the epoch of an earlier process of its name.
    pub epoch: u64,
    /// How many of its users are known.
    pub users: u64,
    /// Whether everything that it has published is known, up to [`Settings::max_claims`] users.
    pub in_step: bool,
    /// Whether its latest hello named this node. Messages to users of a node that does not hear this one end as
    /// [`Unknown`](Outcome::Unknown).
    pub hears_us: bool,
    /// For how long, at the latest step, no packet of it was heard.
    pub silent: Duration,
}

/// The actions of one step, each computed when it is pulled.
///
/// First comes what this step hands on: a message, a broadcast, a question or an outcome. If it is not pulled, it is lost, and counted as
/// [`undelivered`](Stats::undelivered). Everything else stays owed until it is pulled.
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
