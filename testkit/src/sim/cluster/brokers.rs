//! The broker: several of them, linked, and what can happen to what they carry.

use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use heartline::Timestamp;
use heartline::directory::{Destination, Node, RoomHash};

use crate::sim::Random;

/// The name of a node's connection to a broker.
pub type PortId = usize;

/// A part of a message's way, in one direction.
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

/// What is published to everybody, to one node and to a room goes different ways: one may overtake the other.
type Way = (bool, Option<RoomHash>);

/// A message on its way to one node.
#[derive(Clone, Debug)]
pub struct Flight {
    from: PortId,
    /// Where it goes.
    pub to: PortId,
    way: Way,
    /// The legs that it has not passed.
    legs: Vec<Leg>,
    /// Which lives of the two connections and their brokers it belongs to.
    lives: [u64; 4],
    payload: Rc<[u8]>,
}

struct Port {
    node: Node,
    broker: usize,
    life: u64,
    /// The same, but a process that ends has sent what it sent.
    sends: u64,
    open: bool,
    /// Since when the brokers know that it wants what is published to a room.
    rooms: BTreeMap<RoomHash, Timestamp>,
}

/// Brokers of which each is linked with all others. They carry at most once, and in order what one node publishes to one
/// [`Destination`]; they store nothing.
pub struct Brokers {
    brokers: Vec<(bool, u64)>,
    ports: Vec<Port>,
    troubles: BTreeMap<Leg, Trouble>,
    /// When the last arrives of what was sent from one node to another in one way.
    latest: BTreeMap<(PortId, PortId, Way), Timestamp>,
    random: Random,
    /// How many of a thousand messages are lost.
    pub loss: u64,
    /// How long a message takes.
    pub delay: Range<Duration>,
}

impl Brokers {
    /// So many brokers, which carry everything within 1 ms.
    pub fn new(brokers: usize, random: Random) -> Self {
        let (troubles, latest) = (BTreeMap::new(), BTreeMap::new());
        let delay = Duration::ZERO..Duration::from_millis(1);
        Self { brokers: vec![(true, 0); brokers], ports: Vec::new(), troubles, latest, random, loss: 0, delay }
    }

    /// A connection for this node, which is not open yet.
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

    /// The node connects, perhaps anew or elsewhere; what was under way to it is lost, and from it, so that nothing overtakes
    /// it. Without its rooms it is a new process.
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

    /// A broker's process dies, or is there again. What was under way through it is lost. The nodes that were connected to it.
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

    /// The node wants what is published to a room.
    pub fn subscribe(&mut self, now: Timestamp, port: PortId, room: RoomHash) {
        let known = now.saturating_add(self.random.duration(self.delay.clone()));
        self.ports[port].rooms.insert(room, known);
    }

    /// The node does not want it any more.
    pub fn unsubscribe(&mut self, port: PortId, room: RoomHash) {
        self.ports[port].rooms.remove(&room);
    }

    /// What is sent on a leg from now on is lost; what waited there too.
    pub fn cut(&mut self, leg: Leg) {
        self.troubles.insert(leg, Trouble::Cut);
    }

    /// What is sent on a leg from now on waits.
    pub fn stall(&mut self, leg: Leg) {
        self.troubles.entry(leg).or_insert_with(|| Trouble::Stalled(Vec::new()));
    }

    /// A leg works again. What has waited there arrives at these times.
    pub fn heal(&mut self, now: Timestamp, leg: Leg) -> Vec<(Timestamp, Flight)> {
        let Some(Trouble::Stalled(flights)) = self.troubles.remove(&leg) else { return Vec::new() };
        flights.into_iter().filter_map(|flight| self.fly(now, flight)).collect()
    }

    /// The legs that do not work.
    pub fn troubled(&self) -> Vec<Leg> {
        self.troubles.keys().copied().collect()
    }

    /// When the last of what is under way arrives.
    pub fn last_arrival(&self) -> Timestamp {
        self.latest.values().copied().max().unwrap_or_default()
    }

    /// A node publishes. What arrives where and when, unless something happens to it.
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

    /// What a message brings, if it still arrives.
    pub fn arrive(&self, flight: &Flight) -> Option<Vec<u8>> {
        let here = self.is_open(flight.to) && self.lives(flight.from, flight.to) == flight.lives;
        here.then(|| flight.payload.to_vec())
    }

    fn lives(&self, from: PortId, to: PortId) -> [u64; 4] {
        let (from, to) = (&self.ports[from], &self.ports[to]);
        [from.sends, to.life, self.brokers[from.broker].1, self.brokers[to.broker].1]
    }

    /// Goes on until something holds it up. Nothing overtakes anything on its way between two nodes.
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
