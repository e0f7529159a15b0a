//! The brokers of a simulated cluster, linked with each other, and the faults of what they carry.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{Destination, Node, RoomHash};

use crate::sim::Random;

/// The number of a node's connection to the brokers, from 0; in a [`Cluster`](super::Cluster) it is the number of the node.
pub type PortId = usize;

/// One leg of a packet's way, in one direction.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Leg {
    /// From a node to its broker.
    Up(PortId),
    /// From one broker to another.
    Between(usize, usize),
    /// From a broker to a node.
    Down(PortId),
}

/// What is wrong with a leg.
enum Trouble {
    /// What is sent there is lost.
    Cut,
    /// What is sent there waits.
    Stalled(Vec<Flight>),
}

/// What is published to all nodes, to one node and to a room goes different ways: one may overtake the other.
type Way = (bool, Option<RoomHash>);

/// A packet on its way to one node.
#[derive(Clone, Debug)]
pub struct Flight {
    from: PortId,
    /// The connection that it goes to.
    pub to: PortId,
    way: Way,
    /// The legs that it has not passed.
    legs: Vec<Leg>,
    /// The lives of the two connections and of their brokers when it was sent: if one has ended since, it is lost.
    lives: [u64; 4],
    payload: Rc<[u8]>,
}

struct Port {
    node: Node,
    broker: usize,
    life: u64,
    /// Of the sending side. It does not change when the process ends: what a process has sent arrives.
    sends: u64,
    open: bool,
    /// The rooms that it is subscribed to, and since when the brokers know that.
    rooms: BTreeMap<RoomHash, Timestamp>,
}

/// Brokers, each linked with all others. They deliver at most once, and in order what one node publishes to one [`Destination`]. They store
/// nothing. Brokers are numbered from 0.
pub struct Brokers {
    brokers: Vec<(bool, u64)>,
    ports: Vec<Port>,
    troubles: BTreeMap<Leg, Trouble>,
    /// When the last packet arrives of those sent from one node to another in one way.
    latest: BTreeMap<(PortId, PortId, Way), Timestamp>,
    random: Random,
    /// How many of a thousand packets are lost: 0 to 1,000. At first 0.
    pub loss: u64,
    /// How long a packet takes. At first up to 1 ms.
    pub delay: Range<Duration>,
}

impl Brokers {
    /// This many brokers, which lose nothing and deliver within 1 ms.
    pub fn new(brokers: usize, random: Random) -> Self {
        let (troubles, latest) = (BTreeMap::new(), BTreeMap::new());
        let delay = Duration::ZERO..Duration::from_millis(1);
        Self { brokers: vec![(true, 0); brokers], ports: Vec::new(), troubles, latest, random, loss: 0, delay }
    }

    /// A connection for this node, which is not open before [`connect`](Self::connect).
    pub fn port(&mut self, node: Node) -> PortId {
        self.ports.push(Port { node, broker: 0, life: 0, sends: 0, open: false, rooms: BTreeMap::new() });
        self.ports.len() - 1
    }

    /// How many brokers there are.
    pub fn count(&self) -> usize {
        self.brokers.len()
    }

    /// The broker that a node is connected to.
    pub fn broker_of(&self, port: PortId) -> usize {
        self.ports[port].broker
    }

    /// Whether the node's connection and its broker are up.
    pub fn is_open(&self, port: PortId) -> bool {
        let port = &self.ports[port];
        port.open && self.brokers[port.broker].0
    }

    /// The node connects, for the first time, again, or to another broker. What was under way to it and from it is lost. With `keeps_rooms` it
    /// stays subscribed to its rooms; without, it is a new process.
    pub fn connect(&mut self, port: PortId, broker: usize, now: Timestamp, keeps_rooms: bool) {
        let broker = broker % self.brokers.len();
        let known = now.saturating_add(self.delay.end);
        let port = &mut self.ports[port];
        (port.broker, port.open, port.life) = (broker, true, port.life + 1);
        if keeps_rooms {
            port.sends += 1;
            port.rooms.values_mut().for_each(|since| *since = known);
        } else {
            port.rooms.clear();
        }
    }

    /// The node's connection is gone, and what was under way to it.
    pub fn disconnect(&mut self, port: PortId) {
        let port = &mut self.ports[port];
        (port.open, port.life) = (false, port.life + 1);
    }

    /// A broker's process ends, or starts. What was under way through it is lost. Returns the nodes that are connected to it.
    pub fn set_up(&mut self, broker: usize, up: bool) -> Vec<PortId> {
        let broker = broker % self.brokers.len();
        let (is_up, life) = &mut self.brokers[broker];
        if *is_up == up {
            return Vec::new();
        }
        (*is_up, *life) = (up, *life + 1);
        let ports = self.ports.iter().enumerate();
        ports.filter(|(_, port)| port.broker == broker && port.open).map(|(nth, _)| nth).collect()
    }

