//! The simulation itself: what a test does, and how time passes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::ops::{Index, Range};
use std::rc::Rc;
use std::time::Duration;

use heartline::message::Refused;
use heartline::{Config, Input, MessageId, Outgoing, Timestamp};

use super::app::App;
use super::host::Host;
use super::network::{Content, Direction, Due, Frame, HostId, LinkId, Network, ServerId};
use super::random::Random;
use super::server::{Happening, Peer, Server, Waiting, WaitingContent, Wire};

/// So many things within one moment mean that somebody does not let time pass.
const MOST_AT_ONCE: u32 = 1_000_000;

/// The simulation's clock, to hand to code that asks for the time. It starts at [`Timestamp::ORIGIN`].
#[derive(Clone, Debug, Default)]
pub struct Clock(Rc<Cell<Timestamp>>);

impl Clock {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.0.get()
    }
}

/// What was waited for did not come. It tells the state of every host and what each did last.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("waited in vain for {within:?}, until {at}\n{hosts}")]
#[non_exhaustive]
pub struct TimedOut {
    /// How long was waited.
    pub within: Duration,
    /// The time after that.
    pub at: Timestamp,
    /// What the hosts did.
    pub hosts: String,
}

type Plan<M> = Box<dyn FnOnce(&mut Sim<M>)>;

/// A simulation. `M` is the type of messages.
pub struct Sim<M> {
    network: Network<M>,
    hosts: Vec<Host<M>>,
    peers: Vec<Box<dyn Peer<M>>>,
    plans: BTreeMap<u64, Plan<M>>,
    planned: u64,
    clock: Clock,
    at_once: u32,
}

impl<M> Index<HostId> for Sim<M> {
    type Output = Host<M>;

    fn index(&self, host: HostId) -> &Host<M> {
        &self.hosts[host.0]
    }
}

/// Building it.
impl<M: Clone + Debug + 'static> Sim<M> {
    /// An empty network. The seed decides everything that is random, the jitter of its sessions included.
    pub fn new(seed: u64) -> Self {
        Self {
            network: Network::new(Random::new(seed)),
            hosts: Vec::new(),
            peers: Vec::new(),
            plans: BTreeMap::new(),
            planned: 0,
            clock: Clock::default(),
            at_once: 0,
        }
    }

    /// How long everything takes to arrive from now on: drawn from this range each time. Default 1 ms.
    pub fn set_delay(&mut self, delay: Range<Duration>) {
        self.network.delay = delay;
    }

    /// How many messages a connection takes that have not arrived yet, before the rest stays with the session. Default 64.
    pub fn set_room(&mut self, messages: usize) {
        self.network.room = messages;
    }

    /// A server, to be dialled by this name.
    pub fn serve(&mut self, name: impl Into<String>, peer: impl Peer<M> + 'static) -> ServerId {
        self.network.servers.push(Server::new(name.into()));
        self.peers.push(Box::new(peer));
        ServerId(self.peers.len() - 1)
    }

    /// A host that does not dial yet; see [`connect`](Self::connect).
    pub fn host(&mut self, config: Config, app: impl App<M> + 'static) -> HostId {
        let (id, seed) = (HostId(self.hosts.len()), self.network.random.next());
        self.hosts.push(Host::new(id, config, seed, Box::new(app)));
        id
    }

    /// The host reports every end twice, as browsers do with `error` and `close`.
    pub fn report_ends_twice(&mut self, host: HostId) {
        self.hosts[host.0].ends_twice = true;
    }
}

/// Looking.
impl<M: Clone + Debug + 'static> Sim<M> {
    /// The time.
    pub fn now(&self) -> Timestamp {
        self.network.now
    }

    /// The clock, for code that asks for the time itself.
    pub fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// The generator of this simulation, for what a scenario draws.
    pub fn random(&mut self) -> &mut Random {
        &mut self.network.random
    }

    /// All hosts.
    pub fn hosts(&self) -> impl Iterator<Item = (HostId, &Host<M>)> {
        self.hosts.iter().enumerate().map(|(nth, host)| (HostId(nth), host))
    }

    /// What is known of a server.
    pub fn server(&self, server: ServerId) -> &Server<M> {
        &self.network.servers[server.0]
    }
}

