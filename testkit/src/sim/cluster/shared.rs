//! What all nodes and clients of a simulated cluster share: brokers, accounts, trace, and packets under way.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use heartline::Timestamp;
use heartline::directory::User;

use super::super::network::{Due, Network};
use super::brokers::{Brokers, Flight};
use super::ledger::Ledger;
use super::line::Line;
use crate::sim::{Random, ServerId};

/// What happened, for a person; only while it is switched on, as it costs more than the simulation.
#[derive(Default)]
pub(super) struct Trace {
    pub(super) on: bool,
    lines: Vec<(Timestamp, Option<User>, String)>,
}

impl Trace {
    pub(super) fn note(&mut self, now: Timestamp, about: Option<&User>, line: impl FnOnce() -> String) {
        if self.on {
            self.lines.push((now, about.cloned(), line()));
        }
    }

    /// The last lines that concern everybody, or this user.
    pub(super) fn about(&self, user: Option<&User>, most: usize) -> String {
        let concerns = |about: &Option<User>| about.is_none() || user.is_none() || about.as_ref() == user;
        let lines: Vec<_> = self.lines.iter().filter(|(_, about, _)| concerns(about)).collect();
        let last = lines.len().saturating_sub(most);
        lines[last..].iter().map(|(at, _, line)| format!("  {at} {line}\n")).collect()
    }
}

pub(super) struct Shared {
    pub(super) brokers: Brokers,
    pub(super) ledger: Ledger,
    pub(super) trace: Trace,
    pub(super) random: Random,
    /// The server of each node, as ports are numbered.
    pub(super) servers: Vec<ServerId>,
    /// What is under way between nodes, by the name of the timer at whose time it arrives.
    post: BTreeMap<u64, Flight>,
    posted: u64,
}

pub(super) type Common = Rc<RefCell<Shared>>;

impl Shared {
    pub(super) fn new(brokers: usize, mut random: Random, traced: bool) -> Self {
        Self {
            brokers: Brokers::new(brokers, random.fork()),
            ledger: Ledger::default(),
            trace: Trace { on: traced, ..Trace::default() },
            random,
            servers: Vec::new(),
            post: BTreeMap::new(),
            posted: 0,
        }
    }

    /// Lets these packets arrive at their times.
    pub(super) fn post(&mut self, network: &mut Network<Line>, arrivals: Vec<(Timestamp, Flight)>) {
        for (at, flight) in arrivals {
            self.posted += 1;
            network.at(at, Due::PeerTimer { server: self.servers[flight.to], name: self.posted });
            self.post.insert(self.posted, flight);
        }
    }

    /// The packet that arrives with the timer of this name, unless it was lost.
    pub(super) fn take(&mut self, name: u64) -> Option<Vec<u8>> {
        let flight = self.post.remove(&name)?;
        self.brokers.arrive(&flight)
    }
}
