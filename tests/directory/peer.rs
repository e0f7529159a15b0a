//! A node whose packets the test writes and reads one by one.

use heartline::directory::{Action, Input};

use crate::cluster::{Cluster, SECOND};
use crate::packets::{Body, Change, Claim, Sender, decode, encode};

/// Speaks to the first node of a cluster.
pub struct Peer {
    pub cluster: Cluster,
    pub sender: Sender,
}

pub fn claimed(user: &str, time: u64) -> Change {
    Change::Claimed(claim(user, time))
}

pub fn claim(user: &str, time: u64) -> Claim {
    Claim { user: user.into(), time, over: None }
}

impl Peer {
    /// It has said hello and done nothing yet.
    pub fn new() -> Self {
        let sender = Sender { node: "peer".into(), epoch: 5, incarnation: 5 };
        let mut peer = Self { cluster: Cluster::new(1), sender };
        peer.hello(0, 0, 0);
        peer
    }

    pub fn say(&mut self, body: &Body) {
        let payload = encode(&self.sender, body);
        self.cluster.act(0, Input::Received { payload });
    }

    pub fn hello(&mut self, number: u64, claims: u64, digest: u128) {
        self.say(&Body::Hello { serial: 1, wall: 0, number, claims, digest, hears: Vec::new() });
    }

    pub fn changes(&mut self, first: u64, changes: Vec<Change>) {
        self.say(&Body::Changes { first, changes });
    }

    /// The users whom the node knows, in order.
    pub fn online(&self) -> Vec<String> {
        let online = self.cluster.node(0).online();
        online.map(|(user, _)| String::from_utf8(user.as_bytes().to_vec()).unwrap()).collect()
    }

    /// What the node publishes within a second of this.
    pub fn ask(&mut self, body: &Body) -> Vec<Body> {
        let mut input = Input::Received { payload: encode(&self.sender, body) };
        let (mut answers, end) = (Vec::new(), self.cluster.now.saturating_add(SECOND));
        loop {
            let (now, wall) = (self.cluster.now, self.cluster.wall(0));
            let node = self.cluster.nodes[0].as_mut().expect("it runs");
            answers.extend(node.handle(now, wall, input).filter_map(|action| match action {
                Action::Publish { payload, .. } => Some(decode(&payload).1),
                _ => None,
            }));
            self.cluster.now = node.deadline().expect("it runs");
            if self.cluster.now > end {
                return answers;
            }
            input = Input::Timer;
        }
    }

    /// The node's timer is called when it is due, until it publishes what is looked for.
    pub fn await_packet<T>(&mut self, found: impl Fn(Body) -> Option<T>) -> T {
        for _ in 0..100 {
            let (now, wall) = (self.cluster.now, self.cluster.wall(0));
            let node = self.cluster.nodes[0].as_mut().expect("it runs");
            let actions: Vec<_> = node.handle(now, wall, Input::Timer).collect();
            let packets = actions.into_iter().filter_map(|action| match action {
                Action::Publish { payload, .. } => Some(decode(&payload).1),
                _ => None,
            });
            if let Some(found) = packets.filter_map(&found).last() {
                return found;
            }
            self.cluster.now = self.cluster.node(0).deadline().expect("it runs").max(now);
        }
        panic!("it is never said");
    }
}