/// What applications and servers do.
impl<M: Clone + Debug + 'static> Sim<M> {
    /// The application wants to be connected.
    pub fn connect(&mut self, host: HostId) {
        self.input(host, Input::Connect);
    }

    /// The application closes the session.
    pub fn close(&mut self, host: HostId, within: Duration) {
        self.input(host, Input::close_within(within));
    }

    /// The application sends a message.
    ///
    /// # Errors
    /// As [`Session::send`](heartline::Session::send).
    pub fn send(&mut self, host: HostId, outgoing: Outgoing<M>) -> Result<MessageId, Refused<M>> {
        let result = self.hosts[host.0].send(self.network.now, outgoing);
        self.hosts[host.0].run(&mut self.network, None);
        result
    }

    /// Any input.
    pub fn input(&mut self, host: HostId, input: Input<M>) {
        self.hosts[host.0].run(&mut self.network, Some(input));
    }

    /// Acts as this server, outside of its script: to send of its own accord, to change how it behaves.
    pub fn wire(&mut self, server: ServerId) -> Wire<'_, M> {
        Wire { network: &mut self.network, server }
    }

    /// Calls `plan` when `wait` is over.
    pub fn after(&mut self, wait: Duration, plan: impl FnOnce(&mut Self) + 'static) {
        self.planned += 1;
        self.plans.insert(self.planned, Box::new(plan));
        let at = self.network.now.saturating_add(wait);
        self.network.at(at, Due::Plan(self.planned));
    }
}

/// What the world does.
impl<M: Clone + Debug + 'static> Sim<M> {
    /// The host's connections and dials are dead from now on, and nobody is told.
    pub fn lose(&mut self, host: HostId) {
        self.lose_up(host);
        self.lose_down(host);
    }

    /// What the host sends on its present connections is lost from now on.
    pub fn lose_up(&mut self, host: HostId) {
        self.lose_to(host, Direction::Up);
    }

    /// What is sent to the host on its present connections is lost from now on.
    pub fn lose_down(&mut self, host: HostId) {
        self.lose_to(host, Direction::Down);
    }

    fn lose_to(&mut self, host: HostId, direction: Direction) {
        for link in self.network.links.iter_mut().filter(|link| link.host == host) {
            link.lossy[direction as usize] = true;
        }
    }

    /// The host's network is gone: its connections are dead, and dials get no answer.
    pub fn partition(&mut self, host: HostId) {
        self.hosts[host.0].partitioned = true;
        self.lose(host);
    }

    /// The host's network is there again, for new dials. Nobody is told: that is [`Input::NetworkChanged`].
    pub fn heal(&mut self, host: HostId) {
        self.hosts[host.0].partitioned = false;
    }

    /// From now on whatever would arrive at the host or from it waits.
    pub fn hold(&mut self, host: HostId) {
        self.hosts[host.0].held.get_or_insert_default();
    }

    /// What was held back arrives now, in order.
    pub fn release(&mut self, host: HostId) {
        for (link, direction, content) in self.hosts[host.0].held.take().into_iter().flatten() {
            self.arrive(link, direction, content);
        }
    }

    /// The host's connections break, and both sides are told, after what is under way has arrived.
    pub fn reset(&mut self, host: HostId) {
        for link in self.network.links_of(host) {
            let state = &self.network.links[link.0];
            if state.host_open || state.server_open {
                self.network.frame(link, Direction::Up, Frame::Reset);
                self.network.frame(link, Direction::Down, Frame::Reset);
            }
        }
    }

    /// The host stands still while time goes on: what arrives waits, no timer is called.
    pub fn suspend(&mut self, host: HostId) {
        self.hosts[host.0].inbox.get_or_insert_default();
    }

    /// The host goes on: it reads what has arrived, then its timer is called, late.
    pub fn resume(&mut self, host: HostId) {
        for (link, content) in self.hosts[host.0].inbox.take().into_iter().flatten() {
            self.hosts[host.0].arrived(&mut self.network, link, content);
        }
    }

    /// The server's process ends: its connections are reset and dials refused, until [`start`](Self::start).
    pub fn stop(&mut self, server: ServerId) {
        let links = self.wire(server).links();
        links.into_iter().for_each(|link| self.wire(server).reset(link));
        let state = &mut self.network.servers[server.0];
        (state.up, state.inbox) = (false, None);
    }

    /// The server listens again.
    pub fn start(&mut self, server: ServerId) {
        self.network.servers[server.0].up = true;
    }

    /// The server stands still while time goes on: what arrives waits, dials included.
    pub fn suspend_server(&mut self, server: ServerId) {
        self.network.servers[server.0].inbox.get_or_insert_default();
    }

    /// The server goes on with what has arrived.
    pub fn resume_server(&mut self, server: ServerId) {
        for waiting in self.network.servers[server.0].inbox.take().into_iter().flatten() {
            match waiting {
                Waiting::Timer(name) => self.peer_timer(server, name),
                Waiting::Content(link, WaitingContent::Dial(request)) => {
                    self.arrive(link, Direction::Up, Content::Dial(request));
                }
                Waiting::Content(link, WaitingContent::Frame(frame)) => {
                    self.arrive(link, Direction::Up, Content::Frame(frame));
                }
            }
        }
    }
}

