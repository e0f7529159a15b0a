//! The processes: two brokers and three nodes.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use heartline_driver_testing::nats::start_one_of_several;
use heartline_driver_testing::process::{Server, free_port};
use heartline_testkit::faults::Link;
use tokio::time::sleep;

use crate::setup::{Ground, Role, Setup};
use crate::view::{View, disagreement};
use crate::wire::Wire;

/// The first node, on the first broker.
pub const A: usize = 0;
/// The second node, on the second broker.
pub const B: usize = 1;
/// The third node, on the second broker, or on the first if it has to.
pub const C: usize = 2;

/// All processes.
pub struct Cluster {
    ground: Ground,
    /// The second dials the first.
    pub brokers: [Server; 2],
    nodes: [Node; 3],
    /// Between the brokers.
    pub route: Wire,
    /// Between b, and c, and the second broker.
    pub wires: [Wire; 2],
}

struct Node {
    server: Server,
    address: SocketAddrV4,
    is_up: bool,
}

impl Cluster {
    /// Starts all of them. `None` where `nats-server` is not installed, which is said.
    ///
    /// # Panics
    /// A process cannot be started.
    pub fn start(setup: &Setup) -> Option<Self> {
        let ground = setup.ground;
        let (brokers, route) = brokers(ground)?;
        let near = brokers.each_ref().map(|broker| broker.place.port);
        let at = |place: usize| SocketAddrV4::new(ground.host(Role::Broker(place)).address, near[place]);
        let (to_b, at_b) = wire(ground, B, at(1));
        let (to_c, at_c) = wire(ground, C, at(1));
        let start = |place, names: &[SocketAddrV4]| node(setup, place, names);
        let nodes = [start(A, &[at(0)]), start(B, &[at_b]), start(C, &[at_c, at(0)])];
        Some(Self { ground, brokers, nodes, route, wires: [to_b, to_c] })
    }

    /// The wire of b, or of c, to its broker.
    pub fn wire(&self, place: usize) -> &Wire {
        &self.wires[place - 1]
    }

    /// Where the nodes listen.
    pub fn doors(&self) -> Vec<SocketAddrV4> {
        self.nodes.iter().map(|node| node.address).collect()
    }

    /// Asks the nodes that run what they know.
    ///
    /// # Errors
    /// One does not answer.
    pub async fn views(&self) -> io::Result<Vec<View>> {
        let mut views = Vec::new();
        for node in self.nodes.iter().filter(|node| node.is_up) {
            views.push(View::ask(node.address).await?);
        }
        Ok(views)
    }

    /// Asks one node what it knows.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn view(&self, place: usize) -> io::Result<View> {
        View::ask(self.nodes[place].address).await
    }

    /// Waits until all nodes hear each other, before anybody logs in.
    ///
    /// # Panics
    /// They do not, for so long.
    pub async fn is_one(&self, patience: Duration) {
        let began = Instant::now();
        let is_one = |views: &[View]| disagreement(views, &BTreeSet::new()).is_none();
        while !self.views().await.is_ok_and(|views| is_one(&views)) {
            assert!(began.elapsed() < patience, "the nodes do not find each other");
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends a node without a word (SIGKILL).
    pub fn kill(&mut self, place: usize) {
        self.nodes[place].server.kill();
        self.nodes[place].is_up = false;
    }

    /// Ends a node in order (SIGTERM), and returns when it has.
    ///
    /// # Panics
    /// It takes longer than 20 s.
    pub fn terminate(&mut self, place: usize) {
        self.nodes[place].is_up = false;
        self.nodes[place].server.terminate();
    }

    /// Starts a node that was ended.
    pub fn start_again(&mut self, place: usize) {
        self.nodes[place].server.start_again();
        self.nodes[place].is_up = true;
    }

    /// Stops a node (SIGSTOP).
    pub fn stop(&mut self, place: usize) {
        self.nodes[place].server.stop();
    }

    /// Lets a node go on (SIGCONT).
    pub fn go_on(&mut self, place: usize) {
        self.nodes[place].server.go_on();
    }

    /// Starts a broker that was ended, and returns when it listens.
    pub fn start_broker_again(&mut self, place: usize) {
        self.brokers[place].start_again();
        self.brokers[place].listens_on(self.ground.host(Role::Broker(place)).address);
    }
}

fn brokers(ground: Ground) -> Option<([Server; 2], Wire)> {
    let (hosts, ports) = ([0, 1].map(|place| ground.host(Role::Broker(place))), [0, 1].map(|_| free_port()));
    let first = SocketAddrV4::new(hosts[0].address, ports[0]);
    let (route, seen) = match ground {
        Ground::Loopback => relay(first),
        Ground::Namespaces => (Wire::Namespace(hosts[1].clone(), hosts[0].address), first),
    };
    let first = Server::start(start_one_of_several(&hosts[0], ports[0], None)?);
    let second = Server::start(start_one_of_several(&hosts[1], ports[1], Some(seen.into()))?);
    first.listens_on(hosts[0].address);
    second.listens_on(hosts[1].address);
    Some(([first, second], route))
}

/// A node's wire to a broker, and where the node finds it.
fn wire(ground: Ground, place: usize, broker: SocketAddrV4) -> (Wire, SocketAddrV4) {
    match ground {
        Ground::Loopback => relay(broker),
        Ground::Namespaces => (Wire::Namespace(ground.host(Role::Node(place)), *broker.ip()), broker),
    }
}

fn relay(to: SocketAddrV4) -> (Wire, SocketAddrV4) {
    let link = Link::to(to.into()).expect("a port");
    let seen = SocketAddrV4::new(Ipv4Addr::LOCALHOST, link.address().port());
    (Wire::Relay(link), seen)
}

fn node(setup: &Setup, place: usize, brokers: &[SocketAddrV4]) -> Node {
    let host = setup.ground.host(Role::Node(place));
    let address = host.address;
    let name = ["a", "b", "c"][place];
    let brokers: Vec<String> = brokers.iter().map(|broker| format!("nats://{broker}")).collect();
    let settings = serde_json::to_string(&setup.directory).expect("plain data");
    let program = setup.node.clone();
    let server = Server::start(Box::new(move |place| {
        let mut command = host.command(&program);
        command.arg(name).arg(format!("{address}:{}", place.port)).args(&brokers).env("DIRECTORY", &settings);
        command
    }));
    let address = SocketAddrV4::new(address, server.place.port);
    Node { server, address, is_up: true }
}
