//! Whole clusters keep what the specification promises of a directory, whatever happens to nodes and brokers.

mod clocks;
mod lives;
mod logins;
mod messages;
mod network;
mod nodes;

use std::time::Duration;

use heartline::directory::{Node, User};
use heartline::{State, directory};
use heartline_testkit::sim::cluster::{Cluster, Leg, Settings, Wall};
use heartline_testkit::sim::seeds;

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);
/// How long packets take at most.
const DELAY: Duration = Duration::from_millis(20);
/// With how many seeds each scenario is run.
const TRIES: u64 = 10;

fn settings() -> Settings {
    Settings { traced: true, ..Settings::default() }
}

/// Nodes a, b, c, ... on two brokers, which know each other.
fn cluster(seed: u64, nodes: usize) -> Cluster {
    started(seed, nodes, settings())
}

fn started(seed: u64, nodes: usize, settings: Settings) -> Cluster {
    let mut cluster = Cluster::new(seed, settings);
    cluster.brokers().delay = Duration::ZERO..DELAY;
    for (nth, name) in ["a", "b", "c", "d", "e"].iter().take(nodes).enumerate() {
        cluster.node(name, nth);
    }
    cluster.run_for(2 * SECOND);
    cluster.verify();
    cluster
}

/// A session of each of these users, spread over the nodes, all logged in.
fn populated(cluster: &mut Cluster, users: usize) -> Vec<usize> {
    let nodes = cluster.nodes();
    let sessions: Vec<_> = (0..users).map(|user| cluster.session(&format!("u{user}"))).collect();
    for session in &sessions {
        cluster.go(*session, session % nodes, false);
    }
    let all = sessions.clone();
    let open = move |cluster: &Cluster| all.iter().all(|session| cluster.state(*session) == State::Open);
    cluster.run_until("everybody is logged in", open, 30 * SECOND);
    cluster.run_for(SECOND);
    sessions
}

fn user(name: &str) -> User {
    name.into()
}

/// The node that a user is on, by the opinion of this node.
fn node_of(cluster: &Cluster, node: usize, name: &str) -> Option<String> {
    cluster.directory(node, |directory| directory.node_of(&user(name)).map(Node::to_string)).flatten()
}

/// The calm comes, and what is promised holds.
fn calm(cluster: &mut Cluster) {
    cluster.verify();
    // The violation is told with its trace.
    let _ = cluster.calm(DELAY);
    cluster.verify();
}

/// What is sent between a node and its broker is lost, in both directions.
fn cut(cluster: &mut Cluster, node: usize) {
    cluster.cut(Leg::Up(node));
    cluster.cut(Leg::Down(node));
}

fn heal(cluster: &mut Cluster, node: usize) {
    cluster.heal(Leg::Up(node));
    cluster.heal(Leg::Down(node));
}

/// The state of each of these sessions.
fn states<const N: usize>(cluster: &Cluster, sessions: [usize; N]) -> [State; N] {
    sessions.map(|session| cluster.state(session))
}