/// How time passes.
impl<M: Clone + Debug + 'static> Sim<M> {
    /// Lets this much time pass.
    ///
    /// # Panics
    /// If a million things happen within one moment: then somebody does not let time pass.
    pub fn run_for(&mut self, time: Duration) {
        let until = self.network.now.saturating_add(time);
        while self.step(until) {}
        self.move_to(until);
    }

    /// Lets time pass until `reached`, which is asked after everything that happens, and gives the moment.
    ///
    /// # Errors
    /// If that does not happen within this time, which has then passed.
    ///
    /// # Panics
    /// As [`run_for`](Self::run_for).
    pub fn run_until(
        &mut self,
        mut reached: impl FnMut(&Self) -> bool,
        within: Duration,
    ) -> Result<Timestamp, TimedOut> {
        let until = self.network.now.saturating_add(within);
        loop {
            if reached(self) {
                return Ok(self.network.now);
            }
            if !self.step(until) {
                self.move_to(until);
                let hosts: Vec<_> = self.hosts.iter().map(Host::summary).collect();
                return Err(TimedOut { within, at: until, hosts: hosts.join("\n") });
            }
        }
    }

    fn move_to(&mut self, at: Timestamp) {
        if at > self.network.now {
            self.at_once = 0;
            self.network.now = at;
            self.clock.0.set(at);
        }
    }

    /// The next thing that happens up to this moment; false if there is none. What arrives in time is seen before a timer.
    fn step(&mut self, until: Timestamp) -> bool {
        let arrivals = self.network.queue.keys().next().map(|(at, _)| *at);
        let awake = self.hosts.iter().filter(|host| host.inbox.is_none());
        let timer = awake.filter_map(|host| host.deadline()).min();
        let Some(at) = arrivals.into_iter().chain(timer).min().filter(|at| *at <= until) else { return false };
        self.move_to(at);
        self.at_once += 1;
        assert!(self.at_once < MOST_AT_ONCE, "no time passes at {}: {}", self.now(), self.hosts[0].summary());
        match self.network.take_due() {
            Some(Due::Arrival { link, direction, content }) => self.arrive(link, direction, content),
            Some(Due::PeerTimer { server, name }) => self.peer_timer(server, name),
            Some(Due::Plan(number)) => {
                let plan = self.plans.remove(&number).expect("a plan is carried out once");
                plan(self);
            }
            None => self.timers(),
        }
        true
    }

    fn timers(&mut self) {
        for host in &mut self.hosts {
            if host.inbox.is_none() && host.deadline().is_some_and(|at| at <= self.network.now) {
                host.run(&mut self.network, Some(Input::Timer));
            }
        }
    }

    fn peer_timer(&mut self, server: ServerId, name: u64) {
        let state = &mut self.network.servers[server.0];
        match &mut state.inbox {
            Some(inbox) => inbox.push(Waiting::Timer(name)),
            None if state.up => {
                let mut wire = Wire { network: &mut self.network, server };
                wire.tell(&mut *self.peers[server.0], Happening::Timer { name });
            }
            None => {}
        }
    }

    fn arrive(&mut self, link: LinkId, direction: Direction, content: Content<M>) {
        let state = &self.network.links[link.0];
        let (server, host) = (state.server, &mut self.hosts[state.host.0]);
        if let Some(held) = &mut host.held {
            held.push((link, direction, content));
        } else if state.lossy[direction as usize] {
            // Lost.
        } else if direction == Direction::Up {
            self.at_server(server, link, content);
        } else if let Some(inbox) = &mut host.inbox {
            inbox.push((link, content));
        } else {
            host.arrived(&mut self.network, link, content);
        }
    }

    fn at_server(&mut self, server: ServerId, link: LinkId, content: Content<M>) {
        if let Some(inbox) = &mut self.network.servers[server.0].inbox {
            match content {
                Content::Dial(request) => inbox.push(Waiting::Content(link, WaitingContent::Dial(request))),
                Content::Frame(frame) => inbox.push(Waiting::Content(link, WaitingContent::Frame(frame))),
                Content::Accepted | Content::Refused { .. } => {}
            }
            return;
        }
        let (peer, mut wire) = (&mut *self.peers[server.0], Wire { network: &mut self.network, server });
        match content {
            Content::Dial(request) => wire.dialled(peer, link, request),
            Content::Frame(frame) => {
                let message = matches!(frame, Frame::Message(_));
                wire.arrived(peer, link, frame);
                if message {
                    self.made_room(link);
                }
            }
            Content::Accepted | Content::Refused { .. } => {}
        }
    }

    /// A message arrived, so the host may write another, unless it is suspended.
    fn made_room(&mut self, link: LinkId) {
        let state = &mut self.network.links[link.0];
        state.in_flight -= 1;
        let host = &mut self.hosts[state.host.0];
        if host.inbox.is_none() {
            host.run(&mut self.network, None);
        }
    }
}
