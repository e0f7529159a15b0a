//! What a run is made of.

use std::io;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use heartline::directory::Settings;
use heartline_driver_testing::host::Host;

/// The cluster and its users.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The program of a node.
    pub node: PathBuf,
    /// How many users.
    pub users: usize,
    /// From one message to the next, of all users together.
    pub pace: Duration,
    /// From one login elsewhere to the next.
    pub moves: Duration,
    /// The settings of every directory.
    pub directory: Settings,
    /// How long agreement may take before it counts as not coming.
    pub patience: Duration,
    /// Where the processes run.
    pub ground: Ground,
}

/// Where the processes run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ground {
    /// On loopback.
    Loopback,
    /// Each in a network namespace of its own, which exists: see `servers/faults/namespaces`.
    Namespaces,
}

/// A process of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The broker of this place.
    Broker(usize),
    /// The node of this place.
    Node(usize),
}

impl Ground {
    /// Where a process runs.
    pub fn host(self, role: Role) -> Host {
        if self == Self::Loopback {
            return Host::LOOPBACK;
        }
        let (name, last) = match role {
            Role::Broker(place) => (format!("heartline-broker-{place}"), 1 + place),
            Role::Node(place) => (format!("heartline-node-{place}"), 11 + place),
        };
        Host { address: Ipv4Addr::new(10, 77, 0, last as u8), namespace: Some(name) }
    }
}

impl Setup {
    /// With the default settings of a directory, and the node's program that Cargo has built beside this one.
    ///
    /// # Errors
    /// It has not.
    pub fn beside() -> io::Result<Self> {
        let node = std::env::current_exe()?.with_file_name("chat-node");
        if !node.is_file() {
            return Err(io::Error::other(format!("no {}: cargo build -p heartline-faults", node.display())));
        }
        Ok(Self::of(node))
    }

    /// With the default settings of a directory.
    pub fn of(node: impl Into<PathBuf>) -> Self {
        Self {
            node: node.into(),
            users: 24,
            pace: Duration::from_millis(5),
            moves: Duration::from_millis(700),
            directory: Settings::default(),
            patience: Duration::from_secs(60),
            ground: Ground::Loopback,
        }
    }
}
