//! Several nodes that are one to their users: what [`Builder::cluster`](crate::Builder::cluster) makes of a server.
//!
//! Each process is a *node* with a [`directory`], which knows from the others who is on which node. What nodes
//! say to each other a [`Broker`] carries: heartline-nats over NATS, a [`LocalBroker`] within one process. A load balancer may
//! send a client to any of them.
//!
//! ```
//! use std::sync::Arc;
//! use heartline_axum::cluster::LocalBroker;
//! use heartline_axum::heartline::directory::{Node, Settings};
//! # use heartline_axum::{Builder, Codec, Server};
//! # fn build<C: Codec<User = String>>(builder: Builder<C>) -> Result<Server<C>, Box<dyn std::error::Error>> {
//!
//! let node: Node = std::env::var("NODE")?.parse()?; // Another one on each node.
//! let broker = Arc::new(LocalBroker::default().connect(&node)); // Or heartline-nats.
//! let server = builder.cluster(node, broker, Settings::default()).build()?;
//! # Ok(server)
//! # }
//! ```
//!
//! # What changes
//!
//! | | with several nodes |
//! |---|---|
//! | [`Cx::relay`](crate::Cx::relay), [`Server::relay`](crate::Server::relay) | reach a user on any node, and wait for what became of the message: up to [`relay_timeout`](heartline::directory::Settings::relay_timeout), then it is [`Unknown`](crate::SendError::Unknown). In between the handler waits, and nothing is read from its connection |
//! | [`Cx::broadcast`](crate::Cx::broadcast), [`Server::broadcast`](crate::Server::broadcast) | reach the other nodes too, of which nobody says how many heard it: [`Reach`](crate::Reach) counts this node's |
//! | presence: [`Cx::watch_presence`](crate::Cx::watch_presence), [`Server::online`](crate::Server::online) | that of all nodes, with the [`offline_grace`](heartline::directory::Settings::offline_grace) of the directory |
//! | a login elsewhere | closes the connection here with 4409, which is final, or with 4509 if the two logins did not know of each other |
//! | [`Server::send`](crate::Server::send), [`conn_of`](crate::Server::conn_of), [`close`](crate::Server::close), [`members`](crate::Server::members) | are this node's, as before |
//!
//! A user who logs out is offline for everybody at once; one whose connection is lost is after the grace. To log out is to close with 1000,
//! by [`Cx::close`](crate::Cx::close) with [`NORMAL`](heartline::CloseCode::NORMAL) or as a client, which heartline's do at their end. 1001, which
//! browsers send when a page is reloaded or left, is none, nor is a close without a code: libraries send both before they connect again.
//!
//! # Faults
//!
//! - A node that dies is found out after a [`lease`](heartline::directory::Settings::lease): its users go offline after the grace, unless
//!   they come back elsewhere.
//! - A node that is cut off from the broker serves its clients alone, or sends them away and lets nobody in, as
//!   [`send_away_when_cut_off`](heartline::directory::Settings::send_away_when_cut_off) says.
//! - If another process starts under this node's name, this one sends its clients away and lets nobody in any more
//!   ([`ClusterStats::stopped`]): it is to be ended.
//! - [`Server::shutdown`](crate::Server::shutdown) tells the other nodes when the last connection is gone.
//!
//! Clients are sent away with 1012 and a time to stay away, drawn from 10 s. The broker and all nodes are trusted: what another node says is taken as true.

pub(crate) mod frame;
mod local;
mod names;
mod send;

use std::sync::Arc;
use std::time::Duration;

use heartline::directory::{self, Config, Node};

pub use heartline::directory::Broker;
pub use local::{LocalBroker, LocalLink};
pub use names::ClusterUser;
pub(crate) use names::Names;
pub(crate) use send::{broadcast, relay, relay_from_server};

/// What a node needs to find the others.
pub(crate) struct Plan<U> {
    pub(crate) node: Node,
    pub(crate) config: Config,
    pub(crate) link: Link<U>,
}

/// How a node reaches the others.
pub(crate) struct Link<U> {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) names: Names<U>,
}

/// Counters and gauges of a node among others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ClusterStats {
    /// What the directory has counted.
    pub directory: directory::Stats,
    /// Other nodes that are heard.
    pub nodes: usize,
    /// Users online on any node.
    pub online: usize,
    /// Whether the broker does not give back what this node publishes.
    pub cut_off: bool,
    /// Whether another process has taken this node's name, or the node has left by a shutdown.
    pub stopped: bool,
}

/// What is known of another node.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The node.
    pub node: Node,
    /// How many users it has, as far as known.
    pub users: u64,
    /// Whether all that it said is known. A new node is ready for clients when this is so of all.
    pub in_step: bool,
    /// Whether it hears this node. Messages to one that does not end as [`Unknown`](crate::SendError::Unknown).
    pub hears_us: bool,
    /// How long it was not heard.
    pub silent: Duration,
}

/// Who is in a room, on all nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RoomMembers<U> {
    /// Users in it, this node's first, as many as were asked for. During a split a user may be there twice.
    pub users: Vec<U>,
    /// How many there are on the nodes that answered.
    pub total: u64,
    /// The nodes that did not answer in time.
    pub silent: Vec<Node>,
}
