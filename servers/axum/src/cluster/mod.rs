//! Several servers that are one to their users: what [`Builder::cluster`](crate::Builder::cluster) makes of a server.
//!
//! Each process is a *node* with a [`directory`], which knows which user is on which node. Nodes send each other packets through a broker:
//! NATS, with heartline-nats, or a [`LocalBroker`] within one process. A load balancer may send a client to any node.
//!
//! ```
//! use std::sync::Arc;
//! use heartline_axum::cluster::LocalBroker;
//! use heartline_axum::heartline::directory::{Node, Settings};
//! # use heartline_axum::{Builder, Codec, Server};
//! # fn build<C: Codec<User = String>>(builder: Builder<C>) -> Result<Server<C>, Box<dyn std::error::Error>> {
//!
//! let node: Node = std::env::var("NODE")?.parse()?; // A different name in each process.
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
//! | [`Cx::relay`](crate::Cx::relay), [`Server::relay`](crate::Server::relay) | reach a user on any node, and wait for the outcome: up to [`relay_timeout`](heartline::directory::Settings::relay_timeout), then it is [`Unknown`](crate::SendError::Unknown). Meanwhile nothing is read from the connection whose handler waits |
//! | [`Cx::broadcast`](crate::Cx::broadcast), [`Server::broadcast`](crate::Server::broadcast) | reach the other nodes too; [`Reach`](crate::Reach) counts the connections of this node alone |
//! | presence: [`Cx::watch_presence`](crate::Cx::watch_presence) | is that of all nodes, with the graces of the directory: [`offline_grace`](heartline::directory::Settings::offline_grace), and [`sent_away_grace`](heartline::directory::Settings::sent_away_grace) for users of a node that is restarted gracefully |
//! | [`Server::online`](crate::Server::online) | names who is connected to any node now, without a grace; [`Server::node_of`](crate::Server::node_of) says to which |
//! | a login on another node | closes the connection here with 4409, which is final, or with 4509, which is retried, if neither login knew of the other |
//! | [`Server::send`](crate::Server::send), [`conn_of`](crate::Server::conn_of), [`close`](crate::Server::close), [`members`](crate::Server::members) | are about this node alone, as before |
//!
//! A user who logs out is offline for everybody at once; one whose connection is lost, after the grace. A user logs out when the connection is
//! closed with 1000: by [`Cx::close`](crate::Cx::close) with [`NORMAL`](heartline::CloseCode::NORMAL), or by the client, as heartline's clients do
//! at their end. A close with 1001, which browsers send when a page is reloaded or left, is no log-out, nor is one without a code: libraries send
//! both before they connect again.
//!
//! # Faults
//!
//! - A node that dies is forgotten after a [`lease`](heartline::directory::Settings::lease); its users go offline after the grace, unless
//!   they log in on another node before.
//! - A node that is cut off from the broker serves its clients alone, or sends them away and lets nobody in, as
//!   [`send_away_when_cut_off`](heartline::directory::Settings::send_away_when_cut_off) says.
//! - If another process starts under this node's name, this one sends its clients away and lets nobody in any more
//!   ([`ClusterStats::stopped`]). End it.
//! - [`Server::shutdown`](crate::Server::shutdown) asks clients to come back at once, each within its `spread`, as other nodes serve. It says goodbye to
//!   these when the last connection is gone.
//!
//! To test an application in these, [`LocalBroker::cut`] takes a node's broker away.
//!
//! Clients are sent away with 1012 and a time to stay away, drawn from 0 to 10 s for each. The broker and all nodes are trusted: what another node
//! says is taken as true. All nodes are built with heartline-axum: it puts a byte before each message, 0 for text and 1 for binary.

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

/// What makes a server a node of a cluster.
pub(crate) struct Plan<U> {
    pub(crate) node: Node,
    pub(crate) config: Config,
    pub(crate) link: Link<U>,
}

/// A node's connection to the broker, and the names that packets have for users.
pub(crate) struct Link<U> {
    pub(crate) broker: Arc<dyn Broker>,
    pub(crate) names: Names<U>,
}

/// Counters and gauges of a node of a cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct ClusterStats {
    /// What the directory has counted.
    pub directory: directory::Stats,
    /// How many other nodes are heard. This one is not among them.
    pub nodes: usize,
    /// How many users are online on any node, this one included.
    pub online: usize,
    /// Whether this node is cut off: the broker has not given back what it publishes for a
    /// [`lease`](heartline::directory::Settings::lease).
    pub cut_off: bool,
    /// Whether another process has taken this node's name, or the node has left by a shutdown.
    pub stopped: bool,
}

/// What this node knows of another.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct NodeStatus {
    /// The node.
    pub node: Node,
    /// How many of its users are known.
    pub users: u64,
    /// Whether everything that it has published is known. A new node is ready for clients when this is true of all others.
    pub in_step: bool,
    /// Whether its latest hello named this node. Messages to users of a node that does not hear this one end as
    /// [`Unknown`](crate::SendError::Unknown).
    pub hears_us: bool,
    /// For how long no packet of it was heard.
    pub silent: Duration,
}

/// Who is in a room, on all nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct RoomMembers<U> {
    /// Users in it, those of this node first, as many as were asked for. A user who is connected to two nodes, as may be during a split, is
    /// there twice.
    pub users: Vec<U>,
    /// How many users are in it on this node and on those that answered.
    pub total: u64,
    /// The nodes that did not answer within [`relay_timeout`](heartline::directory::Settings::relay_timeout).
    pub unanswered: Vec<Node>,
}
