//! The three nodes, and whether they agree.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use heartline_axum::cluster::{ClusterStats, NodeStatus};
use heartline_axum::heartline::directory::Node;

use crate::Failure;
use crate::broker::Broker;
use crate::client::Addresses;
use crate::node::Running;

const NAMES: [&str; 3] = ["a", "b", "c"];

pub struct Cluster {
    broker: Broker,
    places: Mutex<Vec<Place>>,
    /// Where each node is, or was last: a client finds out by itself.
    pub addresses: Addresses,
}

struct Place {
    node: Node,
    running: Option<Running>,
}

/// What the nodes know at one moment.
pub struct Sight {
    pub nodes: Vec<NodeSight>,
    /// Users who are online in the opinion of any node.
    pub users: usize,
    /// Those of them who are online in the opinion of all nodes, and have one connection.
    pub agreed: usize,
    /// Those with more than one connection.
    pub doubled: usize,
}

/// A node as it sees itself.
pub struct NodeSight {
    pub name: String,
    pub state: &'static str,
    pub connections: usize,
    /// `None` for a node that is down.
    pub cluster: Option<ClusterStats>,
    /// The other nodes that it hears.
    pub heard: Vec<NodeStatus>,
}

impl Cluster {
    pub async fn start(broker: Broker) -> Result<Self, Failure> {
        let (mut places, mut addresses) = (Vec::new(), Vec::new());
        for name in NAMES {
            let node = Node::new(name)?;
            let running = Running::start(node.clone(), broker.clone()).await?;
            addresses.push(running.address);
            places.push(Place { node, running: Some(running) });
        }
        Ok(Self { broker, places: Mutex::new(places), addresses: Arc::new(Mutex::new(addresses)) })
    }

    fn places(&self) -> MutexGuard<'_, Vec<Place>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a node that is down, on another port.
    pub async fn start_again(&self, place: usize) -> Result<(), Failure> {
        let node = self.places()[place].node.clone();
        let running = Running::start(node, self.broker.clone()).await?;
        self.addresses.lock().unwrap_or_else(PoisonError::into_inner)[place] = running.address;
        self.places()[place].running = Some(running);
        Ok(())
    }

    /// Ends a node without a goodbye.
    pub fn kill(&self, place: usize) {
        self.places()[place].running = None;
    }

    /// Ends a node gracefully.
    pub async fn shut_down(&self, place: usize) -> Result<(), Failure> {
        let leaving = self.places()[place].running.as_mut().and_then(Running::leave);
        if let Some(serving) = leaving {
            serving.await??;
        }
        self.kill(place);
        Ok(())
    }

    pub fn cut(&self, place: usize) {
        self.places()[place].running.iter().for_each(|running| running.wire.cut());
    }

    pub fn heal(&self, place: usize) {
        self.places()[place].running.iter().for_each(|running| running.wire.heal());
    }

    /// Whether a user has a connection to this node.
    pub fn is_on(&self, place: usize, user: &String) -> bool {
        self.places()[place].running.as_ref().is_some_and(|running| running.server.conn_of(user).is_some())
    }

    /// What the nodes know now.
    pub fn sight(&self) -> Sight {
        let places = self.places();
        let running: Vec<&Running> = places.iter().filter_map(|place| place.running.as_ref()).collect();
        let online = |node: &&Running| node.server.online(usize::MAX).0.into_iter().collect();
        let opinions: Vec<BTreeSet<String>> = running.iter().map(online).collect();
        let users: BTreeSet<&String> = opinions.iter().flatten().collect();
        let connections = |user: &String| running.iter().filter(|node| node.server.conn_of(user).is_some()).count();
        let is_agreed =
            |user: &&&String| opinions.iter().all(|online| online.contains(**user)) && connections(user) == 1;
        Sight {
            nodes: places.iter().map(Place::sight).collect(),
            users: users.len(),
            agreed: users.iter().filter(is_agreed).count(),
            doubled: users.iter().filter(|user| connections(user) > 1).count(),
        }
    }
}

impl Place {
    fn sight(&self) -> NodeSight {
        let stats = self.running.as_ref().map(|running| running.server.stats());
        let cluster = stats.and_then(|stats| stats.cluster);
        let state = match (&self.running, cluster) {
            (Some(running), _) if running.is_leaving() => "leaving",
            (_, Some(cluster)) if cluster.cut_off => "cut off",
            (Some(_), _) => "up",
            (None, _) => "down",
        };
        let connections = stats.map_or(0, |stats| stats.connections);
        let heard = self.running.as_ref().map(|running| running.server.nodes()).unwrap_or_default();
        NodeSight { name: self.node.to_string(), state, connections, cluster, heard }
    }
}

impl Sight {
    /// Whether these are the users who are online, in the opinion of all nodes that run, and these hear each other.
    pub fn is_agreed_on(&self, users: usize) -> bool {
        let running: Vec<&NodeSight> = self.nodes.iter().filter(|node| node.cluster.is_some()).collect();
        let is_in_step = |node: &&NodeSight| {
            let all_is_known = node.heard.iter().all(|other| other.in_step && other.hears_us);
            !node.is_cut_off() && node.heard.len() + 1 == running.len() && all_is_known
        };
        running.iter().all(is_in_step) && self.users == users && self.agreed == users
    }

    /// Whether a node is cut off, and the others have found out as well.
    pub fn is_alone(&self, place: usize) -> bool {
        let name = &self.nodes[place].name;
        let is_heard = self.nodes.iter().flat_map(|node| &node.heard).any(|other| other.node.as_str() == name);
        self.nodes[place].is_cut_off() && self.nodes[place].heard.is_empty() && !is_heard
    }
}

impl NodeSight {
    fn is_cut_off(&self) -> bool {
        self.cluster.is_some_and(|cluster| cluster.cut_off)
    }
}