    /// The node subscribes. What is not for a room it gets in any case.
    pub fn subscribe(&mut self, now: Timestamp, port: PortId, to: &Destination) {
        if let Destination::Room(room) = to {
            let known = now.saturating_add(self.random.duration(self.delay.clone()));
            self.ports[port].rooms.insert(*room, known);
        }
    }

    /// The node is no longer subscribed.
    pub fn unsubscribe(&mut self, port: PortId, to: &Destination) {
        if let Destination::Room(room) = to {
            self.ports[port].rooms.remove(room);
        }
    }

    /// From now on what is sent on this leg is lost. What waited there is lost too.
    pub fn cut(&mut self, leg: Leg) {
        self.troubles.insert(leg, Trouble::Cut);
    }

    /// From now on what is sent on this leg waits.
    pub fn stall(&mut self, leg: Leg) {
        self.troubles.entry(leg).or_insert_with(|| Trouble::Stalled(Vec::new()));
    }

    /// A leg works again. Returns what has waited there, with the time at which it arrives.
    pub fn heal(&mut self, now: Timestamp, leg: Leg) -> Vec<(Timestamp, Flight)> {
        let Some(Trouble::Stalled(flights)) = self.troubles.remove(&leg) else { return Vec::new() };
        flights.into_iter().filter_map(|flight| self.fly(now, flight)).collect()
    }

    /// The legs that are cut or stalled.
    pub fn troubled(&self) -> Vec<Leg> {
        self.troubles.keys().copied().collect()
    }

    /// When the last of the packets under way has arrived, and the brokers know of all subscriptions.
    pub fn last_arrival(&self) -> Timestamp {
        let subscriptions = self.ports.iter().flat_map(|port| port.rooms.values());
        self.latest.values().chain(subscriptions).copied().max().unwrap_or_default()
    }

    /// A node publishes a packet. Returns it once for each recipient, with the time at which it arrives unless something happens to it.
    pub fn publish(
        &mut self,
        now: Timestamp,
        from: PortId,
        to: &Destination,
        payload: Vec<u8>,
    ) -> Vec<(Timestamp, Flight)> {
        if !self.is_open(from) {
            return Vec::new();
        }
        let wants = |port: &Port| match to {
            Destination::All => true,
            Destination::Node(node) => port.node == *node,
            Destination::Room(room) => port.rooms.get(room).is_some_and(|since| *since <= now),
            _ => false,
        };
        let recipients = self.ports.iter().enumerate().filter(|(_, port)| port.open && wants(port));
        let recipients: Vec<_> = recipients.map(|(nth, _)| nth).collect();
        let way = match to {
            Destination::Room(room) => (false, Some(*room)),
            to => (*to == Destination::All, None),
        };
        let payload: Rc<[u8]> = payload.into();
        let mut arrivals = Vec::new();
        for to in recipients {
            if self.random.chance(self.loss, 1000) {
                continue;
            }
            let (first, last) = (self.ports[from].broker, self.ports[to].broker);
            let between = (first != last).then_some(Leg::Between(first, last));
            let legs = [Some(Leg::Up(from)), between, Some(Leg::Down(to))].into_iter().flatten().collect();
            let flight = Flight { from, to, way, legs, lives: self.lives(from, to), payload: payload.clone() };
            arrivals.extend(self.fly(now, flight));
        }
        arrivals
    }

    /// The payload of a packet whose time has come; `None` if it was lost meanwhile.
    pub fn arrive(&self, flight: &Flight) -> Option<Vec<u8>> {
        let here = self.is_open(flight.to) && self.lives(flight.from, flight.to) == flight.lives;
        here.then(|| flight.payload.to_vec())
    }

    fn lives(&self, from: PortId, to: PortId) -> [u64; 4] {
        let (from, to) = (&self.ports[from], &self.ports[to]);
        [from.sends, to.life, self.brokers[from.broker].1, self.brokers[to.broker].1]
    }

    /// Passes the legs that work. Returns when the packet arrives; `None` if a leg is cut or stalled. Nothing overtakes anything in one way between
    /// two nodes.
    fn fly(&mut self, now: Timestamp, mut flight: Flight) -> Option<(Timestamp, Flight)> {
        while let Some(leg) = flight.legs.first() {
            match self.troubles.get_mut(leg) {
                Some(Trouble::Cut) => return None,
                Some(Trouble::Stalled(flights)) => {
                    flights.push(flight);
                    return None;
                }
                None => drop(flight.legs.remove(0)),
            }
        }
        let latest = self.latest.entry((flight.from, flight.to, flight.way)).or_default();
        *latest = now.saturating_add(self.random.duration(self.delay.clone())).max(*latest);
        Some((*latest, flight))
    }
}
