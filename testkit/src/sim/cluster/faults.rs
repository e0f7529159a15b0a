//! Faults of the nodes and brokers of a simulated cluster, and their ends.

use std::time::Duration;

use super::brokers::Leg;
use super::node::Node;
use super::simulation::Cluster;
use super::site::Wall;
use crate::sim::ServerId;

/// What happens to nodes and brokers. A call that makes no sense, as to wake a node that is awake, does nothing.
impl Cluster {
    /// Starts a second process under the name of a node. Returns its number.
    pub fn twin(&mut self, node: usize, broker: usize, wall: Wall) -> usize {
        let name = self.sites[node].borrow().name.clone();
        let twin = self.node(name.as_str(), broker);
        self.crash(twin);
        self.start(twin, wall);
        twin
    }

    /// A node's process ends without a goodbye; its clients' connections are reset.
    pub fn crash(&mut self, node: usize) {
        self.disturbed = self.now();
        let server = self.server(node);
        self.sim.stop(server);
        self.sites[node].borrow_mut().stop();
        self.common.borrow_mut().brokers.disconnect(node);
    }

    /// A node's process starts again, with this wall clock; nothing if it runs.
    pub fn start(&mut self, node: usize, wall: Wall) {
        if self.sites[node].borrow().node.is_some() {
            return;
        }
        self.disturbed = self.now();
        let (now, server) = (self.now(), self.server(node));
        let mut site = self.sites[node].borrow_mut();
        site.wall = wall;
        site.start(now, self.settings.hub.clone(), self.settings.directory.clone());
        // A question for the earlier process may be answered by this one, whose changes have other numbers.
        self.common.borrow_mut().ledger.churned |= site.life.1 > 1;
        self.sim.start(server);
        let broker = self.common.borrow().brokers.broker_of(node);
        self.common.borrow_mut().brokers.connect(node, broker, now, false);
        site.act(&mut self.sim.wire(server), |_| {});
    }

    /// A node shuts down: it sends its clients away over this time, and says goodbye.
    pub fn shut_down(&mut self, node: usize, pace: Duration) {
        let server = self.server(node);
        let mut site = self.sites[node].borrow_mut();
        if !site.suspended {
            site.act(&mut self.sim.wire(server), |node| node.shut_down(pace + Duration::from_secs(1), pace, pace));
        }
    }

    /// Sets a node's wall clock.
    pub fn set_wall(&mut self, node: usize, wall: Wall) {
        self.sites[node].borrow_mut().wall = wall;
    }

    /// A node's wall clock.
    pub fn wall(&self, node: usize) -> Wall {
        self.sites[node].borrow().wall
    }

    /// Suspends a node, as SIGSTOP or a frozen machine does, until [`wake`](Self::wake).
    pub fn suspend(&mut self, node: usize) {
        self.disturbed = self.now();
        if self.sites[node].borrow().node.is_some() {
            self.sites[node].borrow_mut().suspended = true;
            let server = self.server(node);
            self.sim.suspend_server(server);
        }
    }

    /// A suspended node goes on. With `timer_first` its timer runs before it reads what has arrived meanwhile, otherwise after that. With
    /// `interrupted` what has arrived is lost, as a broker drops what is not read for long, and the node is told.
    pub fn wake(&mut self, node: usize, timer_first: bool, interrupted: bool) {
        if !self.sites[node].borrow().suspended {
            return;
        }
        self.disturbed = self.now();
        let (now, server) = (self.now(), self.server(node));
        if interrupted {
            let mut shared = self.common.borrow_mut();
            let broker = shared.brokers.broker_of(node);
            shared.brokers.connect(node, broker, now, true);
        }
        if timer_first {
            self.sites[node].borrow_mut().wake(&mut self.sim.wire(server));
        }
        self.sim.resume_server(server);
        if !timer_first {
            self.sites[node].borrow_mut().wake(&mut self.sim.wire(server));
        }
        if interrupted {
            self.interrupted(node);
        }
    }

    /// A node connects to a broker again, or to another one. What was under way to it is lost, and it is told.
    pub fn reconnect(&mut self, node: usize, broker: usize) {
        self.disturbed = self.now();
        if self.sites[node].borrow().node.is_some() {
            self.common.borrow_mut().brokers.connect(node, broker, self.now(), true);
            self.interrupted(node);
        }
    }

    fn interrupted(&mut self, node: usize) {
        let server = self.server(node);
        let mut site = self.sites[node].borrow_mut();
        if !site.suspended {
            site.act(&mut self.sim.wire(server), Node::interrupted);
        }
    }

    /// A broker's process ends; what is under way through it is lost.
    pub fn crash_broker(&mut self, broker: usize) {
        self.disturbed = self.now();
        self.common.borrow_mut().brokers.set_up(broker, false);
    }

    /// A broker starts again, and its nodes connect to it.
    pub fn start_broker(&mut self, broker: usize) {
        self.disturbed = self.now();
        let nodes = self.common.borrow_mut().brokers.set_up(broker, true);
        for node in nodes {
            self.reconnect(node, broker);
        }
    }

    /// From now on what is sent on this leg is lost.
    pub fn cut(&mut self, leg: Leg) {
        self.brokers().cut(leg);
    }

    /// From now on what is sent on this leg waits.
    pub fn stall(&mut self, leg: Leg) {
        self.brokers().stall(leg);
    }

    /// The leg works again, and what has waited goes on.
    pub fn heal(&mut self, leg: Leg) {
        self.disturbed = self.now();
        let (now, server) = (self.now(), self.server(0));
        let shared = &mut *self.common.borrow_mut();
        let arrivals = shared.brokers.heal(now, leg);
        shared.post(self.sim.wire(server).network, arrivals);
    }

    pub(super) fn server(&self, node: usize) -> ServerId {
        self.common.borrow().servers[node]
    }
}
